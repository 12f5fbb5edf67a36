"""What is maximized: one goal after the other, each kept while the next is pursued.

Present value is a goal by itself. Served tokens, training, the least cost, or the earliest period of a target come
first where they are the objective; among the plans that reach them the most valuable one is taken, so that nothing
useless is built.
"""

from dataclasses import dataclass, replace

import linopy

from gigawatt.entities.stages import Inputs, Objective
from gigawatt.errors import ScenarioError
from gigawatt.planning.aims import aim, hold_aim
from gigawatt.planning.constraints import counted_mw
from gigawatt.planning.fleet import period_axis
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.search import Report, search, silent
from gigawatt.planning.solve import maximized
from gigawatt.planning.terms import MONEY_UNIT_USD
from gigawatt.timeline import FloatArray

_FIRST_GOAL_TIME_SHARE = 0.5
_GOAL_KEPT_FRACTION = 1.0 - 1e-7
"""A goal may give way by the solver's own accuracy, no more."""
_EARLIEST = "earliest_target"
_KEPT = "goal_kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """A plan's values, and the best bound on the objective in its own unit: USD, tokens, FLOP or periods."""

    values: FloatArray
    bound: float


def pursue(inputs: Inputs, *, built: Formulation, report: Report, start: FloatArray | None = None) -> Bounded | None:
    """The best plan and its bound; None where no plan is feasible. `start` is a plan known to be feasible."""
    if inputs.objective is Objective.EARLIEST_TARGET:
        return _earliest_target(inputs, built=built, report=report)
    if inputs.objective is not Objective.NPV:
        return _first_goal_then_value(inputs, built=built, report=report)
    best = maximized(built, built.npv, settings=inputs.solver, report=report, start=start)
    return None if best is None else Bounded(values=best.values, bound=best.bound * MONEY_UNIT_USD)


def _first_goal_then_value(inputs: Inputs, *, built: Formulation, report: Report) -> Bounded | None:
    half = replace(inputs.solver, time_limit_s=inputs.solver.time_limit_s * _FIRST_GOAL_TIME_SHARE)
    goal = aim(inputs, inputs.objective, built=built)
    report(f"the best {goal.words}")
    first = maximized(built, goal.expression, settings=half, report=report)
    if first is None:
        return None
    report(f"the most valuable plan with the best {goal.words}")
    hold_aim(built, goal, reached=first.objective, name=_KEPT)
    second = maximized(built, built.npv, settings=half, report=report, start=first.values)
    return Bounded(values=(second or first).values, bound=first.bound * goal.unit)


def _earliest_target(inputs: Inputs, *, built: Formulation, report: Report) -> Bounded | None:
    """The most valuable plan that has the target from the earliest possible period on.

    Bisection over periods with divisible racks proves how early it can be; from there on periods are tried in turn.
    """
    report("the earliest period of the target")
    period_count = inputs.calendar.period_count
    earliest = _earliest_divisible(inputs, built=built)
    if earliest is None:
        return None
    for period in range(earliest, period_count + 1):
        _insist_on_target(inputs, built=built, period=period)
        report(f"the most valuable plan with the target from period {period + 1} of {period_count} on")
        best = maximized(built, built.npv, settings=inputs.solver, report=report)
        if best is not None:
            return Bounded(values=best.values, bound=float(earliest))
    return None


def _earliest_divisible(inputs: Inputs, *, built: Formulation) -> int | None:
    """First period from which the target can stand if racks and milestones are divisible; None if nothing can."""
    first, last = 0, inputs.calendar.period_count
    built.model.add_objective(0.0 * built.npv, sense="max", overwrite=True)
    built.model.variables.relax()
    while first < last:
        middle = (first + last) // 2
        _insist_on_target(inputs, built=built, period=middle)
        possible = search(built.model, settings=inputs.solver, report=silent).found
        first, last = (first, middle) if possible else (middle + 1, last)
    _insist_on_target(inputs, built=built, period=first)
    possible = search(built.model, settings=inputs.solver, report=silent).found
    built.model.variables.unrelax()
    return first if possible else None


def _insist_on_target(inputs: Inputs, *, built: Formulation, period: int) -> None:
    """The largest target stands from `period` on; nothing is asked where that lies after the horizon."""
    model, energized = built.model, _counted_mw(inputs, built=built)
    if _EARLIEST in model.constraints:
        model.remove_constraints(_EARLIEST)
    goal_mw = largest_target_mw(inputs) * (period_axis(inputs.calendar) >= period)
    if period < inputs.calendar.period_count:
        model.add_constraints(energized >= goal_mw, name=_EARLIEST, mask=goal_mw > 0.0)


def _counted_mw(inputs: Inputs, *, built: Formulation) -> linopy.LinearExpression:
    """Facility power that the largest target counts, `(period,)`."""
    largest_mw = largest_target_mw(inputs)
    index = [target.facility_mw for target in inputs.targets].index(largest_mw)
    return counted_mw(inputs, terms=built.terms, choose=built.choose).sel(target=index, drop=True)


def keep(inputs: Inputs, *, built: Formulation, value: float) -> None:
    """Holds a plan's model to a first goal that was reached: tokens, or the period of the earliest target."""
    if inputs.objective is Objective.EARLIEST_TARGET:
        _insist_on_target(inputs, built=built, period=round(value))
    elif inputs.objective is not Objective.NPV:
        goal = aim(inputs, inputs.objective, built=built)
        hold_aim(built, goal, reached=value / goal.unit, name=_KEPT)


def largest_target_mw(inputs: Inputs) -> float:
    """Facility power of the largest target, which `earliest-target` is about."""
    if not inputs.targets:
        raise ScenarioError(
            where="programme.objective",
            found='"earliest-target" without any target',
            expected="a target to reach as early as possible",
            fix='Add [[target]] with facility = "1 GW facility" and by = "2030-12", or choose another objective.',
        )
    return max(target.facility_mw for target in inputs.targets)


def achieved(inputs: Inputs, *, built: Formulation) -> float:
    """Value of the plan that stands on the model, in the objective's own unit (USD, tokens, FLOP or periods)."""
    if inputs.objective is Objective.EARLIEST_TARGET:
        goal_mw = largest_target_mw(inputs)
        short = _counted_mw(inputs, built=built).solution < goal_mw * _GOAL_KEPT_FRACTION
        return float(short.values.nonzero()[0].max(initial=-1) + 1)
    return aim(inputs, inputs.objective, built=built).value()
