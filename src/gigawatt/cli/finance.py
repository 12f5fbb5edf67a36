"""`gigawatt finance`: the accounts of a party of a study, and the circle that its money runs in."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from gigawatt import store
from gigawatt.cli.console import out, print_json
from gigawatt.cli.pages import write_page
from gigawatt.cli.project_finance import project_command
from gigawatt.cli.shares import shares_command
from gigawatt.cli.study import study_place
from gigawatt.cli.tables import terminal_table
from gigawatt.cli.wide import print_whole
from gigawatt.entities.capital import Party
from gigawatt.entities.stages import Study
from gigawatt.finance.party_returns import CashReturns, loan_coverages, party_returns, programme_runway_months
from gigawatt.report import accounts, blocks, measures, words
from gigawatt.report.circle_page import circle_html, circle_object
from gigawatt.report.wording import money, percent, short_month, unit_price
from gigawatt.risk.stress import cases, exposures
from gigawatt.units import USD_PER_BILLION, USD_PER_MILLION

_STATEMENTS = "statements"


class _StatementsFirst(TyperGroup):
    """`gigawatt finance STUDY` means `gigawatt finance statements STUDY`."""

    def parse_args(  # type: ignore[override]  # typer vendors the context's base class under a private name
        self, ctx: typer.Context, args: list[str]
    ) -> list[str]:
        """The words, with the default command before a study or an option of its own."""
        asks_help = any(word in ctx.help_option_names for word in args[:1])
        if args and args[0] not in self.commands and not asks_help:
            args = [_STATEMENTS, *args]
        return super().parse_args(ctx, args)


finance_app = typer.Typer(add_completion=False, no_args_is_help=True, cls=_StatementsFirst)

StudyFolder = Annotated[str, typer.Argument(metavar="STUDY", help="Folder of a study, or its name under ./studies.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


@finance_app.callback()
def _root() -> None:
    """Show the accounts of a study: statements, returns and payments of a party, and who pays whom.

    `gigawatt finance STUDY [--party NAME]` shows the statements of a party, the programme's unless you name another.
    """


@finance_app.command(_STATEMENTS)
def statements_command(
    folder: StudyFolder,
    party: Annotated[
        str | None, typer.Option("--party", metavar="NAME", help="Id or name of a party; else the programme.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a party's statements by year, what its payments return, and whom it pays and is paid by."""
    study = store.read(study_place(folder))
    chosen = accounts.find_party(study, study.inputs.programme if party is None else party)
    if as_json:
        print_json(accounts.finance_object(study, chosen))
        return
    _print_statements(study, chosen)
    returns = party_returns(study.inputs, appraisal=study.appraisal, party=chosen.id)
    if returns:
        print_whole(_returns_table(returns))
    left = accounts.end_value(study, chosen.id)
    if left.height:
        out.print(_end_value_words(left), highlight=False)
    if chosen.id == study.inputs.programme:
        _print_programme(study)
    print_whole(_payments_table(study, chosen))
    claims = accounts.greatest_exposures(study, chosen.id)
    if claims.height:
        print_whole(_claims_table(claims))


