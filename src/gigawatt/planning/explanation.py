"""Everything that can be asked of a finished plan: what binds, what more would be worth, what each choice is worth.

What binds and the marginal values are stored with the plan. The worth of power one period earlier is a linear programme
away, a counterfactual a whole plan: both come from the stored inputs, performance and decisions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.planning.counterfactual import Choice, Counterfactual, counterfactual
from gigawatt.planning.explain import Bound, bounds
from gigawatt.planning.fleet import energized_facility_mw
from gigawatt.planning.repeat import repeated, worth_usd

Progress = Callable[[float, str], None]
_POWER = "energized"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWorth:
    """What more power at a site would add to the present value.

    `usd_per_mw`: one more MW from the site's first power on. `usd_per_period_earlier`: all of its power one planning
    period earlier, the plan's integers fixed; NaN where that was not solved in time.
    """

    usd_per_mw: float
    usd_per_period_earlier: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`bounds` by period; `sites` by id; `counterfactuals` as far as they were asked for."""

    bounds: tuple[Bound, ...]
    sites: Mapping[str, SiteWorth]
    counterfactuals: tuple[Counterfactual, ...]


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
) -> Explanation:
    """What holds `plan` and what more would be worth; each choice of `asked` is planned again in `time_limit_s`."""
    progress(0.0, "power one period earlier, site by site")
    earlier = _earlier_usd(inputs, performance, plan)
    others: list[Counterfactual] = []
    for index, choice in enumerate(asked):
        said = f"without {choice.kind} {choice.label}"
        progress(index / len(asked), said)
        others.append(
            counterfactual(
                inputs, performance, plan, choice=choice, time_limit_s=time_limit_s, report=lambda _line: None
            )
        )
    return Explanation(
        bounds=bounds(inputs, marginals=plan.marginals),
        sites=_sites(inputs, plan, earlier_usd=earlier),
        counterfactuals=tuple(others),
    )


def _sites(inputs: Inputs, plan: BuildPlan, *, earlier_usd: Mapping[str, float]) -> Mapping[str, SiteWorth]:
    values = plan.marginals.get(_POWER)
    energized = energized_facility_mw(inputs).transpose("site", "period").values > 0.0
    missing = float("nan")
    found: dict[str, SiteWorth] = {}
    for row, site in enumerate(inputs.sites):
        by_period = missing if values is None else values.sel(site=site.id).values[energized[row]].sum()
        found[site.id] = SiteWorth(
            usd_per_mw=float(by_period), usd_per_period_earlier=earlier_usd.get(site.id, missing)
        )
    return found


def _earlier_usd(inputs: Inputs, performance: Performance, plan: BuildPlan) -> Mapping[str, float]:
    """Present value added by each site's power coming one period earlier."""
    again = repeated(inputs, performance, plan)
    if again is None:
        return {}
    stated: xr.DataArray = again.built.model.constraints[_POWER].rhs
    sites = [str(site) for site in stated.site.values]
    return {site: worth_usd(again, **{_POWER: _shifted(stated, site)}) for site in sites}


def _shifted(energized_mw: xr.DataArray, site: str) -> xr.DataArray:
    """The power of all sites with that of one a period earlier; the last period keeps its own."""
    earlier = energized_mw.shift(period=-1).fillna(energized_mw)
    return energized_mw.where(energized_mw.site != site, earlier).transpose(*energized_mw.dims)
