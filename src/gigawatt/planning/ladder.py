"""Milestones one after the other, by linear programmes that stay in the solver.

How many milestones are earned by when is a ladder of few whole numbers with much money on them. With racks divisible
and some rungs given, a linear programme says what the rest could be worth; from one to the next only bounds of the
rungs change, so each begins from the last one's basis. Where only more than a known worth matters, the solver stops
as soon as its bound falls below that.
"""

from dataclasses import dataclass, replace
from time import perf_counter

import highspy
import numpy as np
from numpy.typing import NDArray

from gigawatt.entities.stages import SolverSettings
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.restate import Standing, set_rows, solved_again, standing
from gigawatt.planning.search import Ending, Search
from gigawatt.planning.terms import MONEY_UNIT_USD
from gigawatt.timeline import FloatArray

_WHOLE = 1e-6
_SAME_FRACTION = 1e-7
_MOST_PASSES = 3
_LEAST_PROGRESS_FRACTION = 0.1
_MOST_IDLE_COUNT = 2
"""Probing ends after so many rungs in turn that bring the bound less than this nearer to the cutoff."""
QUESTION_TIME_SHARE = 0.1
"""Share of the time left for one linear programme from the last one's basis; one that takes longer has stalled."""
_LEAST_S = 1.0
_NONE_ABOVE = {Ending.INFEASIBLE, Ending.TOO_LITTLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """Bounds on the counts of milestones, `lower` and `upper` `(contract, period)`."""

    lower: FloatArray
    upper: FloatArray

    def reached(self, contract: int, count: int, *, period: int) -> "Rungs":
        """The same with `count` reached from `period` on, and not before."""
        return self.by(contract, count, period=period).not_by(contract, count, period=period - 1)

    def by(self, contract: int, count: int, *, period: int) -> "Rungs":
        """The same with at least `count` from `period` on."""
        lower = self.lower.copy()
        lower[contract, period:] = np.maximum(lower[contract, period:], count)
        return Rungs(lower=lower, upper=self.upper)

    def not_by(self, contract: int, count: int, *, period: int) -> "Rungs":
        """The same with less than `count` up to and in `period`."""
        upper = self.upper.copy()
        upper[contract, : period + 1] = np.minimum(upper[contract, : period + 1], count - 1)
        return Rungs(lower=self.lower, upper=upper)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """A relaxed model in the solver, where the counts stand in it, and when to stop asking it."""

    built: Formulation
    programme: Standing
    columns: NDArray[np.int32]
    free: Rungs
    deadline_s: float

    def answer(self, rungs: Rungs, *, above: float = -np.inf) -> Search:
        """The best divisible plan within the rungs, or why there is none; not found either where not worth `above`."""
        count, engine = self.columns.size, self.programme.engine
        engine.changeColsBounds(count, self.columns.ravel(), rungs.lower.ravel(), rungs.upper.ravel())
        engine.setOptionValue("objective_bound", -above)
        found = self.as_maximum(
            solved_again(self.programme, stalls_after_s=max(_LEAST_S, QUESTION_TIME_SHARE * self.left_s))
        )
        engine.setOptionValue("objective_bound", np.inf)
        return found

    @staticmethod
    def as_maximum(found: Search) -> Search:
        """What the solver, which minimizes losses here, found, as worth."""
        return replace(found, objective=-found.objective, bound=-found.bound)

    def worth(self, rungs: Rungs, *, above: float = -np.inf) -> Search | None:
        """The best divisible plan within the rungs, if it is worth more than `above`; None where none is found."""
        if (rungs.lower > rungs.upper).any():
            return None
        found = self.answer(rungs, above=above)
        return found if found.found and found.objective > above else None

    def counts(self, found: Search) -> FloatArray:
        """How many milestones a plan counts, `(contract, period)`."""
        return np.asarray(found.values[self.built.choose.tranches.labels.values], dtype=np.float64)

    def with_counts_of(self, plan: Search) -> Search | None:
        """The best divisible plan that counts as many milestones as another; None where none is found."""
        counts = np.rint(self.counts(plan))
        return self.worth(Rungs(lower=counts, upper=counts))

    @property
    def late(self) -> bool:
        """Whether the time for such questions is over."""
        return self.left_s <= 0.0

    @property
    def left_s(self) -> float:
        """Seconds left for such questions, none once they are over."""
        return max(0.0, self.deadline_s - perf_counter())


def ladder(built: Formulation, *, settings: SolverSettings, time_s: float) -> Ladder:
    """The model with everything divisible, loaded once; `time_s` is how long it may be asked."""
    built.model.variables.relax()
    programme = standing(built.model, settings=settings)
    built.model.variables.unrelax()
    _minimize_losses(programme)
    tranches = built.choose.tranches
    return Ladder(
        built=built,
        programme=programme,
        columns=programme.column[tranches.labels.values].astype(np.int32),
        free=Rungs(
            lower=np.array(tranches.lower.values, dtype=np.float64),
            upper=np.array(tranches.upper.values, dtype=np.float64),
        ),
        deadline_s=perf_counter() + time_s,
    )


def _minimize_losses(programme: Standing) -> None:
    """Turns a maximum into the minimum of its negative: only there does the dual simplex method stop at a bound."""
    costs = -np.asarray(programme.matrices.c, dtype=np.float64)
    programme.engine.changeColsCost(costs.size, np.arange(costs.size, dtype=np.int32), costs)
    programme.engine.changeObjectiveSense(highspy.ObjSense.kMinimize)


def dive(ladder: Ladder) -> Search | None:
    """A divisible plan with whole milestones, each put where the linear programme likes it best; None where none is.

    One rung after the other, beginning with the earliest: where the plan reaches it, or as much earlier or later as
    the value of what is left keeps rising. It ends where rounding down all that is left costs nothing, or time is up.
    """
    rungs, at = ladder.free, ladder.worth(ladder.free)
    while at is not None:
        counts = ladder.counts(at)
        whole = Rungs(lower=rungs.lower, upper=np.clip(np.floor(counts + _WHOLE), rungs.lower, rungs.upper))
        rung = _earliest_open(rungs, counts)
        last = rung is None or ladder.late
        as_good = at.objective - _SAME_FRACTION * max(1.0, abs(at.objective))
        settled = ladder.worth(whole, above=-np.inf if last else as_good)
        if settled is not None:
            fixed = np.floor(ladder.counts(settled) + _WHOLE)
            return ladder.worth(Rungs(lower=fixed, upper=fixed))
        if rung is None or ladder.late:
            return None
        rungs, at = _placed(ladder, rungs, *rung)
    return None


def _earliest_open(rungs: Rungs, counts: FloatArray) -> tuple[int, int, int] | None:
    """Contract, count and period of the next rung that a plan reaches and that has no period of its own yet."""
    found = []
    for contract, reached in enumerate(counts):
        count = _closed_count(rungs, contract) + 1
        if count <= rungs.upper[contract].max(initial=0.0):
            found.append((int(np.searchsorted(reached, count - _WHOLE)), contract, count))
    if not found:
        return None
    period, contract, count = min(found)
    return contract, count, period


def _placed(ladder: Ladder, rungs: Rungs, contract: int, count: int, period: int) -> tuple[Rungs, Search | None]:
    """The rungs with one more put into its best period near `period`, and what that is worth."""
    tried: dict[int, tuple[Rungs, Search | None]] = {}

    def value(period: int, above: float = -np.inf) -> float:
        if not 0 <= period <= rungs.lower.shape[1]:
            return -np.inf
        if period not in tried:
            placed = rungs.reached(contract, count, period=period)
            tried[period] = placed, ladder.worth(placed, above=above)
        found = tried[period][1]
        return -np.inf if found is None else found.objective

    periods = rungs.lower.shape[1]
    best = next((later for later in range(period, periods) if np.isfinite(value(later))), periods)
    while value(best - 1, value(best)) > value(best):
        best -= 1
    while value(best + 1, value(best)) > value(best):
        best += 1
    return tried[best]


def _closed_count(rungs: Rungs, contract: int) -> int:
    """How many rungs of a contract have a period of their own already."""
    lower, upper = rungs.lower[contract], rungs.upper[contract]
    count = 0
    while count < upper.max() and np.searchsorted(lower, count + 1) == np.searchsorted(upper, count + 1):
        count += 1
    return count


def narrowed(ladder: Ladder, counts: FloatArray, *, cutoff: float) -> tuple[Rungs, float]:
    """Rungs outside which no plan is worth more than `cutoff`, and a bound on the worth of every plan.

    A rung earlier, or later, than the plan at hand has it is ruled out where the best divisible plan with it is worth
    no more than the cutoff (probing; Savelsbergh, 1994).
    """
    rungs, bound, idle_count = ladder.free, np.inf, 0
    most = ladder.free.upper.max(axis=1, initial=0.0).astype(int)
    every = [(contract, count) for contract, last in enumerate(most) for count in range(1, last + 1)]
    for contract, count in every * _MOST_PASSES:
        reached = int(np.searchsorted(counts[contract], count))
        rungs = _not_earlier(ladder, rungs, contract, count, reached=reached, cutoff=cutoff)
        rungs = _not_later(ladder, rungs, contract, count, reached=reached, cutoff=cutoff)
        if (rungs.lower > rungs.upper).any():
            return rungs, cutoff
        left = ladder.answer(rungs, above=cutoff)
        if left.ending in _NONE_ABOVE or (left.found and left.objective <= cutoff):
            return rungs, cutoff
        before, bound = bound, min(bound, left.objective if left.found else np.inf)
        idle_count = idle_count + 1 if before - bound < _LEAST_PROGRESS_FRACTION * (bound - cutoff) else 0
        if ladder.late or idle_count >= _MOST_IDLE_COUNT:
            break
    return rungs, bound


def _worth_more(ladder: Ladder, rungs: Rungs, *, cutoff: float) -> bool:
    """Whether a plan within the rungs could be worth more than the cutoff, as far as the time allows to tell."""
    if (rungs.lower > rungs.upper).any():
        return False
    found = ladder.answer(rungs, above=cutoff)
    return found.objective > cutoff if found.found else found.ending not in _NONE_ABOVE


def _not_earlier(ladder: Ladder, rungs: Rungs, contract: int, count: int, *, reached: int, cutoff: float) -> Rungs:
    """Without the periods before `reached` in which reaching `count` already is worth no more than the cutoff."""
    first, last = int(np.searchsorted(rungs.upper[contract], count)), reached
    while first < last and not ladder.late:
        middle = (first + last) // 2
        if _worth_more(ladder, rungs.by(contract, count, period=middle), cutoff=cutoff):
            last = middle
        else:
            first = middle + 1
    return rungs.not_by(contract, count, period=first - 1)


def _not_later(ladder: Ladder, rungs: Rungs, contract: int, count: int, *, reached: int, cutoff: float) -> Rungs:
    """Without the periods after `reached` up to which not reaching `count` is worth no more than the cutoff."""
    first, last = reached, int(np.searchsorted(rungs.lower[contract], count))
    while first < last and not ladder.late:
        middle = (first + last) // 2
        if _worth_more(ladder, rungs.not_by(contract, count, period=middle), cutoff=cutoff):
            first = middle + 1
        else:
            last = middle
    return rungs if last >= rungs.lower.shape[1] else rungs.by(contract, count, period=last)


def cautious(ladder: Ladder, *, blocks: float) -> None:
    """Keeps back the money of so many blocks, and their power for each rung; with none, all is as stated."""
    built, limits = ladder.built, ladder.built.terms.fleet
    money = built.terms.money.arrival_usd_per_rack
    dearest = float((money.sum("month").max(["site", "period"]) * limits.block_racks).max()) / MONEY_UNIT_USD
    rows = built.model.constraints
    set_rows(ladder.programme, "minimum_cash", rows["minimum_cash"].rhs + blocks * dearest)
    if "milestones" not in rows:
        return
    largest_mw = float((limits.rack_facility_mw * limits.block_racks).max())
    margin = blocks * largest_mw / built.terms.financing.unit_mw.values
    labels = rows["milestones"].labels.transpose("contract", "period").values
    for contract, period in np.ndindex(labels.shape):
        row, column = int(ladder.programme.row[labels[contract, period]]), int(ladder.columns[contract, period])
        ladder.programme.engine.changeCoeff(row, column, 1.0 + float(margin[contract]))
