"""What holds the plan back, period by period and year by year, told from the marginal values of its limits.

A limit binds where one more unit of it would add to the present value. A site's power binds only where the plan's own
racks fill it: the linear programme may want more power at a site that stands half empty in the plan. A site that has no
power yet, and whose power would be worth something, waits for it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.families import Scarcity
from gigawatt.planning.purchases import window_periods
from gigawatt.planning.terms import Terms
from gigawatt.planning.work import window_months
from gigawatt.timeline import IntArray
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, USD_PER_MILLION

_POWER = "energized"
_IN_REGION = "region_racks"
_LEAST_USD = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One limit that binds in one period: its family, what it is about (a site, a platform ...), and its worth.

    `usd_per_unit` is what one unit more in this period would add to the present value. `waits` marks a site that has no
    power yet.
    """

    period: int
    scarcity: Scarcity
    family: str
    label: str
    usd_per_unit: float
    unit: str
    waits: bool


def bounds(inputs: Inputs, *, marginals: xr.Dataset) -> tuple[Bound, ...]:
    """Every limit that binds, in order of periods and scarcities."""
    found = [
        bound
        for name, values in marginals.data_vars.items()
        if "scarcity" in values.attrs
        for bound in _bounds_of_family(inputs, str(name), values, marginals=marginals)
    ]
    return tuple(sorted(found, key=lambda bound: (bound.period, list(Scarcity).index(bound.scarcity))))


def _bounds_of_family(inputs: Inputs, name: str, values: xr.DataArray, *, marginals: xr.Dataset) -> Iterator[Bound]:
    by_label = labelled(inputs, values)
    waiting = marginals["site_waiting"].transpose("site", "period").values > 0.0
    counted = (marginals["site_full"].transpose("site", "period").values > 0.0) | waiting
    for row, label in enumerate(by_label):
        for period in np.flatnonzero(by_label[label] > 0.0):
            if name == _POWER and not counted[row, period]:
                continue
            yield Bound(
                period=int(period),
                scarcity=Scarcity(values.attrs["scarcity"]),
                family=name,
                label=label,
                usd_per_unit=float(by_label[label][period]),
                unit=str(values.attrs["units"]).removeprefix("USD/"),
                waits=name == _POWER and bool(waiting[row, period]),
            )


