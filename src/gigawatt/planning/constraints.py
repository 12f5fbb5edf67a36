"""What holds the plan: one small function per family of constraints.

Each function adds its rows under a name that `explain` reads the marginal values of.
"""

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import Inputs
from gigawatt.planning.agreements import Agreed
from gigawatt.planning.fleet import in_period, most_blocks, period_axis
from gigawatt.planning.flows import fixed_receipt, operating_and_investment_flow, tranche_receipt
from gigawatt.planning.placing import done_fraction, held_racks, job_training, site_racks, unplaced
from gigawatt.planning.purchases import allocated
from gigawatt.planning.reach import held_in_regions, region_racks, served_in_reach
from gigawatt.planning.resale import leaving
from gigawatt.planning.site_limits import usable_mw
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms
from gigawatt.planning.variables import COUNT_TOLERANCE, Variables, reachable_mw


def rack_balance(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """Racks in service change by what arrives and what retires; pools are sums over sites."""
    alive = terms.fleet.alive
    turnover = alive - alive.shift(later=1, fill_value=0.0)
    change = (turnover * choose.arrivals).sum("period").rename(later="period")
    if terms.resales is not None and choose.sold is not None:
        change = change - leaving(terms.resales, choose.sold).rename(later="period")
    before = (1.0 * choose.in_service.shift(period=1)).fillna(0.0)
    model.add_constraints(choose.in_service - before - change == 0.0, name="rack_balance")
    model.add_constraints(choose.delivered - choose.arrivals.sum("site") == 0.0, name="delivered")
    model.add_constraints(choose.pool - choose.in_service.sum("site") == 0.0, name="pool")


def power(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """Racks stay within what is built, and what is built within what is energized; building only grows."""
    block_mw = terms.fleet.rack_facility_mw * terms.fleet.block_racks
    drawn = (block_mw * choose.in_service).sum("platform")
    before = (1.0 * choose.built.shift(period=1)).fillna(0.0)
    model.add_constraints(drawn - choose.built <= 0.0, name="built")
    model.add_constraints(choose.built - before - choose.expansion == 0.0, name="expansion")
    model.add_constraints(usable_mw(terms=terms, choose=choose) <= terms.fleet.energized_facility_mw, name="energized")


def supply(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """Deliveries of a platform in a period stay within its supply, nothing carries over; and within allocations."""
    model.add_constraints(1.0 * choose.delivered <= terms.fleet.supply_blocks, name="supply")
    allocated(model, terms.purchases, block_racks=terms.fleet.block_racks, delivered=choose.delivered)


def allocation(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> None:
    """Services and runs share each platform's racks in every month, at what the ramp lets them deliver.

    Who gets which racks is settled for a whole period: within it a workload's racks change only as new ones ramp up.
    """
    limits, by_period = terms.fleet, in_period(inputs.calendar)
    deficit = (limits.alive @ by_period.rename(period="later")) - limits.output_share
    missing = (deficit * limits.block_racks * choose.delivered).sum("period")
    standing = (by_period * limits.block_racks * choose.pool).sum("period")
    used = choose.serving.sum("service") + choose.training.sum("run")
    model.add_constraints(used - standing + missing <= 0.0, name="allocation")
    if inputs.calendar.months_per_period == 1:
        return
    increase = (deficit.shift(month=1, fill_value=0.0) - deficit) * limits.block_racks
    ramped_up = (increase * choose.delivered).sum("period")
    inside = by_period.month % inputs.calendar.months_per_period != 0
    for name, racks, rate in (
        ("serving", choose.serving, terms.work.tokens_per_rack),
        ("training", choose.training, terms.work.flop_per_rack),
    ):
        works_on = inside & (rate > 0.0) & (rate.shift(month=1, fill_value=0.0) > 0.0)
        change = racks - (1.0 * racks.shift(month=1)).fillna(0.0)
        model.add_constraints(change >= 0.0, name=f"{name}_kept", mask=works_on)
        model.add_constraints(change - ramped_up <= 0.0, name=f"{name}_ramped_up", mask=works_on)


def tokens(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """Tokens of a month stay within what its racks serve and within what is wanted."""
    capacity = (terms.work.tokens_per_rack / TOKEN_UNIT * choose.serving).sum("platform")
    model.add_constraints(choose.served - capacity <= 0.0, name="capacity")
    model.add_constraints(1.0 * choose.served <= terms.work.demand_tokens / TOKEN_UNIT, name="demand")


def training_progress(*, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """Fraction of each run that is done within its window, `(run,)`."""
    share = unplaced(terms.work.flop_per_rack / terms.work.compute_flop, terms.jobs)
    done: linopy.LinearExpression = (share * choose.training).sum(["platform", "month"])
    if terms.jobs is None or choose.starts is None:
        return done
    return done + done_fraction(terms.jobs, choose.starts)


def placed_training(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> None:
    """Placed runs hold the racks of their jobs, at their sites."""
    if terms.jobs is None or choose.starts is None:
        return
    job_training(model, inputs, jobs=terms.jobs, choose=choose.starts, training=choose.training)
    site_racks(
        model,
        inputs,
        jobs=terms.jobs,
        limits=terms.fleet,
        choose=choose.starts,
        arrivals=choose.arrivals,
        in_service=choose.in_service,
    )


def regional_serving(model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables) -> None:
    """Services that only some sites may serve have racks of those sites."""
    if terms.reach is None or choose.regional is None:
        return
    served_in_reach(model, reach=terms.reach, serving=choose.serving, regional=choose.regional)
    used = choose.regional.sum("service")
    if terms.jobs is not None and choose.starts is not None:
        held = held_racks(terms.jobs, choose.starts.place)
        used = used + held_in_regions(inputs, reach=terms.reach, held=held)
    region_racks(
        model,
        inputs,
        reach=terms.reach,
        limits=terms.fleet,
        used=used,
        arrivals=choose.arrivals,
        in_service=choose.in_service,
    )


def milestones(model: linopy.Model, *, terms: Terms, choose: Variables) -> None:
    """A tranche is earned when its unit is energized, and stays earned.

    Until something that the contract counts can retire, counted power never falls and the count is held below it
    directly, which is tight. From then on the highest level so far is held by a binary that marks new records.
    """
    promise = terms.financing
    if promise.amount_usd.size == 0:
        return
    earned = choose.tranches
    before = (1.0 * earned.shift(period=1)).fillna(0.0)
    model.add_constraints(earned - before >= 0.0, name="tranches_kept")
    units_per_block = promise.counted_mw * terms.fleet.block_racks / promise.unit_mw
    units = (units_per_block * choose.in_service).sum(["site", "platform"])
    can_fall = _can_fall(terms)
    level = _highest_level(model, units, can_fall, terms=terms, choose=choose) if bool(can_fall.any()) else units
    ahead = _paid_ahead(model, terms=terms, choose=choose) if bool((promise.signature_count > 0.0).any()) else 0.0
    model.add_constraints(earned - level + ahead <= 0.0, name="milestones")
    if bool((promise.amount_usd < 0.0).any()):
        _payments_fall_due(model, units, terms=terms, choose=choose)


def _can_fall(terms: Terms) -> xr.DataArray:
    """Whether racks that a contract counts may have retired by a period, `(contract, period)`."""
    arrive = most_blocks(terms.fleet) > 0.0
    period = arrive.period
    first = period.where(arrive, arrive.sizes["period"]).min("period")
    retired = period >= first + _first_exit_periods(terms)
    fallen: xr.DataArray = (retired & (terms.financing.counted_mw > 0.0)).any(["site", "platform"])
    return fallen.transpose("contract", "period")


def _first_exit_periods(terms: Terms) -> xr.DataArray:
    """Age at which a rack can leave at the earliest, `(platform,)`."""
    life = terms.fleet.life_periods
    if terms.resales is None:
        return life
    ages = terms.resales.age_periods
    first: xr.DataArray = ages.where(ages > 0, life).min("resale")
    return first


def _highest_level(
    model: linopy.Model,
    units: linopy.LinearExpression,
    can_fall: xr.DataArray,
    *,
    terms: Terms,
    choose: Variables,
) -> linopy.Variable:
    """Highest number of units energized so far, `(contract, period)`: either as before, or a record of today.

    Whatever has retired, a record exceeds the one before by no more than what has arrived since.
    """
    coords = {dim: choose.tranches.coords[dim].values for dim in ("contract", "period")}
    most = (terms.financing.most_count + 1.0) * xr.ones_like(choose.tranches.upper)
    level = model.add_variables(lower=0.0, upper=most.transpose("contract", "period"), coords=coords, name="level")
    record = model.add_variables(binary=True, coords=coords, mask=can_fall, name="record")
    before = (1.0 * level.shift(period=1)).fillna(0.0)
    units_per_block = terms.financing.counted_mw * terms.fleet.block_racks / terms.financing.unit_mw
    arrived = (units_per_block * choose.arrivals).sum(["site", "platform"])
    model.add_constraints(level - units <= 0.0, name="level_standing", mask=~can_fall)
    model.add_constraints(level - before - most * record <= 0.0, name="level_kept", mask=can_fall)
    model.add_constraints(level - units + most * record <= most, name="level_reached", mask=can_fall)
    model.add_constraints(level - before - arrived <= 0.0, name="level_arrived", mask=can_fall)
    return level


def _paid_ahead(model: linopy.Model, *, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """Units whose tranche was paid on signature: they must stand before a milestone earns anything more."""
    coords = {dim: choose.tranches.coords[dim].values for dim in ("contract", "period")}
    past = model.add_variables(binary=True, coords=coords, name="past_signature")
    model.add_constraints(choose.tranches - terms.financing.most_count * past <= 0.0, name="tranches_past_signature")
    return terms.financing.signature_count * past


def _payments_fall_due(model: linopy.Model, units: linopy.LinearExpression, *, terms: Terms, choose: Variables) -> None:
    """Where the programme is the investor a tranche falls due as soon as its unit stands, up to the cap.

    `full` marks that the cap is reached; nothing more can fall due then.
    """
    promise = terms.financing
    pays = promise.amount_usd < 0.0
    coords = {dim: choose.tranches.coords[dim].values for dim in ("contract", "period")}
    full = model.add_variables(binary=True, coords=coords, name="full")
    most = float((reachable_mw(terms) / promise.unit_mw).max()) + 1.0
    room = (1.0 - COUNT_TOLERANCE + promise.signature_count) * xr.ones_like(promise.open)
    due = units - choose.tranches - most * full
    model.add_constraints(due <= room, name="tranches_due", mask=pays & (promise.open > 0.0))
    at_cap = promise.most_count - promise.signature_count
    model.add_constraints(at_cap * full - choose.tranches <= 0.0, name="tranches_full")


def cash(
    model: linopy.Model, inputs: Inputs, *, terms: Terms, choose: Variables, agreed: Agreed | None
) -> linopy.LinearExpression:
    """Cash at each period's end follows all flows; returns what is free in the leanest month of each, `(period,)`.

    What lenders ask to be kept in reserve at a period's end is not free then. Within a period cash is that of its end
    without what falls behind the month.
    """
    opening = inputs.treasury.opening_cash_usd / MONEY_UNIT_USD * (period_axis(inputs.calendar) == 0)
    flow = operating_and_investment_flow(inputs, terms=terms, choose=choose)
    before = (1.0 * choose.cash.shift(period=1)).fillna(0.0)
    received = tranche_receipt(terms=terms, choose=choose)
    if agreed is not None:
        received = received + agreed.cash
    given = fixed_receipt(inputs, terms=terms) + opening
    model.add_constraints(choose.cash - before - flow - received == given, name="cash_balance")
    at_end = 1.0 * choose.cash if agreed is None else choose.cash - agreed.reserve
    if inputs.calendar.months_per_period == 1:
        return at_end
    leanest = model.add_variables(coords={"period": choose.cash.coords["period"].values}, name="leanest")
    model.add_constraints(leanest - at_end <= 0.0, name="leanest_end")
    for months, (late, fixed) in enumerate(late_flows(inputs, terms=terms, choose=choose, agreed=agreed), start=1):
        model.add_constraints(leanest - choose.cash + late <= -fixed, name=f"leanest_{months}")
    return 1.0 * leanest


def late_flows(
    inputs: Inputs, *, terms: Terms, choose: Variables, agreed: Agreed | None
) -> list[tuple[linopy.LinearExpression, xr.DataArray]]:
    """What each period brings behind its first month, its second, ..., and of it what is fixed, `(period,)` each."""
    found = []
    for months in range(1, inputs.calendar.months_per_period):
        late = operating_and_investment_flow(inputs, terms=terms, choose=choose, after_months=months)
        late = late + tranche_receipt(terms=terms, choose=choose, after_months=months)
        if agreed is not None:
            late = late + agreed.late[months - 1]
        found.append((late, fixed_receipt(inputs, terms=terms, after_months=months)))
    return found


def energized_mw(*, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """Facility power of all racks in service, `(period,)`."""
    block_mw = terms.fleet.rack_facility_mw * terms.fleet.block_racks
    return (block_mw * choose.in_service).sum(["site", "platform"])


def counted_mw(inputs: Inputs, *, terms: Terms, choose: Variables) -> linopy.LinearExpression:
    """Facility power of the racks in service that each target counts, `(target, period)`."""
    platforms = [offer.platform.id for offer in inputs.offers]
    counts = xr.DataArray(
        np.array([[float(name in target.platforms) for name in platforms] for target in inputs.targets]),
        dims=("target", "platform"),
        coords={"target": np.arange(len(inputs.targets)), "platform": platforms},
    )
    block_mw = terms.fleet.rack_facility_mw * terms.fleet.block_racks
    return (counts * block_mw * choose.in_service).sum(["site", "platform"])


def target_mw(inputs: Inputs) -> xr.DataArray:
    """Facility power that each target asks for, from the period of its deadline on, else 0, `(target, period)`.

    A target whose deadline lies after the horizon asks for nothing within it.
    """
    calendar = inputs.calendar
    first = np.array([max(0, calendar.month_index(t.deadline)) // calendar.months_per_period for t in inputs.targets])
    asked = np.array([target.facility_mw for target in inputs.targets])
    count, periods = len(inputs.targets), np.arange(calendar.period_count)
    level = np.where(periods[None, :] >= first.reshape(count, 1), asked.reshape(count, 1), 0.0)
    return xr.DataArray(level, dims=("target", "period"), coords={"target": np.arange(count), "period": periods})
