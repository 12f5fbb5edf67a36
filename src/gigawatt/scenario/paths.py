"""Demand and prices over the months: growth rates from dates on, or anchors with geometric steps between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isfinite

from gigawatt.timeline import months_between
from gigawatt.units import MONTHS_PER_YEAR, round_trip


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthRate:
    """From the month `start` on, values change by this fraction a year."""

    start: date
    fraction_per_year: float


def grown(months: Sequence[date], *, value: float, at: date, rates: Sequence[GrowthRate]) -> dict[date, float]:
    """`value` in the month `at`, compounded monthly at the rate in force; level before the first rate.

    value(m) = value x product over rates of (1 + rate)^(months in force from `at` to m / 12). `rates` are in the
    order of their dates; no month lies before `at`. Raises OverflowError when a value leaves the range of floats.
    """
    values = {month: round_trip(value * _growth_factor(at, month, rates)) for month in months}
    if not all(map(isfinite, values.values())):
        raise OverflowError("growth beyond every number")
    return values


def _growth_factor(at: date, month: date, rates: Sequence[GrowthRate]) -> float:
    ends = [*(rate.start for rate in rates[1:]), month]
    factor = 1.0
    for rate, end in zip(rates, ends, strict=False):
        in_force = months_between(max(rate.start, at), min(end, month))
        factor *= (1.0 + rate.fraction_per_year) ** (max(in_force, 0) / MONTHS_PER_YEAR)
    return factor


def interpolated(months: Sequence[date], *, anchors: Mapping[date, float]) -> dict[date, float]:
    """Values that pass through the anchors and grow by an equal factor each month between two of them.

    The first anchor's value holds before it and the last one's after it.
    """
    known = sorted(anchors)
    return {month: round_trip(_between(month, known=known, anchors=anchors)) for month in months}


def _between(month: date, *, known: Sequence[date], anchors: Mapping[date, float]) -> float:
    if month <= known[0]:
        return anchors[known[0]]
    if month >= known[-1]:
        return anchors[known[-1]]
    after = next(anchor for anchor in known if anchor > month)
    before = known[known.index(after) - 1]
    share = months_between(before, month) / months_between(before, after)
    return float(anchors[before] * (anchors[after] / anchors[before]) ** share)
