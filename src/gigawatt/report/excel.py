"""The report as a workbook: numbers as numbers, each column's unit in its head."""

import math
from collections.abc import Iterable, Sequence
from datetime import date
from io import BytesIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook

from gigawatt.entities.stages import Study
from gigawatt.report import blocks, measures
from gigawatt.report.wording import QUADRILLION

Value = str | float | date | None
MOST_CHARACTERS_WIDE = 60


class _Book:
    """A workbook under construction, with the formats of the house."""

    def __init__(self, buffer: BytesIO) -> None:
        self._book = Workbook(buffer, {"in_memory": True, "strings_to_urls": False, "strings_to_formulas": False})
        self._head = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._month = self._book.add_format({"num_format": "yyyy-mm", "align": "left"})
        self._number = self._book.add_format({"num_format": "#,##0.00"})
        self._large = self._book.add_format({"num_format": "#,##0"})
        self._huge = self._book.add_format({"num_format": "0.000E+00"})

    def sheet(self, name: str, heads: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """A sheet with a frozen head, a filter and columns as wide as their content."""
        sheet = self._book.add_worksheet(name)
        widths = [len(head) for head in heads]
        sheet.write_row(0, 0, heads, self._head)
        last = 0
        for last, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                self._write(sheet, last, column, value)
                widths[column] = max(widths[column], _shown_width(value))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(width + 2, MOST_CHARACTERS_WIDE))
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(last, 1), len(heads) - 1)

    def _write(self, sheet: "xlsxwriter.worksheet.Worksheet", row: int, column: int, value: Value) -> None:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            sheet.write_blank(row, column, None)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, self._month)
        elif isinstance(value, str):
            sheet.write_string(row, column, value)
        else:
            sheet.write_number(row, column, value, self._number_format(float(value)))

    def _number_format(self, value: float) -> Format:
        if abs(value) >= QUADRILLION:
            return self._huge
        return self._large if value == round(value) else self._number

    def close(self) -> None:
        """Finish the workbook."""
        self._book.close()


def report_xlsx(study: Study) -> bytes:
    """The workbook as bytes."""
    buffer = BytesIO()
    book = _Book(buffer)
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


def _energized(book: _Book, study: Study, basis: measures.Basis) -> None:
    word = "IT" if basis == "it" else "facility"
    sites = measures.sites_in_use(study)
    power = measures.energized_mw(study, basis).sum("platform")
    heads = ("month", f"all sites (MW {word})", *(f"{site.name} (MW {word})" for site in sites))
    columns = [measures.total_energized_mw(study, basis), *(power.sel(site=site.id).values for site in sites)]
    book.sheet(f"energized {word}", heads, _monthly(study, columns))


def _racks(book: _Book, study: Study) -> None:
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


def _cash_flows(book: _Book, study: Study) -> None:
    columns = ["month", "payer", "payee", "purpose", "kind", "site", "platform", "amount_usd"]
    heads = (*columns[:-1], "amount (USD)")
    book.sheet("cash flows", heads, study.appraisal.flows.select(columns).iter_rows())


def _parties(book: _Book, study: Study) -> None:
    cash = measures.cash_by_party(study)
    names = measures.party_names(study)
    heads = ["month"]
    columns = []
    for party, flows in cash.items():
        heads += [f"{names[party]} received (USD)", f"{names[party]} paid (USD)"]
        columns += [flows.received_usd, flows.paid_usd]
    columns.append(measures.programme_cash_usd(study))
    book.sheet("parties", (*heads, "programme cash (USD)"), _monthly(study, columns))


def _tokens(book: _Book, study: Study) -> None:
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


def _tables(book: _Book, study: Study) -> None:
    costs = study.appraisal.unit_costs.select("platform", "usd_per_mtoken", "usd_per_accelerator_hour")
    book.sheet("unit costs", ("platform", "cost (USD/Mtoken)", "cost (USD/accelerator-hour)"), costs.iter_rows())
    total = measures.capex_total_usd(study)
    layers = [*study.appraisal.capex_usd.items(), ("all layers", total)]
    book.sheet(
        "capital",
        ("layer", "amount (USD)", "per GW facility (USD)", "per GW IT (USD)"),
        [
            (
                name,
                amount,
                measures.per_gigawatt_usd(study, amount, "facility"),
                measures.per_gigawatt_usd(study, amount, "it"),
            )
            for name, amount in layers
        ],
    )
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


def _monthly(study: Study, columns: Sequence[Iterable[float]]) -> Iterable[tuple[Value, ...]]:
    return zip(study.inputs.calendar.months, *(map(float, column) for column in columns), strict=True)


def _shown_width(value: Value) -> int:
    if isinstance(value, float | int):
        return len(f"{value:,.2f}") if abs(value) < QUADRILLION else 10
    return len(str(value)) if isinstance(value, str) else 8
