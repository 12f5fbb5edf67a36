"""Data sheets from the catalogue, as the laws see them."""

from collections.abc import Iterable, Mapping

from gigawatt.catalog import Catalog
from gigawatt.catalog.platforms import timed_platform
from gigawatt.entities.hardware import Precision
from gigawatt.performance.kernels.device import Device, fed_peak_flop_per_s
from gigawatt.performance.kernels.library import ProcessorSheet


def device_sheets(
    catalog: Catalog, processors: ProcessorSheet, platforms: Iterable[str], *, peak: Precision
) -> Mapping[str, Device]:
    """The device of each platform, for products bounded by the dense peak in `peak`."""
    return {name: _device(catalog, processors, name, peak) for name in platforms}


def _device(catalog: Catalog, processors: ProcessorSheet, name: str, peak: Precision) -> Device:
    accelerator = timed_platform(catalog, name).accelerator
    peaks = accelerator.peak_dense_flop_per_s
    units = processors.processors(name, peak_dense_bf16_flop_per_s=peaks[Precision.BF16])
    return Device(
        peak_dense_flop_per_s=fed_peak_flop_per_s(peaks, peak),
        memory_bytes_per_s=accelerator.memory_bandwidth_bytes_per_s,
        link_bytes_per_s=accelerator.scale_up_bandwidth_bytes_per_s,
        processors_count=units.processors_count,
        exponential_units_count=units.exponential_units_count,
        dies_count=units.dies_count,
    )
