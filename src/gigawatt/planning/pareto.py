"""The front of two objectives: the plans of which none is better at one without being worse at the other.

The augmented epsilon-constraint method (Mavrotas, 2009): both ends first, then one objective is maximized while the
other is held to levels between them; a small share of the other in what is maximized keeps dominated plans out. A date
is always the one that is held, period by period.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import linopy
import numpy as np

from gigawatt.entities.stages import Goal, Inputs, Objective, Performance
from gigawatt.errors import GigawattError, InfeasibleError, InputError, ScenarioError
from gigawatt.planning.aims import Aim, goal_aim, hold_aim
from gigawatt.planning.conflicts import conflict
from gigawatt.planning.constraints import energized_mw
from gigawatt.planning.dates import earliest_target, forget_target, insist_on_target, largest_target_mw, target_period
from gigawatt.planning.decisions import settle
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.search import Report, adopt, silent
from gigawatt.planning.solve import Best, maximized
from gigawatt.planning.stopping import Stop
from gigawatt.planning.terms import terms

_HELD = "front"
_AUGMENTED = 1e-3
_SAME_FRACTION = 1e-6
LEAST_POINTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A plan on the front: what it reaches of each objective in its own unit, its gap, and its greatest power.

    A date counts as the number of periods before the largest target stands.
    """

    first: float
    second: float
    gap_fraction: float
    facility_mw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """The points that were found; of `asked_count` some may coincide, be beaten, or not be found in time.

    `late_count` were not found in the time that each has; `was_stopped` says that somebody ended the search.
    """

    points: tuple[Point, ...]
    asked_count: int
    late_count: int
    was_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """The model that the front is searched in; `aims` has None for a date."""

    inputs: Inputs
    built: Formulation
    aims: tuple[Aim | None, Aim | None]
    report: Report

    def turned(self) -> "_Search":
        """The same with the second objective first."""
        return replace(self, aims=self.aims[::-1])


def front(
    inputs: Inputs,
    performance: Performance,
    *,
    goals: tuple[Goal, Goal],
    points_count: int,
    report: Report = silent,
    stop: Stop | None = None,
) -> Traced:
    """Points of the front, best at the first objective first; each is searched in an equal share of the time limit.

    Where `stop` is asked for, the points so far are the answer. Raises InfeasibleError where there is no plan,
    ScenarioError for objectives that cannot be set against each other, GigawattError where no point is found in time.
    """
    _check(goals, points_count)
    stop = stop or Stop()
    share = replace(inputs.solver, time_limit_s=inputs.solver.time_limit_s / points_count)
    with linopy.options as options:
        options(semantics="v1")
        known = terms(inputs, performance)
        built = formulation(inputs, terms=known)
        insist(built)
        asked = _Search(
            inputs=replace(inputs, solver=share),
            built=built,
            aims=(_aim(inputs, goals[0], built), _aim(inputs, goals[1], built)),
            report=report,
        )
        with stop.listening():
            found = _traced(asked, points_count=points_count, stop=stop)
        if found is None:
            why = conflict(inputs, performance)
            raise InfeasibleError(why.words, remedy=why.remedy)
    return found


def _check(goals: tuple[Goal, Goal], points_count: int) -> None:
    first, second = goals
    same = first.objective is second.objective and first.weights == second.weights
    if same or points_count < LEAST_POINTS:
        raise ScenarioError(
            where="--pareto",
            found=f"{first.text},{second.text} with {points_count} points",
            expected="two different objectives and two points or more",
            fix="Write it like --pareto npv,served-tokens --points 7.",
        )


def _aim(inputs: Inputs, goal: Goal, built: Formulation) -> Aim | None:
    if goal.objective is Objective.EARLIEST_TARGET:
        largest_target_mw(inputs)  # raises where there is no target
        return None
    return goal_aim(inputs, goal, built=built)


def _traced(asked: _Search, *, points_count: int, stop: Stop) -> Traced | None:
    """Both ends and what lies between them; None where there is no plan."""
    first = _end(asked)
    if first is None:
        return None
    ends, between, late = [_point(asked, first)], _Between(points=[], late_count=0), 0
    if not stop.heard:
        last = _in_time(lambda: _end(asked.turned()))
        late = int(last is None)
        if last is not None:
            ends.append(_point(asked, last))
            between = _between(asked, (ends[0], ends[1]), points_count=points_count, stop=stop)
    return Traced(
        points=_undominated((ends[0], *between.points, *ends[1:]), asked),
        asked_count=points_count,
        late_count=0 if stop.heard else late + between.late_count,
        was_stopped=stop.heard,
    )


def _in_time(search: Callable[[], Best | None]) -> Best | None:
    """What a search finds; None where its time does not suffice."""
    try:
        return search()
    except InputError:
        raise
    except GigawattError:
        return None


