"""`gigawatt plan --pareto A,B`: the front of two objectives instead of one plan."""

from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from gigawatt.cli.console import INTERRUPTED, err, out, print_json
from gigawatt.cli.progress import StageProgress
from gigawatt.entities.stages import Goal, Inputs, Objective
from gigawatt.errors import ScenarioError, StudyFolderError
from gigawatt.planning.pareto import front
from gigawatt.planning.stopping import Stop
from gigawatt.report.pareto_page import Front, pareto_html, pareto_json, remarks, values_words
from gigawatt.report.wording import gigawatts, percent
from gigawatt.scenario.objectives import goals_of
from gigawatt.scenario.refusals import RefusedError
from gigawatt.study import performance_of

PAGE = "pareto.html"
_KNOWN = tuple(str(objective) for objective in Objective if objective is not Objective.WEIGHTED)


def goals_of_pair(text: str) -> tuple[Goal, Goal]:
    """The two objectives that `A,B` names. Raises ScenarioError where it names none."""
    try:
        goals = goals_of(text)
    except RefusedError as error:
        raise ScenarioError(where="--pareto", found=error.found, expected=error.expected, fix=error.fix) from error
    if len(goals) != 2 or any(goal.within_fraction for goal in goals):
        raise ScenarioError(
            where="--pareto",
            found=text,
            expected=f"two different ones of {', '.join(_KNOWN)}, or sums of them, without a tolerance",
            fix="Write it like --pareto npv,served-tokens.",
        )
    return goals[0], goals[1]


def show_front(
    inputs: Inputs, *, goals: tuple[Goal, Goal], points_count: int, place: Path, as_json: bool, stop: Stop
) -> None:
    """Searches the front, writes its page into `place` and prints it; ends with 130 where it was stopped early."""
    with StageProgress(err) as progress:
        progress("performance", 0.0)
        performance = performance_of(inputs)
        progress("plan", 0.0)
        traced = front(
            inputs,
            performance,
            goals=goals,
            points_count=points_count,
            report=lambda line: progress("plan", 0.0, line),
            stop=stop,
        )
    found = Front(inputs=inputs, goals=goals, traced=traced)
    page = _written(found, place)
    if as_json:
        print_json(pareto_json(found, report=str(page)))
    else:
        out.print(_table(found))
        for line in remarks(found):
            out.print(line, soft_wrap=True, highlight=False)
        out.print(f"Page: {page}", soft_wrap=True, highlight=False)
    if traced.was_stopped:
        err.print("Interrupted; the points found so far were written.", highlight=False)
        raise typer.Exit(INTERRUPTED)


def _written(found: Front, place: Path) -> Path:
    page = place / PAGE
    try:
        place.mkdir(parents=True, exist_ok=True)
        page.write_text(pareto_html(found), encoding="utf-8")
    except OSError as error:
        raise StudyFolderError(
            where=f"--out {place}",
            found=f"{type(error).__name__}: {error.strerror or error}",
            expected="a folder that can be written to",
            fix="Choose another --out.",
        ) from error
    return page


def _table(found: Front) -> Table:
    table = Table(title=escape(found.inputs.title), title_justify="left")
    for goal in found.goals:
        table.add_column(escape(goal.text), justify="right")
    table.add_column("Facility power", justify="right")
    table.add_column("Gap", justify="right")
    for point in found.traced.points:
        table.add_row(
            *values_words(found, point), gigawatts(point.facility_mw), percent(point.gap_fraction, decimals=2)
        )
    return table
