"""Decisions on the sites' own power plants: how much is built when, how much of it runs, what that costs."""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import Fleet, in_period, month_axis, period_axis
from gigawatt.planning.plants import MWH_PER_UNIT, Plants


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """`added` and `standing` MW `(plant, period)`; `generated` thousands of MWh `(plant, month)`."""

    added: linopy.Variable
    standing: linopy.Variable
    generated: linopy.Variable


def generation(model: linopy.Model, inputs: Inputs, *, plants: Plants) -> Generation:
    """Adds the plants' decisions with the limits that concern them alone."""
    labels = {"plant": plants.at.plant.values}
    periods = {**labels, "period": period_axis(inputs.calendar).values}
    upper = (plants.most_mw * plants.possible).transpose("plant", "period")
    choose = Generation(
        added=model.add_variables(lower=0.0, upper=upper, name="plant_added"),
        standing=model.add_variables(lower=0.0, upper=upper, coords=periods, name="plant_standing"),
        generated=model.add_variables(
            lower=0.0, coords={**labels, "month": month_axis(inputs.calendar).values}, name="generated"
        ),
    )
    before = (1.0 * choose.standing.shift(period=1)).fillna(0.0)
    model.add_constraints(choose.standing - before - choose.added == 0.0, name="plant_growth")
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    share = plants.energy_fraction * hours * in_period(inputs.calendar) / MWH_PER_UNIT
    model.add_constraints(choose.generated - (share * choose.standing).sum("period") <= 0.0, name="plant_energy")
    return choose


def energy_balance(
    model: linopy.Model,
    inputs: Inputs,
    *,
    plants: Plants,
    limits: Fleet,
    choose: Generation,
    in_service: linopy.Variable,
) -> None:
    """Plants generate no more than their site takes, and at least what its connection cannot bring."""
    per_block = plants.demand_mwh_per_rack * limits.block_racks * in_period(inputs.calendar) / MWH_PER_UNIT
    demand = (per_block * in_service).sum(["platform", "period"])
    made = (plants.at * choose.generated).sum("plant")
    brought = brought_energy(inputs, limits.energized_facility_mw)
    model.add_constraints(made - demand <= 0.0, name="plant_use")
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
    fuel = (generation_cost_usd(plants) * MWH_PER_UNIT * weights * choose.generated).sum(["plant", "month"])
    standing = (xr.dot(plants.standing_usd_per_mw, weights, dim="month") * choose.standing).sum(["plant", "period"])
    usd: linopy.LinearExpression = fuel + standing
    return usd


def invested_usd(plants: Plants, choose: Generation, *, weights: xr.DataArray) -> linopy.LinearExpression:
    """Cost of plants, months added up by `weights` `(month, step)`, `(step,)`."""
    return ((plants.added_usd_per_mw @ weights) * choose.added).sum(["plant", "period"])


def settle_generation(choose: Generation) -> None:
    """Clears the solver's noise: plants never shrink."""
    standing = choose.standing.solution.clip(0.0)
    whole = standing.copy(data=np.maximum.accumulate(standing.values, axis=1))
    choose.standing.solution = whole
    choose.added.solution = whole - whole.shift(period=1, fill_value=0.0)
    choose.generated.solution = choose.generated.solution.clip(0.0)
