"""From the solver's values to the plan's own words: whole racks, megawatts, tokens, dollars, with labels and units."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs, Objective
from gigawatt.planning.agreements import settle_agreements
from gigawatt.planning.allotment import allotted_at_sites
from gigawatt.planning.constraints import late_flows
from gigawatt.planning.fleet import ROUNDING, in_period, month_axis, period_axis
from gigawatt.planning.flows import fixed_receipt, operating_and_investment_flow, tranche_receipt
from gigawatt.planning.formulation import Formulation, earned_count, milestones_count
from gigawatt.planning.generation import settle_generation
from gigawatt.planning.places import latest_building_mw
from gigawatt.planning.placing import done_by_period, settle_starts, unplaced
from gigawatt.planning.plants import MWH_PER_UNIT
from gigawatt.planning.purchases import settle_missing
from gigawatt.planning.resale import by_period_of_sale, gone_blocks, gone_racks, settle_sold
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms
from gigawatt.planning.work import no_more_than_asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Racks:
    """The plan's racks, whole: `arrived`, `installed`, `ordered`, `retired` `(site, platform, period)`."""

    arrived: xr.DataArray
    installed: xr.DataArray
    ordered: xr.DataArray
    retired: xr.DataArray


def settle(inputs: Inputs, *, terms: Terms, built: Formulation) -> None:
    """Replaces the solver's values by exact ones: whole blocks, no more building than racks need, milestones as met.

    Racks follow from whole arrivals; building follows racks, since earlier building never pays; counts follow power.
    """
    choose, limits = built.choose, terms.fleet
    arrivals = choose.arrivals.solution.round() + 0.0  # no minus zero
    in_service = (arrivals * limits.alive).sum("period").rename(later="period")
    if terms.resales is not None and choose.sold is not None:
        settle_sold(choose.sold, arrivals=arrivals)
        in_service = in_service - gone_blocks(terms.resales, choose.sold.solution)
    drawn = (limits.rack_facility_mw * limits.block_racks * in_service).sum("platform").transpose("site", "period")
    facility = latest_building_mw(drawn, terms.places)
    choose.arrivals.solution = arrivals
    choose.in_service.solution = in_service.transpose(*choose.in_service.dims)
    choose.delivered.solution = arrivals.sum("site")
    choose.pool.solution = in_service.sum("site").transpose(*choose.pool.dims)
    choose.built.solution = facility
    choose.expansion.solution = facility - facility.shift(period=1, fill_value=0.0)
    if terms.plants is not None and choose.plants is not None:
        settle_generation(choose.plants, plants=terms.plants)
    if terms.purchases is not None and choose.missing is not None:
        settle_missing(terms.purchases, choose.missing, delivered_racks=choose.delivered.solution * limits.block_racks)
    wanted = terms.work.demand_tokens / TOKEN_UNIT
    served = choose.served.solution.clip(0.0)
    choose.served.solution = served.where(served < wanted, wanted)
    choose.serving.solution = choose.serving.solution.clip(0.0)
    choose.training.solution = _training(inputs, terms=terms, racks=choose.training.solution.clip(0.0))
    if choose.regional is not None:
        choose.regional.solution = choose.regional.solution.clip(0.0)
    if terms.jobs is not None and choose.starts is not None:
        settle_starts(inputs, jobs=terms.jobs, choose=choose.starts, training=choose.training)
    choose.tranches.solution = earned_count(in_service, terms=terms)
    if built.agreed is not None:
        settle_agreements(built.agreed, enough=lambda: _free_cash(inputs, terms=terms, built=built))


def _training(inputs: Inputs, *, terms: Terms, racks: xr.DataArray) -> xr.DataArray:
    """Racks given to runs, no more than they ask for unless the plan is to train more."""
    sought = {goal.objective for goal in inputs.pursued}
    sought |= {weight.objective for goal in inputs.pursued for weight in goal.weights}
    if Objective.TRAINING_COMPUTE in sought or not racks.sizes["run"]:
        return racks
    return no_more_than_asked(terms.work, racks, calendar=inputs.calendar)


