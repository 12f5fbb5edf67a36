"""The loop over months: it stores and stops; `fleet` and `work` do the thinking."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import BuildPlan, History, Inputs, Luck, Performance
from gigawatt.simulation.fleet import (
    Fleet,
    Logistics,
    advance,
    logistics,
    no_racks,
    output_share,
    rack_facility_mw,
    rack_it_mw,
)
from gigawatt.simulation.plants import firm_facility_mw, generated_mwh, late_months, plant_labels, standing_mw
from gigawatt.simulation.power import available_facility_mw, slip_table
from gigawatt.simulation.work import Assignment, Work, assignment, pooled, work_of_month
from gigawatt.timeline import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """State of the programme at the end of a month and what was done in it."""

    fleet: Fleet
    work: Work


def simulate(inputs: Inputs, performance: Performance, plan: BuildPlan, *, luck: Luck) -> History:
    """The plan as it plays out under `luck`, month by month."""
    late = late_months(inputs, luck)
    plants_mw = standing_mw(inputs, plan, late=late)
    available = available_facility_mw(inputs, luck) + firm_facility_mw(inputs, plants_mw)
    built = _built_facility_mw(inputs, plan)
    outside = logistics(inputs, plan, room_mw=np.minimum(available, built))
    given = assignment(inputs, performance, plan, luck=luck)
    months = _months(inputs, outside, given)
    state = {
        **_fleet_state(inputs, months),
        "available_facility_mw": (("site", "month"), available, "MW"),
        "built_facility_mw": (("site", "month"), built, "MW"),
        **_energy(inputs, months),
        **_work_state(inputs, months),
    }
    if plant_labels(inputs):
        energy_mwh = np.asarray(state["energy_mwh"][1], dtype=np.float64)
        own_mwh = generated_mwh(inputs, plan, standing=plants_mw, energy_mwh=energy_mwh)
        state["plant_late_months"] = (("plant",), late, "month")
        state["plant_mw"] = (("plant", "month"), plants_mw, "MW")
        state["generated_mwh"] = (("plant", "month"), own_mwh, "MWh")
    if outside.sold_racks.size:
        sold = np.stack([month.fleet.sold_racks for month in months], axis=3)
        state["sold_racks"] = (("site", "platform", "resale", "month"), sold, "rack")
    return History(state=_dataset(inputs, state), slips=slip_table(inputs, luck))


def _months(inputs: Inputs, outside: Logistics, given: Assignment) -> tuple[Month, ...]:
    """Every month of the calendar, each from the one before."""
    fleet = no_racks(inputs)
    trained = np.zeros(len(inputs.runs))
    months = []
    for month in range(inputs.calendar.month_count):
        fleet = advance(fleet, outside, month=month)
        racks = pooled(inputs, fleet.serving_racks @ output_share(inputs, month=month))
        work = work_of_month(trained, given, output_racks=racks, month=month)
        trained = work.trained_flop
        months.append(Month(fleet=fleet, work=work))
    return tuple(months)


def _built_facility_mw(inputs: Inputs, plan: BuildPlan) -> FloatArray:
    """Facility power that is built, as planned, `(site, month)`; what is built stays built."""
    built = plan.decisions["built_facility_mw"].transpose("site", "period").sel(site=[s.id for s in inputs.sites])
    rising = np.maximum.accumulate(np.clip(built.values, 0.0, None), axis=1)
    return np.asarray(rising[:, inputs.calendar.period_of_month], dtype=np.float64)


_Variables = dict[str, tuple[tuple[str, ...], FloatArray | IntArray, str]]


def _fleet_state(inputs: Inputs, months: tuple[Month, ...]) -> _Variables:
    """Racks and their power, `(site, platform, month)`."""
    dims = ("site", "platform", "month")
    installed = np.stack([month.fleet.installed_racks for month in months], axis=2)
    it_mw = installed * rack_it_mw(inputs)[:, None]
    facility_mw = installed * rack_facility_mw(inputs)[:, :, None]
    return {
        "installed_racks": (dims, installed, "rack"),
        "in_transit_racks": (dims, np.stack([month.fleet.in_transit_racks for month in months], axis=2), "rack"),
        "ordered_racks": (dims, np.stack([month.fleet.ordered_racks for month in months], axis=2), "rack"),
        "retired_racks": (dims, np.stack([month.fleet.retired_racks for month in months], axis=2), "rack"),
        "energized_it_mw": (dims, it_mw, "MW"),
        "energized_facility_mw": (dims, facility_mw, "MW"),
        "rack_hours": (dims, installed * inputs.calendar.month_hours, "rack h"),
    }


def _energy(inputs: Inputs, months: tuple[Month, ...]) -> _Variables:
    """Energy at the meter: mean IT power x annual PUE x hours, `(site, month)`."""
    installed = np.stack([month.fleet.installed_racks for month in months], axis=2)
    mean_it_mw = np.einsum("spm,p->sm", installed, rack_it_mw(inputs)) * inputs.operation.mean_power.best
    annual_pue = np.array([site.annual_pue for site in inputs.sites])
    energy_mwh = mean_it_mw * annual_pue[:, None] * inputs.calendar.month_hours
    return {"energy_mwh": (("site", "month"), energy_mwh, "MWh")}


def _work_state(inputs: Inputs, months: tuple[Month, ...]) -> _Variables:
    """Tokens and rack-hours of services `(platform, service, month)`, FLOP of runs `(run, month)`."""
    dims = ("platform", "service", "month")
    served = np.stack([month.work.served_tokens for month in months], axis=2)
    installed = [pooled(inputs, month.fleet.installed_racks.astype(np.float64)) for month in months]
    racks = np.stack(
        [
            (month.work.serving_share * here[..., None]).sum(axis=0)
            for month, here in zip(months, installed, strict=True)
        ],
        axis=2,
    )
    output_share = np.array(
        [s.output_tokens_count / (s.input_tokens_count + s.output_tokens_count) for s in inputs.services]
    )
    trained = np.stack([month.work.training_flop for month in months], axis=1)
    return {
        "served_tokens": (dims, served, "token"),
        "output_tokens": (dims, served * output_share[:, None], "token"),
        "serving_rack_hours": (dims, racks * inputs.calendar.month_hours, "rack h"),
        "training_flop": (("run", "month"), trained, "FLOP"),
    }


def _dataset(inputs: Inputs, variables: _Variables) -> xr.Dataset:
    """Labelled arrays with their units."""
    coordinates = {
        "site": [site.id for site in inputs.sites],
        "platform": [offer.platform.id for offer in inputs.offers],
        "service": [service.id for service in inputs.services],
        "run": [run.id for run in inputs.runs],
        "month": np.array(inputs.calendar.months, dtype="datetime64[ns]"),
    }
    if plant_labels(inputs):
        coordinates["plant"] = plant_labels(inputs)
    arrays = {name: (dims, values, {"units": unit}) for name, (dims, values, unit) in variables.items()}
    return xr.Dataset(arrays, coords=coordinates)
