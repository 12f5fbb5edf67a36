"""Why no plan is feasible: the smallest set of the user's own statements that cannot all hold, and what mends it.

Statements are taken back one after the other; one that is not missed stays out (deletion filter, Chinneck and
Dravnieks, 1991). What is left is irreducible: without any one of them a plan exists. Whole groups are tried first,
since a conflict seldom needs them all. Each statement left is then relaxed alone, by as little as suffices.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import floor, inf, isfinite, log10
from time import perf_counter

import numpy as np

from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import TrainingRun
from gigawatt.errors import GigawattError
from gigawatt.planning.families import LIMITS
from gigawatt.planning.search import Ending
from gigawatt.planning.statements import (
    LEAD,
    MONEY,
    Softened,
    Statement,
    hold,
    room_taken,
    softened,
    stated_size,
)
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.work import window_months
from gigawatt.units import HOURS_PER_DAY, MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION

_LEAST_ROOM = 1e-6
_SEARCH_TIME_SHARE = 0.05
_LEAST_SEARCH_S = 5.0
PURCHASES = "purchases"
_DEMANDED = ("targets", "runs", PURCHASES, MONEY)
_UNNAMED = "every statement holds if racks are divisible; order in smaller blocks, or ask for a little less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Statements that cannot all hold, in words and with their keys, and the cheapest way to mend it.

    `is_minimal` is False where time ran out before every statement was tried.
    """

    statements: tuple[Statement, ...]
    words: tuple[str, ...]
    remedy: str
    is_minimal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """The least by which one statement, alone, must give way: a fraction of what it states, and in words."""

    fraction: float
    words: str


def conflict(inputs: Inputs, *, terms: Terms) -> Conflict:
    """The smallest conflicting set of statements that is found in a scenario without a plan."""
    share_s = max(inputs.solver.time_limit_s * _SEARCH_TIME_SHARE, _LEAST_SEARCH_S)
    share = replace(inputs.solver, time_limit_s=share_s)
    return conflict_in(softened(inputs, terms=terms, settings=share))


def conflict_in(soft: Softened) -> Conflict:
    """The smallest conflicting set in a softened programme, its demands first."""
    ends_s = perf_counter() + soft.inputs.solver.time_limit_s
    whole = _possible(soft, set(soft.statements), whole=False)
    if whole and _possible(soft, set(soft.statements), whole=True):
        return Conflict(statements=(), words=(_UNNAMED,), remedy="", is_minimal=False)
    kept, is_minimal = _irreducible(soft, ends_s=ends_s)
    ordered = tuple(sorted(kept, key=lambda item: (item.family not in _DEMANDED, soft.statements.index(item))))
    others = () if _possible(soft, set(soft.statements) - _demands(kept), whole=True) else _still_missing(soft, kept)
    relaxations = {item: _relaxation(soft, item, kept=kept, alone=not others) for item in ordered}
    return Conflict(
        statements=ordered,
        words=tuple(_words(soft, item, relaxations[item]) for item in ordered),
        remedy=_remedy(relaxations, others=others, is_minimal=is_minimal),
        is_minimal=is_minimal,
    )


def _demands(kept: set[Statement]) -> set[Statement]:
    return {item for item in kept if item.family in _DEMANDED}


def _still_missing(soft: Softened, kept: set[Statement]) -> tuple[Statement, ...]:
    """Demands that fail for themselves even when the conflict's own demands are taken back."""
    rest = [item for item in soft.statements if item.family in _DEMANDED and item not in kept]
    limits = {item for item in soft.statements if item.family not in _DEMANDED}
    return tuple(item for item in rest if not _possible(soft, limits | {item}, whole=True))


def _possible(soft: Softened, kept: set[Statement], *, whole: bool) -> bool:
    """Whether the statements can all hold, first with divisible racks; with whole ones where `whole` is asked for.

    Whole racks that are not found in time count as possible. Raises GigawattError where divisible ones take too long.
    """
    divisible = hold(soft, kept)
    if divisible.ending is Ending.NOTHING:
        raise GigawattError(
            "solver.time_limit: no plan satisfies every statement, and there was no time to find those that conflict. "
            "Allow more time."
        )
    if not divisible.found or not whole:
        return divisible.found
    return hold(soft, kept, whole=True).ending is not Ending.INFEASIBLE


