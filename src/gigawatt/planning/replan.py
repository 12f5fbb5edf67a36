"""Planning anew on a later day: the past stands, orders inside their lead time stand, the rest is open.

Changes have a price of their own (`churn`), so that a plan moves only where moving pays. And a plan that is still
possible, and still within the allowed gap of the best, is left as it is: two plans that no solver can tell apart are
one plan.
"""

from dataclasses import dataclass, replace

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.actuals import Actuals
from gigawatt.entities.stages import BuildPlan, Inputs, Objective, Performance
from gigawatt.errors import GigawattError, InfeasibleError, ScenarioError
from gigawatt.planning.aims import goal_aim
from gigawatt.planning.commitments import Commitments, commitments, restated
from gigawatt.planning.decisions import settle
from gigawatt.planning.explain import binding, still_open
from gigawatt.planning.fleet import Fleet, fleet
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.goals import Bounded, achieved, pursue
from gigawatt.planning.holding import EVEN, demands_in_conflict, hold, planned_terms, stored
from gigawatt.planning.orders import ordered_blocks
from gigawatt.planning.plan import finished
from gigawatt.planning.resale import planned_sold
from gigawatt.planning.search import Report, Search, adopt, gap_fraction, search, silent, values_of
from gigawatt.planning.stopping import Stop
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms, terms
from gigawatt.timeline import FloatArray

_MOVED = "moved"


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
    stop: Stop | None = None,
) -> Replanned:
    """The best plan from the day of the actuals on, everything that stands being kept.

    `churn_fraction` of a rack's price is charged for each rack that arrives at another site or in another period than
    planned. Where `stop` is asked for, the best plan so far is the answer, or the earlier plan where it is still
    possible. Raises InfeasibleError where what stands leaves no plan, ScenarioError where the actuals contradict one
    another, GigawattError where time, or the wish to stop, comes before any plan is found.
    """
    with linopy.options as options:
        options(semantics="v1")
        return _replan(
            inputs,
            performance,
            plan,
            actuals=actuals,
            churn_fraction=churn_fraction,
            report=report,
            stop=stop or Stop(),
        )


def _replan(
    inputs: Inputs,
    performance: Performance,
    plan: BuildPlan,
    *,
    actuals: Actuals,
    churn_fraction: float,
    report: Report,
    stop: Stop,
) -> Replanned:
    now = restated(inputs, actuals)
    stand = commitments(inputs, plan, actuals=actuals, now=now)
    listed = terms(now, performance)
    known = _with_paid(listed, stand, before=planned_terms(inputs, performance, plan))
    _check_power(known, stand)
    built = formulation(now, terms=known)
    insist(built)
    hold(now, plan, built=built, stand=stand)
    surprise = None if actuals.cash_usd is None else _known_cash(built, stand, cash_usd=actuals.cash_usd)
    price = xr.DataArray([churn_fraction * offer.price_usd_per_rack for offer in now.offers], dims="platform")
    price_usd = price.assign_coords(platform=known.fleet.block_racks.platform) * known.fleet.block_racks / 2.0
    churn = _churn(built, stand, price_usd_per_block=price_usd)
    report(f"searching from {actuals.as_of:%Y-%m} on, what stands being kept")
    earlier, best = _searched(now, plan, stand, built=replace(built, npv=built.npv - churn), report=report, stop=stop)
    if best is None:
        raise InfeasibleError(
            demands_in_conflict(now, built, stand),
            remedy=f"as of {actuals.as_of:%Y-%m} what stands and what is paid for leaves no such plan; "
            "check orders, power and cash in the file of actuals",
        )
    earlier_value = float("nan") if earlier is None else _value(now, built, earlier.values)
    unchanged = earlier is not None and (
        np.array_equal(best.values, earlier.values) or _goes_on(now, plan, earlier_value, bound=best.bound)
    )
    values = earlier.values if unchanged and earlier is not None else best.values
    moved = 0.0 if unchanged else float((price_usd * values_of(built.model.variables[_MOVED], values)).sum())
    now = _with_cash(now, surprise, values=values)
    charged = moved if now.objective in {Objective.NPV, Objective.WEIGHTED} else 0.0
    proved = replace(best, values=values, bound=best.bound + charged)
    chosen = finished(now, built, proved, report=report, was_stopped=stop.heard)
    chosen = _explained(now, chosen, known=known, first=stand.first)
    told = _with_orders(chosen, stand, lead_before=fleet(inputs).lead_periods, limits=known.fleet)
    kept = stored(told.decisions, stand, as_of=f"{actuals.as_of:%Y-%m}", known=known, listed=listed)
    return Replanned(
        inputs=now,
        plan=replace(told, decisions=kept),
        commitments=stand,
        earlier_value=earlier_value,
        churn_usd=moved,
        is_unchanged=unchanged,
    )


def _searched(
    inputs: Inputs, plan: BuildPlan, stand: Commitments, *, built: Formulation, report: Report, stop: Stop
) -> tuple[Search | None, Bounded | None]:
    """The earlier plan as it would go on, if it can, and the best plan; the former where the latter is not awaited."""
    with stop.listening():
        earlier = _continued(inputs, plan, stand, built=built)
        try:
            start = None if earlier is None else earlier.values
            return earlier, pursue(inputs, built=built, report=report, start=start)
        except GigawattError:
            if earlier is None or not stop.heard:
                raise
    return earlier, Bounded(values=earlier.values, bound=_relaxed_bound(inputs, built))


