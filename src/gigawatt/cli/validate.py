"""`gigawatt validate`: predictions beside published measurements, with the misses."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from gigawatt.catalog import load
from gigawatt.catalog.operators import training_operators
from gigawatt.cli.console import out, print_json
from gigawatt.cli.pages import refuse_page, write_page
from gigawatt.cli.wide import print_whole
from gigawatt.errors import InputError
from gigawatt.report.training_page import training_html
from gigawatt.validation.comparison import (
    Compared,
    Comparison,
    ErrorSummary,
    compare,
    full_share,
    summaries,
    summary,
)
from gigawatt.validation.rows import read_rows
from gigawatt.validation.tables import reasons, row_object, summary_object

validate_app = typer.Typer(name="validate", help="Set predictions beside measurements.", no_args_is_help=True)

_WORST = 10
_LAID_OUT, _RUNS = "layout not stated, the fastest taken", "time to train"


@validate_app.callback()
def _root() -> None:
    """Set predictions beside measurements."""


@validate_app.command("training")
def training_command(
    case: Annotated[
        Path | None, typer.Option("--case", help="A CSV file of measured training points; none is shipped.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write scatter and scaling plots into this HTML file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Predict every measured training point of a file and print the errors by group."""
    if case is None:
        raise InputError(
            where="--case",
            found="no file",
            expected="a CSV file of measured training points",
            fix="The package ships none, as its sources do not all allow copying; docs/validation-training.md "
            "lists them and the columns to write them down in.",
        )
    catalog = load()
    refuse_page(plot, option="--plot")
    comparison = compare(read_rows(case), catalog, training_operators(catalog))
    if plot is not None:
        write_page(plot, training_html(comparison))
    if as_json:
        print_json(_object(comparison))
    else:
        _print(comparison)


def _object(comparison: Comparison) -> dict[str, object]:
    times = comparison.times or comparison.every_time
    full, full_all = full_share(comparison)
    overall = summary_object(summary(times, group="all", name="time")) if times else {}
    return {
        "cases": len(comparison.compared) + len(comparison.refused),
        "expressed": len(comparison.compared),
        "full_configuration_cases": full_all,
        "full_configuration_expressed": full,
        "median_abs_error_fraction": overall.get("median_abs_error_fraction"),
        "mean_abs_error_fraction": overall.get("mean_abs_error_fraction"),
        "band_coverage_fraction": overall.get("band_coverage_fraction"),
        "headline_cases": len(times),
        "memory": _summary_object(comparison.memories, name="memory"),
        "layout_chosen": _summary_object(comparison.laid_out, name=_LAID_OUT),
        "time_to_train": _summary_object(comparison.runs, name=_RUNS),
        "every_time": _summary_object(comparison.every_time, name="every time"),
        "groups": [summary_object(item) for item in (*summaries(times), *_beside(comparison))],
        "rows": [row_object(item) for item in comparison.compared],
        "unexpressed": [{"line": item.row.number, "reason": item.reason} for item in comparison.refused],
    }


def _summary_object(items: tuple[Compared, ...], *, name: str) -> dict[str, object] | None:
    return summary_object(summary(items, group="all", name=name)) if items else None


def _beside(comparison: Comparison) -> tuple[ErrorSummary, ...]:
    """Rows beside the headline: steps whose layout is ours, and times to train by model."""
    models = sorted({item.row.model for item in comparison.runs})
    found = [
        summary(tuple(i for i in comparison.runs if i.row.model == model), group=_RUNS, name=model) for model in models
    ]
    if comparison.laid_out:
        found.insert(0, summary(comparison.laid_out, group="layout", name=_LAID_OUT))
    return tuple(found)


def _print(comparison: Comparison) -> None:
    times = comparison.times
    named = {"time of a step": times, _LAID_OUT: comparison.laid_out, _RUNS: comparison.runs}
    named |= {"memory": comparison.memories}
    every = [summary(items, group="all", name=name) for name, items in named.items() if items]
    groups = (*(summaries(times) if times else ()), *_beside(comparison))
    print_whole(error_table("Predicted against measured", [*every, *groups]))
    print_whole(_worst(comparison))
    full, full_all = full_share(comparison)
    out.print(
        f"{len(comparison.compared)} of {len(comparison.compared) + len(comparison.refused)} rows expressed; "
        f"{full} of {full_all} with a full configuration."
    )
    if comparison.laid_out or comparison.runs:
        out.print(
            f"Beside the time of a step: {len(comparison.laid_out)} without a stated layout, "
            f"{len(comparison.runs)} times to train."
        )
    for reason, count in reasons(comparison):
        out.print(f"  {count:4d} not expressed: {reason}", highlight=False, markup=False)


def error_table(title: str, items: list[ErrorSummary]) -> Table:
    """Errors of groups of rows."""
    table = Table(title=title, title_justify="left")
    for name in ("group", "name"):
        table.add_column(name)
    for name in ("cases", "median |error|", "mean |error|", "median error", "inside band"):
        table.add_column(name, justify="right")
    for item in items:
        table.add_row(
            item.group,
            escape(item.name),
            str(item.cases_count),
            f"{item.median_abs_error_fraction:.1%}",
            f"{item.mean_abs_error_fraction:.1%}",
            f"{item.median_error_fraction:+.1%}",
            f"{item.band_coverage_fraction:.0%}",
        )
    return table


def _worst(comparison: Comparison) -> Table:
    table = Table(title="Largest misses", title_justify="left")
    for name in ("line", "model", "platform"):
        table.add_column(name)
    for name in ("GPUs", "measured", "predicted", "error"):
        table.add_column(name, justify="right")
    for item in sorted(comparison.every_time, key=lambda item: -abs(item.error_fraction))[:_WORST]:
        table.add_row(
            str(item.row.number),
            escape(item.row.model),
            item.platform,
            f"{item.row.num_gpus:,}",
            f"{item.measured:.3f} s",
            f"{item.predicted:.3f} s",
            f"{item.error_fraction:+.0%}",
        )
    return table
