"""Why no plan is feasible: the smallest set of the user's own statements that cannot all hold, and what mends it.

Statements are taken back one after the other; one that is not missed stays out (deletion filter, Chinneck and
Dravnieks, 1991). What is left is irreducible: without any one of them a plan exists. Whole groups are tried first,
since a conflict seldom needs them all. Each statement left is then relaxed alone, by as little as suffices.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from math import floor, isfinite, log10
from time import perf_counter

from gigawatt.entities.stages import Inputs, Performance, SolverSettings
from gigawatt.entities.workload import TrainingRun
from gigawatt.errors import GigawattError
from gigawatt.planning.families import DIVISIBLE, LIMITS
from gigawatt.planning.restate import any_whole
from gigawatt.planning.restatements import KINDS, PLANT, Kind, statements_of, taken_back
from gigawatt.planning.restatements import LEAD as LEAD_TIME
from gigawatt.planning.search import Ending, values_of
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
from gigawatt.planning.terms import MONEY_UNIT_USD, terms
from gigawatt.units import HOURS_PER_DAY, MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION, USD_PER_MILLION

_LEAST_ROOM = 1e-6
_SEARCH_TIME_SHARE = 0.05
_LEAST_SEARCH_S = 5.0
_MOST_MODELS = 3
_MANY_DECISIONS = 20_000
"""From here on racks stay divisible: the solver has been seen to search for whole ones far beyond its time limit."""
PURCHASES = "purchases"
_DEMANDED = ("targets", "runs", PURCHASES, MONEY)
_UNNAMED = "every statement holds if racks are divisible; order in smaller blocks, or ask for a little less"


class Whole(IntEnum):
    """What must be whole for a set of statements to hold: each level asks for more than the one before."""

    NOTHING = 0
    MILESTONES = 1
    EVERYTHING = 2


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which of a scenario's statements conflict: the softened model as stated, and those without some statements.

    `structure` are the statements that only another model is without; `other_models` keeps the last of these, and
    `known` what was found of each set of statements, and with how much of it whole.
    """

    inputs: Inputs
    performance: Performance
    settings: SolverSettings
    stated: Softened
    structure: tuple[Statement, ...]
    other_models: dict[frozenset[Statement], Softened]
    known: dict[tuple[frozenset[Statement], Whole], bool]
    ends_s: float

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Everything that the scenario states and that can be taken back."""
        return (*self.structure, *self.stated.statements)

    def soft(self, kept: Iterable[Statement]) -> Softened:
        """The model with the kept statements' structure."""
        gone = frozenset(self.structure) - frozenset(kept)
        if not gone:
            return self.stated
        if gone not in self.other_models:
            inputs = self.inputs
            for item in self.structure:
                inputs = taken_back(inputs, item.family, item.label) if item in gone else inputs
            if len(self.other_models) >= _MOST_MODELS:
                self.other_models.clear()  # each holds a solver of its own
            self.other_models[gone] = self.restated(inputs)
        return self.other_models[gone]

    def restated(self, inputs: Inputs) -> Softened:
        """The softened model of a scenario that says something else."""
        return softened(inputs, terms=terms(inputs, self.performance), settings=self.settings)


def question(inputs: Inputs, performance: Performance) -> Question:
    """A scenario whose statements are to be taken back one by one."""
    share_s = max(inputs.solver.time_limit_s * _SEARCH_TIME_SHARE, _LEAST_SEARCH_S)
    settings = replace(inputs.solver, time_limit_s=share_s)
    return Question(
        inputs=inputs,
        performance=performance,
        settings=settings,
        stated=softened(inputs, terms=terms(inputs, performance), settings=settings),
        structure=tuple(Statement(family=family, label=label) for family, label in statements_of(inputs)),
        other_models={},
        known={},
        ends_s=perf_counter() + inputs.solver.time_limit_s,
    )


def conflict(inputs: Inputs, performance: Performance) -> Conflict:
    """The smallest conflicting set of statements that is found in a scenario without a plan, its demands first."""
    return answer(question(inputs, performance))


def irreducible(asked: Question) -> tuple[set[Statement], bool]:
    """Statements that cannot all hold, but would without any one of them, and whether there was time to try them all.

    None where every statement holds.
    """
    everything = set(asked.statements)
    needed = next((level for level in Whole if not _possible(asked, everything, whole=level)), None)
    return (set(), False) if needed is None else _irreducible(asked, needed)


def answer(asked: Question) -> Conflict:
    """The smallest conflicting set of statements that is found, with the least by which each alone must give way."""
    everything = set(asked.statements)
    kept, is_minimal = irreducible(asked)
    if not kept:
        return Conflict(statements=(), words=(_UNNAMED,), remedy="", is_minimal=False)
    ordered = tuple(sorted(kept, key=lambda item: (item.family not in _DEMANDED, asked.statements.index(item))))
    others = (
        () if _possible(asked, everything - _demands(kept), whole=Whole.EVERYTHING) else _still_missing(asked, kept)
    )
    relaxations = {item: _relaxation(asked, item, kept=kept, alone=not others) for item in ordered}
    return Conflict(
        statements=ordered,
        words=tuple(_words(asked.stated, item, relaxations[item]) for item in ordered),
        remedy=_remedy(relaxations, others=others, is_minimal=is_minimal),
        is_minimal=is_minimal,
    )


