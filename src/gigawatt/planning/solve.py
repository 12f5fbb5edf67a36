"""From a formulation to its best plan: milestones first, racks next, both together only if that is not good enough.

Two kinds of whole numbers make the programme hard: how many milestones are earned by when, which few numbers decide
and much money hangs on, and how many blocks of racks arrive, which are many and round well. So the search goes in
three steps that share one time limit:

1. milestones whole, racks fractional: a relaxation, so its bound holds for the plan;
2. milestones fixed as found, racks whole: a plan, usually within a fraction of a percent of that bound;
3. if the gap is still wider than asked for, everything whole, beginning from that plan.
"""

from dataclasses import dataclass, replace
from time import perf_counter

import linopy
import numpy as np

from gigawatt.entities.stages import SolverSettings
from gigawatt.errors import GigawattError
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.search import Ending, Report, Search, gap_fraction, search, solution_vector
from gigawatt.timeline import FloatArray

_TIME_SHARES = (0.4, 0.3)
_ROUNDING_GAP_SHARE = 0.5
"""Rounding may take half of the allowed gap, so that the bound of step 1 can prove the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Best:
    """The best plan found, with its bound, in the solver's units; `values` in the order of the model's variables."""

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
    """The plan with the most of `objective`, left on the model; None where no plan is feasible.

    Raises GigawattError when the time limit passes before any plan is found.
    """
    built.model.add_objective(objective, sense="max", overwrite=True)
    began = perf_counter()
    if not bool((built.choose.tranches.upper > 0.0).any()):
        only = search(built.model, settings=settings, report=report, start=start)
        return _judged(built, only, bound=np.inf, settings=settings)
    relaxed = _milestones_whole(built, settings=settings, report=report)
    if relaxed.ending is Ending.INFEASIBLE:
        return None
    bound = relaxed.bound if np.isfinite(relaxed.bound) else np.inf
    rounded = _racks_whole(built, settings=settings, report=report) if relaxed.found else relaxed
    if rounded.found and gap_fraction(rounded.objective, bound) <= settings.gap_fraction:
        return Best(objective=rounded.objective, bound=bound, values=solution_vector(built.model))
    left_s = max(1.0, settings.time_limit_s - (perf_counter() - began))
    values = solution_vector(built.model) if rounded.found and relaxed.found else start
    report("everything at once, to close the gap")
    final = search(built.model, settings=replace(settings, time_limit_s=left_s), report=report, start=values)
    return _judged(built, final, bound=bound, settings=settings)


def _milestones_whole(built: Formulation, *, settings: SolverSettings, report: Report) -> Search:
    """Step 1: when to earn which milestone, racks being divisible."""
    report("when to earn which milestone")
    built.choose.arrivals.relax()
    share = replace(
        settings,
        gap_fraction=settings.gap_fraction * (1.0 - _ROUNDING_GAP_SHARE),
        time_limit_s=settings.time_limit_s * _TIME_SHARES[0],
    )
    found = search(built.model, settings=share, report=report)
    built.choose.arrivals.unrelax()
    return found


def _racks_whole(built: Formulation, *, settings: SolverSettings, report: Report) -> Search:
    """Step 2: whole blocks of racks that keep the milestones of step 1."""
    report("whole blocks of racks for these milestones")
    tranches = built.choose.tranches
    lower, upper = tranches.lower.copy(), tranches.upper.copy()
    kept = tranches.solution.round()
    tranches.update(lower=kept, upper=kept)
    share = replace(
        settings,
        gap_fraction=settings.gap_fraction * _ROUNDING_GAP_SHARE,
        time_limit_s=settings.time_limit_s * _TIME_SHARES[1],
    )
    found = search(built.model, settings=share, report=report)
    tranches.update(lower=lower, upper=upper)
    return found


def _judged(built: Formulation, found: Search, *, bound: float, settings: SolverSettings) -> Best | None:
    if found.ending is Ending.INFEASIBLE:
        return None
    if not found.found:
        raise GigawattError(
            f"solver.time_limit: no plan was found within {settings.time_limit_s:g} s. "
            "Allow more time, plan by quarter instead of by month, or order in larger blocks."
        )
    tightest = min(bound, found.bound)
    return Best(objective=found.objective, bound=tightest, values=solution_vector(built.model))