def _relaxed_bound(inputs: Inputs, built: Formulation) -> float:
    """What no plan exceeds of the first goal, everything being divisible, in the goal's own unit."""
    if inputs.objective is Objective.EARLIEST_TARGET:
        return 0.0
    sought = goal_aim(inputs, inputs.pursued[0], built=built)
    built.model.add_objective(sought.expression, sense="max", overwrite=True)
    built.model.variables.relax()
    found = search(built.model, settings=inputs.solver, report=silent)
    built.model.variables.unrelax()
    if not found.found:
        raise GigawattError("solver.time_limit: interrupted before anything was known of the best plan.")
    return found.objective * sought.unit


def _goes_on(inputs: Inputs, plan: BuildPlan, earlier_value: float, *, bound: float) -> bool:
    """Whether no solver can tell the earlier plan from the best."""
    allowed = max(inputs.solver.gap_fraction, plan.gap_fraction)
    return not inputs.goals and gap_fraction(earlier_value, bound) <= allowed


def _with_cash(inputs: Inputs, surprise: linopy.Variable | None, *, values: FloatArray) -> Inputs:
    """The inputs with an opening cash from which the past leads to the cash that is known."""
    if surprise is None:
        return inputs
    extra_usd = float(values_of(surprise, values)) * MONEY_UNIT_USD
    treasury = replace(inputs.treasury, opening_cash_usd=inputs.treasury.opening_cash_usd + extra_usd)
    return replace(inputs, treasury=treasury)


def _explained(inputs: Inputs, plan: BuildPlan, *, known: Terms, first: int) -> BuildPlan:
    """The plan with what is still open told: nothing binds in the past."""
    months = inputs.calendar.months_per_period
    marginals = still_open(plan.marginals, first=first, months_per_period=months)
    return replace(plan, marginals=marginals, binding=binding(inputs, terms=known, marginals=marginals, first=first))


def _with_orders(plan: BuildPlan, stand: Commitments, *, lead_before: xr.DataArray, limits: Fleet) -> BuildPlan:
    """The plan with its orders on the days on which they were, or are, placed."""
    stored = plan.decisions["ordered_racks"]
    arrived = plan.decisions["arrived_racks"].assign_coords(period=stand.kept.period) / limits.block_racks
    orders = ordered_blocks(
        arrived.transpose("site", "platform", "period"), stand, lead_before=lead_before, lead_now=limits.lead_periods
    )
    racks = (orders * limits.block_racks).transpose(*stored.dims)
    return replace(plan, decisions=plan.decisions.assign(ordered_racks=stored.copy(data=racks.values)))


def _with_paid(listed: Terms, stand: Commitments, *, before: Terms) -> Terms:
    """The arrays as now known; what was ordered before is paid at the price and in the months it was ordered at."""
    ordered = listed.fleet.supply_blocks.period < stand.first + before.fleet.lead_periods
    now_usd = listed.money.arrival_usd_per_rack
    paid = before.money.arrival_usd_per_rack.where(ordered, now_usd).transpose(*now_usd.dims)
    return replace(listed, money=replace(listed.money, arrival_usd_per_rack=paid))


def _check_power(known: Terms, stand: Commitments) -> None:
    """Racks that stand must have power, from the day of the actuals on."""
    limits = known.fleet
    past = stand.kept.where(stand.kept.period < stand.first, 0.0)
    serving = (past * limits.alive).sum("period").rename(later="period") - stand.left
    drawn = (limits.rack_facility_mw * limits.block_racks * serving).sum("platform").isel(period=stand.first)
    energized = (limits.energized_facility_mw + stand.firm_mw).isel(period=stand.first)
    for site in limits.rack_facility_mw.site.values:
        drawn_mw, energized_mw = float(drawn.sel(site=site)), float(energized.sel(site=site))
        if drawn_mw > energized_mw * EVEN:
            raise ScenarioError(
                where=f"site {site}",
                found=f"{drawn_mw:g} MW of racks in service, {energized_mw:g} MW energized",
                expected="racks in service within the power that is energized",
                fix="State the site's racks as they stand ([[racks]]), or its power as it is (energized).",
            )


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


def _continued(inputs: Inputs, plan: BuildPlan, stand: Commitments, *, built: Formulation) -> Search | None:
    """The earlier plan under what is now known; None where it is no longer possible."""
    arrivals = built.choose.arrivals
    if bool((stand.waiting > 0.0).any()) or bool((stand.planned > arrivals.upper).any()):
        return None
    as_planned = [(arrivals, stand.planned)]
    if built.terms.resales is not None and built.choose.sold is not None:
        sold = planned_sold(built.terms.resales, plan.decisions, block_racks=built.terms.fleet.block_racks)
        as_planned.append((built.choose.sold, sold))
    limits = [(variable, variable.lower.copy(), variable.upper.copy()) for variable, _ in as_planned]
    for variable, values in as_planned:
        fixed = values.transpose(*variable.dims)
        variable.update(lower=fixed, upper=fixed)
    dated = inputs.objective is Objective.EARLIEST_TARGET
    wanted = built.npv if dated else goal_aim(inputs, inputs.pursued[0], built=built).expression
    built.model.add_objective(wanted, sense="max", overwrite=True)
    found = search(built.model, settings=inputs.solver, report=silent)
    for variable, lower, upper in limits:
        variable.update(lower=lower, upper=upper)
    return found if found.found else None


def _value(inputs: Inputs, built: Formulation, values: FloatArray) -> float:
    """What a plan's values reach of the objective, settled."""
    adopt(built.model, values)
    settle(inputs, terms=built.terms, built=built)
    return achieved(inputs, built=built)[0]
