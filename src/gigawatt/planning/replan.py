"""Planning anew on a later day: the past stands, orders inside their lead time stand, the rest is open.

Changes have a price of their own (`churn`), so that a plan moves only where moving pays. And a plan that is still
possible, and still within the allowed gap of the best, is left as it is: two plans that no solver can tell apart are
one plan.
"""

from dataclasses import dataclass, replace

import linopy
import xarray as xr

from gigawatt.entities.actuals import Actuals
from gigawatt.entities.stages import BuildPlan, Inputs, Objective, Performance
from gigawatt.errors import InfeasibleError, ScenarioError
from gigawatt.planning.aims import goal_aim
from gigawatt.planning.commitments import Commitments, commitments, restated
from gigawatt.planning.decisions import settle
from gigawatt.planning.fleet import Fleet, fleet, in_period
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.generation import brought_energy
from gigawatt.planning.goals import achieved, pursue
from gigawatt.planning.orders import ordered_blocks
from gigawatt.planning.placing import held_by_job, planned_place, ready_racks, unplaced
from gigawatt.planning.plan import finished
from gigawatt.planning.plants import planned_plant_mw
from gigawatt.planning.repeat import REPLANNED
from gigawatt.planning.search import Report, Search, adopt, gap_fraction, search, silent, values_of
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT, Terms, terms
from gigawatt.timeline import FloatArray

_LONG_AGO = -1e9
_MOVED = "moved"
_EVEN = 1.0 + 1e-9
_LEAST_RACKS = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanned:
    """A plan made anew: the `inputs` as now known, the `plan`, and what the earlier plan would reach.

    `earlier_value` is the objective of the earlier plan, continued unchanged under what is now known, in its own unit;
    NaN where it is no longer possible. `churn_usd` was charged for the changes. `is_unchanged` says that the earlier
    plan goes on.
    """

    inputs: Inputs
    plan: BuildPlan
    commitments: Commitments
    earlier_value: float
    churn_usd: float
    is_unchanged: bool


def replan(
    inputs: Inputs,
    performance: Performance,
    plan: BuildPlan,
    *,
    actuals: Actuals,
    churn_fraction: float,
    report: Report = silent,
) -> Replanned:
    """The best plan from the day of the actuals on, everything that stands being kept.

    `churn_fraction` of a rack's price is charged for each rack that arrives at another site or in another period than
    planned. Raises InfeasibleError where what stands leaves no plan, ScenarioError where the actuals contradict one
    another.
    """
    with linopy.options as options:
        options(semantics="v1")
        return _replan(inputs, performance, plan, actuals=actuals, churn_fraction=churn_fraction, report=report)


def _replan(
    inputs: Inputs,
    performance: Performance,
    plan: BuildPlan,
    *,
    actuals: Actuals,
    churn_fraction: float,
    report: Report,
) -> Replanned:
    now = restated(inputs, actuals)
    stand = commitments(inputs, plan, actuals=actuals, now=now)
    known = _terms(inputs, performance, now=now, stand=stand)
    _check_power(known, stand)
    built = formulation(now, terms=known)
    insist(built)
    hold(now, plan, built=built, stand=stand)
    surprise = None if actuals.cash_usd is None else _known_cash(built, stand, cash_usd=actuals.cash_usd)
    price = xr.DataArray([churn_fraction * offer.price_usd_per_rack for offer in now.offers], dims="platform")
    price_usd = price.assign_coords(platform=known.fleet.block_racks.platform) * known.fleet.block_racks / 2.0
    churn = _churn(built, stand, price_usd_per_block=price_usd)
    report(f"searching from {actuals.as_of:%Y-%m} on, what stands being kept")
    earlier = _continued(built, stand, now)
    start = earlier.values if earlier is not None else None
    earlier_value = float("nan") if earlier is None else _value(now, built, earlier.values)
    best = pursue(now, built=replace(built, npv=built.npv - churn), report=report, start=start)
    if best is None:
        raise InfeasibleError(_statements(now), remedy=f"as of {actuals.as_of:%Y-%m}, what stands leaves no such plan")
    unchanged = (
        earlier is not None
        and not now.goals
        and gap_fraction(earlier_value, best.bound) <= max(now.solver.gap_fraction, plan.gap_fraction)
    )
    values = earlier.values if unchanged and earlier is not None else best.values
    moved = 0.0 if unchanged else float((price_usd * values_of(built.model.variables[_MOVED], values)).sum())
    if surprise is not None:
        extra_usd = float(values_of(surprise, values)) * MONEY_UNIT_USD
        treasury = replace(now.treasury, opening_cash_usd=now.treasury.opening_cash_usd + extra_usd)
        now = replace(now, treasury=treasury)
    charged = moved if now.objective in {Objective.NPV, Objective.WEIGHTED} else 0.0
    chosen = finished(now, built, replace(best, values=values, bound=best.bound + charged), report=report)
    told = _with_orders(chosen, stand, lead_before=fleet(inputs).lead_periods, limits=known.fleet)
    return Replanned(
        inputs=now,
        plan=replace(told, decisions=told.decisions.assign_attrs({REPLANNED: f"{actuals.as_of:%Y-%m}"})),
        commitments=stand,
        earlier_value=earlier_value,
        churn_usd=moved,
        is_unchanged=unchanged,
    )