def _free_cash(inputs: Inputs, *, terms: Terms, built: Formulation) -> xr.DataArray:
    """Cash above the least in any month of a period, what lenders ask to be kept left out, `(period,)`.

    In the solver's money.
    """
    kept = 0.0 if built.agreed is None else built.agreed.reserve.solution
    cash = cash_usd(inputs, terms=terms, built=built) / MONEY_UNIT_USD
    lowest: xr.DataArray = cash - kept
    for flow, fixed in late_flows(inputs, terms=terms, choose=built.choose, agreed=built.agreed):
        within = cash - flow.solution - fixed
        lowest = lowest.where(lowest < within, within)
    return lowest - built.demands.minimum_cash


def decisions(inputs: Inputs, *, terms: Terms, built: Formulation) -> xr.Dataset:
    """The plan as `BuildPlan.decisions` describes it, from settled values."""
    choose, racks = built.choose, planned_racks(terms=terms, built=built)
    serving, training = allocation(inputs, terms=terms, built=built, racks=racks)
    tokens = (choose.served.solution @ in_period(inputs.calendar)) * TOKEN_UNIT
    flop = _training_flop(inputs, terms=terms, built=built)
    values = {
        "ordered_racks": (racks.ordered, "rack"),
        "arrived_racks": (racks.arrived, "rack"),
        "installed_racks": (racks.installed, "rack"),
        "retired_racks": (racks.retired, "rack"),
        "built_facility_mw": (choose.built.solution, "MW"),
        "serving_racks": (serving, "rack"),
        "training_racks": (training, "rack"),
        "served_tokens": (tokens.transpose("service", "period"), "token"),
        "training_flop": (flop.transpose("run", "period"), "FLOP"),
        "milestones_count": (milestones_count(racks.installed, terms=terms), "1"),
        **_plants(built),
        **_missing(built),
        **_sold(built),
        "cash_usd": (cash_usd(inputs, terms=terms, built=built), "USD"),
    }
    plain = {
        name: array.drop_vars(["period", "month"], errors="ignore").assign_attrs(units=unit)
        for name, (array, unit) in values.items()
    }
    dated = xr.Dataset(plain).assign_coords(period=np.array(inputs.calendar.periods, dtype="datetime64[ns]"))
    if "month" in dated.dims:
        dated = dated.assign_coords(month=np.array(inputs.calendar.months, dtype="datetime64[ns]"))
    return dated.assign(loan_taken=_loans_taken(built))


def _training_flop(inputs: Inputs, *, terms: Terms, built: Formulation) -> xr.DataArray:
    """Model FLOP that each run is given in each period, `(run, period)`."""
    rate = unplaced(terms.work.flop_per_rack, terms.jobs)
    flop: xr.DataArray = (rate * built.choose.training.solution).sum("platform") @ in_period(inputs.calendar)
    if terms.jobs is None or built.choose.starts is None:
        return flop
    done = done_by_period(inputs, jobs=terms.jobs, begun=built.choose.starts.begun.solution)
    placed: xr.DataArray = terms.work.compute_flop * done
    return flop + placed


def _loans_taken(built: Formulation) -> xr.DataArray:
    """1 for each loan that the plan takes, `(loan,)`."""
    taken = {} if built.agreed is None else built.agreed.taken
    values = np.array([float(variable.solution) for variable in taken.values()])
    names = np.array(list(taken), dtype=np.str_)
    return xr.DataArray(values, dims="loan", coords={"loan": names}, attrs={"units": "1"})


def _plants(built: Formulation) -> dict[str, tuple[xr.DataArray, str]]:
    """Power and energy of the sites' own plants, where they allow any."""
    chosen = built.choose.plants
    if chosen is None:
        return {}
    return {
        "plant_mw": (chosen.standing.solution, "MW"),
        "generated_mwh": (chosen.generated.solution * MWH_PER_UNIT, "MWh"),
    }