def _irreducible(soft: Softened, *, ends_s: float) -> tuple[set[Statement], bool]:
    """What is left when everything that is not missed is taken back, and whether there was time to try it all."""
    kept = set(soft.statements)
    whole_needed = _possible(soft, kept, whole=False)
    for group in (*_groups(soft), *((item,) for item in _in_order(soft))):
        less = kept - set(group)
        if less == kept:
            continue
        if perf_counter() > ends_s:
            return kept, False
        if not _possible(soft, less, whole=whole_needed):
            kept = less
    if whole_needed:
        return kept, True
    shrunk = {item for item in kept if not _possible(soft, kept - {item}, whole=True)}
    return (kept, True) if not shrunk else _with_whole_racks(soft, kept)


def _with_whole_racks(soft: Softened, kept: set[Statement]) -> tuple[set[Statement], bool]:
    """The filter once more, where whole racks make a conflict smaller than divisible ones."""
    for item in [item for item in _in_order(soft) if item in kept]:
        if not _possible(soft, kept - {item}, whole=True):
            kept = kept - {item}
    return kept, True


def _groups(soft: Softened) -> Iterator[tuple[Statement, ...]]:
    """The limits by family, from those that seldom matter."""
    for family in dict.fromkeys(item.family for item in _in_order(soft)):
        if family not in _DEMANDED:
            yield tuple(item for item in soft.statements if item.family == family)


def _in_order(soft: Softened) -> list[Statement]:
    """In the order in which statements are tried: limits before demands, so that what is asked for is named."""
    limits = (name for name in LIMITS if name not in {"demand", *_DEMANDED})
    order = (LEAD, "demand", *limits, PURCHASES, MONEY, "runs", "targets")
    return sorted(soft.statements, key=lambda item: order.index(item.family))


def _relaxation(soft: Softened, item: Statement, *, kept: set[Statement], alone: bool) -> Relaxation | None:
    """How much one statement must give way, all others of the scenario (or of the conflict) holding."""
    others = (set(soft.statements) if alone else kept) - {item}
    if item.family == LEAD:
        return None
    found = hold(soft, others, least=item, whole=True)
    if not found.found:
        return None
    fraction = room_taken(soft, item, found)
    return Relaxation(fraction=fraction, words=_amount(soft, item, fraction)) if fraction > _LEAST_ROOM else None


def _remedy(
    relaxations: Mapping[Statement, Relaxation | None], *, others: tuple[Statement, ...], is_minimal: bool
) -> str:
    """The relaxation that changes least, relative to what is stated; what else is wrong; whether time ran out."""
    known = {item: found for item, found in relaxations.items() if found is not None}
    said: list[str] = []
    if known:
        best = min(known, key=lambda item: known[item].fraction)
        said.append(f"the least change: {best.key}, {known[best].words}")
    if others:
        said.append(f"beside it {', '.join(item.key for item in others)} cannot hold either")
    if not is_minimal:
        said.append("time ran out before every statement was tried, so fewer of them may conflict")
    return "; ".join(said)


def _words(soft: Softened, item: Statement, relaxation: Relaxation | None) -> str:
    """One statement with what it states, and by how much it would have to give way if it alone did."""
    stated = _STATED.get(item.family, _stated_limit)(soft, item)
    return f"{item.key} ({stated})" + (f": {relaxation.words}" if relaxation else "")


def _amount(soft: Softened, item: Statement, fraction: float) -> str:
    return _AMOUNTS.get(item.family, _more)(soft, item, fraction)


def _stated_target(soft: Softened, item: Statement) -> str:
    target = soft.inputs.targets[int(item.label)]
    return f"{target.facility_mw / MEGAWATTS_PER_GIGAWATT:g} GW facility by {target.deadline:%Y-%m}"


def _short_target(soft: Softened, item: Statement, fraction: float) -> str:
    asked_gw = soft.inputs.targets[int(item.label)].facility_mw / MEGAWATTS_PER_GIGAWATT
    return (
        f"short by {_up(fraction * asked_gw)} GW; "
        f"the most that can be energized by then is {_down(asked_gw * (1.0 - fraction))} GW"
    )


