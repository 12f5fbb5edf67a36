"""Everything that can be asked of a finished plan: what binds, what more would be worth, what each choice is worth.

What binds and the marginal values are stored with the plan. The worth of power one month earlier is a linear programme
away, a counterfactual a whole plan: both come from the stored inputs, performance and decisions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from gigawatt.entities.site import Site
from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.planning.counterfactual import Choice, Counterfactual, counterfactual
from gigawatt.planning.explain import Bound, bounds
from gigawatt.planning.fleet import energized_facility_mw
from gigawatt.planning.repeat import Repeated, repeated, worth_usd
from gigawatt.planning.stopping import Stop

Progress = Callable[[float, str], None]
_POWER = "energized"
_SHARED = "shared_power"
_NOT_KNOWN = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWorth:
    """What more power at a site would add to the present value.

    `usd_per_mw`: one more MW from the site's first power on, NaN where it has none within the plan.
    `usd_per_month_earlier`: all of its power one month earlier, the plan's integers fixed; NaN where that was not
    solved in time.
    """

    usd_per_mw: float
    usd_per_month_earlier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`bounds` by period; `sites` by id; `counterfactuals` as far as they were asked for.

    `not_planned` are choices that an interrupt left without an answer; `was_stopped` says that there was one.
    """

    bounds: tuple[Bound, ...]
    sites: Mapping[str, SiteWorth]
    counterfactuals: tuple[Counterfactual, ...]
    not_planned: tuple[Choice, ...] = ()
    was_stopped: bool = False


def nothing_said(fraction: float, detail: str) -> None:
    """Progress that nobody asked for."""


def explanation(
    inputs: Inputs,
    performance: Performance,
    plan: BuildPlan,
    *,
    asked: tuple[Choice, ...] = (),
    time_limit_s: float,
    progress: Progress = nothing_said,
    stop: Stop | None = None,
) -> Explanation:
    """What holds `plan` and what more would be worth; each choice of `asked` is planned again in `time_limit_s`.

    Where `stop` is asked for, what is known so far is the answer.
    """
    stop = stop or Stop()
    with stop.listening():
        progress(0.0, "power one month earlier, site by site")
        sites = _sites(inputs, performance, plan)
        others: list[Counterfactual] = []
        for index, choice in enumerate(asked):
            if stop.heard:
                break
            progress(index / len(asked), f"without {choice.kind} {choice.label}")
            others.append(
                counterfactual(inputs, performance, plan, choice=choice, time_limit_s=time_limit_s, stop=stop)
            )
    if stop.heard and others and others[-1].reason:
        others.pop()  # the interrupt came before anything was found of this one
    return Explanation(
        bounds=bounds(inputs, marginals=plan.marginals),
        sites=sites,
        counterfactuals=tuple(others),
        not_planned=asked[len(others) :],
        was_stopped=stop.heard,
    )


def _sites(inputs: Inputs, performance: Performance, plan: BuildPlan) -> Mapping[str, SiteWorth]:
    again, sooner = repeated(inputs, performance, plan), _sooner_mw(inputs)
    return {
        site.id: SiteWorth(
            usd_per_mw=_usd_per_mw(inputs, plan, again, site=site),
            usd_per_month_earlier=_NOT_KNOWN if again is None else worth_usd(again, **_with_more(again, site, sooner)),
        )
        for site in inputs.sites
    }


def _usd_per_mw(inputs: Inputs, plan: BuildPlan, again: Repeated | None, *, site: Site) -> float:
    """One more MW from the site's first power on: its marginal values added up, or solved for where power is shared.

    Of two limits that bind together, the site's own power and that of the place it shares, neither alone is worth much.
    """
    powered = energized_facility_mw(inputs) > 0.0
    if not bool(powered.sel(site=site.id).any()):
        return _NOT_KNOWN
    if again is not None and len(_ways(inputs, site)) > 1:
        return worth_usd(again, **_with_more(again, site, powered.astype(np.float64)))
    values = plan.marginals.get(_POWER)
    if values is None:
        return _NOT_KNOWN
    return float(values.sel(site=site.id).values[powered.sel(site=site.id).values].sum())


def _ways(inputs: Inputs, site: Site) -> list[str]:
    """All ways to use a site's place, itself among them."""
    place = site.same_place_as or site.id
    return [other.id for other in inputs.sites if place in (other.id, other.same_place_as)]


def _with_more(again: Repeated, site: Site, added_mw: xr.DataArray) -> dict[str, xr.DataArray]:
    """The limits on power with so much more `(site, period)` at one place, however it is used."""
    rows, ways = again.built.model.constraints, _ways(again.inputs, site)
    own = rows[_POWER].rhs
    levels = {_POWER: (own + added_mw.where(added_mw.site.isin(ways), 0.0)).transpose(*own.dims)}
    if len(ways) > 1:
        shared, place = rows[_SHARED].rhs, site.same_place_as or site.id
        more = added_mw.sel(site=place, drop=True).where(shared.place == place, 0.0)
        levels[_SHARED] = (shared + more).transpose(*shared.dims)
    return levels


def _sooner_mw(inputs: Inputs) -> xr.DataArray:
    """Power that sites have more of where all of it comes a month earlier, `(site, period)`.

    In a period of several months a month earlier is power for one of them: as many MW-months as that part of the power
    through the whole period, which is what a plan by periods can use.
    """
    calendar = inputs.calendar
    longer = replace(calendar, month_count=calendar.month_count + calendar.months_per_period)
    energized = energized_facility_mw(replace(inputs, calendar=longer)).transpose("site", "period")
    step = (energized.shift(period=-1) - energized).isel(period=slice(0, calendar.period_count))
    return step / calendar.months_per_period
