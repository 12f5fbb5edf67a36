"""What a second study changes, in sentences and side by side."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from gigawatt.entities.contracts import EquityRound, MilestoneTranches, ResidualGuarantee
from gigawatt.entities.stages import Study
from gigawatt.report import measures
from gigawatt.report.cells import Cell, Head, Row, Table
from gigawatt.report.wording import (
    NEVER,
    counted,
    gigawatts,
    listing,
    money,
    month_key,
    month_name,
    percent,
    tokens,
    unit_price,
)
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, MONTHS_PER_YEAR

SAME_FRACTION = 0.005
FORMAT = "gigawatt-comparison/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure of both studies; `words` says it, `is_money` and the like are in its name."""

    name: str
    label: str
    first: float
    second: float
    words: Callable[[float], str]

    @property
    def difference(self) -> float:
        """The second less the first."""
        return self.second - self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two studies side by side."""

    first: str
    second: str
    sentences: tuple[str, ...]
    measures: tuple[Measure, ...]
    energized_by_year: tuple[Measure, ...]
    milestones: tuple[tuple[int, date | None, date | None], ...]
    sites_only_in_first: tuple[str, ...]
    sites_only_in_second: tuple[str, ...]


def compare(first: Study, second: Study) -> Comparison:
    """What `second` changes against `first`."""
    figures = _figures(first, second)
    years = _energized_by_year(first, second)
    gigawatt_dates = _gigawatt_dates(first, second)
    only_first, only_second = _sites_apart(first, second)
    by_name = {figure.name: figure for figure in figures}
    sentences = (
        _scope_sentence(first, second),
        _power_sentence(by_name, years),
        _gigawatt_sentence(gigawatt_dates),
        *_investor_sentences(first, second),
        _tranche_sentence(first, second),
        _value_sentence(by_name),
        _capital_sentence(by_name),
        _token_sentence(by_name),
        _exposure_sentence(by_name, second),
        _sites_sentence(first, second, only_first, only_second),
    )
    return Comparison(
        first=first.inputs.title,
        second=second.inputs.title,
        sentences=tuple(sentence for sentence in sentences if sentence),
        measures=figures,
        energized_by_year=years,
        milestones=gigawatt_dates,
        sites_only_in_first=only_first,
        sites_only_in_second=only_second,
    )


def _figures(first: Study, second: Study) -> tuple[Measure, ...]:
    rows: tuple[tuple[str, str, Callable[[Study], float], Callable[[float], str]], ...] = (
        ("energized_facility_mw", "Greatest power, facility", _greatest("facility"), gigawatts),
        ("energized_it_mw", "Greatest power, IT", _greatest("it"), gigawatts),
        ("invested_usd", "Money from investors", _invested_usd, money),
        ("milestones_usd", "of which on milestones", measures.milestones_total_usd, money),
        ("npv_usd", "Net present value", lambda s: s.appraisal.npv_usd, money),
        ("npv_with_end_value_usd", "with what is left at the end", measures.npv_with_end_value_usd, money),
        ("irr_fraction", "Internal rate of return", lambda s: s.appraisal.irr_fraction, _percent),
        ("peak_funding_usd", "Peak funding need", lambda s: s.appraisal.peak_funding_usd, money),
        ("capex_usd", "Capital, all parties", measures.capex_total_usd, money),
        ("capex_usd_per_facility_gw", "Capital per GW facility", _per_gigawatt("facility"), money),
        ("capex_usd_per_it_gw", "Capital per GW IT", _per_gigawatt("it"), money),
        ("opex_usd", "Operating cost, all parties", measures.opex_total_usd, money),
        ("revenue_usd", "Revenue", lambda s: s.appraisal.revenue_usd, money),
        ("served_tokens", "Tokens served", lambda s: float(measures.served_tokens(s).sum()), tokens),
        ("usd_per_mtoken", "Cheapest million tokens", _cheapest_mtoken_usd, unit_price),
        ("exposure_usd", "Guarantees at their greatest", _exposure_usd, money),
    )  # fmt: skip
    return tuple(
        Measure(name=name, label=label, first=read(first), second=read(second), words=words)
        for name, label, read, words in rows
    )


def _greatest(basis: measures.Basis) -> Callable[[Study], float]:
    return lambda study: measures.greatest_energized_mw(study, basis)


def _percent(fraction: float) -> str:
    return percent(fraction, decimals=1)


def _invested_usd(study: Study) -> float:
    return float(sum(float(series.sum()) for series in measures.invested_usd(study).values()))


def _per_gigawatt(basis: measures.Basis) -> Callable[[Study], float]:
    return lambda study: measures.per_gigawatt_usd(study, measures.capex_total_usd(study), basis)


def _cheapest_mtoken_usd(study: Study) -> float:
    costs = [cost for cost in study.appraisal.unit_costs["usd_per_mtoken"].to_list() if cost is not None]
    known = [cost for cost in costs if math.isfinite(cost)]
    return min(known, default=math.nan)


def _exposure_usd(study: Study) -> float:
    return float(sum(amount for _, amount, _ in measures.exposures_by_contract(study).values()))


def _energized_by_year(first: Study, second: Study) -> tuple[Measure, ...]:
    """Facility power at the end of each year that both calendars reach."""
    ends = [_year_ends(study) for study in (first, second)]
    return tuple(
        Measure(name=str(year), label=f"End of {year}", first=ends[0][year], second=ends[1][year], words=gigawatts)
        for year in sorted(set(ends[0]) & set(ends[1]))
    )


def _year_ends(study: Study) -> dict[int, float]:
    power = measures.total_energized_mw(study, "facility")
    return {day.year: float(power[index]) for index, day in enumerate(study.inputs.calendar.months)}


def _gigawatt_dates(first: Study, second: Study) -> tuple[tuple[int, date | None, date | None], ...]:
    """When each full gigawatt of facility power is first in service in both studies."""
    most = max(measures.greatest_energized_mw(study, "facility") for study in (first, second))
    return tuple(
        (gigawatt, _first_month(first, gigawatt), _first_month(second, gigawatt))
        for gigawatt in range(1, int(most / MEGAWATTS_PER_GIGAWATT + 1e-9) + 1)
    )


def _first_month(study: Study, gigawatt: int) -> date | None:
    power = measures.total_energized_mw(study, "facility") / MEGAWATTS_PER_GIGAWATT
    reached = np.flatnonzero(power >= gigawatt - 1e-9)
    return study.inputs.calendar.months[reached[0]] if reached.size else None


def _sites_apart(first: Study, second: Study) -> tuple[tuple[str, ...], tuple[str, ...]]:
    used = [{site.id for site in measures.sites_in_use(study)} for study in (first, second)]
    return tuple(sorted(used[0] - used[1])), tuple(sorted(used[1] - used[0]))


def _scope_sentence(first: Study, second: Study) -> str:
    return f"“{second.inputs.title}” against “{first.inputs.title}”."


def _changed(figure: Measure) -> bool:
    if math.isnan(figure.first) or math.isnan(figure.second):
        return False
    return abs(figure.difference) > SAME_FRACTION * max(abs(figure.first), abs(figure.second))


def _against(figure: Measure) -> str:
    """`$40 bn instead of $100 bn`, or `$40 bn, as before`."""
    if not _changed(figure):
        return f"{figure.words(figure.second)}, as before"
    return f"{figure.words(figure.second)} instead of {figure.words(figure.first)}"


def _power_sentence(figures: Mapping[str, Measure], years: tuple[Measure, ...]) -> str:
    figure = figures["energized_facility_mw"]
    changed = [year for year in years if _changed(year)]
    total = f"Facility power in service is {_against(figure)}, at its greatest"
    if figure.first == figure.second == 0.0:
        return "Neither energizes any power."
    if not changed:
        return f"{total}; it is the same at the end of every year."
    widest = max(changed, key=lambda year: abs(year.difference))
    more = "more" if widest.difference > 0 else "less"
    return (
        f"{total}; the years part most at the end of {widest.name}, with {gigawatts(abs(widest.difference))} {more} "
        f"({widest.words(widest.second)} instead of {widest.words(widest.first)})."
    )


def _gigawatt_sentence(dates: tuple[tuple[int, date | None, date | None], ...]) -> str:
    if not dates:
        return ""
    lost = [str(number) for number, before, after in dates if before and not after]
    won = [str(number) for number, before, after in dates if after and not before]
    shifts = {number: _months_between(before, after) for number, before, after in dates if before and after}
    parts = []
    for word, sign in (("later", 1), ("earlier", -1)):
        moved = {number: shift * sign for number, shift in shifts.items() if shift * sign > 0}
        if moved:
            low, high = min(moved.values()), max(moved.values())
            months = counted(low, "month") if low == high else f"{low} to {counted(high, 'month')}"
            parts.append(f"{_moving(list(moved), 'comes', 'come')} {months} {word}")
    unmoved = [number for number, shift in shifts.items() if shift == 0]
    if unmoved:
        parts.append(_moving(unmoved, "keeps its date", "keep their dates"))
    if lost:
        parts.append(f"{_numbered(lost)} no longer reached")
    if won:
        parts.append(f"{_numbered(won)} reached only now")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _moving(numbers: list[int], one: str, many: str) -> str:
    """`gigawatt 1 comes`, `8 gigawatts come`."""
    return f"gigawatt {numbers[0]} {one}" if len(numbers) == 1 else f"{counted(len(numbers), 'gigawatt')} {many}"


def _numbered(numbers: list[str]) -> str:
    """`gigawatt 9 is`, `gigawatts 9 and 10 are`."""
    return f"gigawatt {numbers[0]} is" if len(numbers) == 1 else f"gigawatts {listing(numbers)} are"


def _months_between(before: date, after: date) -> int:
    return (after.year - before.year) * MONTHS_PER_YEAR + after.month - before.month


def _investor_sentences(first: Study, second: Study) -> tuple[str, ...]:
    names = {**measures.party_names(first), **measures.party_names(second)}
    paid = [
        {party: float(series.sum()) for party, series in measures.invested_usd(study).items()}
        for study in (first, second)
    ]
    sentences = []
    for party in sorted(set(paid[0]) | set(paid[1]), key=lambda p: -max(paid[0].get(p, 0.0), paid[1].get(p, 0.0))):
        figure = Measure(
            name=party, label=party, first=paid[0].get(party, 0.0), second=paid[1].get(party, 0.0), words=money
        )
        sentences.append(f"{names.get(party, party)} pays in {_against(figure)}.")
    return tuple(sentences)


def _tranche_sentence(first: Study, second: Study) -> str:
    before, after = (_terms(study) for study in (first, second))
    if before == after:
        return ""
    earned = [counted(len(study.appraisal.milestones), "tranche") for study in (first, second)]
    return (
        f"Investment is {after} instead of {before}: {earned[1]} paid on milestones within the horizon instead of "
        f"{earned[0]}."
    )


def _terms(study: Study) -> str:
    """How investors commit themselves, in words."""
    parts = []
    offered = [contract for contract in study.inputs.contracts if isinstance(contract, MilestoneTranches)]
    rounds = [contract for contract in study.inputs.contracts if isinstance(contract, EquityRound)]
    for contract in offered:
        firmness = "binding" if contract.binding else "not binding"
        parts.append(
            f"{money(contract.amount_usd)} for each {gigawatts(contract.unit_mw)} energized, at most "
            f"{money(contract.cap_usd)} ({firmness})"
        )
    if rounds:
        total = sum(part.amount_usd for contract in rounds for part in contract.instalments)
        parts.append(f"{money(total)} in {'a round' if len(rounds) == 1 else 'rounds'} on fixed dates")
    return " with ".join(parts) or "absent"


def _value_sentence(figures: Mapping[str, Measure]) -> str:
    npv, peak = figures["npv_usd"], figures["peak_funding_usd"]
    return f"Net present value is {_against(npv)}; peak funding need {_against(peak)}."


def _capital_sentence(figures: Mapping[str, Measure]) -> str:
    return (
        f"All parties' capital is {_against(figures['capex_usd'])}; per GW of facility power it is "
        f"{_against(figures['capex_usd_per_facility_gw'])}."
    )


def _token_sentence(figures: Mapping[str, Measure]) -> str:
    cost = figures["usd_per_mtoken"]
    costs = "" if math.isnan(cost.second) else f"; the cheapest million tokens cost {_against(cost)}"
    return f"Tokens served are {_against(figures['served_tokens'])}{costs}."


def _exposure_sentence(figures: Mapping[str, Measure], second: Study) -> str:
    figure = figures["exposure_usd"]
    if figure.first == figure.second == 0.0:
        return ""
    if figure.first == 0.0:
        cap = sum(c.cap_usd for c in second.inputs.contracts if isinstance(c, ResidualGuarantee))
        return (
            f"New are guarantees of at most {money(cap)}, contingent on a default; the claim reaches "
            f"{money(figure.second)} within the horizon."
        )
    if figure.second == 0.0:
        return f"Guarantees of up to {money(figure.first)} fall away."
    return f"Guarantees reach {_against(figure)}."


def _sites_sentence(first: Study, second: Study, only_first: tuple[str, ...], only_second: tuple[str, ...]) -> str:
    names = {site.id: site.name for study in (first, second) for site in study.inputs.sites}
    parts = []
    if only_second:
        parts.append(f"It uses {listing([names[site] for site in only_second])}, where the other has no racks")
    if only_first:
        parts.append(f"{'it' if parts else 'It'} no longer uses {listing([names[site] for site in only_first])}")
    return f"{'; '.join(parts)}." if parts else ""


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as one JSON object."""

    def pair(figure: Measure) -> dict[str, float | None]:
        return {
            "first": _finite(figure.first),
            "second": _finite(figure.second),
            "difference": _finite(figure.difference),
        }

    return {
        "format": FORMAT,
        "first": comparison.first,
        "second": comparison.second,
        "sentences": list(comparison.sentences),
        "measures": {figure.name: pair(figure) for figure in comparison.measures},
        "energized_facility_mw_at_year_end": {figure.name: pair(figure) for figure in comparison.energized_by_year},
        "gigawatts": [
            {
                "gigawatt": number,
                "first": month_key(before) if before else None,
                "second": month_key(after) if after else None,
            }
            for number, before, after in comparison.milestones
        ],
        "sites_only_in_first": list(comparison.sites_only_in_first),
        "sites_only_in_second": list(comparison.sites_only_in_second),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def side_by_side(comparison: Comparison) -> Table:
    """Every figure of both studies and the difference."""
    rows = [_figure_row(figure) for figure in (*comparison.measures, *comparison.energized_by_year)]
    rows += [
        Row(cells=tuple(Cell(text=text) for text in (f"{number} GW facility in service", *_dates(before, after))))
        for number, before, after in comparison.milestones
    ]
    heads = (
        Head(text="Figure"),
        *(Head(text=text, numeric=True) for text in (comparison.first, comparison.second, "Difference")),
    )
    return Table(heads=heads, rows=tuple(rows))


def _figure_row(figure: Measure) -> Row:
    difference = figure.words(abs(figure.difference)) if math.isfinite(figure.difference) else "–"
    sign = "+" if figure.difference > 0 else "−" if figure.difference < 0 else ""
    shown = f"{sign}{difference}" if _changed(figure) else "–"
    texts = (figure.label, figure.words(figure.first), figure.words(figure.second), shown)
    return Row(cells=tuple(Cell(text=text) for text in texts))


def _dates(before: date | None, after: date | None) -> tuple[str, str, str]:
    first, second = (month_name(day) if day else NEVER for day in (before, after))
    if before is None or after is None:
        return first, second, "–"
    shift = _months_between(before, after)
    word = "later" if shift > 0 else "earlier"
    return first, second, (f"{counted(abs(shift), 'month')} {word}" if shift else "–")
