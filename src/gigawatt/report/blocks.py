"""Tiles and tables of the report: text to read, beside the number to sort by."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from gigawatt.entities.site import Cloud, Leased, Site
from gigawatt.entities.stages import Study
from gigawatt.finance.circle import investor_circles
from gigawatt.finance.compute_costs import WATERFALL_SCHEMA, compute_costs, waterfall
from gigawatt.finance.party_returns import loan_coverages, party_returns
from gigawatt.report import measures
from gigawatt.report.cells import Cell, Row, Table, heads_of, row_of
from gigawatt.report.palette import party_colours, site_colours
from gigawatt.report.wording import (
    NEVER,
    after,
    gigawatts,
    money,
    percent,
    short_month,
    span,
    tokens,
    unit_price,
)
from gigawatt.units import USD_PER_MILLION

_LEAST_LOSS_USD = 0.5 * USD_PER_MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A headline figure with its range and its basis."""

    name: str
    value: str
    band: str
    basis: str


def _usd(amount: float) -> Cell:
    return Cell(text=money(amount), sort=amount if np.isfinite(amount) else None)


def tiles(study: Study) -> tuple[Tile, ...]:
    """The figures that a planner decides on."""
    appraisal = study.appraisal
    capex = measures.capex_total_usd(study)
    return (
        Tile(
            name="Greatest power in service",
            value=gigawatts(measures.greatest_energized_mw(study, "facility")),
            band=_band(study, "energized_facility_mw", gigawatts),
            basis=f"facility power; {gigawatts(measures.greatest_energized_mw(study, 'it'))} IT",
        ),
        Tile(
            name="Tokens served",
            value=tokens(float(measures.served_tokens(study).sum())),
            band=_band(study, "served_tokens", tokens),
            basis="input plus output, whole horizon",
        ),
        Tile(
            name="Net present value",
            value=money(appraisal.npv_usd),
            band=_band(study, "npv_usd", money),
            basis=f"nominal USD at {percent(study.inputs.discount_rate_fraction, decimals=1)}, before financing; "
            f"{money(measures.npv_with_end_value_usd(study))} with what is left at the end",
        ),
        Tile(
            name="Internal rate of return",
            value=percent(appraisal.irr_fraction, decimals=1) if np.isfinite(appraisal.irr_fraction) else "none",
            band=_band(study, "irr_fraction", lambda value: percent(value, decimals=1)),
            basis="a year, nominal, before financing"
            if np.isfinite(appraisal.irr_fraction)
            else "no single yearly rate makes the cash flows worth zero",
        ),
        Tile(
            name="Peak funding need",
            value=money(appraisal.peak_funding_usd),
            band=_band(study, "peak_funding_usd", money),
            basis=f"nominal USD, in {short_month(appraisal.peak_funding_month)}, before financing",
        ),
        Tile(
            name="Paid on milestones",
            value=money(measures.milestones_total_usd(study)),
            band=_band(study, "milestones_usd", money),
            basis=_last_milestone_words(study),
        ),
        Tile(
            name="Capital, all parties",
            value=money(capex),
            band=_band(study, "capex_usd", money),
            basis="nominal USD, replacements included",
        ),
        Tile(
            name="Capital per gigawatt",
            value=money(measures.per_gigawatt_usd(study, capex, "facility")),
            band=f"{money(measures.per_gigawatt_usd(study, capex, 'it'))} per GW of IT power",
            basis="per GW of facility power at its greatest",
        ),
    )


def _band(study: Study, name: str, words: Callable[[float], str]) -> str:
    band = study.bands.headline.get(name)
    if band is None:
        return "no range: no history was sampled"
    if any(math.isnan(value) for value in band):
        return "no range: too few histories have one"
    if len({words(value) for value in band}) == 1:
        return f"{words(band[1])} at P10, P50 and P90"
    return f"{span(band[0], band[2], words)}, P50 {words(band[1])}"


def _last_milestone_words(study: Study) -> str:
    band = study.bands.headline.get("last_milestone_month")
    if not study.appraisal.milestones or band is None:
        return f"{len(study.appraisal.milestones)} tranches"
    start = study.inputs.calendar.start
    late = after(start, band[2])
    return (
        f"{len(study.appraisal.milestones)} tranches; the last by {late} at P90"
        if late != NEVER
        else (f"{len(study.appraisal.milestones)} tranches; the last not reached at P90")
    )


def milestones_table(study: Study) -> Table:
    """Each tranche with its dates."""
    rows = tuple(
        row_of(
            Cell(text=str(milestone.gigawatt), sort=milestone.gigawatt),
            short_month(milestone.reached),
            short_month(milestone.paid),
            _usd(milestone.amount_usd),
            milestone.contract,
        )
        for milestone in study.appraisal.milestones
    )
    return Table(heads=heads_of("#Unit", "Reached", "Paid", "#Amount", "Contract"), rows=rows)


