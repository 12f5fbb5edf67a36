"""The decisions of the plan as arrays of solver variables."""

from collections.abc import Mapping
from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import most_blocks, period_axis
from gigawatt.planning.generation import Generation, generation
from gigawatt.planning.placing import Starts, starts
from gigawatt.planning.purchases import missing_racks
from gigawatt.planning.reach import regional_racks
from gigawatt.planning.resale import sold_blocks
from gigawatt.planning.terms import Terms


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What the solver decides on.

    `arrivals` blocks that enter service and `in_service` blocks `(site, platform, period)`; `expansion` and `built`
    MW `(site, period)`; `delivered` and `pool` blocks at all sites `(platform, period)`; `serving` racks
    `(platform, service, month)` and `training` racks `(platform, run, month)`, both at full output; `served`
    tokens `(service, month)`; `tranches` earned by milestones so far `(contract, period)`; `cash` at the end of
    a period `(period,)`; `plants` of the sites' own, if they allow any; `missing` racks of what must be taken
    `(window,)`, if anything must be; `starts` of placed runs, if there are any; `regional` racks of services that only
    some sites may serve (`reach`), if there are any; `sold` blocks of an arrival that leave early, if any may,
    `(site, platform, resale, period)`. Money, tokens and blocks are in the solver's units (see `terms`).
    """

    arrivals: linopy.Variable
    in_service: linopy.Variable
    expansion: linopy.Variable
    built: linopy.Variable
    delivered: linopy.Variable
    pool: linopy.Variable
    serving: linopy.Variable
    training: linopy.Variable
    served: linopy.Variable
    tranches: linopy.Variable
    cash: linopy.Variable
    plants: Generation | None
    missing: linopy.Variable | None
    starts: Starts | None
    regional: linopy.Variable | None
    sold: linopy.Variable | None


def variables(model: linopy.Model, inputs: Inputs, *, terms: Terms) -> Variables:
    """Adds the decisions to `model`, with the bounds that follow from a single limit."""
    period = {"period": period_axis(inputs.calendar).values}
    sites = {"site": terms.fleet.rack_facility_mw.site.values}
    platforms = {"platform": terms.fleet.block_racks.platform.values}
    services = {"service": terms.work.demand_tokens.service.values}
    months = {"month": terms.work.demand_tokens.month.values}

    def amounts(name: str, *axes: Mapping[str, np.ndarray[tuple[int], np.dtype[np.generic]]]) -> linopy.Variable:
        coords = {dim: values for axis in axes for dim, values in axis.items()}
        return model.add_variables(lower=0.0, coords=coords, name=name)

    arrivals = model.add_variables(lower=0.0, upper=most_blocks(terms.fleet), integer=True, name="arrivals")
    return Variables(
        arrivals=arrivals,
        in_service=amounts("in_service", sites, platforms, period),
        expansion=amounts("expansion", sites, period),
        built=amounts("built", sites, period),
        delivered=amounts("delivered", platforms, period),
        pool=amounts("pool", platforms, period),
        serving=_allotted(model, "serving", terms.work.tokens_per_rack),
        training=_allotted(model, "training", terms.work.flop_per_rack),
        served=amounts("served", services, months),
        tranches=model.add_variables(lower=0.0, upper=most_tranches(terms), integer=True, name="tranches"),
        cash=model.add_variables(coords=period, name="cash"),
        plants=None if terms.plants is None else generation(model, inputs, plants=terms.plants),
        missing=missing_racks(model, terms.purchases),
        starts=None if terms.jobs is None else starts(model, jobs=terms.jobs),
        regional=None
        if terms.reach is None
        else regional_racks(model, reach=terms.reach, rate=terms.work.tokens_per_rack),
        sold=sold_blocks(model, terms.resales, arrivals=arrivals),
    )


def _allotted(model: linopy.Model, name: str, rate: xr.DataArray) -> linopy.Variable:
    """Racks given to a workload, none where a pair cannot run."""
    return model.add_variables(lower=0.0, upper=xr.full_like(rate, np.inf).where(rate > 0.0, 0.0), name=name)


def most_tranches(terms: Terms) -> xr.DataArray:
    """Tranches that milestones can have earned at most, in whole units, which makes it tight, `(contract, period)`."""
    promise = terms.financing
    units = (reachable_mw(terms) / promise.unit_mw + COUNT_TOLERANCE) // 1.0
    earned = (units.where(units < promise.most_count, promise.most_count) - promise.signature_count).clip(0.0)
    return (earned * promise.open * (promise.amount_usd != 0.0)).transpose("contract", "period")


def reachable_mw(terms: Terms) -> xr.DataArray:
    """Highest counted power so far that power and supply alone would let each contract see, `(contract, period)`."""
    counted, limits = terms.financing.counted_mw, terms.fleet
    share = (counted / limits.rack_facility_mw).max("platform")
    by_power = (share * (limits.energized_facility_mw + limits.plant_firm_mw)).sum("site")
    racks = (limits.supply_blocks * limits.block_racks).cumsum("period")
    by_supply = (counted.max("site") * racks).sum("platform")
    reachable = by_power.where(by_power < by_supply, by_supply).transpose("contract", "period")
    return reachable.copy(data=np.maximum.accumulate(reachable.values, axis=1))


COUNT_TOLERANCE = 1e-6
"""A milestone counts as reached when its megawatts are met to this part of a unit: the solver's own accuracy."""