def _stated_run(soft: Softened, item: Statement) -> str:
    run = soft.inputs.runs[int(item.label)]
    if run.placement is None:
        return f"{run.id}, {run.compute_flop:g} FLOP by {run.deadline:%Y-%m}"
    most = run.placement.most_sites_count
    where = "at one site" if most == 1 else f"at up to {most} sites"
    return f"{run.id}, one job of {run.accelerators_count:,} accelerators {where} by {run.deadline:%Y-%m}"


def _short_run(soft: Softened, item: Statement, fraction: float) -> str:
    run = soft.inputs.runs[int(item.label)]
    if run.placement is not None:
        return _longer_than_window(soft, run)
    return f"short by {_up(fraction):.4g} of its computation, {_up(fraction * run.compute_flop):.4g} FLOP"


def _longer_than_window(soft: Softened, run: TrainingRun) -> str:
    """Why a placed run is not done: its job is too long for its window, or too large for what stands there in time."""
    jobs = soft.built.terms.jobs
    least_h = inf if jobs is None else float(jobs.least_h.sel(job=run.id))
    window_h = float(np.array(soft.inputs.calendar.month_hours) @ np.array(window_months(run, soft.inputs.calendar)))
    if least_h <= window_h:
        return "there is no month from which it could be done in time"
    takes = f"takes {least_h / HOURS_PER_DAY:,.0f} days at least" if isfinite(least_h) else "runs on no platform"
    return f"its job {takes}, and there are {window_h / HOURS_PER_DAY:,.0f}; more accelerators would make it shorter"


def _stated_money(soft: Softened, _item: Statement) -> str:
    return f"{soft.inputs.treasury.minimum_cash_usd / USD_PER_BILLION:g} bn USD"


def _short_money(soft: Softened, item: Statement, fraction: float) -> str:
    lacking = fraction * stated_size(soft, item) * MONEY_UNIT_USD / USD_PER_BILLION
    return f"short by {_up(lacking)} bn USD; opening cash or contracts would have to bring as much more"


def _stated_purchase(soft: Softened, item: Statement) -> str:
    return f"at least {_in_units(soft, item, stated_size(soft, item))}"


def _short_purchase(soft: Softened, item: Statement, fraction: float) -> str:
    return f"{_in_units(soft, item, fraction * stated_size(soft, item))} less would do"


def _stated_limit(soft: Softened, item: Statement) -> str:
    """A limit at its highest, in its own unit."""
    if item.family == LEAD:
        offer = next(offer for offer in soft.inputs.offers if offer.platform.id == item.label)
        return f"{offer.lead_months} months"
    return f"at most {_in_units(soft, item, stated_size(soft, item))}"


def _more(soft: Softened, item: Statement, fraction: float) -> str:
    return f"{_in_units(soft, item, _up(fraction * stated_size(soft, item)))} more would do"


def _in_units(soft: Softened, item: Statement, level: float) -> str:
    family = LIMITS[item.family]
    scale = family.scale(soft.built.terms)
    factor = scale if isinstance(scale, float) else float(scale.sel(platform=item.label))
    per = {"supply": " a period", "demand": " a month"}.get(item.family, "")
    return f"{_up(level * factor):g} {family.unit}{per}"


_STATED: Mapping[str, Callable[[Softened, Statement], str]] = {
    "targets": _stated_target,
    "runs": _stated_run,
    PURCHASES: _stated_purchase,
    MONEY: _stated_money,
}
_AMOUNTS: Mapping[str, Callable[[Softened, Statement, float], str]] = {
    "targets": _short_target,
    "runs": _short_run,
    PURCHASES: _short_purchase,
    MONEY: _short_money,
}


def _up(value: float) -> float:
    """`value` rounded away from zero to four figures, so that a remedy suffices."""
    return -_down(-value)


def _down(value: float) -> float:
    """`value` rounded down to four figures."""
    if abs(value) <= _LEAST_ROOM:
        return 0.0
    scale = 10.0 ** (3 - floor(log10(abs(value))))
    return float(f"{floor(value * scale + _LEAST_ROOM) / scale:.6g}")
