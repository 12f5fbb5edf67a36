"""What is maximized: one goal after the other, each kept while the next is pursued.

Present value is a goal by itself. Served tokens, training, the least cost, the earliest period of a target or a
weighted sum are pursued in the order stated; among the plans that reach them the most valuable one is taken, so that
nothing useless is built.
"""

from dataclasses import dataclass, replace

import linopy
import numpy as np

from gigawatt.entities.stages import Goal, Inputs, Objective
from gigawatt.errors import GigawattError, InputError, ScenarioError
from gigawatt.planning.aims import KEPT_TOLERANCE, goal_aim, hold_aim
from gigawatt.planning.constraints import counted_mw
from gigawatt.planning.fleet import period_axis
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.search import Report, gap_fraction, search, silent
from gigawatt.planning.solve import judged, maximized
from gigawatt.timeline import FloatArray

_EARLIEST = "earliest_target"
_KEPT = "goal_kept"
_VALUE = Goal(text=str(Objective.NPV), objective=Objective.NPV)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounded:
    """A plan's values, and the best bound on the first goal in its own unit: USD, tokens, FLOP or periods.

    `later_gap_fraction` is the largest gap of the goals stated after the first, 1 where nothing is proved of one.
    """

    values: FloatArray
    bound: float
    later_gap_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reached:
    """What was found of one goal: the plan's values, the bound in the goal's own unit, and the gap between them."""

    values: FloatArray
    bound: float
    gap_fraction: float


def pursue(inputs: Inputs, *, built: Formulation, report: Report, start: FloatArray | None = None) -> Bounded | None:
    """The best plan and its bound; None where no plan is feasible. `start` is a plan known to be feasible."""
    stages = _stages(inputs)
    share = replace(inputs.solver, time_limit_s=inputs.solver.time_limit_s / len(stages))
    timed = replace(inputs, solver=share)
    found: list[_Reached] = []
    for index, goal in enumerate(stages):
        if len(stages) > 1:
            report(f"goal {index + 1} of {len(stages)}: the best {goal.text}")
        known = found[-1].values if found else start
        name = _kept_name(index) if index + 1 < len(stages) else ""
        try:
            reached = _pursued(timed, goal, built=built, report=report, name=name, start=known)
        except GigawattError as error:
            if not found or isinstance(error, InputError):
                raise
            reached = None  # no time for this goal: the plan stays as the earlier ones have it
        if reached is None and not found:
            return None
        found.append(reached or replace(found[-1], gap_fraction=1.0))
    later = [reached.gap_fraction for reached in found[1 : len(inputs.pursued)]]
    return Bounded(values=found[-1].values, bound=found[0].bound, later_gap_fraction=max(later, default=0.0))


def _stages(inputs: Inputs) -> tuple[Goal, ...]:
    """The goals, and at the end present value, which the earliest date is sought with anyway."""
    ends_with_value = inputs.pursued[-1].objective in {Objective.NPV, Objective.EARLIEST_TARGET}
    return inputs.pursued if ends_with_value else (*inputs.pursued, _VALUE)


def _kept_name(index: int) -> str:
    """Name of the constraint that keeps a goal."""
    return f"{_KEPT} {index}" if index else _KEPT


def _pursued(
    inputs: Inputs, goal: Goal, *, built: Formulation, report: Report, name: str, start: FloatArray | None
) -> _Reached | None:
    """The best plan at one goal, which the model is then held to under `name`; a date is always held."""
    if goal.objective is Objective.EARLIEST_TARGET:
        return _earliest_target(inputs, built=built, report=report)
    sought = goal_aim(inputs, goal, built=built)
    best = maximized(built, sought.expression, settings=inputs.solver, report=report, start=start)
    if best is None:
        return None
    if name:
        hold_aim(built, sought, reached=best.objective, name=name, within_fraction=goal.within_fraction)
    return _Reached(values=best.values, bound=best.bound * sought.unit, gap_fraction=best.gap_fraction)


def _earliest_target(inputs: Inputs, *, built: Formulation, report: Report) -> _Reached | None:
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
            late = gap_fraction(float(period), float(earliest))
            return _Reached(values=best.values, bound=float(earliest), gap_fraction=late)
    return None


def _earliest_divisible(inputs: Inputs, *, built: Formulation) -> int | None:
    """First period from which the target can stand if racks and milestones are divisible; None if nothing can."""
    first, last = 0, inputs.calendar.period_count
    built.model.add_objective(0.0 * built.npv, sense="max", overwrite=True)
    built.model.variables.relax()
    while first < last:
        middle = (first + last) // 2
        _insist_on_target(inputs, built=built, period=middle)
        first, last = (first, middle) if _possible(inputs, built) else (middle + 1, last)
    _insist_on_target(inputs, built=built, period=first)
    possible = _possible(inputs, built)
    built.model.variables.unrelax()
    return first if possible else None


def _possible(inputs: Inputs, built: Formulation) -> bool:
    """Whether the model has a solution. Raises GigawattError where the time does not suffice to tell."""
    found = search(built.model, settings=inputs.solver, report=silent)
    return judged(found, bound=np.inf, settings=inputs.solver) is not None


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


def keep(inputs: Inputs, *, built: Formulation, values: tuple[float, ...]) -> None:
    """Holds a plan's model to what its goals reached, each in its own unit; the last goal is left to be sought."""
    sought_last = len(_stages(inputs)) - 1
    for index, (goal, value) in enumerate(zip(inputs.pursued, values, strict=True)):
        if goal.objective is Objective.EARLIEST_TARGET:
            _insist_on_target(inputs, built=built, period=round(value))
        elif index < sought_last:
            kept = goal_aim(inputs, goal, built=built)
            hold_aim(built, kept, reached=value / kept.unit, name=_kept_name(index))


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


def achieved(inputs: Inputs, *, built: Formulation) -> tuple[float, ...]:
    """What the plan that stands on the model reaches of each goal, in its own unit (USD, tokens, FLOP or periods)."""
    return tuple(_achieved(inputs, goal, built=built) for goal in inputs.pursued)


def _achieved(inputs: Inputs, goal: Goal, *, built: Formulation) -> float:
    if goal.objective is Objective.EARLIEST_TARGET:
        goal_mw = largest_target_mw(inputs)
        short = _counted_mw(inputs, built=built).solution < goal_mw * (1.0 - KEPT_TOLERANCE)
        return float(short.values.nonzero()[0].max(initial=-1) + 1)
    return goal_aim(inputs, goal, built=built).value()
