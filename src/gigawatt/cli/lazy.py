"""Commands that are imported when they are called, so that `gigawatt --help` answers at once.

The root command knows each command's name, its module and one line of help; the module, with the solver and the
plotting library behind it, is imported only by the command that needs it.
"""

import importlib
from dataclasses import dataclass
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from gigawatt.cli.console import INTERRUPTED, err


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlace:
    """Where a command lives: `attribute` of `module` is a `typer.Typer`, and `summary` its line in the help."""

    module: str
    attribute: str
    summary: str


PLACES: dict[str, CommandPlace] = {
    "plan": CommandPlace(
        module="gigawatt.cli.plan",
        attribute="plan_app",
        summary="Plan a scenario, simulate and appraise it, and write its report.",
    ),
    "report": CommandPlace(
        module="gigawatt.cli.study",
        attribute="report_app",
        summary="Write the reports of a study again from its folder.",
    ),
    "explain": CommandPlace(
        module="gigawatt.cli.explain",
        attribute="explain_app",
        summary="Say what holds a plan back and what more of each limit would be worth.",
    ),
    "replan": CommandPlace(
        module="gigawatt.cli.replan",
        attribute="replan_app",
        summary="Keep what has happened and what is on order, and plan the rest anew.",
    ),
    "compare": CommandPlace(
        module="gigawatt.cli.study",
        attribute="compare_app",
        summary="Say in words and side by side what a second study changes.",
    ),
    "finance": CommandPlace(
        module="gigawatt.cli.finance",
        attribute="finance_app",
        summary="Show the accounts of a study: statements and returns of a party, and who pays whom.",
    ),
    "scenario": CommandPlace(
        module="gigawatt.cli.scenario",
        attribute="scenario_app",
        summary="List, show and check scenarios, and print their schema.",
    ),
    "catalog": CommandPlace(
        module="gigawatt.cli.catalog",
        attribute="catalog_app",
        summary="Browse platforms, models, sites, deals and economics with their sources.",
    ),
    "perf": CommandPlace(
        module="gigawatt.cli.perf",
        attribute="perf_app",
        summary="Predict how fast a platform trains or serves a model, and where the time goes.",
    ),
    "simulate": CommandPlace(
        module="gigawatt.cli.simulate",
        attribute="simulate_app",
        summary="Play a trace of requests on a fleet of replicas, one by one.",
    ),
    "validate": CommandPlace(
        module="gigawatt.cli.validate_costs",
        attribute="validate_app",
        summary="Set predictions beside published measurements, with the misses.",
    ),
    "calibrate": CommandPlace(
        module="gigawatt.cli.calibrate",
        attribute="calibrate_app",
        summary="Fit the laws of operator time to measured kernel tables again.",
    ),
    "schema": CommandPlace(
        module="gigawatt.cli.study",
        attribute="schema_app",
        summary="Print the JSON Schema of what a command writes.",
    ),
}


# typer gives completion options to every application; here only the root command has them.
_ROOT_OPTIONS = frozenset({"install_completion", "show_completion"})


class DeferredCommand(TyperCommand):
    """A command's name and summary; the command itself is imported when a context is made for it."""

    def __init__(self, name: str, place: CommandPlace) -> None:
        super().__init__(name, help=place.summary, short_help=place.summary)
        self._place = place

    def make_context(  # type: ignore[override]  # typer vendors the context's base class under a private name
        self, info_name: str | None, args: list[str], parent: typer.Context | None = None, **extra: object
    ) -> typer.Context:
        """The context of the imported command."""
        try:
            target = getattr(importlib.import_module(self._place.module), self._place.attribute)
        except KeyboardInterrupt:
            err.print("Interrupted; nothing was done.", highlight=False)
            raise typer.Exit(INTERRUPTED) from None
        command = typer.main.get_command(target)
        command.name = self.name
        command.params = [option for option in command.params if option.name not in _ROOT_OPTIONS]
        return cast("typer.Context", command.make_context(info_name, args, parent=parent, **extra))


class LazyGroup(TyperGroup):
    """The root command: the commands of `PLACES`, then what is registered on it."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # handed through to typer unread
        super().__init__(**settings)
        deferred = {name: DeferredCommand(name, place) for name, place in PLACES.items()}
        self.commands = {**deferred, **self.commands}