def parties_table(study: Study) -> Table:
    """What each party receives, pays and keeps."""
    colours, names = party_colours(study), measures.party_names(study)
    cash = measures.cash_by_party(study)
    rows = tuple(
        row_of(
            Cell(text=names[party], colour=colours[party]),
            _usd(flows.received_total_usd),
            _usd(flows.paid_total_usd),
            _usd(flows.net_usd),
        )
        for party, flows in sorted(cash.items(), key=lambda item: -item[1].net_usd)
        if flows.received_total_usd or flows.paid_total_usd
    )
    return Table(heads=heads_of("Party", "#Received", "#Paid", "#Net"), rows=rows)


def exposures_table(study: Study) -> Table:
    """Contingent claims at their greatest."""
    names = measures.party_names(study)
    rows = tuple(
        row_of(contract, names.get(party, party), _usd(amount), short_month(month))
        for contract, (party, amount, month) in measures.exposures_by_contract(study).items()
    )
    return Table(heads=heads_of("Contract", "Who would pay", "#Greatest claim", "When"), rows=rows)


def matrix_table(study: Study) -> Table:
    """Payments over the horizon: payers down, payees across."""
    colours, names = party_colours(study), measures.party_names(study)
    payments = measures.payments_usd(study)
    payers, payees = ({pair[side] for pair in payments} for side in (0, 1))
    down = [party for party in names if party in payers]
    across = [party for party in names if party in payees]
    rows = [
        row_of(
            Cell(text=names[payer], colour=colours[payer]),
            *(_usd(payments[payer, payee]) if (payer, payee) in payments else "" for payee in across),
            _usd(sum(usd for pair, usd in payments.items() if pair[0] == payer)),
        )
        for payer in down
    ]
    sums = (_usd(sum(usd for pair, usd in payments.items() if pair[1] == payee)) for payee in across)
    rows.append(row_of("All", *sums, _usd(sum(payments.values())), total=True))
    heads = heads_of("Payer", *(f"#{names[payee]}" for payee in across), "#All")
    return Table(heads=heads, rows=tuple(rows) if payments else ())


def investors_table(study: Study) -> Table:
    """What each investor puts in and what comes back with purchases of it."""
    colours, names = party_colours(study), measures.party_names(study)
    rows = tuple(
        row_of(
            Cell(text=names[each.investor], colour=colours[each.investor]),
            _usd(float(each.invested_usd.sum())),
            _usd(float(each.of_everybody.bought_usd.sum())),
            Cell(text=percent(each.of_recipients.share_fraction), sort=each.of_recipients.share_fraction),
            Cell(text=percent(each.of_everybody.share_fraction), sort=each.of_everybody.share_fraction),
            f"{each.of_everybody.mean_months:.0f} months" if each.of_everybody.returned_usd.any() else "–",
            short_month(each.of_everybody.half_by) if each.of_everybody.half_by else NEVER,
        )
        for each in investor_circles(study.inputs, appraisal=study.appraisal)
    )
    titles = ("#Puts in", "#Sells", "#Back, of those it paid", "#Back, of everybody", "#After", "Half back by")
    return Table(heads=heads_of("Investor", *titles), rows=rows)


def losses_table(study: Study, losses: pl.DataFrame) -> Table:
    """What each party loses in net cash over the horizon, case by case; columns of `risk.stress.exposures`."""
    names = measures.party_names(study)
    touched = losses.filter(pl.col("loss_usd").abs() >= _LEAST_LOSS_USD)["party"].unique().to_list()
    across = [party for party in names if party in touched]
    by_case: dict[str, dict[str, float]] = {}
    for case, party, loss_usd in losses.select("case", "party", "loss_usd").iter_rows():
        by_case.setdefault(case, {})[party] = loss_usd
    rows = tuple(
        row_of(
            case,
            *(_usd(lost[party]) if abs(lost.get(party, 0.0)) >= _LEAST_LOSS_USD else "" for party in across),
        )
        for case, lost in by_case.items()
    )
    return Table(heads=heads_of("Case", *(f"#{names[party]}" for party in across)), rows=rows if across else ())


def training_table(study: Study) -> Table:
    """Each run with its dates and what is done."""
    rows = tuple(
        row_of(
            progress.run.id,
            Cell(text=percent(float(progress.done_fraction[-1])), sort=float(progress.done_fraction[-1])),
            short_month(progress.finished) if progress.finished else NEVER,
            short_month(progress.run.deadline),
        )
        for progress in measures.training_progress(study)
    )
    return Table(heads=heads_of("Run", "#Done", "Finished", "Deadline"), rows=rows)


