"""From a formulation to its best plan: milestones first, racks next, both together only if that is not good enough.

Two kinds of whole numbers make the programme hard: how many milestones are earned by when, which few numbers decide
and much money hangs on, and how many blocks of racks arrive, which are many and round well. So the search goes in
steps that share one time limit, and ends with the first that is good enough:

1. racks divisible: the linear programme's bound holds for every plan; milestones are put in place one by one;
2. milestones as found, whole blocks of racks next to the divisible ones, first very near, then a little further
   (relaxation-enforced neighbourhood search, Berthold, 2014); where there is no such plan, period by period
   (`rounding`), and once more with a little money and power held back;
3. milestones that cannot pay are ruled out by probing, which lowers the bound;
4. racks divisible, the milestones that are left whole, and step 2 again;
5. everything whole, beginning from the best plan.
"""

from dataclasses import dataclass, replace
from time import perf_counter

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.stages import SolverSettings
from gigawatt.errors import GigawattError
from gigawatt.planning.families import DIVISIBLE
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.ladder import Ladder, cautious, dive, ladder, narrowed
from gigawatt.planning.rounding import whole_by_period
from gigawatt.planning.search import Ending, Report, Search, gap_fraction, search, silent, values_of
from gigawatt.timeline import FloatArray

_LADDER_TIME_SHARE = 0.3
"""Share of the time limit for putting milestones in place; then the places found so far stand."""
_BY_PERIOD_TIME_SHARE = 0.25
"""Share of the time limit for making blocks whole period by period."""
_PROBING_ENDS_SHARE = 0.7
"""Share of the time limit that has passed when milestones are no longer probed, however early that began."""
_MILESTONE_TIME_SHARE = 0.4
_ROUNDING_TIME_SHARES = {0: 0.1, 1: 0.2}
"""Share of the time limit by how many blocks, and periods, a rounded plan may lie from the divisible one."""
_BOUND_GAP_SHARE = 0.4
"""The milestones may leave this part of the allowed gap, so that rounding has the rest."""
_CUTOFF_GAP_SHARE = 0.9
_CAUTION_BLOCKS = (0.0, 0.5, 2.0, 8.0)
"""How many blocks' money and power are held back for rounding, tried in turn."""
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
    steps = ladder(built, settings=settings, time_s=settings.time_limit_s * _LADDER_TIME_SHARE)
    report("which milestones are worth how much")
    free = steps.answer(steps.free)
    if judged(free, bound=np.inf, settings=settings) is None:
        return None
    best = _dived(steps, bound=free.objective, settings=settings, report=report)
    rungs, bound = steps.free, free.objective
    if best is not None and best.gap_fraction > settings.gap_fraction:
        report("milestones that cannot pay are ruled out")
        cutoff = best.objective + _CUTOFF_GAP_SHARE * settings.gap_fraction * abs(best.objective)
        steps = replace(steps, deadline_s=began + settings.time_limit_s * _PROBING_ENDS_SHARE)
        rungs, bound = narrowed(steps, values_of(built.choose.tranches, best.values).values, cutoff=cutoff)
        bound = min(bound, free.objective)
        best = replace(best, bound=bound)
    if best is not None and best.gap_fraction <= settings.gap_fraction:
        return best
    left = replace(settings, time_limit_s=max(1.0, settings.time_limit_s - (perf_counter() - began)))
    tranches = built.choose.tranches
    limits = tranches.lower.copy(), tranches.upper.copy()
    tranches.update(lower=limits[0].copy(data=rungs.lower), upper=limits[1].copy(data=rungs.upper))
    final = _searched(built, best, bound=bound, start=start, settings=left, report=report)
    tranches.update(lower=limits[0], upper=limits[1])
    return final


def _dived(steps: Ladder, *, bound: float, settings: SolverSettings, report: Report) -> Best | None:
    """Steps 1 and 2: milestones put in place one by one, racks next to the divisible ones; None where none is found."""
    divisible, best = dive(steps), None
    report("whole blocks of racks for these milestones")
    for blocks in _CAUTION_BLOCKS:
        if divisible is None or best is not None or (blocks and steps.late):
            break
        if blocks:
            cautious(steps, blocks=blocks)
            divisible = steps.with_counts_of(divisible) or dive(steps)
        if divisible is not None:
            best = _racks_whole(steps.built, divisible, reach=0, bound=bound, settings=settings)
            if best is None:
                rounded = whole_by_period(_for_a_while(steps, settings, _BY_PERIOD_TIME_SHARE), divisible)
                if rounded is not None:
                    best = _racks_whole(steps.built, rounded, reach=0, bound=bound, settings=settings)
    cautious(steps, blocks=0.0)
    if best is not None:
        report(f"a whole plan, at most {best.gap_fraction:.1%} from the best")
    return best


