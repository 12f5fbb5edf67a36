"""Decisions on the sites' own power plants: how much is built when, how much of it runs, what that costs."""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import ROUNDING, Fleet, in_period, month_axis, period_axis
from gigawatt.planning.plants import MWH_PER_UNIT, Plants


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """`added` and `standing` MW `(plant, period)`; `generated` thousands of MWh `(plant, month)`, losses below zero.

    `units` whole ones that are added `(plant, period)`, of those plants that come in units, None where none does.
    """

    added: linopy.Variable
    standing: linopy.Variable
    generated: linopy.Variable
    units: linopy.Variable | None


def generation(model: linopy.Model, inputs: Inputs, *, plants: Plants) -> Generation:
    """Adds the plants' decisions with the limits that concern them alone."""
    labels = {"plant": plants.at.plant.values}
    periods = {**labels, "period": period_axis(inputs.calendar).values}
    upper = (plants.most_mw * plants.possible).transpose("plant", "period")
    least, most = _generated_bounds(inputs, plants)
    choose = Generation(
        added=model.add_variables(lower=0.0, upper=upper, name="plant_added"),
        standing=model.add_variables(lower=0.0, upper=upper, coords=periods, name="plant_standing"),
        generated=model.add_variables(lower=least, upper=most, name="generated"),
        units=_units(model, plants),
    )
    if choose.units is not None:
        whole = choose.units.coords["plant"].values
        size = plants.unit_mw.sel(plant=whole)
        model.add_constraints(choose.added.sel(plant=whole) - size * choose.units == 0.0, name="plant_units")
    before = (1.0 * choose.standing.shift(period=1)).fillna(0.0)
    model.add_constraints(choose.standing - before - choose.added == 0.0, name="plant_growth")
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    share = plants.energy_fraction * hours * in_period(inputs.calendar) / MWH_PER_UNIT
    model.add_constraints(choose.generated - (share * choose.standing).sum("period") <= 0.0, name="plant_energy")
    return choose


def _units(model: linopy.Model, plants: Plants) -> linopy.Variable | None:
    """Whole units of the plants that come in units; None where none does."""
    sizes = plants.unit_mw.dropna("plant")
    if not sizes.size:
        return None
    most = (plants.most_mw.sel(plant=sizes.plant) / sizes + ROUNDING) // 1.0
    upper = most * plants.possible.sel(plant=sizes.plant)
    return model.add_variables(lower=0.0, upper=upper.transpose("plant", "period"), integer=True, name="plant_units")


def _generated_bounds(inputs: Inputs, plants: Plants) -> tuple[xr.DataArray, xr.DataArray]:
    """Nothing of steps of the connection; of batteries no more than nothing, and no less than full hours of losses."""
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    full = (plants.most_mw * hours / MWH_PER_UNIT).transpose("plant", "month")
    making = (plants.grid == 0.0) & (plants.storing == 0.0)
    return 0.0 - full * plants.storing, full * making


def energy_balance(
    model: linopy.Model,
    inputs: Inputs,
    *,
    plants: Plants,
    limits: Fleet,
    choose: Generation,
    in_service: linopy.Variable,
) -> None:
    """Plants generate no more than their site takes, and at least what its connection, with its steps, cannot bring."""
    per_block = plants.demand_mwh_per_rack * limits.block_racks * in_period(inputs.calendar) / MWH_PER_UNIT
    demand = (per_block * in_service).sum(["platform", "period"])
    made = (plants.at * choose.generated).sum("plant")
    brought = brought_energy(inputs, limits.energized_facility_mw)
    model.add_constraints(made - demand <= 0.0, name="plant_use")
    if bool(plants.grid.any()):
        hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours) / MWH_PER_UNIT
        per_mw = plants.at * plants.grid * hours * in_period(inputs.calendar)
        made = made + (per_mw * choose.standing).sum(["plant", "period"])
    model.add_constraints(made - demand >= -brought, name="plant_need")


def brought_energy(inputs: Inputs, connection_mw: xr.DataArray) -> xr.DataArray:
    """The most that connections of so much power `(site, period)` bring, in thousands of MWh, `(site, month)`."""
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    return (connection_mw * in_period(inputs.calendar)).sum("period") * hours / MWH_PER_UNIT


def firm_mw(plants: Plants, choose: Generation) -> linopy.LinearExpression:
    """Power that plants add to a site's connection, `(site, period)`."""
    return (plants.at * plants.firm_fraction * choose.standing).sum("plant")


def generation_cost_usd(plants: Plants) -> xr.DataArray:
    """What a MWh of a plant costs more than one that is bought, `(plant,)`; negative where it saves."""
    return plants.energy_usd_per_mwh - (plants.at * plants.bought_usd_per_mwh).sum("site")


def running_usd(plants: Plants, choose: Generation, *, weights: xr.DataArray) -> linopy.LinearExpression:
    """Cost of generation over that of bought energy, and of plants that stand; months by `weights` `(month, step)`."""
    every = xr.ones_like(plants.most_mw)
    fuel = fuel_usd(plants, choose, weights=weights, of=every)
    usd: linopy.LinearExpression = fuel + standing_usd(plants, choose, weights=weights, of=every)
    return usd


def fuel_usd(plants: Plants, choose: Generation, *, weights: xr.DataArray, of: xr.DataArray) -> linopy.LinearExpression:
    """Cost of generation over that of bought energy, of the plants that `of` `(plant,)` counts, `(step,)`."""
    per_unit = of * generation_cost_usd(plants) * MWH_PER_UNIT * weights
    usd: linopy.LinearExpression = (per_unit * choose.generated).sum(["plant", "month"])
    return usd


def standing_usd(
    plants: Plants, choose: Generation, *, weights: xr.DataArray, of: xr.DataArray
) -> linopy.LinearExpression:
    """Cost of having the plants that `of` `(plant,)` counts, `(step,)`."""
    per_mw = of * xr.dot(plants.standing_usd_per_mw, weights, dim="month")
    usd: linopy.LinearExpression = (per_mw * choose.standing).sum(["plant", "period"])
    return usd


def invested_usd(
    plants: Plants, choose: Generation, *, weights: xr.DataArray, of: xr.DataArray | None = None
) -> linopy.LinearExpression:
    """Cost of plants (of those that `of` counts), months added up by `weights` `(month, step)`, `(step,)`."""
    per_mw = plants.added_usd_per_mw @ weights
    return ((per_mw if of is None else of * per_mw) * choose.added).sum(["plant", "period"])


def settle_generation(choose: Generation, *, plants: Plants) -> None:
    """Clears the solver's noise: plants never shrink, units are whole."""
    standing = choose.standing.solution.clip(0.0)
    rising = standing.copy(data=np.maximum.accumulate(standing.values, axis=1))
    size = plants.unit_mw.broadcast_like(rising)
    whole = rising.where(size.isnull(), (rising / size).round() * size).transpose(*rising.dims)
    choose.standing.solution = whole
    choose.added.solution = whole - whole.shift(period=1, fill_value=0.0)
    made = choose.generated.solution
    choose.generated.solution = made.where(made > choose.generated.lower, choose.generated.lower)
    if choose.units is not None:
        added = choose.added.solution.sel(plant=choose.units.coords["plant"].values)
        choose.units.solution = (added / plants.unit_mw.sel(plant=added.plant)).round()
