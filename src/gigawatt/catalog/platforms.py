"""Platforms from the catalogue as the stages need them, complete or not at all."""

import math
from collections.abc import Iterator, Sequence

from gigawatt.catalog.dimensions import BANDWIDTH, COMPUTE_RATE, MEMORY
from gigawatt.catalog.items import PlatformTable
from gigawatt.catalog.quantities import Cited, evidences, published, quantity
from gigawatt.catalog.records import Catalog, Figure, Record
from gigawatt.entities.hardware import Accelerator, Platform, Precision
from gigawatt.errors import CatalogError
from gigawatt.provenance import Grade
from gigawatt.units import ACCELERATOR_COUNT, DEVICE_POWER

NEEDED = (
    "accelerators-per-system",
    "scale-up-domain",
    "hbm-capacity",
    "hbm-bandwidth",
    "scale-up-bandwidth",
    "scale-out-bandwidth",
    "system-power-max",
)
_NOT_TIMED = ("scale-out-bandwidth", "system-power-max")


def platform(catalog: Catalog, platform_id: str) -> Cited[Platform]:
    """The platform with dense rates and one-way link bandwidths; raises `CatalogError` naming what is not published.

    Its power is the greatest power of the system; a per-accelerator figure that includes a share of everything else
    never takes its place.
    """
    record = catalog.record("platforms", platform_id)
    peaks = dict(_dense_peaks(record))
    figures = {key: record.figures[key] for key in NEEDED if published(record.figures.get(key))}
    _refuse_gaps(record, figures, peaks, needed=NEEDED)
    return Cited(item=_platform(record, figures, peaks), evidence=evidences((*peaks.values(), *figures.values())))


def _platform(record: Record, figures: dict[str, Figure], peaks: dict[Precision, Figure]) -> Platform:
    power = figures.get("system-power-max")
    return Platform(
        id=record.id,
        name=record.name,
        vendor=_details(record).vendor.lower(),
        accelerator=_accelerator(figures, peaks),
        accelerators_per_rack_count=round(quantity(figures["accelerators-per-system"], ACCELERATOR_COUNT)),
        scale_up_domain_count=round(quantity(figures["scale-up-domain"], ACCELERATOR_COUNT)),
        rack_power_w=math.nan if power is None else quantity(power, DEVICE_POWER),
        measured=_details(record).measured,
        silicon_of=_details(record).silicon_of,
    )


def timed_platform(catalog: Catalog, platform_id: str) -> Platform:
    """The platform as far as times depend on it: without a published power, or link between domains, these are NaN.

    Raises `CatalogError` when more than these is missing.
    """
    record = catalog.record("platforms", platform_id)
    unknown = [key for key in _NOT_TIMED if not published(record.figures.get(key))]
    peaks = dict(_dense_peaks(record))
    figures = {key: _directed(record.figures[key]) for key in NEEDED if published(record.figures.get(key))}
    _refuse_gaps(record, figures, peaks, needed=[key for key in NEEDED if key not in unknown])
    return _platform(record, figures, peaks)


def _directed(figure: Figure) -> Figure:
    """The figure, or where it does not say which way it counts, the first statement beside it that does."""
    if figure.direction != "not stated":
        return figure
    return next((other for other in figure.alternatives if other.direction not in ("", "not stated")), figure)


def dense_peak(record: Record, precision: Precision) -> Figure | None:
    """The published dense rate of one accelerator, `None` when the format is unsupported or nothing is published."""
    figure = record.figures.get(f"peak-dense-{precision.value}")
    return figure if published(figure) else None


def _dense_peaks(record: Record) -> Iterator[tuple[Precision, Figure]]:
    for precision in Precision:
        figure = dense_peak(record, precision)
        if figure is not None:
            yield precision, figure


def _refuse_gaps(
    record: Record, figures: dict[str, Figure], peaks: dict[Precision, Figure], *, needed: Sequence[str]
) -> None:
    missing = [f"platforms/{record.id}/{key}" for key in needed if key not in figures]
    if not peaks:
        missing += [f"platforms/{record.id}/peak-dense-{precision.value}" for precision in Precision]
    if missing:
        unknown = [key for key in missing if _looked_for(record, key.rsplit("/", 1)[1])]
        detail = f" (looked for and not found: {', '.join(unknown)})" if unknown else ""
        raise CatalogError(
            where=f"platforms/{record.id}",
            found=f"no published {', '.join(missing)}{detail}",
            expected="every figure that performance and power need",
            fix="Choose a platform that `gigawatt catalog platforms` calls complete.",
        )


def _looked_for(record: Record, key: str) -> bool:
    figure = record.figures.get(key)
    return figure is not None and figure.grade is Grade.UNKNOWN


def _accelerator(figures: dict[str, Figure], peaks: dict[Precision, Figure]) -> Accelerator:
    outward = figures.get("scale-out-bandwidth")
    return Accelerator(
        peak_dense_flop_per_s={precision: quantity(figure, COMPUTE_RATE) for precision, figure in peaks.items()},
        memory_bytes=quantity(figures["hbm-capacity"], MEMORY),
        memory_bandwidth_bytes_per_s=quantity(figures["hbm-bandwidth"], BANDWIDTH),
        scale_up_bandwidth_bytes_per_s=one_way_bandwidth_bytes_per_s(figures["scale-up-bandwidth"]),
        scale_out_bandwidth_bytes_per_s=math.nan if outward is None else one_way_bandwidth_bytes_per_s(outward),
    )


def one_way_bandwidth_bytes_per_s(figure: Figure) -> float:
    """What a link carries in one direction: half of a figure printed for both."""
    bandwidth = quantity(figure, BANDWIDTH)
    if figure.direction == "bidirectional":
        return bandwidth / 2
    if figure.direction == "each way":
        return bandwidth
    raise CatalogError(
        where=figure.key,
        found=f'"{figure.text}" without a direction',
        expected="a link bandwidth that is said to be bidirectional or each way",
        fix="Choose a platform whose link bandwidths are published with their direction.",
    )


def _details(record: Record) -> PlatformTable:
    if not isinstance(record.details, PlatformTable):
        raise TypeError(f"{record.id} is not a platform record")
    return record.details
