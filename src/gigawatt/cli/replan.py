"""`gigawatt replan`: a study planned anew from what has really happened."""

from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gigawatt import catalog, store
from gigawatt.cli.console import INTERRUPTED, err, out, print_json
from gigawatt.cli.progress import StageProgress
from gigawatt.cli.signals import signals_ask
from gigawatt.cli.study import study_place
from gigawatt.entities.actuals import Actuals
from gigawatt.entities.stages import SolveStatus, Study
from gigawatt.errors import GigawattError, ScenarioError
from gigawatt.planning.stopping import Stop
from gigawatt.report.documents import PAGE, documents
from gigawatt.report.replan import Revision, changes_markdown, replan_json, sentences
from gigawatt.scenario.actuals import read_actuals
from gigawatt.study import run_again
from gigawatt.units import FRACTION, parse

_CHURN = "assumptions/offer/churn"

replan_app = typer.Typer(add_completion=False)


@replan_app.command()
def replan(
    folder: Annotated[str, typer.Argument(metavar="STUDY", help="Folder of a study, or its name under ./studies.")],
    *,
    as_of: Annotated[str, typer.Option(help="The month up to which the actuals tell.", metavar="YYYY-MM")],
    actuals: Annotated[Path, typer.Option(help="What has really happened (see docs/replan.md).", metavar="FILE")],
    place: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the new study; STUDY-YYYY-MM when not given.", metavar="DIR"),
    ] = None,
    churn: Annotated[
        float | None,
        typer.Option(min=0.0, help="Price of moving a rack, as a share of its own.", metavar="F"),
    ] = None,
    draws: Annotated[int, typer.Option(min=0, max=100_000, help="Histories to sample for P10 to P90.")] = 64,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (see `gigawatt schema replan`).")
    ] = False,
) -> None:
    """Keep what has happened and what is on order, plan the rest anew, and say what changed and why.

    Exit code 2: study, month or actuals cannot be used. 3: what stands leaves no plan. 130: interrupted. The first
    Ctrl-C or SIGTERM during the search ends it with the best plan so far, which becomes the study (the earlier plan,
    where that can go on and nothing better is found); the next leaves both studies as they were.
    """
    source = study_place(folder)
    before = store.read(source)
    day = _month(as_of)
    known = read_actuals(actuals, before.inputs, as_of=day)
    target = place or source.with_name(f"{source.name}-{day:%Y-%m}")
    store.check_destination(target)
    price = parse(catalog.load().figure(_CHURN).text, FRACTION) if churn is None else churn
    stop = Stop()
    try:
        with signals_ask(stop):
            revision = _revised(before, known, churn=price, draws=draws, target=target, stop=stop)
    except KeyboardInterrupt:
        _leave_interrupted()
    except GigawattError:
        if stop.heard:
            _leave_interrupted()
        raise
    if as_json:
        print_json(replan_json(revision, report=str(target / PAGE)))
    else:
        for line in sentences(revision):
            out.print(f"• {line}", markup=False, highlight=False, soft_wrap=True)
        out.print(f"Report: {target / PAGE}", soft_wrap=True, highlight=False)
    if stop.heard and revision.now.plan.status is SolveStatus.INTERRUPTED:
        err.print("Interrupted; the best plan so far was written.", highlight=False)
        raise typer.Exit(INTERRUPTED)


def _revised(before: Study, known: Actuals, *, churn: float, draws: int, target: Path, stop: Stop) -> Revision:
    """The study planned anew, written into `target`."""
    with StageProgress(err) as progress:
        now, anew = run_again(
            before, actuals=known, churn_fraction=churn, draws_count=draws, progress=progress, stop=stop
        )
        revision = Revision(before=before, now=now, anew=anew, actuals=known)
        progress("report", 0.0)
        files = {**documents(now), "changes.md": changes_markdown(revision).encode()}
        progress("writing", 0.0)
        store.write(now, target, documents=files)
    return revision


def _leave_interrupted() -> NoReturn:
    err.print("Interrupted; nothing was written, both studies are as they were.", highlight=False)
    raise typer.Exit(INTERRUPTED)


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise ScenarioError(
            where="--as-of", found=text, expected="a month, YYYY-MM", fix='Write it like "2027-07".'
        ) from error
