"""`gigawatt explain`: what holds a plan back, what one unit more would be worth, and what each choice is worth."""

from datetime import date
from typing import Annotated, NoReturn

import typer
from rich.markup import escape
from rich.table import Table

from gigawatt import store
from gigawatt.cli.console import INTERRUPTED, err, out, print_json
from gigawatt.cli.progress import StageProgress
from gigawatt.cli.signals import signals_ask
from gigawatt.cli.study import study_place
from gigawatt.cli.wide import print_whole
from gigawatt.entities.stages import Study
from gigawatt.errors import ScenarioError
from gigawatt.planning.counterfactual import Choice, choices
from gigawatt.planning.explanation import Explanation, explanation
from gigawatt.planning.stopping import Stop
from gigawatt.report.explanation import Scope, bound_words, explanation_json, selected, worth_words
from gigawatt.report.wording import money

explain_app = typer.Typer(add_completion=False)


@explain_app.command()
def explain(
    folder: Annotated[str, typer.Argument(metavar="STUDY", help="Folder of a study, or its name under ./studies.")],
    *,
    site: Annotated[str, typer.Option(help="Only what concerns this site.", metavar="ID")] = "",
    month: Annotated[str, typer.Option(help="Only what binds in this month.", metavar="YYYY-MM")] = "",
    without: Annotated[
        list[str] | None,
        typer.Option(
            "--without",
            help="Plan again without site:ID, platform:, contract:, run:, placement:ID, target:N, or all in turn.",
            metavar="CHOICE",
        ),
    ] = None,
    time_limit: Annotated[
        float, typer.Option(min=0.1, help="Most seconds for each plan made again.", metavar="S")
    ] = 60.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object (see `gigawatt schema explain`).")
    ] = False,
) -> None:
    """Say what holds a plan back and what more of each limit would be worth.

    Exit code 2: the study, site, month or choice does not exist. 130: interrupted, with what was found so far.
    """
    place = study_place(folder)
    study = store.read(place)
    scope = Scope(site=_known_site(study, site), month=_known_month(study, month))
    asked = _asked(study, tuple(without or ()))
    stop = Stop()
    try:
        with signals_ask(stop), StageProgress(err) as progress:
            answer = explanation(
                study.inputs,
                study.performance,
                study.plan,
                asked=asked,
                time_limit_s=time_limit,
                progress=lambda fraction, detail: progress("explanation", fraction, detail),
                stop=stop,
            )
    except KeyboardInterrupt:
        _leave_interrupted("Interrupted; the study is untouched.")
    if as_json:
        print_json(explanation_json(study, answer, scope=scope))
    else:
        _show(study, answer, scope)
    if answer.was_stopped:
        _leave_interrupted(_left_out(answer))


def _left_out(answer: Explanation) -> str:
    """What an interrupt left without an answer."""
    names = [f"{choice.kind}:{choice.label}" for choice in answer.not_planned]
    rest = f"; not planned again: {', '.join(names)}" if names else ""
    return f"Interrupted; what was found so far is told{rest}. The study is untouched."


def _leave_interrupted(said: str) -> NoReturn:
    err.print(said, highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(INTERRUPTED)


def _known_site(study: Study, site: str) -> str:
    ids = [item.id for item in study.inputs.sites]
    if site and site not in ids:
        raise ScenarioError(
            where="--site", found=site, expected=f"a site of the study: {', '.join(ids)}", fix="Write one of them."
        )
    return site


def _known_month(study: Study, month: str) -> date | None:
    if not month:
        return None
    months = study.inputs.calendar.months
    day = next((day for day in months if f"{day:%Y-%m}" == month), None)
    if day is None:
        raise ScenarioError(
            where="--month",
            found=month,
            expected=f"a month of the study, {months[0]:%Y-%m} to {months[-1]:%Y-%m}",
            fix=f'Write it as "{months[0]:%Y-%m}".',
        )
    return day


def _asked(study: Study, names: tuple[str, ...]) -> tuple[Choice, ...]:
    """The choices that the options name, each once."""
    known = {f"{choice.kind}:{choice.label}": choice for choice in choices(study.inputs, study.plan)}
    wanted = tuple(known) if "all" in names else names
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ScenarioError(
            where="--without",
            found=unknown[0],
            expected=f"all, or one of {', '.join(known) or 'none: this plan has no choice to do without'}",
            fix="Write a kind and an id, as in site:ID.",
        )
    return tuple(known[name] for name in dict.fromkeys(wanted))


def _show(study: Study, answer: Explanation, scope: Scope) -> None:
    if scope.site or scope.month:
        lines = [bound_words(study, bound) for bound in selected(study, answer, scope)]
        lines = lines or ["Nothing binds here: more would not pay."]
    else:
        lines = list(study.plan.binding) or [
            "Nothing is known of what binds: the plan's linear programme took too long."
        ]
    for line in lines:
        out.print(f"• {line}", markup=False, highlight=False, soft_wrap=True)
    print_whole(_sites_table(answer, scope))
    if answer.counterfactuals:
        print_whole(_counterfactuals_table(study, answer))


def _sites_table(answer: Explanation, scope: Scope) -> Table:
    table = Table(title="Power at each site, present value", title_justify="left")
    table.add_column("Site")
    table.add_column("One more MW", justify="right")
    table.add_column("All of it a month earlier", justify="right")
    for site, worth in answer.sites.items():
        if scope.site in {"", site}:
            table.add_row(escape(site), money(worth.usd_per_mw), money(worth.usd_per_month_earlier))
    return table


def _counterfactuals_table(study: Study, answer: Explanation) -> Table:
    table = Table(title="What each choice is worth", title_justify="left")
    table.add_column("Without")
    table.add_column("The plan")
    for item in answer.counterfactuals:
        table.add_row(escape(f"{item.choice.kind} {item.choice.label}"), escape(worth_words(study, item)))
    return table