def _demands(kept: set[Statement]) -> set[Statement]:
    return {item for item in kept if item.family in _DEMANDED}


def _still_missing(asked: Question, kept: set[Statement]) -> tuple[Statement, ...]:
    """Demands that fail for themselves even when the conflict's own demands are taken back."""
    rest = [item for item in asked.statements if item.family in _DEMANDED and item not in kept]
    limits = {item for item in asked.statements if item.family not in _DEMANDED}
    return tuple(item for item in rest if not _possible(asked, limits | {item}, whole=Whole.EVERYTHING))


def _possible(asked: Question, kept: set[Statement], *, whole: Whole) -> bool:
    """Whether the statements can all hold, the others being taken back."""
    case = frozenset(kept), whole
    if case not in asked.known:
        asked.known[case] = _can_hold(asked.soft(kept), kept, whole=whole)
    return asked.known[case]


def _can_hold(soft: Softened, kept: set[Statement], *, whole: Whole) -> bool:
    """Whether the statements can all hold, first with everything divisible, then with as much whole as is asked for.

    Milestones are made whole before racks are: they are few, and what they rule out is soon proved.
    Whole racks that are not found in time count as possible. Raises GigawattError where divisible ones take too long.
    """
    divisible = hold(soft, kept)
    if divisible.ending is Ending.NOTHING:
        raise GigawattError(
            "solver.time_limit: no plan satisfies every statement, and there was no time to find those that conflict. "
            "Allow more time."
        )
    if not divisible.found or whole is Whole.NOTHING:
        return divisible.found
    milestones = any_whole(soft.programme, divisible=DIVISIBLE)
    if milestones and hold(soft, kept, whole=True, racks_divisible=True).ending is Ending.INFEASIBLE:
        return False
    if whole is Whole.MILESTONES or _is_large(soft):
        return True
    return hold(soft, kept, whole=True).ending is not Ending.INFEASIBLE


def _is_large(soft: Softened) -> bool:
    """Whether whole racks are too many to be tried: they count as possible."""
    return len(soft.programme.matrices.vlabels) > _MANY_DECISIONS


def _irreducible(asked: Question, needed: Whole) -> tuple[set[Statement], bool]:
    """What is left when everything that is not missed is taken back, and whether there was time to try it all.

    `needed` is what must be whole for all statements to conflict.
    """
    kept = set(asked.statements)
    money = tuple(item for item in asked.statements if item.family == MONEY)
    for group in (asked.structure, money, *_groups(asked), *((item,) for item in _in_order(asked))):
        less = kept - set(group)
        if less == kept:
            continue
        if perf_counter() > asked.ends_s:
            return kept, False
        if not _possible(asked, less, whole=needed):
            kept = less
    if needed is Whole.EVERYTHING:
        return kept, True
    shrunk = {item for item in kept if not _possible(asked, kept - {item}, whole=Whole.EVERYTHING)}
    return (kept, True) if not shrunk else _with_whole_racks(asked, kept)


def _with_whole_racks(asked: Question, kept: set[Statement]) -> tuple[set[Statement], bool]:
    """The filter once more, where whole racks make a conflict smaller than divisible ones."""
    for item in [item for item in _in_order(asked) if item in kept]:
        if not _possible(asked, kept - {item}, whole=Whole.EVERYTHING):
            kept = kept - {item}
    return kept, True


def _groups(asked: Question) -> Iterator[tuple[Statement, ...]]:
    """The limits by family, from those that seldom matter."""
    for family in dict.fromkeys(item.family for item in _in_order(asked)):
        if family not in _DEMANDED:
            yield tuple(item for item in asked.statements if item.family == family)


def _in_order(asked: Question) -> list[Statement]:
    """In the order in which statements are tried: limits before demands, so that what is asked for is named.

    Money comes before what is physical: where either would do, power or racks say more than cash.
    """
    limits = (name for name in LIMITS if name not in {"demand", *_DEMANDED})
    order = (*KINDS, LEAD, "demand", MONEY, *limits, PURCHASES, "runs", "targets")
    return sorted(asked.statements, key=lambda item: order.index(item.family))


def _relaxation(asked: Question, item: Statement, *, kept: set[Statement], alone: bool) -> Relaxation | None:
    """How much one statement must give way, all others of the scenario (or of the conflict) holding.

    None where that does not help, or where time has run out.
    """
    if perf_counter() > asked.ends_s:
        return None
    others = (set(asked.statements) if alone else kept) - {item}
    if item.family in KINDS or item.family == LEAD:
        return _least_amount(asked, item, others=others)
    soft = asked.soft(others)
    found = hold(soft, others, least=item, whole=True, racks_divisible=_is_large(soft))
    if not found.found:
        return None
    fraction = room_taken(soft, item, found)
    return Relaxation(fraction=fraction, words=_amount(soft, item, fraction)) if fraction > _LEAST_ROOM else None


