"""The platform of a row: a catalogue record, with the links and memory that the row itself states."""

import re
from dataclasses import replace

from gigawatt.catalog import Catalog, quantity
from gigawatt.catalog.dimensions import BANDWIDTH, COMPUTE_RATE, MEMORY
from gigawatt.catalog.platforms import timed_platform
from gigawatt.catalog.quantities import published
from gigawatt.entities.hardware import Accelerator, Platform, Precision
from gigawatt.errors import CatalogError, QuantityError
from gigawatt.units import parse
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

_PLATFORMS = (
    (r"VR200|VERA RUBIN NVL(72|144)", "vr-nvl72"),
    (r"GB300", "gb300-nvl72"),
    (r"GB200", "gb200-nvl72"),
    (r"B300", "dgx-b300"),
    (r"B200", "dgx-b200"),
    (r"GH200", "gh200"),
    (r"H200", "hgx-h200"),
    (r"H800", "hgx-h800"),
    (r"H100", "dgx-h100"),
    (r"\bH20\b", "hgx-h20"),
    (r"A800", "hgx-a800"),
    (r"A100", "dgx-a100"),
    (r"L40S", "l40s-server"),
    (r"RTX PRO 6000", "rtx-pro-6000-server"),
    (r"MI300X", "mi300x"),
    (r"MI325X", "mi325x"),
    (r"MI350X", "mi350x"),
    (r"MI355X", "mi355x"),
    (r"MI455X|HELIOS", "helios-mi455x"),
    (r"TPU[- ]?V4\b", "tpu-v4"),
    (r"TPU[- ]?V5P|\bV5P\b", "tpu-v5p"),
    (r"TRILLIUM|TPU[- ]?V6E|\bV6E\b", "tpu-v6e"),
    (r"IRONWOOD|TPU[- ]?(V7|7X)", "tpu-v7"),
    (r"GAUDI[- ]?2|HL-225", "gaudi2"),
    (r"GAUDI[- ]?3|HL-3[28]5", "gaudi3"),
    (r"TRAINIUM[- ]?2|\bTRN2", "trn2"),
    (r"TRAINIUM[- ]?3|\bTRN3", "trn3"),
)
# Cards of the same name with other clocks, memory and links.
_OTHER_FORMS = r"PCIE|H[12]00[- ]NVL\b|A100X"
_LONGEST_NAME = 40
_INTEGERS = "int8"
_NODE_BANDWIDTH = re.compile(r"(\d+) Gb(?:/s|ps) (?:per node|node-node)")
_LINK_BANDWIDTH = re.compile(r"NVLink (\d+)GB/s")
_MEMORY = re.compile(r"(?:A100|A800|H20)[A-Za-z0-9 -]*?[- ](\d+) ?GB(?!/)")
# Vendors print both directions of a link together; a figure this far above one direction is both.
_SURELY_BOTH_WAYS = 1.5


def system(row: TruthRow, catalog: Catalog) -> Platform:
    """The platform of a row; raises `Inexpressible` when the catalogue lacks it."""
    stated = row.platform.upper()
    found = next((name for pattern, name in _PLATFORMS if re.search(pattern, stated)), None)
    if found is None or re.search(_OTHER_FORMS, stated):
        named = row.platform.split("(")[0].strip()[:_LONGEST_NAME]
        raise Inexpressible(f"the catalogue has no platform for {named or 'the row'}")
    try:
        return _as_stated(row, timed_platform(catalog, found), catalog)
    except CatalogError as error:
        raise Inexpressible(f"the catalogue's {found} is incomplete: {error.found}") from error
    except QuantityError as error:
        raise Inexpressible(f"the platform {row.platform[:_LONGEST_NAME]} states {error.found}") from error


def _as_stated(row: TruthRow, known: Platform, catalog: Catalog) -> Platform:
    device = _with_integers(row, known, catalog)
    node, link, memory = (p.search(row.platform) for p in (_NODE_BANDWIDTH, _LINK_BANDWIDTH, _MEMORY))
    if node:
        share = parse(f"{node[1]} Gb/s", BANDWIDTH) / known.accelerators_per_rack_count
        device = replace(device, scale_out_bandwidth_bytes_per_s=share)
    if link:
        stated = parse(f"{link[1]} GB/s", BANDWIDTH)
        both = stated > _SURELY_BOTH_WAYS * device.scale_up_bandwidth_bytes_per_s
        device = replace(device, scale_up_bandwidth_bytes_per_s=stated / 2.0 if both else stated)
    if memory:
        device = replace(device, memory_bytes=parse(f"{memory[1]} GB", MEMORY))
        own = _variant_bandwidth(catalog, known.id, f"{memory[1]}-gb-variant")
        device = device if own is None else replace(device, memory_bandwidth_bytes_per_s=own)
    return replace(known, accelerator=device)


def _with_integers(row: TruthRow, known: Platform, catalog: Catalog) -> Accelerator:
    """The device; where products are of 8-bit integers, their published rate takes the place of the floats' as wide."""
    if _INTEGERS not in row.precision.lower():
        return known.accelerator
    figure = catalog.record("platforms", known.id).figures.get("peak-dense-int8")
    if figure is None or not published(figure):
        raise Inexpressible(f"{known.id} has no published rate of 8-bit integers")
    peaks = {**known.accelerator.peak_dense_flop_per_s, Precision.FP8: quantity(figure, COMPUTE_RATE)}
    return replace(known.accelerator, peak_dense_flop_per_s=peaks)


def _variant_bandwidth(catalog: Catalog, platform_id: str, variant: str) -> float | None:
    """The memory bandwidth of a variant with less or more memory, where the catalogue keeps one beside the usual."""
    figure = catalog.record("platforms", platform_id).figures["hbm-bandwidth"]
    own = next((other for other in figure.alternatives if other.key.endswith(variant)), None)
    return None if own is None else quantity(own, BANDWIDTH)
