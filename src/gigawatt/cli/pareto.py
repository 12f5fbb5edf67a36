"""`gigawatt plan --pareto A,B`: the front of two objectives instead of one plan."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from gigawatt.cli.console import err, out, print_json
from gigawatt.cli.progress import StageProgress
from gigawatt.entities.stages import Inputs, Objective
from gigawatt.errors import ScenarioError, StudyFolderError
from gigawatt.planning.pareto import front
from gigawatt.report.pareto_page import Front, pareto_html, pareto_json
from gigawatt.report.wording import OBJECTIVE_WORDS, gigawatts, percent
from gigawatt.study import performance_of

PAGE = "pareto.html"
_ALONE = {Objective.EARLIEST_TARGET, Objective.WEIGHTED}
_KNOWN = tuple(str(objective) for objective in Objective if objective not in _ALONE)


def objectives_of(text: str) -> tuple[Objective, Objective]:
    """The two objectives that `A,B` names. Raises ScenarioError where it names none."""
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or any(name not in _KNOWN for name in names) or names[0] == names[1]:
        raise ScenarioError(
            where="--pareto",
            found=text,
            expected=f"two different ones of {', '.join(_KNOWN)}",
            fix="Write it like --pareto npv,served-tokens.",
        )
    return Objective(names[0]), Objective(names[1])


def show_front(
    inputs: Inputs, *, objectives: tuple[Objective, Objective], points_count: int, place: Path, as_json: bool
) -> None:
    """Searches the front, writes its page into `place` and prints it."""
    with StageProgress(err) as progress:
        progress("performance", 0.0)
        performance = performance_of(inputs)
        progress("plan", 0.0)
        points = front(
            inputs,
            performance,
            objectives=objectives,
            points_count=points_count,
            report=lambda line: progress("plan", 0.0, line),
        )
    found = Front(inputs=inputs, objectives=objectives, points=points)
    page = _written(found, place)
    if as_json:
        print_json(pareto_json(found, report=str(page)))
        return
    out.print(_table(found))
    out.print(f"Page: {page}", soft_wrap=True, highlight=False)


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
    for objective in found.objectives:
        table.add_column(str(objective), justify="right")
    table.add_column("Facility power", justify="right")
    table.add_column("Gap", justify="right")
    first, second = (OBJECTIVE_WORDS[objective] for objective in found.objectives)
    for point in found.points:
        table.add_row(
            first(point.first),
            second(point.second),
            gigawatts(point.facility_mw),
            percent(point.gap_fraction, decimals=2),
        )
    return table