def labelled(inputs: Inputs, values: xr.DataArray) -> Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The values of a family by label (site, platform ...) and period, `(period,)` each.

    Of the months of a period the highest counts; what has no time of its own (a run) counts in all of its window.
    """
    calendar = inputs.calendar
    if "month" in values.dims:
        months = values.transpose(..., "month").values
        shape = (*months.shape[:-1], calendar.period_count, calendar.months_per_period)
        arrays = months.reshape(shape).max(axis=-1)
    elif "period" in values.dims:
        arrays = values.transpose(..., "period").values
    else:
        arrays = values.values[..., None] * _windows(inputs, values)
    other = [dim for dim in values.dims if dim not in {"month", "period"}]
    labels = _labels([[str(label) for label in values[dim].values] for dim in other])
    return dict(zip(labels, arrays.reshape(len(labels), calendar.period_count), strict=True))


def _labels(axes: list[list[str]]) -> list[str]:
    names = [""]
    for axis in axes:
        names = [f"{name}/{label}" if name else label for name in names for label in axis]
    return names


def _windows(inputs: Inputs, values: xr.DataArray) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """1 in the periods in which what has no time of its own is wanted: its window, else the whole horizon."""
    calendar = inputs.calendar
    if values.dims == ("window",):
        offered = [item for offer in inputs.offers for item in offer.allocations]
        return np.array([window_periods(item, calendar) for item in offered])
    if values.dims != ("run",):
        return np.ones((1, calendar.period_count))
    months = np.array([window_months(run, calendar) for run in inputs.runs], dtype=np.float64)
    shape = (len(inputs.runs), calendar.period_count, calendar.months_per_period)
    return np.asarray(months.reshape(shape).max(axis=-1))


def binding(inputs: Inputs, *, terms: Terms, marginals: xr.Dataset, first: int = 0) -> tuple[str, ...]:
    """One sentence per calendar year: which limits bind, and how much of the energized power carries racks.

    Of years before the period `first`, from which on anything is open, only the latter.
    """
    if not any("scarcity" in values.attrs for values in marginals.data_vars.values()):
        return ()
    found = bounds(inputs, marginals=marginals)
    years = np.array([day.year for day in inputs.calendar.periods])
    by_year = {int(year): np.flatnonzero(years == year) for year in np.unique(years)}
    return tuple(
        f"{year}: past; {_state(int(periods[-1]), terms=terms, marginals=marginals)}"
        if periods[-1] < first
        else _sentence(year, periods, found=found, terms=terms, marginals=marginals)
        for year, periods in by_year.items()
    )


def still_open(marginals: xr.Dataset, *, first: int, months_per_period: int) -> xr.Dataset:
    """Marginal values from the period `first` on; nobody can have one unit more in the past."""
    begins = {"period": first, "month": first * months_per_period}
    values = {}
    for name, array in marginals.data_vars.items():
        values[name] = array
        for dim in (dim for dim in array.dims if dim in begins and "scarcity" in array.attrs):
            open_ = xr.DataArray(np.arange(array.sizes[dim]) >= begins[str(dim)], dims=dim)
            values[name] = array.where(open_.assign_coords({dim: array[dim]}), 0.0).assign_attrs(array.attrs)
    return marginals.assign(values)


def _sentence(year: int, periods: IntArray, *, found: tuple[Bound, ...], terms: Terms, marginals: xr.Dataset) -> str:
    state = _state(int(periods[-1]), terms=terms, marginals=marginals)
    reasons = _reasons(periods, found=found, terms=terms)
    return f"{year}: {reasons}; {state}" if reasons else f"{year}: nothing binds; {state}, and more would not pay"


def _state(last: int, *, terms: Terms, marginals: xr.Dataset) -> str:
    """How much of the power energized in a period carries racks."""
    energized_mw = terms.fleet.energized_facility_mw.transpose("site", "period").values[:, last]
    if "site_plants_mw" in marginals:
        energized_mw = energized_mw + marginals["site_plants_mw"].transpose("site", "period").values[:, last]
    filled = marginals["site_filled_fraction"].transpose("site", "period").values[:, last]
    used_gw, open_gw = (float(mw.sum()) / MEGAWATTS_PER_GIGAWATT for mw in (energized_mw * filled, energized_mw))
    return f"{used_gw:.2f} of {open_gw:.2f} GW energized carry racks"


def _reasons(periods: IntArray, *, found: tuple[Bound, ...], terms: Terms) -> str:
    inside = [bound for bound in found if bound.period in periods]
    reasons: list[str] = []
    for scarcity in Scarcity:
        chosen = [bound for bound in inside if bound.scarcity is scarcity]
        if chosen:
            reasons += _SAYINGS[scarcity](chosen, periods, terms)
    reasons += _lead(periods, terms)
    return ", ".join(reasons)


def _worth(found: list[Bound], *, summed: bool) -> Mapping[str, float]:
    """Worth by label, over the periods summed (a unit that stays) or the highest (a unit once), the highest first."""
    worth: dict[str, float] = {}
    for bound in found:
        before = worth.get(bound.label, 0.0)
        worth[bound.label] = before + bound.usd_per_unit if summed else max(before, bound.usd_per_unit)
    return dict(sorted(worth.items(), key=lambda item: -item[1]))


def _power(found: list[Bound], periods: IntArray, terms: Terms) -> Iterator[str]:
    in_use = _worth([bound for bound in found if not bound.waits], summed=True)
    energized_mw = terms.fleet.energized_facility_mw.isel(period=periods).max("period")
    powered = {*energized_mw.site.values[energized_mw.values > 0.0], *in_use}
    if in_use:
        best = next(iter(in_use))
        yield (
            f"power binds at {len(in_use)} of {len(powered)} sites "
            f"(one more MW at {best} through the year is worth {_usd(in_use[best])})"
        )
    awaited = {label: usd for label, usd in _worth(found, summed=True).items() if label not in in_use}
    if awaited:
        best = next(iter(awaited))
        waiting = "1 site waits" if len(awaited) == 1 else f"{len(awaited)} sites wait"
        yield f"{waiting} for power (a MW at {best} would be worth {_usd(awaited[best])})"


def _chips(found: list[Bound], _periods: IntArray, _terms: Terms) -> Iterator[str]:
    for family, own in _families(found):
        best, usd = next(iter(_worth(own, summed=False).items()))
        if family == _IN_REGION:
            yield f"{statement(family, best)} bind (one more for a month is worth {_usd(usd)})"
            continue
        what = "chip supply" if family == "supply" else statement(family, best)
        more = f"one more rack of {best}" if family == "supply" else "one more rack"
        yield f"{what} binds ({more} is worth {_usd(usd)})"


def _money(found: list[Bound], _periods: IntArray, _terms: Terms) -> Iterator[str]:
    value = sum(bound.usd_per_unit for bound in found)
    if value >= _LEAST_USD / 2.0:
        yield f"cash binds (one dollar more, lent for the year, is worth {value:.2f} USD)"


def _demand(found: list[Bound], _periods: IntArray, _terms: Terms) -> Iterator[str]:
    yield f"demand for {' and '.join(sorted(_worth(found, summed=False)))} binds"


def _construction(found: list[Bound], _periods: IntArray, _terms: Terms) -> Iterator[str]:
    for family, own in _families(found):
        best, usd = next(iter(_worth(own, summed=True).items()))
        yield f"{statement(family, best)} binds (one {own[0].unit} more is worth {_usd(usd)})"


def _deadlines(found: list[Bound], _periods: IntArray, _terms: Terms) -> Iterator[str]:
    for family, own in _families(found):
        best, usd = next(iter(_worth(own, summed=family not in {"runs", "purchases"}).items()))
        yield f"{statement(family, best)} binds (one {own[0].unit} less of it is worth {_usd(usd)})"


def _families(found: list[Bound]) -> Iterator[tuple[str, list[Bound]]]:
    for family in dict.fromkeys(bound.family for bound in found):
        yield family, [bound for bound in found if bound.family == family]


def statement(family: str, label: str) -> str:
    """A limit with the label it is about, as a scenario's key would say it."""
    names = {
        "targets": f"target[{label}]",
        "runs": f"training {label}",
        "earliest_target": "the earliest target",
        "allocated": f"the allocation of {label}",
        "purchases": f"the minimum purchase of {label}",
    }
    if family == _IN_REGION:
        region, _, platform = label.partition("/")
        return f"racks of {platform} that can serve {region}"
    return names.get(family, f"{family.replace('_', ' ')} {label}".strip())


_SAYINGS: Mapping[Scarcity, Callable[[list[Bound], IntArray, Terms], Iterator[str]]] = {
    Scarcity.POWER: _power,
    Scarcity.CHIPS: _chips,
    Scarcity.MONEY: _money,
    Scarcity.DEMAND: _demand,
    Scarcity.CONSTRUCTION: _construction,
    Scarcity.DEADLINES: _deadlines,
}


def _lead(periods: IntArray, terms: Terms) -> Iterator[str]:
    powered = terms.fleet.energized_facility_mw.isel(period=periods).sum(["site", "period"]) > 0.0
    first = float(terms.fleet.lead_periods.min())
    if first >= terms.fleet.energized_facility_mw.sizes["period"]:
        yield "the lead time of orders is longer than the plan (no rack can arrive)"
    elif bool(powered) and first > int(periods[-1]):
        yield "the lead time of orders binds (no rack can arrive yet)"


def _usd(amount: float) -> str:
    return f"{amount / USD_PER_MILLION:,.2f} MUSD"
