"""Power plants and grid steps that the programme may build at its sites, as arrays.

A plant adds its firm part to the power that racks may draw, and its energy stands in for energy that would be bought.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.site import Battery, GridStep
from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import Fleet, in_period, month_axis, period_axis, periods_of
from gigawatt.planning.money import construction_shares

MWH_PER_UNIT = 1e3
"""The solver counts generated energy in thousands of MWh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plants:
    """Plants that may be built, labelled `site/id`.

    `at` `(plant, site)` 1 where a plant stands; `most_mw`, `unit_mw` (NaN where it has any size), `grid` (1 where it is
    a step of the connection, whose energy is bought), `storing` (1 where it is a battery), `firm_fraction`,
    `energy_fraction`, `energy_usd_per_mwh`, `carbon_t_per_mwh`, `lead_periods` `(plant,)`; `possible` `(plant, period)`
    whether one begun at the start can run; `added_usd_per_mw` `(plant, period, month)` what a megawatt that first runs
    in `period` costs, month by month; `standing_usd_per_mw` `(plant, period, month)` what one that stands in `period`
    costs in its months, used or not; `demand_mwh_per_rack` `(site, platform, month)` energy at the meter of a rack;
    `bought_usd_per_mwh` `(site,)`.
    """

    at: xr.DataArray
    most_mw: xr.DataArray
    unit_mw: xr.DataArray
    grid: xr.DataArray
    storing: xr.DataArray
    firm_fraction: xr.DataArray
    energy_fraction: xr.DataArray
    energy_usd_per_mwh: xr.DataArray
    carbon_t_per_mwh: xr.DataArray
    lead_periods: xr.DataArray
    possible: xr.DataArray
    added_usd_per_mw: xr.DataArray
    standing_usd_per_mw: xr.DataArray
    demand_mwh_per_rack: xr.DataArray
    bought_usd_per_mwh: xr.DataArray


def plants(inputs: Inputs, *, fleet: Fleet) -> Plants | None:
    """The plants that the sites allow; None where they allow none."""
    pairs = [(site, plant) for site in inputs.sites for plant in site.plants]
    if not pairs:
        return None
    labels = {"plant": [f"{site.id}/{plant.id}" for site, plant in pairs]}

    def by_plant(values: list[float]) -> xr.DataArray:
        return xr.DataArray(np.array(values, dtype=np.float64), dims="plant", coords=labels)

    calendar = inputs.calendar
    sites = {"site": [site.id for site in inputs.sites]}
    lead = by_plant([periods_of(plant.expected_lead_months, calendar) for _, plant in pairs])
    spread = xr.DataArray(
        np.stack([construction_shares(plant.expected_lead_months, calendar) for _, plant in pairs]),
        dims=("plant", "period", "month"),
        coords={**labels, "period": np.arange(calendar.period_count), "month": np.arange(calendar.month_count)},
    )
    hours = month_axis(calendar).copy(data=calendar.month_hours)
    pue = xr.DataArray([site.annual_pue for site in inputs.sites], dims="site", coords=sites)
    return Plants(
        at=xr.DataArray(
            np.array([[float(site is other) for other in inputs.sites] for site, _ in pairs]),
            dims=("plant", "site"),
            coords={**labels, **sites},
        ),
        most_mw=by_plant([plant.most_mw for _, plant in pairs]),
        unit_mw=by_plant([np.nan if plant.unit_mw is None else plant.unit_mw for _, plant in pairs]),
        grid=by_plant([float(isinstance(plant.works, GridStep)) for _, plant in pairs]),
        storing=by_plant([float(isinstance(plant.works, Battery)) for _, plant in pairs]),
        firm_fraction=by_plant([plant.firm_fraction for _, plant in pairs]),
        energy_fraction=by_plant([plant.energy_fraction for _, plant in pairs]),
        energy_usd_per_mwh=by_plant([plant.energy_usd_per_mwh for _, plant in pairs]),
        carbon_t_per_mwh=by_plant([plant.carbon_t_per_mwh for _, plant in pairs]),
        lead_periods=lead,
        possible=(period_axis(calendar) >= lead).transpose("plant", "period"),
        added_usd_per_mw=by_plant([plant.cost_usd_per_mw for _, plant in pairs]) * spread,
        standing_usd_per_mw=by_plant([plant.fixed_usd_per_mw_month for _, plant in pairs]) * in_period(calendar),
        demand_mwh_per_rack=fleet.rack_it_mw * inputs.operation.mean_power.best * pue * hours,
        bought_usd_per_mwh=xr.DataArray(
            [site.energy_price_usd_per_mwh for site in inputs.sites], dims="site", coords=sites
        ),
    )


def planned_plant_mw(inputs: Inputs, decisions: xr.Dataset) -> xr.DataArray | None:
    """What of each plant stands by a plan's decisions, `(plant, period)` by number; None where none may be built."""
    if not any(site.plants for site in inputs.sites):
        return None
    standing = decisions["plant_mw"].transpose("plant", "period")
    return standing.assign_coords(period=np.arange(inputs.calendar.period_count))


def planned_firm_mw(inputs: Inputs, decisions: xr.Dataset) -> xr.DataArray:
    """Power that a plan's plants add to the sites' connections, `(site, period)`."""
    return firm_of_standing_mw(inputs, planned_plant_mw(inputs, decisions))


def firm_of_standing_mw(inputs: Inputs, standing: xr.DataArray | None) -> xr.DataArray:
    """Power that plants of which so much stands `(plant, period)` add to the sites' connections, `(site, period)`."""
    ids, periods = [site.id for site in inputs.sites], np.arange(inputs.calendar.period_count)
    firm = np.zeros((len(ids), len(periods)))
    if standing is not None:
        for row, site in enumerate(inputs.sites):
            for plant in site.plants:
                firm[row] += standing.sel(plant=f"{site.id}/{plant.id}").values * plant.firm_fraction
    return xr.DataArray(firm, dims=("site", "period"), coords={"site": ids, "period": periods})


def later_plant_mw(standing: xr.DataArray, *, late_periods: Mapping[str, int], first: int) -> xr.DataArray:
    """What stands where plants come later than planned from the period `first` on; what stands by then stays."""
    values = standing.transpose("plant", "period").values.copy()
    for row, label in enumerate(standing.plant.values):
        late = late_periods.get(str(label), 0)
        if late > 0:
            shifted = np.concatenate([np.zeros(late), values[row]])[: values.shape[1]]
            values[row, first:] = np.maximum(shifted[first:], values[row, first - 1])
    return standing.transpose("plant", "period").copy(data=values)
