"""Sites with sun or batteries, by the mean day of each month: what is made, stored and used in its eight blocks.

Racks draw the same in every block. In each of them the connection, the plants and the batteries together bring what
racks take; a battery ends the day as full as it began. Sites without sun or batteries need no days and have none.
"""

from dataclasses import dataclass
from math import sqrt

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.site import Battery, GridStep, Plant, Site, Sun
from gigawatt.entities.stages import Inputs
from gigawatt.facility.sun import BLOCKS_PER_DAY
from gigawatt.planning.fleet import Fleet, in_period, month_axis
from gigawatt.planning.generation import Generation
from gigawatt.planning.plants import MWH_PER_UNIT, Plants
from gigawatt.units import HOURS_PER_DAY, MONTHS_PER_YEAR

BLOCK_H = HOURS_PER_DAY / BLOCKS_PER_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """What is told apart by blocks of the day.

    `sites` by name; `share` `(plant, month, block)` the most of a plant's power that it gives, of plants that make
    energy; `duration_h` and `one_way_fraction` `(battery,)` of batteries, by the plant's label.
    """

    sites: tuple[str, ...]
    share: xr.DataArray
    duration_h: xr.DataArray
    one_way_fraction: xr.DataArray


def days(inputs: Inputs) -> Days | None:
    """The mean days of all sites with sun or batteries; None where there are none."""
    sites = [site for site in inputs.sites if any(isinstance(plant.works, Sun | Battery) for plant in site.plants)]
    if not sites:
        return None
    pairs = [(site, plant) for site in sites for plant in site.plants]
    making = [(site, plant) for site, plant in pairs if not isinstance(plant.works, Battery | GridStep)]
    storing = [(_label(site, plant), plant.works) for site, plant in pairs if isinstance(plant.works, Battery)]
    month = month_axis(inputs.calendar)
    blocks = np.arange(BLOCKS_PER_DAY)
    of_year = np.array([day.month - 1 for day in inputs.calendar.months])
    shares = np.array([_share(plant)[of_year] for _, plant in making]).reshape(-1, len(of_year), len(blocks))
    batteries = {"battery": [name for name, _ in storing]}
    return Days(
        sites=tuple(site.id for site in sites),
        share=xr.DataArray(
            shares,
            dims=("plant", "month", "block"),
            coords={"plant": [_label(*pair) for pair in making], "month": month.values, "block": blocks},
        ),
        duration_h=xr.DataArray([works.duration_h for _, works in storing], dims="battery", coords=batteries),
        one_way_fraction=xr.DataArray(
            [sqrt(works.round_trip_fraction) for _, works in storing], dims="battery", coords=batteries
        ),
    )


def _label(site: Site, plant: Plant) -> str:
    return f"{site.id}/{plant.id}"


def _share(plant: Plant) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    if isinstance(plant.works, Sun):
        return np.array(plant.works.share_fraction)
    return np.ones((MONTHS_PER_YEAR, BLOCKS_PER_DAY))


def dispatch(
    model: linopy.Model,
    inputs: Inputs,
    *,
    known: Days,
    plants: Plants,
    limits: Fleet,
    choose: Generation,
    in_service: linopy.Variable,
) -> None:
    """Adds what is made, charged and discharged in each block, and holds each block's balance at each site."""
    made = _made(model, inputs, known=known, choose=choose)
    stored = _stored(model, inputs, known=known, choose=choose)
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    by_period = in_period(inputs.calendar)
    at = plants.at.sel(site=list(known.sites))
    load_mw = plants.demand_mwh_per_rack.sel(site=at.site) / hours * limits.block_racks * by_period
    blocks = xr.ones_like(known.share.block, dtype=np.float64)
    taken = blocks * (load_mw * in_service.sel(site=at.site)).sum(["platform", "period"])
    given = _summed(made, stored, at=at)
    model.add_constraints(given - taken <= 0.0, name="day_use")
    step_mw = (at * plants.grid * by_period * choose.standing).sum(["plant", "period"])
    connection_mw = (limits.energized_facility_mw.sel(site=at.site) * by_period).sum("period") * blocks
    model.add_constraints(given + blocks * step_mw - taken >= -connection_mw, name="day_need")


def _summed(
    made: linopy.Variable | None, stored: linopy.LinearExpression | None, *, at: xr.DataArray
) -> linopy.LinearExpression:
    """Mean MW that plants and batteries of a site give in a block, `(site, month, block)`."""
    parts = []
    if made is not None:
        parts.append((at.sel(plant=made.coords["plant"].values) * made).sum("plant"))
    if stored is not None:
        of = at.sel(plant=stored.coords["battery"].values).rename(plant="battery")
        parts.append((of * stored).sum("battery"))
    first, *others = parts
    return sum(others, first)


def _made(model: linopy.Model, inputs: Inputs, *, known: Days, choose: Generation) -> linopy.Variable | None:
    """Output of each plant in a block: within what it can give, and its sum is what it generates."""
    if not known.share.sizes["plant"]:
        return None
    output = model.add_variables(lower=0.0, coords=known.share.coords, name="day_output")
    standing = choose.standing.sel(plant=known.share.plant.values)
    most = (known.share * in_period(inputs.calendar) * standing).sum("period")
    model.add_constraints(output - most <= 0.0, name="day_power")
    total = (_block_units(inputs) * output).sum("block")
    model.add_constraints(choose.generated.sel(plant=known.share.plant.values) - total == 0.0, name="day_made")
    return output


def _stored(model: linopy.Model, inputs: Inputs, *, known: Days, choose: Generation) -> linopy.LinearExpression | None:
    """What batteries give in a block less what they take, `(battery, month, block)`: within power, level and losses."""
    names = known.duration_h.battery.values
    if not names.size:
        return None
    coords = {"battery": names, "month": known.share.month.values, "block": known.share.block.values}
    charge, discharge, level = (
        model.add_variables(lower=0.0, coords=coords, name=f"battery_{name}") for name in ("in", "out", "level")
    )
    by_period = in_period(inputs.calendar)
    standing = choose.standing.sel(plant=names).rename(plant="battery")
    power = (by_period * standing).sum("period") * xr.ones_like(known.share.block, dtype=np.float64)
    model.add_constraints(charge - power <= 0.0, name="battery_charge")
    model.add_constraints(discharge - power <= 0.0, name="battery_discharge")
    model.add_constraints(level - known.duration_h * power <= 0.0, name="battery_full")
    kept = known.one_way_fraction
    change = BLOCK_H * kept * charge - (BLOCK_H / kept) * discharge
    model.add_constraints(level.roll(block=-1) - level - change == 0.0, name="battery_balance")
    given = discharge - charge
    total = (_block_units(inputs) * given).sum("block").rename(battery="plant")
    model.add_constraints(choose.generated.sel(plant=names) - total == 0.0, name="battery_losses")
    return given


def _block_units(inputs: Inputs) -> xr.DataArray:
    """Thousands of MWh that a mean MW in a block comes to in a month, `(month,)`."""
    hours = month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    return hours / (BLOCKS_PER_DAY * MWH_PER_UNIT)