def _end(asked: _Search) -> Best | None:
    """The plan that is best at the first aim and, among those, at the second; None where there is no plan."""
    first, second = asked.aims
    if first is None:
        return _earliest(asked, second)
    asked.report(f"the best {first.words}")
    best = maximized(asked.built, first.expression, settings=asked.inputs.solver, report=asked.report)
    if best is None:
        return None
    hold_aim(asked.built, first, reached=best.objective, name=_HELD)
    other = _in_time(lambda: _earliest(asked, first) if second is None else _most(asked, second.expression, best))
    asked.built.model.remove_constraints(_HELD)
    forget_target(asked.built)
    return best if other is None else replace(best, values=other.values)


def _earliest(asked: _Search, sought: Aim | None) -> Best | None:
    """The plan with the most of an aim among those with the earliest date."""
    if sought is None:
        return None
    dated = earliest_target(asked.inputs, built=asked.built, sought=sought.expression, report=asked.report)
    forget_target(asked.built)
    return None if dated is None else dated.best


def _most(asked: _Search, sought: linopy.LinearExpression, start: Best | None) -> Best | None:
    known = None if start is None else start.values
    return maximized(asked.built, sought, settings=asked.inputs.solver, report=asked.report, start=known)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Between:
    points: list[Point]
    late_count: int


def _between(asked: _Search, ends: tuple[Point, Point], *, points_count: int, stop: Stop) -> _Between:
    """Points with one aim held at equal steps between the ends; a date is held, else the second aim."""
    found = _Between(points=[], late_count=0)
    if len(_undominated(ends, asked)) < LEAST_POINTS:
        return found
    late = 0
    for index, level in enumerate(_levels(asked, ends, points_count)):
        if stop.heard:
            break
        asked.report(f"point {index + 2} of {points_count} of the front")
        _hold(asked, level)
        try:
            best = _most(asked, _sought(asked, ends), None)
        except InputError:
            raise
        except GigawattError:
            best, late = None, late + 1
        if best is not None:
            found.points.append(_point(asked, best))
    forget_target(asked.built)
    if _HELD in asked.built.model.constraints:
        asked.built.model.remove_constraints(_HELD)
    return replace(found, late_count=late)


def _levels(asked: _Search, ends: tuple[Point, Point], points_count: int) -> list[float]:
    """What is held between the ends, in the aim's own expression or in whole periods."""
    first, second = asked.aims
    if first is not None and second is not None:
        return [float(level) / second.unit for level in np.linspace(ends[0].second, ends[1].second, points_count)[1:-1]]
    begin, end = ((point.second if second is None else point.first) for point in ends)
    steps = np.linspace(begin, end, points_count).round()
    return [float(period) for period in dict.fromkeys(steps) if period not in {begin, end}]


def _hold(asked: _Search, level: float) -> None:
    first, second = asked.aims
    if first is not None and second is not None:
        hold_aim(asked.built, second, reached=level, name=_HELD)
    else:
        insist_on_target(asked.inputs, built=asked.built, period=round(level))


def _sought(asked: _Search, ends: tuple[Point, Point]) -> linopy.LinearExpression:
    """What is maximized between the ends: the aim that is not held, with a little of the one that is."""
    first, second = asked.aims
    if first is None or second is None:
        return next(aim.expression for aim in asked.aims if aim is not None)
    ranges = (
        abs((ends[0].first - ends[1].first) / first.unit),
        abs((ends[0].second - ends[1].second) / second.unit),
    )
    return first.expression + (_AUGMENTED * ranges[0] / ranges[1]) * second.expression


def _point(asked: _Search, best: Best) -> Point:
    """A plan found, settled; both its values in the order in which they were asked for."""
    inputs, built = asked.inputs, asked.built
    adopt(built.model, best.values)
    settle(inputs, terms=built.terms, built=built)
    first, second = (float(target_period(inputs, built=built)) if aim is None else aim.value() for aim in asked.aims)
    return Point(
        first=first,
        second=second,
        gap_fraction=best.gap_fraction,
        facility_mw=float(energized_mw(terms=built.terms, choose=built.choose).solution.max()),
    )


def _undominated(points: tuple[Point, ...], asked: _Search) -> tuple[Point, ...]:
    """Those that no other point beats, or equals before them, within what two solves of one plan differ by."""
    kept: list[Point] = []
    for index, point in enumerate(points):
        others = (*kept, *points[index + 1 :])
        equal_before = any(_as_good(other, point, asked) and _as_good(point, other, asked) for other in kept)
        beaten = any(_as_good(other, point, asked) and not _as_good(point, other, asked) for other in others)
        if not equal_before and not beaten:
            kept.append(point)
    return tuple(kept)


def _as_good(one: Point, other: Point, asked: _Search) -> bool:
    """Whether a point is no worse than another at either aim; of dates the earlier is the better."""
    pairs = ((one.first, other.first, asked.aims[0]), (one.second, other.second, asked.aims[1]))
    return all(
        (mine - his) * (-1.0 if goal is None else np.sign(goal.unit)) >= -_SAME_FRACTION * max(abs(mine), abs(his))
        for mine, his, goal in pairs
    )
