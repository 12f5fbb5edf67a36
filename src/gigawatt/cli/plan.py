"""`gigawatt plan`: from a scenario to a study folder with its report."""

import os
import sys
import webbrowser
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gigawatt import catalog, store
from gigawatt.cli.console import INTERRUPTED, err, out, print_json
from gigawatt.cli.pareto import goals_of_pair, show_front
from gigawatt.cli.progress import StageProgress
from gigawatt.cli.signals import signals_ask
from gigawatt.cli.tables import headline_table
from gigawatt.entities.stages import Goal, SolveStatus, Study
from gigawatt.errors import GigawattError
from gigawatt.planning.stopping import Stop
from gigawatt.report.documents import PAGE, documents
from gigawatt.report.summary import summary
from gigawatt.scenario import loading
from gigawatt.scenario.resolve import resolve
from gigawatt.study import Origin, run

STUDIES = Path("studies")

plan_app = typer.Typer(add_completion=False)


@plan_app.command()
def plan(
    source: Annotated[str, typer.Argument(metavar="SCENARIO", help="A scenario file, or the name of a bundled one.")],
    *,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Folder for the study; studies/NAME when not given.", metavar="DIR")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Change one value: KEY=VALUE; may be repeated.", metavar="K=V")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampled histories.")] = 1,
    draws: Annotated[int, typer.Option(min=0, max=100_000, help="Histories to sample for P10 to P90.")] = 64,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What the plan maximizes: an objective, goals in order (A within 1 percent, B), or a sum with prices.",
            metavar="TEXT",
        ),
    ] = None,
    pareto: Annotated[
        str, typer.Option(help="The front of two objectives or sums, A,B, instead of one plan.", metavar="A,B")
    ] = "",
    points: Annotated[int, typer.Option(min=2, max=100, help="Points of the front.")] = 7,
    time_limit: Annotated[float | None, typer.Option(min=0.1, help="Most seconds for the solver.", metavar="S")] = None,
    gap: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Stop within this share of the best plan.", metavar="F")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (see `gigawatt schema study`).")
    ] = False,
    show: Annotated[
        bool | None, typer.Option("--open/--no-open", help="Open the report in a browser; by default on a terminal.")
    ] = None,
) -> None:
    """Plan a scenario, simulate and appraise it, and write its report.

    Exit code 2: the scenario is invalid. 3: no plan satisfies it. 130: interrupted. The first Ctrl-C or SIGTERM during
    the search ends it with the best plan so far, which becomes the study; the next, or one before any plan is found,
    leaves nothing. An existing study in the folder is replaced only when the new one is complete.
    """
    settings = (*(overrides or ()), *_settings(objective, time_limit, gap))
    if pareto:
        _show_front(source, folder, settings, goals=goals_of_pair(pareto), points=points, as_json=as_json)
        return
    stop = Stop()
    try:
        with signals_ask(stop):
            place, study = _planned(source, folder, settings, seed=seed, draws=draws, stop=stop)
    except KeyboardInterrupt:
        _leave_interrupted()
    except GigawattError:
        if stop.heard:
            _leave_interrupted()
        raise
    report = place / PAGE
    if as_json:
        print_json(summary(study, report=str(report)))
    else:
        out.print(headline_table(study))
        out.print(f"Report: {report}", soft_wrap=True, highlight=False)
    if _should_open(show, as_json=as_json):
        webbrowser.open(report.resolve().as_uri())
    if study.plan.status is SolveStatus.INTERRUPTED:
        err.print("Interrupted; the best plan so far was written.", highlight=False)
        raise typer.Exit(INTERRUPTED)


def _settings(objective: str | None, time_limit: float | None, gap: float | None) -> tuple[str, ...]:
    """The options that stand for overrides, as overrides."""
    return (
        *((f"programme.objective={objective}",) if objective is not None else ()),
        *((f"solver.time_limit={time_limit:g} s",) if time_limit is not None else ()),
        *((f"solver.gap={gap:g} ratio",) if gap is not None else ()),
    )


def _planned(
    source: str, folder: Path | None, settings: tuple[str, ...], *, seed: int, draws: int, stop: Stop
) -> tuple[Path, Study]:
    written = loading.read(source, settings)
    place = folder if folder is not None else STUDIES / written.name
    store.check_destination(place)
    known = catalog.load()
    inputs = resolve(written, known)
    origin = Origin(
        scenario_sha256=loading.digest(written), catalogue_sha256=known.sha256, seed=seed, draws_count=draws
    )
    with StageProgress(err) as progress:
        study = run(inputs, origin=origin, progress=progress, stop=stop)
        progress("report", 0.0)
        files = documents(study)
        progress("writing", 0.0)
        store.write(study, place, documents=files)
    return place, study


def _show_front(
    source: str,
    folder: Path | None,
    settings: tuple[str, ...],
    *,
    goals: tuple[Goal, Goal],
    points: int,
    as_json: bool,
) -> None:
    """The front of two objectives of a scenario, in its own folder."""
    written = loading.read(source, settings)
    place = folder if folder is not None else STUDIES / f"{written.name}-pareto"
    inputs = resolve(written, catalog.load())
    stop = Stop()
    try:
        with signals_ask(stop):
            show_front(inputs, goals=goals, points_count=points, place=place, as_json=as_json, stop=stop)
    except KeyboardInterrupt:
        _leave_interrupted()
    except GigawattError:
        if stop.heard:
            _leave_interrupted()
        raise


def _leave_interrupted() -> NoReturn:
    err.print("Interrupted; nothing was written, an existing study is untouched.", highlight=False)
    raise typer.Exit(INTERRUPTED)


def _should_open(show: bool | None, *, as_json: bool) -> bool:
    if show is not None:
        return show
    return sys.stdout.isatty() and not as_json and "CI" not in os.environ
