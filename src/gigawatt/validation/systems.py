"""The platform of a row: a catalogue record, with the links and memory that the row itself states."""

import re
from dataclasses import replace

from gigawatt.catalog import Catalog
from gigawatt.catalog.dimensions import BANDWIDTH, MEMORY
from gigawatt.catalog.platforms import timed_platform
from gigawatt.entities.hardware import Platform
from gigawatt.errors import CatalogError
from gigawatt.units import parse
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

_PLATFORMS = (
    (r"VR200", "vr-nvl72"),
    (r"GB300", "gb300-nvl72"),
    (r"GB200", "gb200-nvl72"),
    (r"B300", "dgx-b300"),
    (r"B200", "dgx-b200"),
    (r"GH200", "gh200"),
    (r"H200", "hgx-h200"),
    (r"H100|h100|H800", "dgx-h100"),
    (r"A100|a100", "dgx-a100"),
    (r"MI300X", "mi300x"),
    (r"MI325X", "mi325x"),
    (r"MI355X", "mi355x"),
    (r"(?i)TPU[- ]?v5p", "tpu-v5p"),
    (r"(?i)trillium|TPU[- ]?v6e", "tpu-v6e"),
)
# Cards of the same name with other clocks, memory and links.
_OTHER_FORMS = r"PCIe|PCIE|H100 NVL|A100X"
_NODE_BANDWIDTH = re.compile(r"(\d+) Gb(?:/s|ps) (?:per node|node-node)")
_LINK_BANDWIDTH = re.compile(r"NVLink (\d+)GB/s")
_MEMORY = re.compile(r"A100[- ](\d+)GB")


def system(row: TruthRow, catalog: Catalog) -> Platform:
    """The platform of a row; raises `Inexpressible` when the catalogue lacks it."""
    if re.search(_OTHER_FORMS, row.platform):
        raise Inexpressible(f"the catalogue has no platform for {row.platform.split('(')[0].strip()[:40]}")
    found = next((name for pattern, name in _PLATFORMS if re.search(pattern, row.platform)), None)
    if found is None:
        raise Inexpressible(f"the catalogue has no platform for {row.platform.split('(')[0].strip()}")
    try:
        known = timed_platform(catalog, found)
    except CatalogError as error:
        raise Inexpressible(f"the catalogue's {found} is incomplete: {error.found}") from error
    return _as_stated(row, known)


def _as_stated(row: TruthRow, known: Platform) -> Platform:
    device = known.accelerator
    node, link, memory = (p.search(row.platform) for p in (_NODE_BANDWIDTH, _LINK_BANDWIDTH, _MEMORY))
    if node:
        share = parse(f"{node[1]} Gb/s", BANDWIDTH) / known.accelerators_per_rack_count
        device = replace(device, scale_out_bandwidth_bytes_per_s=share)
    if link:
        device = replace(device, scale_up_bandwidth_bytes_per_s=parse(f"{link[1]} GB/s", BANDWIDTH))
    if memory:
        device = replace(device, memory_bytes=parse(f"{memory[1]} GB", MEMORY))
    return replace(known, accelerator=device)
