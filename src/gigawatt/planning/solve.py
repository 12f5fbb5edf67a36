"""From a formulation to its best plan: milestones first, racks next, both together only if that is not good enough.

Two kinds of whole numbers make the programme hard: how many milestones are earned by when, which few numbers decide
and much money hangs on, and how many blocks of racks arrive, which are many and round well. So the search goes in
steps that share one time limit:

1. racks divisible, milestones whole: a relaxation, so its bound holds for the plan. It begins from milestones found by
   climbing: those that are earned without their own money pay for more racks, which earn more milestones;
2. milestones as found, whole blocks of racks next to the divisible ones, first very near, then a little further
   (relaxation-enforced neighbourhood search, Berthold, 2014);
3. if the gap to the bound of step 1 is still wider than asked for, everything whole, beginning from that plan.
"""

from dataclasses import dataclass, replace
from time import perf_counter

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import SolverSettings
from gigawatt.errors import GigawattError
from gigawatt.planning.formulation import Formulation, earned_count
from gigawatt.planning.search import Ending, Report, Search, gap_fraction, search, silent, values_of
from gigawatt.timeline import FloatArray

_MILESTONE_TIME_SHARE = 0.4
_ROUNDING_TIME_SHARES = {0: 0.1, 1: 0.2}
"""Share of the time limit by how many blocks, and periods, a rounded plan may lie from the divisible one."""
_BOUND_GAP_SHARE = 0.4
"""Step 1 may leave this part of the allowed gap, so that rounding has the rest."""
_MOST_CLIMBS = 8
_WHOLE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best plan found, with its bound, in the solver's units, and its `values` as a search gives them."""

    objective: float
    bound: float
    values: FloatArray

    @property
    def gap_fraction(self) -> float:
        """Distance of the bound from the plan, relative to the plan."""
        return gap_fraction(self.objective, self.bound)


def maximized(
    built: Formulation,
    objective: linopy.LinearExpression,
    *,
    settings: SolverSettings,
    report: Report,
    start: FloatArray | None = None,
) -> Best | None:
    """The plan with the most of `objective`; None where no plan is feasible.

    `start` is a plan known to be feasible. Raises GigawattError when the time limit passes before any plan is found.
    """
    began = perf_counter()
    built.model.add_objective(objective, sense="max", overwrite=True)
    relaxed = _milestones_whole(built, settings=settings, report=report)
    if relaxed.ending is Ending.INFEASIBLE:
        return None
    bound = relaxed.bound if np.isfinite(relaxed.bound) else np.inf
    rounded = _racks_whole(built, relaxed, bound=bound, settings=settings, report=report) if relaxed.found else None
    if rounded is not None and rounded.gap_fraction <= settings.gap_fraction:
        return rounded
    left_s = max(1.0, settings.time_limit_s - (perf_counter() - began))
    report("everything at once, to close the gap")
    known = start if rounded is None else rounded.values
    final = search(built.model, settings=replace(settings, time_limit_s=left_s), report=report, start=known)
    return judged(final, bound=bound, settings=settings)


def _milestones_whole(built: Formulation, *, settings: SolverSettings, report: Report) -> Search:
    """Step 1: when to earn which milestone, racks being divisible."""
    report("when to earn which milestone")
    built.choose.arrivals.relax()
    climbed = _climbed(built, settings=settings)
    share = replace(
        settings,
        gap_fraction=settings.gap_fraction * _BOUND_GAP_SHARE,
        time_limit_s=settings.time_limit_s * _MILESTONE_TIME_SHARE,
    )
    found = search(built.model, settings=share, report=report, start=climbed)
    built.choose.arrivals.unrelax()
    return found


def _climbed(built: Formulation, *, settings: SolverSettings) -> FloatArray | None:
    """Whole milestones that support one another, to begin from; None where none are needed or none are found.

    With no milestone at all, and then with those that the plan before has earned anyway, a linear programme says how
    much can be built. It ends where nothing more is earned.
    """
    tranches = built.choose.tranches
    lower, upper = tranches.lower.copy(), tranches.upper.copy()
    if not bool((upper > 0.0).any()):
        return None
    built.model.variables.relax()
    earned, climbed = xr.zeros_like(upper), None
    for _ in range(_MOST_CLIMBS):
        tranches.update(lower=earned, upper=earned)
        found = search(built.model, settings=settings, report=silent)
        if not found.found:
            break
        climbed = np.full(len(found.values), np.nan)
        climbed[tranches.labels.values] = earned.values
        counted = earned_count(values_of(built.choose.in_service, found.values), terms=built.terms)
        more = np.maximum(np.minimum(counted.values, upper.values), earned.values)
        if np.array_equal(more, earned.values):
            break
        earned = upper.copy(data=more)
    tranches.update(lower=lower, upper=upper)
    built.model.variables.unrelax()
    built.choose.arrivals.relax()
    return climbed


def _racks_whole(
    built: Formulation, relaxed: Search, *, bound: float, settings: SolverSettings, report: Report
) -> Best | None:
    """Step 2: whole blocks of racks that keep the milestones of step 1; None where none were found."""
    report("whole blocks of racks for these milestones")
    tranches, arrivals = built.choose.tranches, built.choose.arrivals
    limits = tranches.lower.copy(), tranches.upper.copy(), arrivals.lower.copy(), arrivals.upper.copy()
    kept, divisible = values_of(tranches, relaxed.values).round(), values_of(arrivals, relaxed.values)
    tranches.update(lower=kept, upper=kept)
    best: Best | None = None
    for reach, time_share in _ROUNDING_TIME_SHARES.items():
        least, most = _near(divisible, reach=reach)
        arrivals.update(lower=least, upper=most.where(most < limits[3], limits[3]))
        share = replace(
            settings,
            gap_fraction=settings.gap_fraction * (1.0 - _BOUND_GAP_SHARE) / 2.0,
            time_limit_s=settings.time_limit_s * time_share,
        )
        found = search(built.model, settings=share, report=report, start=None if best is None else best.values)
        if found.found and (best is None or found.objective > best.objective):
            best = Best(objective=found.objective, bound=bound, values=found.values)
        if best is not None and best.gap_fraction <= settings.gap_fraction:
            break
    tranches.update(lower=limits[0], upper=limits[1])
    arrivals.update(lower=limits[2], upper=limits[3])
    return best


def _near(divisible: xr.DataArray, *, reach: int) -> tuple[xr.DataArray, xr.DataArray]:
    """Least and most whole blocks: next to the divisible ones, `reach` blocks further within `reach` periods of any."""
    least, most = (divisible + _WHOLE) // 1.0, -((_WHOLE - divisible) // 1.0)
    window = divisible.rolling(period=2 * reach + 1, center=True, min_periods=1).max()
    room = reach * (window > _WHOLE)
    return (least - room).clip(0.0), most + room


def judged(found: Search, *, bound: float, settings: SolverSettings) -> Best | None:
    """The found plan with the tighter of two bounds; None if there can be none, an error if none came in time."""
    if found.ending is Ending.INFEASIBLE:
        return None
    if not found.found:
        raise GigawattError(
            f"solver.time_limit: no plan was found within {settings.time_limit_s:g} s. "
            "Allow more time, plan by quarter instead of by month, or order in larger blocks."
        )
    return Best(objective=found.objective, bound=min(bound, found.bound), values=found.values)
