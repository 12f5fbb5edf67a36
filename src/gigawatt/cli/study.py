"""`gigawatt report`, `compare` and `schema`: what can be done with studies on disk, without a solver."""

from pathlib import Path
from typing import Annotated

import typer

from gigawatt import store
from gigawatt.cli.console import out, print_json
from gigawatt.cli.pages import write_page
from gigawatt.cli.tables import comparison_table
from gigawatt.cli.wide import print_whole
from gigawatt.report.compare import compare, comparison_json
from gigawatt.report.comparison_page import comparison_html
from gigawatt.report.documents import PAGE, documents
from gigawatt.report.explanation import explanation_schema
from gigawatt.report.finance_schema import circle_schema, finance_schema, project_schema, shares_schema
from gigawatt.report.pareto_page import pareto_schema
from gigawatt.report.replan import replan_schema
from gigawatt.report.schema import study_schema
from gigawatt.report.summary import summary

STUDIES = Path("studies")

report_app = typer.Typer(add_completion=False)
compare_app = typer.Typer(add_completion=False)
schema_app = typer.Typer(add_completion=False, no_args_is_help=True)


@report_app.command()
def report(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Folder of a study, or its name under ./studies.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (see `gigawatt schema study`).")
    ] = False,
) -> None:
    """Write the reports of a study again from its folder."""
    place = study_place(folder)
    study = store.read(place)
    store.write(study, place, documents=documents(study))
    if as_json:
        print_json(summary(study, report=str(place / PAGE)))
        return
    out.print(f"Report: {place / PAGE}", soft_wrap=True, highlight=False)


@compare_app.command("compare")
def compare_studies(
    first: Annotated[str, typer.Argument(metavar="STUDY_A", help="Folder of a study, or its name under ./studies.")],
    second: Annotated[str, typer.Argument(metavar="STUDY_B", help="The study that is told apart from the first.")],
    page: Annotated[Path | None, typer.Option("--out", help="Write an HTML page too.", metavar="FILE")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Say in words and side by side what a second study changes."""
    studies = tuple(store.read(study_place(name)) for name in (first, second))
    comparison = compare(*studies)
    if page is not None:
        write_page(page, comparison_html(*studies))
    if as_json:
        print_json(comparison_json(comparison))
        return
    for sentence in comparison.sentences:
        out.print(f"• {sentence}", markup=False, highlight=False)
    print_whole(comparison_table(comparison))
    if page is not None:
        out.print(f"Page: {page}", soft_wrap=True, highlight=False)


@schema_app.callback()
def _schema() -> None:
    """Print the JSON Schema of what a command writes."""


@schema_app.command("study")
def schema_study() -> None:
    """The schema of the object that `gigawatt plan --json` prints."""
    print_json(study_schema())


@schema_app.command("explain")
def schema_explain() -> None:
    """The schema of the object that `gigawatt explain --json` prints."""
    print_json(explanation_schema())


@schema_app.command("finance")
def schema_finance() -> None:
    """The schema of the object that `gigawatt finance --json` prints."""
    print_json(finance_schema())


@schema_app.command("circle")
def schema_circle() -> None:
    """The schema of the object that `gigawatt finance circle --json` prints."""
    print_json(circle_schema())


@schema_app.command("shares")
def schema_shares() -> None:
    """The schema of the object that `gigawatt finance shares --json` prints."""
    print_json(shares_schema())


@schema_app.command("project")
def schema_project() -> None:
    """The schema of the object that `gigawatt finance project --json` prints."""
    print_json(project_schema())


@schema_app.command("pareto")
def schema_pareto() -> None:
    """The schema of the object that `gigawatt plan --pareto --json` prints."""
    print_json(pareto_schema())


@schema_app.command("replan")
def schema_replan() -> None:
    """The schema of the object that `gigawatt replan --json` prints."""
    print_json(replan_schema())


def study_place(name: str) -> Path:
    """The folder that `name` means: a path, or a study's name under ./studies."""
    given = Path(name)
    return given if given.exists() or not (STUDIES / name).is_dir() else STUDIES / name