def _with_orders(plan: BuildPlan, stand: Commitments, *, lead_before: xr.DataArray, limits: Fleet) -> BuildPlan:
    """The plan with its orders on the days on which they were, or are, placed."""
    stored = plan.decisions["ordered_racks"]
    arrived = plan.decisions["arrived_racks"].assign_coords(period=stand.kept.period) / limits.block_racks
    orders = ordered_blocks(
        arrived.transpose("site", "platform", "period"), stand, lead_before=lead_before, lead_now=limits.lead_periods
    )
    racks = (orders * limits.block_racks).transpose(*stored.dims)
    return replace(plan, decisions=plan.decisions.assign(ordered_racks=stored.copy(data=racks.values)))


def _statements(inputs: Inputs) -> tuple[str, ...]:
    """Everything that the scenario insists on, by key."""
    return (
        *(f"target[{index}]" for index in range(len(inputs.targets))),
        *(f"training[{index}]" for index in range(len(inputs.runs))),
        "programme.minimum_cash",
    )


def _terms(inputs: Inputs, performance: Performance, *, now: Inputs, stand: Commitments) -> Terms:
    """The arrays as now known; what was ordered before is paid at the price and in the months it was ordered at."""
    before, known = terms(inputs, performance), terms(now, performance)
    period = known.fleet.supply_blocks.period
    ordered = period < stand.first + before.fleet.lead_periods
    paid = before.money.arrival_usd_per_rack.where(ordered, known.money.arrival_usd_per_rack)
    return replace(
        known,
        money=replace(known.money, arrival_usd_per_rack=paid.transpose(*known.money.arrival_usd_per_rack.dims)),
    )


def _check_power(known: Terms, stand: Commitments) -> None:
    """Racks that stand must have power, from the day of the actuals on."""
    limits = known.fleet
    past = stand.kept.where(stand.kept.period < stand.first, 0.0)
    serving = (past * limits.alive).sum("period").rename(later="period")
    drawn = (limits.rack_facility_mw * limits.block_racks * serving).sum("platform").isel(period=stand.first)
    energized = (limits.energized_facility_mw + stand.firm_mw).isel(period=stand.first)
    for site in limits.rack_facility_mw.site.values:
        drawn_mw, energized_mw = float(drawn.sel(site=site)), float(energized.sel(site=site))
        if drawn_mw > energized_mw * _EVEN:
            raise ScenarioError(
                where=f"site {site}",
                found=f"{drawn_mw:g} MW of racks in service, {energized_mw:g} MW energized",
                expected="racks in service within the power that is energized",
                fix="State the site's racks as they stand ([[racks]]), or its power as it is (energized).",
            )


