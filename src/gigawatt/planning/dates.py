"""How early the largest target can stand, and the best plan among those in which it stands by then.

A date is no sum over the plan: it is sought by bisection over periods with everything divisible, which proves how early
it can be, and from there on periods are tried in turn with whole racks.
"""

from dataclasses import dataclass

import linopy
import numpy as np

from gigawatt.entities.stages import Inputs
from gigawatt.errors import ScenarioError
from gigawatt.planning.aims import KEPT_TOLERANCE
from gigawatt.planning.constraints import counted_mw
from gigawatt.planning.fleet import period_axis
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.search import Report, search, silent
from gigawatt.planning.solve import Best, judged, maximized

_EARLIEST = "earliest_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """The best plan with the target from `period` on; no plan has it before `earliest`."""

    best: Best
    period: int
    earliest: int


def earliest_target(
    inputs: Inputs, *, built: Formulation, sought: linopy.LinearExpression, report: Report
) -> Dated | None:
    """The plan with the most of `sought` among those that have the target from the earliest possible period on.

    The model is left held to that period. None where no plan is feasible.
    """
    report("the earliest period of the target")
    period_count = inputs.calendar.period_count
    earliest = _earliest_divisible(inputs, built=built)
    if earliest is None:
        return None
    for period in range(earliest, period_count + 1):
        insist_on_target(inputs, built=built, period=period)
        report(f"the best plan with the target from period {period + 1} of {period_count} on")
        best = maximized(built, sought, settings=inputs.solver, report=report)
        if best is not None:
            return Dated(best=best, period=period, earliest=earliest)
    return None


def _earliest_divisible(inputs: Inputs, *, built: Formulation) -> int | None:
    """First period from which the target can stand if racks and milestones are divisible; None if nothing can."""
    first, last = 0, inputs.calendar.period_count
    built.model.add_objective(0.0 * built.npv, sense="max", overwrite=True)
    built.model.variables.relax()
    while first < last:
        middle = (first + last) // 2
        insist_on_target(inputs, built=built, period=middle)
        first, last = (first, middle) if _possible(inputs, built) else (middle + 1, last)
    insist_on_target(inputs, built=built, period=first)
    possible = _possible(inputs, built)
    built.model.variables.unrelax()
    return first if possible else None


def _possible(inputs: Inputs, built: Formulation) -> bool:
    """Whether the model has a solution. Raises GigawattError where the time does not suffice to tell."""
    found = search(built.model, settings=inputs.solver, report=silent)
    return judged(found, bound=np.inf, settings=inputs.solver) is not None


def insist_on_target(inputs: Inputs, *, built: Formulation, period: int) -> None:
    """The largest target stands from `period` on; nothing is asked where that lies after the horizon."""
    model, energized = built.model, _counted_mw(inputs, built=built)
    forget_target(built)
    goal_mw = largest_target_mw(inputs) * (period_axis(inputs.calendar) >= period)
    if period < inputs.calendar.period_count:
        model.add_constraints(energized >= goal_mw, name=_EARLIEST, mask=goal_mw > 0.0)


def forget_target(built: Formulation) -> None:
    """No period is insisted on any more."""
    if _EARLIEST in built.model.constraints:
        built.model.remove_constraints(_EARLIEST)


def _counted_mw(inputs: Inputs, *, built: Formulation) -> linopy.LinearExpression:
    """Facility power that the largest target counts, `(period,)`."""
    largest_mw = largest_target_mw(inputs)
    index = [target.facility_mw for target in inputs.targets].index(largest_mw)
    return counted_mw(inputs, terms=built.terms, choose=built.choose).sel(target=index, drop=True)


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


def target_period(inputs: Inputs, *, built: Formulation) -> int:
    """The period from which the largest target stands in the plan on the model; the number of periods where never."""
    goal_mw = largest_target_mw(inputs)
    short = _counted_mw(inputs, built=built).solution < goal_mw * (1.0 - KEPT_TOLERANCE)
    return int(short.values.nonzero()[0].max(initial=-1) + 1)