@finance_app.command("circle")
def circle_command(
    folder: StudyFolder,
    page: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where the page goes; else circle.html in the study's folder."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show who pays whom, what comes back to investors, and what each party loses when things go wrong."""
    place = study_place(folder)
    study = store.read(place)
    written = place / "circle.html" if page is None else page
    losses = exposures(study, chosen=cases(study))
    write_page(written, circle_html(study, losses))
    if as_json:
        print_json({**circle_object(study, losses), "page": str(written)})
        return
    out.print(words.circle(study), highlight=False)
    for title, shown in (
        ("Payments over the horizon, payers down", blocks.matrix_table(study)),
        ("What comes back to investors", blocks.investors_table(study)),
        ("Contingent claims at their greatest", blocks.exposures_table(study)),
        ("Net cash that each party loses when", blocks.losses_table(study, losses)),
    ):
        if shown.rows:
            print_whole(terminal_table(title, shown))
    out.print(f"Page: {written}", soft_wrap=True, highlight=False)


finance_app.command("shares")(shares_command)
finance_app.command("project")(project_command)


def _print_statements(study: Study, party: Party) -> None:
    of_all = accounts.study_statements(study)
    for title, table, balances in (
        ("Cash flow", of_all.cash_flow, False),
        ("Income", of_all.income, False),
        ("Balance sheet at the year's end", of_all.balance_sheet, True),
    ):
        yearly = accounts.by_year(table.filter(pl.col("party") == party.id), balances=balances)
        print_whole(_yearly_table(f"{party.name}: {title.lower()}, bn USD", yearly))


def _yearly_table(title: str, yearly: pl.DataFrame) -> Table:
    """Lines down, years across; lines that are nothing in every year are left out."""
    shown = _table(title, ("",), tuple(str(year) for year in yearly["year"]))
    for name in yearly.columns[1:]:
        if yearly[name].abs().max():
            cells = (f"{usd / USD_PER_BILLION:,.2f}" for usd in yearly[name])
            shown.add_row(name.removesuffix("_usd").replace("_", " "), *cells)
    return shown


def _returns_table(returns: tuple[CashReturns, ...]) -> Table:
    heads = ("paid", "received", "held", "NPV", "XIRR", "MOIC", "payback", "peak need")
    shown = _table("What it returns", ("view",), heads)
    for each in returns:
        shown.add_row(
            each.view.value,
            money(each.paid_usd),
            money(each.received_usd),
            money(each.held_usd),
            money(each.npv_usd),
            percent(each.rate_fraction, decimals=1),
            _ratio(each.multiple_ratio),
            "–" if each.payback is None else short_month(each.payback),
            f"{money(each.peak_funding_usd)}, {short_month(each.peak_funding_month)}" if each.peak_funding_usd else "–",
        )
    return shown


def _end_value_words(left: pl.DataFrame) -> str:
    """What the party still owns at the end, which none of the returns counts."""
    worth, present = (float(left[name].sum()) for name in ("value_usd", "present_usd"))
    return f"At the end it owns what is worth {money(worth)}, {money(present)} at the start; returns count none of it."


def _print_programme(study: Study) -> None:
    loans = loan_coverages(study.inputs, appraisal=study.appraisal)
    if loans:
        shown = _table("Loans at their weakest", ("loan",), ("drawn", "DSCR", "in", "LLCR", "LTV"))
        for each in loans:
            ratios = (each.least_dscr_ratio, each.least_llcr_ratio, each.greatest_ltv_ratio)
            dscr, llcr, ltv = (_ratio(ratio) for ratio in ratios)
            shown.add_row(escape(each.contract), money(each.drawn_usd), dscr, str(each.least_dscr_year), llcr, ltv)
        print_whole(shown)
    out.print(_runway_words(study), highlight=False)
    heads = (
        "per accelerator-hour",
        "per million tokens",
        "per dense FP8 PFLOP-year",
        "per MW-year IT, m",
        "per MW-year facility, m",
    )
    shown = _table("Levelized cost of compute, USD", ("layer",), heads)
    for row in accounts.levelized(study).iter_rows(named=True):
        if row["cost_usd"]:
            shown.add_row(row["layer"], *_unit_cells(row))
    print_whole(shown)


def _runway_words(study: Study) -> str:
    """How long the programme's cash lasts without further financing, at its shortest."""
    runway = programme_runway_months(study.inputs, appraisal=study.appraisal)
    shortest = int(runway.argmin())
    if math.isinf(runway[shortest]):
        return "Runway: without further financing, the cash at any month's end lasts beyond the horizon."
    month = short_month(study.inputs.calendar.months[shortest])
    return f"Runway: without further financing, the cash at the end of {month} lasts {runway[shortest]:.0f} months."


def _ratio(ratio: float) -> str:
    return "–" if math.isnan(ratio) else f"{ratio:.2f}"


def _unit_cells(row: dict[str, float | None]) -> Iterable[str]:
    for name, scale in (
        ("usd_per_accelerator_hour", 1.0),
        ("usd_per_mtoken", 1.0),
        ("usd_per_pflop_year", 1.0),
        ("usd_per_it_mw_year", USD_PER_MILLION),
        ("usd_per_facility_mw_year", USD_PER_MILLION),
    ):
        value = row[name]
        yield "–" if value is None else unit_price(value / scale)


def _payments_table(study: Study, party: Party) -> Table:
    names = measures.party_names(study)
    totals = (
        accounts.payments_by_year(study, party.id)
        .group_by("direction", "counterparty", "purpose")
        .agg(pl.col("amount_usd").sum(), first=pl.col("year").min(), last=pl.col("year").max())
        .sort("direction", "amount_usd", descending=[True, True])
    )
    shown = _table(f"{party.name}: payments over the horizon", ("", "party", "for"), ("amount", "years"))
    for row in totals.iter_rows(named=True):
        years = str(row["first"]) if row["first"] == row["last"] else f"{row['first']} to {row['last']}"
        direction = "pays" if row["direction"] == "pays" else "is paid by"
        name = names.get(row["counterparty"], row["counterparty"])
        shown.add_row(direction, escape(name), row["purpose"], money(row["amount_usd"]), years)
    return shown


def _claims_table(claims: pl.DataFrame) -> Table:
    shown = _table("Contingent claims at their greatest", ("contract",), ("month", "amount"))
    for contract, month, usd in claims.iter_rows():
        shown.add_row(escape(contract), short_month(month), money(usd))
    return shown


def _table(title: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    shown = Table(title=escape(title), title_justify="left")
    for name in words:
        shown.add_column(name)
    for name in numbers:
        shown.add_column(name, justify="right")
    return shown