def returns_table(study: Study) -> Table:
    """What the programme and its investors get for their money, by view."""
    colours, names = party_colours(study), measures.party_names(study)
    circles = investor_circles(study.inputs, appraisal=study.appraisal)
    parties = dict.fromkeys((study.inputs.programme, *(each.investor for each in circles)))
    rows = tuple(
        row_of(
            Cell(text=names[party], colour=colours[party]),
            each.view.value,
            _usd(each.paid_usd),
            _usd(each.received_usd),
            _usd(each.held_usd),
            Cell(text=percent(each.rate_fraction, decimals=1), sort=_finite(each.rate_fraction)),
            _ratio(each.multiple_ratio),
            short_month(each.payback) if each.payback else "–",
        )
        for party in parties
        for each in party_returns(study.inputs, appraisal=study.appraisal, party=party)
    )
    titles = ("View", "#Paid", "#Received", "#Shares held", "#XIRR", "#MOIC", "Payback")
    return Table(heads=heads_of("Party", *titles), rows=rows)


def loans_table(study: Study) -> Table:
    """Each loan at its weakest."""
    rows = tuple(
        row_of(
            each.contract,
            _usd(each.drawn_usd),
            _ratio(each.least_dscr_ratio),
            str(each.least_dscr_year or "–"),
            _ratio(each.least_llcr_ratio),
            _ratio(each.greatest_ltv_ratio),
        )
        for each in loan_coverages(study.inputs, appraisal=study.appraisal)
    )
    titles = ("#Drawn", "#Least DSCR", "In", "#Least LLCR", "#Greatest LTV")
    return Table(heads=heads_of("Loan", *titles), rows=rows)


def levelized_table(study: Study) -> Table:
    """The levelized cost of compute by layer, over five units."""
    table = waterfall(compute_costs(study.inputs, study.history, flows=study.appraisal.flows))
    units = tuple(WATERFALL_SCHEMA)[2:]
    rows = tuple(
        row_of(
            str(row["layer"]).capitalize(),
            *(_unit_price(row[unit]) for unit in units[:2]),
            *(_usd(math.nan if row[unit] is None else row[unit]) for unit in units[2:]),
            total=row["layer"] == "all",
        )
        for row in table.iter_rows(named=True)
        if row["cost_usd"] and row[units[0]] is not None
    )
    titles = ("#per accelerator-hour", "#per million tokens", "#per dense FP8 PFLOP-year", "#per MW-year IT",
              "#per MW-year facility")  # fmt: skip
    return Table(heads=heads_of("Layer", *titles), rows=rows)


def _unit_price(usd: float | None) -> Cell:
    return Cell(text=unit_price(math.nan if usd is None else usd), sort=usd)


def _ratio(value: float) -> Cell:
    return Cell(text=f"{value:.2f}" if math.isfinite(value) else "–", sort=_finite(value))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def capex_table(study: Study) -> Table:
    """Capital by layer, in all and per gigawatt on both bases."""
    total = measures.capex_total_usd(study)

    def row(name: str, amount: float, *, is_total: bool = False) -> Row:
        return row_of(
            name,
            _usd(amount),
            percent(amount / total) if total else "–",
            _usd(measures.per_gigawatt_usd(study, amount, "facility")),
            _usd(measures.per_gigawatt_usd(study, amount, "it")),
            total=is_total,
        )

    layers = sorted(study.appraisal.capex_usd.items(), key=lambda item: -item[1])
    rows = (*(row(name.replace("_", " "), amount) for name, amount in layers), row("all layers", total, is_total=True))
    return Table(heads=heads_of("Layer", "#USD", "#Share", "#per GW facility", "#per GW IT"), rows=rows)


def sites_table(study: Study) -> Table:
    """Every site of the scenario: who stands behind it, what it gets and when."""
    colours, names = site_colours(study), measures.party_names(study)
    facility = measures.energized_mw(study, "facility").sum("platform")
    it = measures.energized_mw(study, "it").sum("platform")
    months = study.inputs.calendar.months
    rows: list[Row] = []
    for site in sorted(study.inputs.sites, key=lambda site: -float(facility.sel(site=site.id).max())):
        power = facility.sel(site=site.id).values
        first = np.flatnonzero(power > 0)
        planned = max((step.facility_mw for step in site.power_steps), default=0.0)
        rows.append(
            row_of(
                Cell(text=site.name, colour=colours.get(site.id, "#c9ced4")),
                names.get(measures.partner(site), measures.partner(site)),
                _ownership_words(site),
                Cell(text=gigawatts(float(power.max())), sort=float(power.max())),
                Cell(text=gigawatts(float(it.sel(site=site.id).max())), sort=float(it.sel(site=site.id).max())),
                Cell(text=gigawatts(planned), sort=planned),
                Cell(text=short_month(months[first[0]]), sort=float(first[0])) if first.size else Cell(text="–"),
                f"{site.peak_pue:.2f}",
                f"${site.energy_price_usd_per_mwh:.0f}",
            )
        )
    heads = heads_of(
        "Site", "Partner", "Terms", "#Facility", "#IT", "#Power offered", "First racks", "#Peak PUE", "#USD/MWh"
    )
    return Table(heads=heads, rows=tuple(rows), css="sortable")


def _ownership_words(site: Site) -> str:
    if isinstance(site.ownership, Cloud):
        return "cloud"
    return "leased" if isinstance(site.ownership, Leased) else "owned"
