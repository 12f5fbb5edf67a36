"""What is maximized: one goal after the other, each kept while the next is pursued.

Present value is a goal by itself. Served tokens, training, the least cost, the earliest period of a target or a
weighted sum are pursued in the order stated; among the plans that reach them the most valuable one is taken, so that
nothing useless is built.
"""

from dataclasses import dataclass, replace

from gigawatt.entities.stages import Goal, Inputs, Objective
from gigawatt.errors import GigawattError, InputError
from gigawatt.planning.aims import goal_aim, hold_aim
from gigawatt.planning.dates import earliest_target, insist_on_target, target_period
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.search import Report, gap_fraction
from gigawatt.planning.solve import maximized
from gigawatt.timeline import FloatArray

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
        dated = earliest_target(inputs, built=built, sought=built.npv, report=report)
        if dated is None:
            return None
        late = gap_fraction(float(dated.period), float(dated.earliest))
        return _Reached(values=dated.best.values, bound=float(dated.earliest), gap_fraction=late)
    sought = goal_aim(inputs, goal, built=built)
    best = maximized(built, sought.expression, settings=inputs.solver, report=report, start=start)
    if best is None:
        return None
    if name:
        hold_aim(built, sought, reached=best.objective, name=name, within_fraction=goal.within_fraction)
    return _Reached(values=best.values, bound=best.bound * sought.unit, gap_fraction=best.gap_fraction)


def keep(inputs: Inputs, *, built: Formulation, values: tuple[float, ...]) -> None:
    """Holds a plan's model to what its goals reached, each in its own unit; the last goal is left to be sought."""
    sought_last = len(_stages(inputs)) - 1
    for index, (goal, value) in enumerate(zip(inputs.pursued, values, strict=True)):
        if goal.objective is Objective.EARLIEST_TARGET:
            insist_on_target(inputs, built=built, period=round(value))
        elif index < sought_last:
            kept = goal_aim(inputs, goal, built=built)
            hold_aim(built, kept, reached=value / kept.unit, name=_kept_name(index))


def achieved(inputs: Inputs, *, built: Formulation) -> tuple[float, ...]:
    """What the plan that stands on the model reaches of each goal, in its own unit (USD, tokens, FLOP or periods)."""
    return tuple(_achieved(inputs, goal, built=built) for goal in inputs.pursued)


def _achieved(inputs: Inputs, goal: Goal, *, built: Formulation) -> float:
    if goal.objective is Objective.EARLIEST_TARGET:
        return float(target_period(inputs, built=built))
    return goal_aim(inputs, goal, built=built).value()