def hold(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments) -> None:
    """Holds the model to the past and to what is on order, and lets go of what the past has broken already."""
    model, arrivals, limits = built.model, built.choose.arrivals, built.terms.fleet
    period = limits.supply_blocks.period
    past = period < stand.first
    waiting = stand.waiting.cumsum("period")
    free = (~past & ~stand.in_lead).transpose("platform", "period")
    most = arrivals.upper.where(free, 0.0) + stand.kept + waiting.where(stand.in_lead & (waiting > 0.0), 0.0)
    arrivals.update(upper=most.transpose(*arrivals.dims))
    model.add_constraints(1.0 * arrivals >= stand.kept, name="standing", mask=stand.kept > 0.0)
    model.add_constraints(1.0 * arrivals <= stand.kept, name="past", mask=past & (stand.kept >= 0.0))
    so_far = (period <= period.rename(period="later")) & ~past
    standing = stand.kept.sum("site")
    received = (so_far * built.choose.delivered).sum("period").rename(later="period")
    limit = (so_far * standing).sum("period").rename(later="period") + waiting
    model.add_constraints(received <= limit, name="in_lead", mask=stand.in_lead)
    total = (standing.where(~past, 0.0) + stand.waiting).sum("period")
    model.add_constraints((~past * built.choose.delivered).sum("period") >= total, name="ordered", mask=total > 0.0)
    _let_go(built, stand, past=past, delivered=standing + waiting.where(stand.in_lead, 0.0))
    _hold_plants(inputs, plan, built=built, stand=stand)
    _hold_work(inputs, plan, built=built, stand=stand, past=past)


def _let_go(built: Formulation, stand: Commitments, *, past: xr.DataArray, delivered: xr.DataArray) -> None:
    """Limits of the past and of deliveries on order give way to what was; targets, to what can still be met."""
    rows = built.model.constraints
    _raise(built, "energized", _drawn_mw(built, stand).where(past, 0.0))
    _raise(built, "supply", delivered.where(past | stand.in_lead, 0.0))
    _let_windows_go(built, delivered=stand.kept.sum("site"), closed=past | stand.in_lead)
    rows["minimum_cash"].update(rhs=rows["minimum_cash"].rhs.where(~past, _LONG_AGO))
    if "targets" in rows:
        closed = past | stand.in_lead.all("platform")
        asked = rows["targets"].rhs
        rows["targets"].update(rhs=asked.where(~closed, 0.0).transpose(*asked.dims))


def _let_windows_go(built: Formulation, *, delivered: xr.DataArray, closed: xr.DataArray) -> None:
    """Allocations give way to what was delivered, and minimum purchases to what can still be ordered in time."""
    stated, rows = built.terms.purchases, built.model.constraints
    if stated is None:
        return
    taken = (stated.counted * built.terms.fleet.block_racks * delivered).sum(["platform", "period"])
    if "allocated" in rows:
        _raise(built, "allocated", taken)
    if "purchases" in rows:
        over = ~((stated.counted > 0.0) & ~closed).any(["platform", "period"])
        asked = rows["purchases"].rhs
        rows["purchases"].update(rhs=asked.where(~over | ~stated.refused | (asked <= taken), taken))


def _drawn_mw(built: Formulation, stand: Commitments) -> xr.DataArray:
    """Power at peak of the racks that stand or are kept on order, `(site, period)`."""
    limits = built.terms.fleet
    serving = (stand.kept * limits.alive).sum("period").rename(later="period")
    return (limits.rack_facility_mw * limits.block_racks * serving).sum("platform")


def _hold_plants(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments) -> None:
    """Plants that stand or are begun come as planned; in the past, connections brought what racks drew beyond them."""
    planned, chosen, known = planned_plant_mw(inputs, plan.decisions), built.choose.plants, built.terms.plants
    if planned is None or chosen is None or known is None:
        return
    begun = (known.lead_periods > planned.period - stand.first).transpose("plant", "period")
    chosen.standing.update(lower=planned.where(begun, 0.0), upper=planned.where(begun, chosen.standing.upper))
    came_mw = (_drawn_mw(built, stand) - stand.firm_mw).clip(0.0).where(planned.period < stand.first, 0.0)
    rows, came = built.model.constraints["plant_need"], brought_energy(inputs, came_mw)
    rows.update(rhs=rows.rhs.where(rows.rhs <= -came, -came).transpose(*rows.rhs.dims))


def _raise(built: Formulation, family: str, least: xr.DataArray) -> None:
    """Lifts the right-hand sides of a family to `least` where they are lower."""
    rows = built.model.constraints[family]
    stated = rows.rhs
    rows.update(rhs=stated.where(stated >= least, least).transpose(*stated.dims))


