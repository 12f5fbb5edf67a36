"""`gigawatt validate serving`: predicted latencies beside published measurements, with the misses."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gigawatt.calibration.backends import Backend, Kernels, backend
from gigawatt.catalog import load
from gigawatt.cli.console import out, print_json
from gigawatt.cli.kernels import TablesFolder, stand_in_lines
from gigawatt.cli.validate import error_table, validate_app
from gigawatt.cli.wide import print_whole
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


class Compared(StrEnum):
    """Which operator times a comparison runs on."""

    FITTED = "fitted"
    MEASURED = "measured"
    BOTH = "both"


@validate_app.command("serving")
def serving_command(
    case: Annotated[
        Path | None, typer.Option("--case", help="A CSV file of measured serving points; none is shipped.")
    ] = None,
    kernels: Annotated[
        Compared, typer.Option("--kernels", help="Operator times: fitted laws, measured tables, or both side by side.")
    ] = Compared.FITTED,
    tables: TablesFolder = None,
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
    catalog, rows = load(), read_serving_rows(case)
    wanted = tuple(Kernels) if kernels is Compared.BOTH else (Kernels(kernels.value),)
    backends = [backend(catalog, one, tables) for one in wanted]
    comparisons = [compare_serving(rows, catalog, one) for one in backends]
    first = comparisons[0]
    if as_json:
        sides = _sides(backends, comparisons) if kernels is not Compared.FITTED else {}
        print_json(_object(first) | sides)
        return
    _print(first)
    if kernels is Compared.BOTH:
        out.print(_beside(comparisons))
    for line in _stand_in_lines(backends[-1], comparisons[-1]):
        out.print(line, highlight=False)


def _platforms(comparison: ServingComparison) -> list[str]:
    return sorted({item.expressed.platform.id for item in comparison.compared})


def _sides(backends: list[Backend], comparisons: list[ServingComparison]) -> dict[str, object]:
    """The errors of every backend, and which laws stood in for measured times."""
    return {
        "kernels": {
            one.kernels.value: {item.name: asdict(item) for item in overall(one)}
            | {"groups": [asdict(item) for item in serving_summaries(one)]}
            for one in comparisons
            if one.compared
        },
        "stand_ins": {name: dict(backends[-1].stand_ins(name)) for name in _platforms(comparisons[-1])},
    }


def _beside(comparisons: list[ServingComparison]) -> Table:
    """Errors of whole requests, TPOT and TTFT with operators from laws and from tables, side by side."""
    table = Table(title="Median (mean) absolute error by source of operator times", title_justify="left")
    for name in ("group", "name", "cases", *(one.kernels.value for one in comparisons)):
        table.add_column(name, justify="left" if name in ("group", "name") else "right")
    sides = [[*overall(one), *serving_summaries(one)] for one in comparisons if one.compared]
    for items in zip(*sides, strict=True):
        errors = (f"{i.median_abs_error_fraction:.1%} ({i.mean_abs_error_fraction:.1%})" for i in items)
        table.add_row(items[0].group, items[0].name, str(items[0].cases_count), *errors)
    return table


def _stand_in_lines(used: Backend, comparison: ServingComparison) -> list[str]:
    """Where measured times were asked for, which law stands in on which platform."""
    return [line for name in _platforms(comparison) for line in stand_in_lines(name, used.stand_ins(name))]


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
        print_whole(error_table("Predicted against measured time of a request, TPOT and TTFT", rows))
        print_whole(_worst(comparison))
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
