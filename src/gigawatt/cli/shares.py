"""Who owns how much of whom: what payments bought, who holds what in the end, what became of warrants and loans."""

from typing import Annotated

import polars as pl
import typer
from rich.table import Table

from gigawatt import store
from gigawatt.cli.console import out, print_json
from gigawatt.cli.study import study_place
from gigawatt.cli.wide import print_whole
from gigawatt.entities.stages import Study
from gigawatt.finance.dilution import holdings
from gigawatt.report import measures
from gigawatt.report.wording import money, percent, short_month

StudyFolder = Annotated[str, typer.Argument(metavar="STUDY", help="Folder of a study, or its name under ./studies.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]


def shares_command(folder: StudyFolder, as_json: AsJson = False) -> None:
    """Show what payments bought of whom, who holds how much in the end, and what became of warrants and loans."""
    study = store.read(study_place(folder))
    bought, events = study.appraisal.stakes, study.appraisal.events
    issuers = bought.filter(pl.col("pre_money_usd").is_not_null())["issuer"].unique().sort().to_list()
    held = {issuer: holdings(study.appraisal, issuer=issuer) for issuer in issuers}
    if as_json:
        final = {issuer: _last(table) for issuer, table in held.items()}
        print_json(
            {
                "scenario": study.inputs.name,
                "stakes": [_plain(row) for row in bought.rows(named=True)],
                "holdings": final,
                "events": [_plain(row) for row in events.rows(named=True)],
            }
        )
        return
    if bought.is_empty() and events.is_empty():
        out.print(
            "No contract of this study sells shares at a valuation, and no covenant, loan or warrant has a story."
        )
        return
    print_whole(_stakes_table(study, bought))
    for issuer, table in held.items():
        shown = Table(
            title=f"Who holds {measures.party_names(study).get(issuer, issuer)} in the end", title_justify="left"
        )
        shown.add_column("holder")
        shown.add_column("stake", justify="right")
        for holder, fraction in _last(table).items():
            shown.add_row(measures.party_names(study).get(holder, holder), percent(fraction, decimals=2))
        print_whole(shown)
    for row in events.iter_rows(named=True):
        out.print(
            f"{short_month(row['month'])}  {row['contract']}: {row['event']}, {money(row['amount_usd'])}",
            highlight=False,
        )


def _last(table: pl.DataFrame) -> dict[str, float]:
    """Stakes after the last payment, largest first."""
    last = table.group_by("holder", maintain_order=True).agg(pl.last("stake_fraction"))
    return dict(last.sort("stake_fraction", descending=True).iter_rows())


def _plain(row: dict[str, object]) -> dict[str, object]:
    return {name: str(value) if name == "month" else value for name, value in row.items()}


def _stakes_table(study: Study, bought: pl.DataFrame) -> Table:
    names = measures.party_names(study)
    shown = Table(title="Payments for shares", title_justify="left")
    for head in ("month", "contract", "of", "for"):
        shown.add_column(head)
    for head in ("paid", "valuation before", "stake", "shares", "worth"):
        shown.add_column(head, justify="right")
    for row in bought.iter_rows(named=True):
        shown.add_row(
            short_month(row["month"]),
            row["contract"],
            names.get(row["issuer"], row["issuer"]),
            names.get(row["holder"], row["holder"]),
            money(row["paid_usd"]),
            "–" if row["pre_money_usd"] is None else money(row["pre_money_usd"]),
            "–" if row["stake_fraction"] is None else percent(row["stake_fraction"], decimals=2),
            "–" if row["shares_count"] is None else f"{row['shares_count']:,.0f}",
            money(row["value_usd"]),
        )
    return shown
