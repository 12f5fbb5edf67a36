"""`gigawatt validate serving`: predicted latencies beside published measurements, with the misses."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gigawatt.catalog import load
from gigawatt.cli.console import out, print_json
from gigawatt.cli.validate import error_table, validate_app
from gigawatt.errors import InputError
from gigawatt.validation.serving import (
    ServingComparison,
    compare_serving,
    overall,
    serving_reasons,
    serving_row_object,
    serving_summaries,
    workers_stated_share,
)
from gigawatt.validation.serving_rows import read_serving_rows

_WORST = 10

__all__ = ["validate_app"]


@validate_app.command("serving")
def serving_command(
    case: Annotated[
        Path | None, typer.Option("--case", help="A CSV file of measured serving points; none is shipped.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Predict every measured serving point of a file and print the errors by group."""
    if case is None:
        raise InputError(
            where="--case",
            found="no file",
            expected="a CSV file of measured serving points",
            fix="The package ships none; docs/validation-serving.md says where they are published and names the "
            "columns to write them down in.",
        )
    comparison = compare_serving(read_serving_rows(case), load())
    if as_json:
        print_json(_object(comparison))
    else:
        _print(comparison)


def _object(comparison: ServingComparison) -> dict[str, object]:
    every = overall(comparison) if comparison.compared else ()
    objects = [asdict(item) for item in every] or [{}, {}, {}]
    request, tpot, ttft = objects
    stated, stated_all = workers_stated_share(comparison)
    return {
        "cases": len(comparison.compared) + len(comparison.refused),
        "expressed": len(comparison.compared),
        "full_configuration_cases": stated_all,
        "full_configuration_expressed": stated,
        "median_abs_error_fraction": request.get("median_abs_error_fraction"),
        "mean_abs_error_fraction": request.get("mean_abs_error_fraction"),
        "band_coverage_fraction": request.get("band_coverage_fraction"),
        "tpot": tpot,
        "ttft": ttft,
        "groups": [asdict(item) for item in serving_summaries(comparison)],
        "rows": [serving_row_object(item) for item in comparison.compared],
        "unexpressed": [
            {"line": item.row.number, "case": item.row.text("case"), "reason": item.reason}
            for item in comparison.refused
        ],
    }


def _print(comparison: ServingComparison) -> None:
    if comparison.compared:
        rows = [*overall(comparison), *serving_summaries(comparison)]
        out.print(error_table("Predicted against measured time of a request, TPOT and TTFT", rows))
        out.print(_worst(comparison))
    stated, stated_all = workers_stated_share(comparison)
    total = len(comparison.compared) + len(comparison.refused)
    out.print(
        f"{len(comparison.compared)} of {total} rows expressed; {stated} of {stated_all} unflagged rows with known "
        "numbers of workers."
    )
    for reason, count in serving_reasons(comparison):
        out.print(f"  {count:4d} not expressed: {reason}", highlight=False)


def _worst(comparison: ServingComparison) -> Table:
    table = Table(title="Largest misses", title_justify="left")
    for name in ("case", "model", "platform", "software"):
        table.add_column(name)
    for name in ("clients", "measured", "predicted", "error"):
        table.add_column(name, justify="right")
    for item in sorted(comparison.compared, key=lambda item: -abs(item.request_s.error_fraction))[:_WORST]:
        table.add_row(
            item.row.text("case"),
            item.row.text("model"),
            item.expressed.platform.id,
            item.expressed.practice,
            f"{float(item.expressed.clients.concurrency_count[0]):,.0f}",
            f"{item.request_s.measured:.2f} s",
            f"{item.request_s.predicted:.2f} s",
            f"{item.request_s.error_fraction:+.0%}",
        )
    return table
