"""The report as a workbook: numbers as numbers, each column's unit in its head, live formulas where one reckons."""

import math
from collections.abc import Iterable, Sequence
from io import BytesIO

from gigawatt.entities.stages import Study
from gigawatt.report import blocks, measures
from gigawatt.report.excel_money import CASH_FLOWS, money_sheets
from gigawatt.report.workbook import Book, Formula, Value
from gigawatt.units import MEGAWATTS_PER_GIGAWATT


def report_xlsx(study: Study) -> bytes:
    """The workbook as bytes."""
    buffer = BytesIO()
    book = Book(buffer)
    book.sheet("summary", ("figure", "value", "P10", "P50", "P90", "unit"), _summary_rows(study))
    for basis in ("facility", "it"):
        _energized(book, study, basis)
    _racks(book, study)
    book.sheet(
        "milestones",
        ("unit", "reached", "paid", "contract", "amount (USD)"),
        [(m.gigawatt, m.reached, m.paid, m.contract, m.amount_usd) for m in study.appraisal.milestones],
    )
    _cash_flows(book, study)
    money_sheets(book, study)
    _parties(book, study)
    _tokens(book, study)
    _tables(book, study)
    book.close()
    return buffer.getvalue()


def _summary_rows(study: Study) -> list[tuple[Value, ...]]:
    appraisal = study.appraisal
    figures: dict[str, tuple[float, str]] = {
        "energized_facility_mw": (measures.greatest_energized_mw(study, "facility"), "MW facility, greatest"),
        "energized_it_mw": (measures.greatest_energized_mw(study, "it"), "MW IT, greatest"),
        "served_tokens": (float(measures.served_tokens(study).sum()), "token"),
        "npv_usd": (appraisal.npv_usd, "USD"),
        "npv_with_end_value_usd": (measures.npv_with_end_value_usd(study), "USD"),
        "irr_fraction": (appraisal.irr_fraction, "ratio per year"),
        "peak_funding_usd": (appraisal.peak_funding_usd, "USD"),
        "milestones_usd": (measures.milestones_total_usd(study), "USD"),
        "capex_usd": (measures.capex_total_usd(study), "USD"),
        "opex_usd": (measures.opex_total_usd(study), "USD"),
        "revenue_usd": (appraisal.revenue_usd, "USD"),
        "gap_fraction": (study.plan.gap_fraction, "ratio"),
    }
    bands = study.bands.headline
    nothing = (math.nan, math.nan, math.nan)
    return [(name, value, *bands.get(name, nothing), unit) for name, (value, unit) in figures.items()]


def _energized(book: Book, study: Study, basis: measures.Basis) -> None:
    word = "IT" if basis == "it" else "facility"
    sites = measures.sites_in_use(study)
    power = measures.energized_mw(study, basis).sum("platform")
    heads = ("month", f"all sites (MW {word})", *(f"{site.name} (MW {word})" for site in sites))
    columns = [measures.total_energized_mw(study, basis), *(power.sel(site=site.id).values for site in sites)]
    book.sheet(f"energized {word}", heads, _monthly(study, columns))


def _racks(book: Book, study: Study) -> None:
    racks = study.history.state["installed_racks"]
    pairs = [
        (site.id, platform)
        for site in measures.sites_in_use(study)
        for platform in measures.platforms_in_use(study)
        if float(racks.sel(site=site.id, platform=platform).max()) > 0
    ]
    columns = [racks.sel(site=site, platform=platform).transpose("month").values for site, platform in pairs]
    heads = ("month", *(f"{site} {platform} (racks)" for site, platform in pairs))
    book.sheet("racks", heads, _monthly(study, columns))


def _cash_flows(book: Book, study: Study) -> None:
    columns = ["month", "payer", "payee", "purpose", "kind", "site", "platform", "amount_usd"]
    heads = (*columns[:-1], "amount (USD)")
    book.sheet(CASH_FLOWS, heads, study.appraisal.flows.select(columns).iter_rows())


def _parties(book: Book, study: Study) -> None:
    cash = measures.cash_by_party(study)
    names = measures.party_names(study)
    heads = ["month"]
    columns = []
    for party, flows in cash.items():
        heads += [f"{names[party]} received (USD)", f"{names[party]} paid (USD)"]
        columns += [flows.received_usd, flows.paid_usd]
    columns.append(measures.programme_cash_usd(study))
    book.sheet("parties", (*heads, "programme cash (USD)"), _monthly(study, columns))


def _tokens(book: Book, study: Study) -> None:
    served = measures.served_tokens(study)
    services = [service.id for service in study.inputs.services]
    runs = measures.training_progress(study)
    heads = (
        "month",
        "wanted (token)",
        *(f"{service} served (token)" for service in services),
        *(f"{progress.run.id} done (ratio)" for progress in runs),
    )
    columns = [
        measures.demand_tokens(study),
        *(served.sel(service=service).values for service in services),
        *(progress.done_fraction for progress in runs),
    ]
    book.sheet("tokens and training", heads, _monthly(study, columns))


def _tables(book: Book, study: Study) -> None:
    costs = study.appraisal.unit_costs.select("platform", "usd_per_mtoken", "usd_per_accelerator_hour")
    book.sheet("unit costs", ("platform", "cost (USD/Mtoken)", "cost (USD/accelerator-hour)"), costs.iter_rows())
    heads = ("layer", "amount (USD)", "per GW facility (USD)", "per GW IT (USD)", "GW facility", "GW IT")
    book.sheet("capital", heads, _capital_rows(study))
    sites = blocks.sites_table(study)
    book.sheet(
        "sites",
        [head.text + (" (MW)" if head.text in {"Facility", "IT", "Power offered"} else "") for head in sites.heads],
        [
            [cell.sort if head.numeric and cell.sort is not None else cell.text for head, cell in pairs]
            for pairs in (list(zip(sites.heads, row.cells, strict=True)) for row in sites.rows)
        ],
    )
    book.sheet(
        "assumptions",
        ("figure", "value", "low", "high", "grade", "origin", "as of", "source", "link", "note"),
        [
            (
                entry.key,
                entry.text,
                entry.low,
                entry.high,
                str(entry.grade),
                entry.origin,
                entry.as_of,
                "; ".join(source.publisher or source.id for source in entry.sources),
                "; ".join(source.url for source in entry.sources),
                entry.note,
            )
            for entry in study.inputs.ledger.entries
        ],
    )


def _capital_rows(study: Study) -> Iterable[list[Value]]:
    """Each layer and their sum, per gigawatt of the greatest power in service on both bases."""
    layers = [*study.appraisal.capex_usd.items(), ("all layers", measures.capex_total_usd(study))]
    gigawatts = [measures.greatest_energized_mw(study, basis) / MEGAWATTS_PER_GIGAWATT for basis in ("facility", "it")]
    for row, (name, amount) in enumerate(layers, start=2):
        total = Formula(text=f"=SUM(B2:B{row - 1})", value=amount)
        per_gw = [
            Formula(text=f"=B{row}/{column}{row}", value=amount / power) if power else None
            for column, power in zip("EF", gigawatts, strict=True)
        ]
        yield [name, total if name == "all layers" else amount, *per_gw, *gigawatts]


def _monthly(study: Study, columns: Sequence[Iterable[float]]) -> Iterable[tuple[Value, ...]]:
    return zip(study.inputs.calendar.months, *(map(float, column) for column in columns), strict=True)