def _hold_work(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments, past: xr.DataArray) -> None:
    """No more was served and trained in the past than the plan had meant to."""
    choose, work, by_period = built.choose, built.terms.work, in_period(inputs.calendar)
    index = {"period": past.period}
    meant = plan.decisions["served_tokens"].assign_coords(index).transpose("service", "period") / TOKEN_UNIT
    served = (by_period * choose.served).sum("month")
    built.model.add_constraints(served <= meant * _EVEN, name="past_served", mask=past & (meant >= 0.0))
    _hold_jobs(inputs, plan, built=built, stand=stand)
    if not inputs.runs:
        return
    flop = plan.decisions["training_flop"].assign_coords(index).transpose("run", "period")
    share = unplaced(work.flop_per_rack / work.compute_flop, built.terms.jobs) * by_period
    trained = (share * choose.training).sum(["platform", "month"])
    done = flop / work.compute_flop
    built.model.add_constraints(trained <= done * _EVEN, name="past_trained", mask=past & (done >= 0.0))


def _hold_jobs(inputs: Inputs, plan: BuildPlan, *, built: Formulation, stand: Commitments) -> None:
    """Placed runs that have begun go on where they are; others begin from the first open period on.

    One whose racks were not there in the past has not begun.
    """
    jobs, choose, limits = built.terms.jobs, built.choose.starts, built.terms.fleet
    if jobs is None or choose is None:
        return
    racks = plan.decisions["training_racks"].assign_coords(period=limits.supply_blocks.period)
    planned = planned_place(jobs, racks)
    begins = jobs.first_period + jobs.possible.start
    ready = ready_racks(limits, calendar=inputs.calendar, arrived_blocks=stand.kept)
    missing = (held_by_job(jobs, planned) > ready + _LEAST_RACKS) & (ready.period < stand.first)
    stands = (planned > 0.0) & (begins < stand.first) & ~missing.any(["site", "platform", "period"])
    going = stands.any(["site", "platform", "site_count", "start"])
    kept = planned.where(stands, 0.0)
    most = kept.where(going | (begins < stand.first), choose.place.upper)
    dims = choose.place.dims
    choose.place.update(lower=kept.transpose(*dims), upper=most.transpose(*dims))


def _known_cash(built: Formulation, stand: Commitments, *, cash_usd: float) -> linopy.Variable:
    """Cash when the day begins is what it is; the difference from what the model makes of the past."""
    model, cash = built.model, built.choose.cash
    surprise = model.add_variables(name="surprise")
    rows = model.constraints["cash_balance"]
    lhs, rhs = rows.lhs, rows.rhs
    model.remove_constraints("cash_balance")
    model.add_constraints(lhs - (rhs.period == stand.first) * surprise == rhs, name="cash_balance")
    before = cash.sel(period=stand.first - 1, drop=True)
    model.add_constraints(before + surprise == cash_usd / MONEY_UNIT_USD, name="known_cash")
    return surprise


def _churn(built: Formulation, stand: Commitments, *, price_usd_per_block: xr.DataArray) -> linopy.LinearExpression:
    """What all changes of arrivals cost, in the solver's money: half the price for one less, half for one more."""
    model, arrivals = built.model, built.choose.arrivals
    moved = model.add_variables(lower=0.0, coords=arrivals.coords, name=_MOVED)
    model.add_constraints(moved - arrivals >= -stand.planned, name="moved_more")
    model.add_constraints(moved + arrivals >= stand.planned, name="moved_less")
    return (price_usd_per_block / MONEY_UNIT_USD * moved).sum()


def _continued(built: Formulation, stand: Commitments, inputs: Inputs) -> Search | None:
    """The earlier plan under what is now known; None where it is no longer possible."""
    arrivals = built.choose.arrivals
    if bool((stand.waiting > 0.0).any()) or bool((stand.planned > arrivals.upper).any()):
        return None
    limits = arrivals.lower.copy(), arrivals.upper.copy()
    arrivals.update(lower=stand.planned, upper=stand.planned)
    dated = inputs.objective is Objective.EARLIEST_TARGET
    wanted = built.npv if dated else goal_aim(inputs, inputs.pursued[0], built=built).expression
    built.model.add_objective(wanted, sense="max", overwrite=True)
    found = search(built.model, settings=inputs.solver, report=silent)
    arrivals.update(lower=limits[0], upper=limits[1])
    return found if found.found else None


def _value(inputs: Inputs, built: Formulation, values: FloatArray) -> float:
    """What a plan's values reach of the objective, settled."""
    adopt(built.model, values)
    settle(inputs, terms=built.terms, built=built)
    return achieved(inputs, built=built)[0]