def _missing(built: Formulation) -> dict[str, tuple[xr.DataArray, str]]:
    """Racks that are paid for without being taken, where any must be taken."""
    missing = built.choose.missing
    return {} if missing is None else {"missing_racks": (missing.solution, "rack")}


def _sold(built: Formulation) -> dict[str, tuple[xr.DataArray, str]]:
    """Racks that leave early, by age and by the period in which they leave, where any may."""
    stated, sold = built.terms.resales, built.choose.sold
    if stated is None or sold is None:
        return {}
    return {"sold_racks": (by_period_of_sale(stated, sold.solution * built.terms.fleet.block_racks), "rack")}


def planned_racks(*, terms: Terms, built: Formulation) -> Racks:
    """Racks ordered, arrived, in service and retired in each period."""
    limits, block = terms.fleet, terms.fleet.block_racks
    dims = ("site", "platform", "period")
    arrived = (built.choose.arrivals.solution * block).transpose(*dims)
    installed = (built.choose.in_service.solution * block).transpose(*dims)
    before = installed.shift(period=1, fill_value=0.0)
    lead = limits.lead_periods.astype(int)
    ordered = xr.concat(
        [
            arrived.sel(platform=p).shift(period=-int(lead.sel(platform=p)), fill_value=0.0)
            for p in arrived.platform.values
        ],
        dim="platform",
    )
    return Racks(
        arrived=arrived,
        installed=installed,
        ordered=ordered.transpose(*dims),
        retired=before + arrived - installed,
    )


def allocation(inputs: Inputs, *, terms: Terms, built: Formulation, racks: Racks) -> tuple[xr.DataArray, xr.DataArray]:
    """Installed racks given to each service and to each run at each site, in each period.

    Shares are those of the platform's output over the period's hours, the same at every site. What services leave idle
    is given to them in proportion, so that months of higher demand within a period find racks ready.
    """
    choose = built.choose
    if terms.jobs is not None or terms.reach is not None:
        return allotted_at_sites(inputs, terms=terms, built=built, installed=racks.installed)
    hours = in_period(inputs.calendar) * month_axis(inputs.calendar).copy(data=inputs.calendar.month_hours)
    full = terms.fleet.output_share * terms.fleet.block_racks
    output = (choose.delivered.solution * full).sum("period") @ hours
    if terms.resales is not None and choose.sold is not None:
        gone = gone_racks(terms.resales, choose.sold.solution, block_racks=terms.fleet.block_racks)
        output = output - gone.sum("site") * hours.sum("month")
    training = choose.training.solution @ hours
    serving = choose.serving.solution @ hours
    left = (output - training.sum("run")).clip(0.0)
    wanted = serving.sum("service")
    filled = serving * (left / wanted.where(wanted > ROUNDING)).fillna(0.0)
    per_output = (racks.installed / output.where(output > ROUNDING)).fillna(0.0)
    return (
        (filled * per_output).transpose("site", "platform", "service", "period"),
        (training * per_output).transpose("site", "platform", "run", "period"),
    )


def cash_usd(inputs: Inputs, *, terms: Terms, built: Formulation) -> xr.DataArray:
    """The programme's cash at the end of each period, `(period,)`."""
    flow = operating_and_investment_flow(inputs, terms=terms, choose=built.choose).solution
    received = tranche_receipt(terms=terms, choose=built.choose).solution
    agreed = 0.0 if built.agreed is None else built.agreed.cash.solution
    change = (flow + received + agreed + fixed_receipt(inputs, terms=terms)) * MONEY_UNIT_USD
    cash = inputs.treasury.opening_cash_usd + change.cumsum("period")
    return cash.assign_coords(period=period_axis(inputs.calendar))