def _least_amount(asked: Question, item: Statement, *, others: set[Statement]) -> Relaxation | None:
    """How much a statement of the model's shape must give way; None where it can only hold or not hold."""
    kind = LEAD_TIME if item.family == LEAD else KINDS[item.family]
    amount = _least_plant_mw(asked, item, others=others) if item.family == PLANT else None
    if kind.unit == "month":
        amount = _least_months(asked, item, kind, others=others)
    if amount is None:
        return None
    unit = kind.unit if kind.unit == "MW" or amount == 1.0 else f"{kind.unit}s"
    fraction = amount / kind.stated(asked.inputs, item.label)
    return Relaxation(fraction=fraction, words=f"{amount:g} {unit} {kind.direction} would do")


def _least_plant_mw(asked: Question, item: Statement, *, others: set[Statement]) -> float | None:
    """The fewest MW by which a plant must be larger than stated, all else holding."""
    soft = asked.soft(others)
    plants = soft.built.choose.plants
    if plants is None:
        return None
    last = {"plant": item.label.replace(".plant.", "/"), "period": plants.standing.sizes["period"] - 1}
    found = hold(soft, others, least_of=plants.standing.sel(last), whole=True, racks_divisible=_is_large(soft))
    if not found.found:
        return None
    standing = float(values_of(plants.standing, found.values).sel(last))
    return _up(standing - KINDS[item.family].stated(asked.inputs, item.label))


def _least_months(asked: Question, item: Statement, kind: Kind, *, others: set[Statement]) -> float | None:
    """The fewest months by which a statement must give way, all else holding, by bisection; None in want of time."""
    size, base = kind.sizes(asked.inputs)[item.label], asked.inputs
    for other in asked.structure:
        base = base if other in others or other == item else taken_back(base, other.family, other.label)

    def enough(months: int) -> bool:
        return _can_hold(
            asked.restated(kind.restated(base, item.label, months)), others | {item}, whole=Whole.EVERYTHING
        )

    low, high = 0, size
    if size == 0 or not enough(size):
        return None
    while high - low > 1:
        if perf_counter() > asked.ends_s:
            return None
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


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
    if item.family in KINDS or item.family == LEAD:
        kind = LEAD_TIME if item.family == LEAD else KINDS[item.family]
        stated = kind.words(soft.inputs, item.label)
    else:
        stated = _STATED.get(item.family, _stated_limit)(soft, item)
    return f"{item.key} ({stated})" + (f": {relaxation.words}" if relaxation else "")


def _amount(soft: Softened, item: Statement, fraction: float) -> str:
    return _AMOUNTS.get(item.family, _more)(soft, item, fraction)


def _stated_target(soft: Softened, item: Statement) -> str:
    target = soft.inputs.targets[int(item.label)]
    return f"{_power(target.facility_mw)} facility by {target.deadline:%Y-%m}"


def _short_target(soft: Softened, item: Statement, fraction: float) -> str:
    asked_mw = soft.inputs.targets[int(item.label)].facility_mw
    return (
        f"short by {_power(_up(fraction * asked_mw))}; "
        f"the most that can be energized by then is {_power(_down(asked_mw * (1.0 - fraction)))}"
    )


def _power(mw: float) -> str:
    """Megawatts, or gigawatts where it is one or more."""
    return f"{mw / MEGAWATTS_PER_GIGAWATT:g} GW" if mw >= MEGAWATTS_PER_GIGAWATT else f"{mw:g} MW"


def _dollars(usd: float) -> str:
    """Billions of USD, or millions where it is less than one."""
    return (
        f"{usd / USD_PER_BILLION:g} bn USD"
        if usd >= USD_PER_BILLION or usd == 0.0
        else f"{usd / USD_PER_MILLION:g} MUSD"
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
    if jobs is None:
        return ""
    least_h, window_h = (float(hours.sel(job=run.id)) for hours in (jobs.least_h, jobs.window_h))
    if least_h <= window_h:
        return "with all else as stated there is no place for it"
    takes = f"takes {least_h / HOURS_PER_DAY:,.0f} days at least" if isfinite(least_h) else "runs on no platform"
    has = f"its window has {window_h / HOURS_PER_DAY:,.0f} in whole planning periods"
    return f"its job {takes}, and {has}; more accelerators would make it shorter"


def _stated_money(soft: Softened, _item: Statement) -> str:
    return _dollars(soft.inputs.treasury.minimum_cash_usd)


def _short_money(soft: Softened, item: Statement, fraction: float) -> str:
    lacking_usd = _up(fraction * stated_size(soft, item) * MONEY_UNIT_USD)
    return f"short by {_dollars(lacking_usd)}; opening cash or contracts would have to bring as much more"


def _stated_purchase(soft: Softened, item: Statement) -> str:
    return f"at least {_in_units(soft, item, stated_size(soft, item))}"


def _short_purchase(soft: Softened, item: Statement, fraction: float) -> str:
    return f"{_in_units(soft, item, fraction * stated_size(soft, item))} less would do"


def _stated_limit(soft: Softened, item: Statement) -> str:
    """A limit at its highest, in its own unit."""
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
