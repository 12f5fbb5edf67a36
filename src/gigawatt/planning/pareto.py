"""The front of two objectives: the plans of which none is better at one without being worse at the other.

The augmented epsilon-constraint method (Mavrotas, 2009): both ends first, then the first objective is maximized while
the second is held to levels between them; a small share of the second in what is maximized keeps dominated plans out.
"""

from dataclasses import dataclass, replace

import linopy
import numpy as np

from gigawatt.entities.stages import Inputs, Objective, Performance
from gigawatt.errors import InfeasibleError, ScenarioError
from gigawatt.planning.aims import Aim, aim, hold_aim
from gigawatt.planning.conflicts import conflict
from gigawatt.planning.constraints import energized_mw
from gigawatt.planning.decisions import settle
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.search import Report, adopt, silent
from gigawatt.planning.solve import Best, maximized
from gigawatt.planning.terms import terms

_HELD = "front"
_AUGMENTED = 1e-3
_SAME_FRACTION = 1e-6
LEAST_POINTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A plan on the front: what it reaches of each objective in its own unit, its gap, and its greatest power."""

    first: float
    second: float
    gap_fraction: float
    facility_mw: float


def front(
    inputs: Inputs,
    performance: Performance,
    *,
    objectives: tuple[Objective, Objective],
    points_count: int,
    report: Report = silent,
) -> tuple[Point, ...]:
    """Points of the front, best at the first objective first; each is searched in an equal share of the time limit.

    Raises InfeasibleError where there is no plan, ScenarioError for objectives that cannot be set against each other.
    """
    first, second = objectives
    if first is second or points_count < LEAST_POINTS:
        raise ScenarioError(
            where="--pareto",
            found=f"{first},{second} with {points_count} points",
            expected="two different objectives and two points or more",
            fix="Write it like --pareto npv,served-tokens --points 7.",
        )
    with linopy.options as options:
        options(semantics="v1")
        known = terms(inputs, performance)
        built = formulation(inputs, terms=known)
        insist(built)
        share = replace(inputs.solver, time_limit_s=inputs.solver.time_limit_s / points_count)
        timed = replace(inputs, solver=share)
        aims = aim(inputs, first, built=built), aim(inputs, second, built=built)
        ends = [_end(timed, built, aims, report=report), _end(timed, built, aims[::-1], report=report)]
        if ends[0] is None or ends[1] is None:
            found = conflict(inputs, terms=known)
            raise InfeasibleError(found.words, remedy=found.remedy)
        known_ends = (_point(inputs, built, aims, ends[0]), _point(inputs, built, aims, ends[1]))
        between = _between(timed, built, aims, known_ends, points_count=points_count, report=report)
    return _undominated((known_ends[0], *between, known_ends[1]), aims)


def _end(inputs: Inputs, built: Formulation, aims: tuple[Aim, ...], *, report: Report) -> Best | None:
    """The plan that is best at the first aim and, among those, at the second."""
    report(f"the best {aims[0].words}")
    best = maximized(built, aims[0].expression, settings=inputs.solver, report=report)
    if best is None:
        return None
    hold_aim(built, aims[0], reached=best.objective, name=_HELD)
    other = maximized(built, aims[1].expression, settings=inputs.solver, report=report, start=best.values)
    built.model.remove_constraints(_HELD)
    return best if other is None else replace(best, values=other.values)


def _between(
    inputs: Inputs,
    built: Formulation,
    aims: tuple[Aim, Aim],
    ends: tuple[Point, Point],
    *,
    points_count: int,
    report: Report,
) -> list[Point]:
    """Points with the second aim at equal steps between the ends."""
    levels = np.linspace(ends[0].second, ends[1].second, points_count)[1:-1] / aims[1].unit
    ranges = (
        abs((ends[0].first - ends[1].first) / aims[0].unit),
        abs((ends[0].second - ends[1].second) / aims[1].unit),
    )
    points: list[Point] = []
    if len(_undominated(ends, aims)) < LEAST_POINTS:
        return points
    both = aims[0].expression + (_AUGMENTED * ranges[0] / ranges[1]) * aims[1].expression
    for index, level in enumerate(levels):
        report(f"point {index + 2} of {points_count} of the front")
        hold_aim(built, aims[1], reached=float(level), name=_HELD)
        best = maximized(built, both, settings=inputs.solver, report=report)
        if best is not None:
            points.append(_point(inputs, built, aims, best))
    if _HELD in built.model.constraints:
        built.model.remove_constraints(_HELD)
    return points


def _point(inputs: Inputs, built: Formulation, aims: tuple[Aim, ...], best: Best) -> Point:
    adopt(built.model, best.values)
    settle(inputs, terms=built.terms, built=built)
    return Point(
        first=aims[0].value(),
        second=aims[1].value(),
        gap_fraction=best.gap_fraction,
        facility_mw=float(energized_mw(terms=built.terms, choose=built.choose).solution.max()),
    )


def _undominated(points: tuple[Point, ...], aims: tuple[Aim, ...]) -> tuple[Point, ...]:
    """Those that no other point beats, or equals before them, within what two solves of one plan differ by."""
    kept: list[Point] = []
    for index, point in enumerate(points):
        others = (*kept, *points[index + 1 :])
        equal_before = any(_as_good(other, point, aims) and _as_good(point, other, aims) for other in kept)
        beaten = any(_as_good(other, point, aims) and not _as_good(point, other, aims) for other in others)
        if not equal_before and not beaten:
            kept.append(point)
    return tuple(kept)


def _as_good(one: Point, other: Point, aims: tuple[Aim, ...]) -> bool:
    """Whether a point is no worse than another at either aim."""
    pairs = ((one.first, other.first, aims[0]), (one.second, other.second, aims[1]))
    return all(
        (mine - his) * np.sign(goal.unit) >= -_SAME_FRACTION * max(abs(mine), abs(his)) for mine, his, goal in pairs
    )
