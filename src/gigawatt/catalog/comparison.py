"""Records side by side: their figures, and for platforms what a rack and a megawatt come to."""

import math
from collections.abc import Iterator, Mapping

from gigawatt.catalog.dimensions import BANDWIDTH, COMPUTE_RATE, MEMORY, MONEY_PER_ACCELERATOR, POWER
from gigawatt.catalog.platforms import dense_peak
from gigawatt.catalog.quantities import published, ranged
from gigawatt.catalog.records import Figure, Record
from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.hardware import Precision
from gigawatt.provenance import Grade
from gigawatt.units import ACCELERATOR_COUNT, MONEY_PER_RACK, Dimension

_ONE = Ranged(low=1.0, best=1.0, high=1.0)
_PREFIXES = ("", "k", "M", "G", "T", "P", "E", "Z")


def derived_figures(record: Record) -> Mapping[str, Figure]:
    """What follows from a platform's figures by multiplication: per rack, and per megawatt of greatest system power.

    A figure that lacks one of its parents is left out. Records of other kinds have none.
    """
    if record.kind != "platforms" or not published(record.figures.get("accelerators-per-system")):
        return {}
    per_rack = {figure.key.rsplit("/", 1)[1]: figure for figure in _per_rack(record)}
    per_mw = {figure.key.rsplit("/", 1)[1]: figure for figure in _per_megawatt(record, per_rack)}
    return per_rack | per_mw


def _per_rack(record: Record) -> Iterator[Figure]:
    count = record.figures["accelerators-per-system"]
    accelerators = ranged(count, ACCELERATOR_COUNT)
    for precision in Precision:
        peak = dense_peak(record, precision)
        if peak is not None:
            yield _product(record, f"rack-peak-dense-{precision.value}", accelerators, (peak, count), COMPUTE_RATE)
    for key, dimension in (("hbm-capacity", MEMORY), ("hbm-bandwidth", BANDWIDTH)):
        figure = record.figures.get(key)
        if figure is not None and published(figure):
            yield _product(record, f"rack-{key}", accelerators, (figure, count), dimension)
    yield from _rack_price(record, count)


def _rack_price(record: Record, count: Figure) -> Iterator[Figure]:
    for key in ("street-price", "list-price"):
        figure = record.figures.get(key)
        if figure is not None and published(figure):
            yield _product(record, "rack-price", _ONE, (figure,), MONEY_PER_RACK, unit="USD", basis=key)
            return
    figure = record.figures.get("street-price-per-accelerator")
    if figure is not None and published(figure):
        accelerators = ranged(count, ACCELERATOR_COUNT)
        basis = "accelerators only, without the server"
        yield _product(
            record, "rack-price", accelerators, (figure, count), MONEY_PER_ACCELERATOR, unit="USD", basis=basis
        )


def _per_megawatt(record: Record, per_rack: Mapping[str, Figure]) -> Iterator[Figure]:
    power = record.figures.get("system-power-max")
    if power is None or not published(power):
        return
    rack_mw = ranged(power, POWER)
    racks_per_mw = Ranged(low=1.0 / rack_mw.high, best=1.0 / rack_mw.best, high=1.0 / rack_mw.low)
    for key, figure in per_rack.items():
        if key == "rack-hbm-bandwidth":
            continue
        name = key.replace("rack-", "mw-", 1)
        dimension = Dimension(name=name, canonical=_base_unit(figure.unit), example=figure.text)
        yield _product(
            record,
            name,
            racks_per_mw,
            (figure, power),
            dimension,
            unit=f"{_base_unit(figure.unit)}/MW IT",
            basis=figure.basis,
        )


def _product(
    record: Record,
    key: str,
    factor: Ranged,
    parents: tuple[Figure, ...],
    dimension: Dimension,
    *,
    unit: str = "",
    basis: str = "",
) -> Figure:
    bounds = ranged(parents[0], dimension)
    scaled = Ranged(low=bounds.low * factor.low, best=bounds.best * factor.best, high=bounds.high * factor.high)
    shown = unit or dimension.canonical
    value, text_unit = _engineering(scaled.best, shown)
    has_range = scaled.low < scaled.high
    sources = {source.id: source for parent in parents for source in parent.sources}
    return Figure(
        key=f"{record.kind}/{record.id}/{key}",
        text=f"{value:.4g} {text_unit}",
        value=float(f"{value:.4g}"),
        unit=text_unit,
        grade=Grade.DERIVED,
        sources=tuple(sources.values()),
        as_of=max(parent.as_of for parent in parents),
        low=_printed(scaled.low, shown) if has_range else "",
        high=_printed(scaled.high, shown) if has_range else "",
        basis=basis,
        derived_from=tuple(parent.key for parent in parents),
    )


def _printed(number: float, unit: str) -> str:
    value, text_unit = _engineering(number, unit)
    return f"{value:.4g} {text_unit}"


def _engineering(number: float, unit: str) -> tuple[float, str]:
    """The number with an SI prefix in front of its unit: 7.2e16 FLOP/s is 72 PFLOP/s."""
    if number <= 0:
        return number, unit
    step = min(max(math.floor(math.log10(number) / 3), 0), len(_PREFIXES) - 1)
    return number / math.pow(10, 3 * step), f"{_PREFIXES[step]}{unit}"


def _base_unit(unit: str) -> str:
    for base in ("FLOP/s", "B/s", "USD", "B"):
        if unit.endswith(base):
            return base
    return unit