def _for_a_while(steps: Ladder, settings: SolverSettings, time_share: float) -> Ladder:
    """The same ladder, to be asked for a share of the time limit from now on."""
    return replace(steps, deadline_s=perf_counter() + settings.time_limit_s * time_share)


def _searched(
    built: Formulation,
    best: Best | None,
    *,
    bound: float,
    start: FloatArray | None,
    settings: SolverSettings,
    report: Report,
) -> Best | None:
    """Steps 4 and 5: the solver's own search, first for milestones, then for everything."""
    began = perf_counter()
    if _others_whole(built):
        relaxed = _milestones_whole(built, start=best, settings=settings, report=report)
        if relaxed.ending is Ending.INFEASIBLE:
            return best
        bound = min(bound, relaxed.bound) if np.isfinite(relaxed.bound) else bound
        best = _rounded(built, relaxed, best, bound=bound, settings=settings, report=report)
        if best is not None and best.gap_fraction <= settings.gap_fraction:
            return best
    left_s = max(1.0, settings.time_limit_s - (perf_counter() - began))
    report("everything at once, to close the gap")
    known = start if best is None else best.values
    final = search(built.model, settings=replace(settings, time_limit_s=left_s), report=report, start=known)
    if best is not None and not final.found:
        return best
    return _better(best, judged(final, bound=bound, settings=settings), bound=min(bound, final.bound))


def _better(one: Best | None, other: Best | None, *, bound: float) -> Best | None:
    """The more valuable of two plans with a bound that holds for both."""
    plans = [plan for plan in (one, other) if plan is not None]
    return replace(max(plans, key=lambda plan: plan.objective), bound=bound) if plans else None


def _others_whole(built: Formulation) -> bool:
    """Whether anything but the divisible decisions must be whole and is still open."""
    variables = built.model.variables
    others = {*variables.integers, *variables.binaries} - DIVISIBLE
    return any(bool((variables[name].lower < variables[name].upper).any()) for name in others)


def _milestones_whole(built: Formulation, *, start: Best | None, settings: SolverSettings, report: Report) -> Search:
    """Step 4: when to earn which milestone, racks being divisible."""
    report("when to earn which milestone")
    racks = [built.model.variables[name] for name in DIVISIBLE if name in built.model.variables]
    for variable in racks:
        variable.relax()
    share = replace(
        settings,
        gap_fraction=settings.gap_fraction * _BOUND_GAP_SHARE,
        time_limit_s=settings.time_limit_s * _MILESTONE_TIME_SHARE,
    )
    found = search(built.model, settings=share, report=report, start=None if start is None else start.values)
    for variable in racks:
        variable.unrelax()
    return found


def _rounded(
    built: Formulation, relaxed: Search, best: Best | None, *, bound: float, settings: SolverSettings, report: Report
) -> Best | None:
    """The better of `best` and whole blocks for the milestones of `relaxed`, first very near, then a little further."""
    report("whole blocks of racks for these milestones")
    for reach in _ROUNDING_TIME_SHARES if relaxed.found else ():
        found = _racks_whole(built, relaxed, reach=reach, bound=bound, settings=settings)
        best = _better(best, found, bound=bound)
        if best is not None and best.gap_fraction <= settings.gap_fraction:
            break
    return _better(best, None, bound=bound)


def _racks_whole(
    built: Formulation, relaxed: Search, *, reach: int, bound: float, settings: SolverSettings
) -> Best | None:
    """Whole blocks of racks that keep the milestones of a divisible plan; None where none were found."""
    tranches, arrivals = built.choose.tranches, built.choose.arrivals
    limits = tranches.lower.copy(), tranches.upper.copy(), arrivals.lower.copy(), arrivals.upper.copy()
    kept, divisible = values_of(tranches, relaxed.values).round(), values_of(arrivals, relaxed.values)
    least, most = _near(divisible, reach=reach)
    tranches.update(lower=kept, upper=kept)
    arrivals.update(lower=least, upper=most.where(most < limits[3], limits[3]))
    share = replace(
        settings,
        gap_fraction=settings.gap_fraction * (1.0 - _BOUND_GAP_SHARE) / 2.0,
        time_limit_s=settings.time_limit_s * _ROUNDING_TIME_SHARES[reach],
    )
    found = search(built.model, settings=share, report=silent)
    tranches.update(lower=limits[0], upper=limits[1])
    arrivals.update(lower=limits[2], upper=limits[3])
    return Best(objective=found.objective, bound=bound, values=found.values) if found.found else None


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
