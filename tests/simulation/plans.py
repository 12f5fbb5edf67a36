"""Plans made by hand, by the conventions of decision 0001, so that later stages can be tested without a solver."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs, Objective, SolveStatus


def small_plan(
    inputs: Inputs,
    *,
    ordered: Mapping[tuple[str, str, int], int],
    built: Mapping[tuple[str, int], float],
    training_share: float = 0.0,
) -> BuildPlan:
    """A plan from orders `{(site, platform, period): racks}` and buildings `{(site, period): MW in all from then on}`.

    All racks serve the first service, but for `training_share` of them, which trains the first run while it may.
    """
    sites = [site.id for site in inputs.sites]
    platforms = [offer.platform.id for offer in inputs.offers]
    calendar = inputs.calendar
    step, count = calendar.months_per_period, calendar.period_count
    shape = (len(sites), len(platforms), count)
    orders, arrived, retired = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for (site, platform, period), racks in ordered.items():
        s, p = sites.index(site), platforms.index(platform)
        offer = inputs.offers[p]
        arrival = period + -(-offer.lead_months // step)
        retirement = arrival + -(-offer.life_months // step)
        orders[s, p, period] += racks
        if arrival < count:
            arrived[s, p, arrival] += racks
        if retirement < count:
            retired[s, p, retirement] += racks
    installed = np.cumsum(arrived - retired, axis=2)
    power = np.zeros((len(sites), count))
    for (site, period), facility_mw in sorted(built.items(), key=lambda item: item[0][1]):
        power[sites.index(site), period:] = facility_mw
    training = np.zeros((*shape[:2], len(inputs.runs), count))
    if inputs.runs and training_share:
        run = inputs.runs[0]
        may = [run.earliest <= day <= run.deadline for day in calendar.periods]
        training[:, :, 0, :] = installed * training_share * np.array(may)
    serving = np.zeros((*shape[:2], len(inputs.services), count))
    if inputs.services:
        serving[:, :, 0, :] = installed - training.sum(axis=2)
    pair = ("site", "platform")
    decisions = xr.Dataset(
        {
            "ordered_racks": ((*pair, "period"), orders),
            "installed_racks": ((*pair, "period"), installed),
            "arrived_racks": ((*pair, "period"), arrived),
            "retired_racks": ((*pair, "period"), retired),
            "built_facility_mw": (("site", "period"), power),
            "serving_racks": ((*pair, "service", "period"), serving),
            "training_racks": ((*pair, "run", "period"), training),
        },
        coords={
            "site": sites,
            "platform": platforms,
            "service": [service.id for service in inputs.services],
            "run": [run.id for run in inputs.runs],
            "period": np.array(calendar.periods, dtype="datetime64[ns]"),
        },
    )
    return BuildPlan(
        objective=Objective.NPV,
        status=SolveStatus.OPTIMAL,
        gap_fraction=0.0,
        objective_value=0.0,
        bound=0.0,
        decisions=decisions,
        marginals=xr.Dataset(),
        binding=(),
    )
