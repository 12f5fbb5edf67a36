"""`gigawatt calibrate`: the coefficients of operator time, fitted again from the measured kernel tables."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gigawatt.calibration.families import FAMILIES
from gigawatt.calibration.records import write_record
from gigawatt.calibration.run import calibrated_families
from gigawatt.calibration.sustained import write_slowdowns
from gigawatt.calibration.tables import installed_tables
from gigawatt.calibration.tabulate import Row, left_out_rows, measured_rows, misses
from gigawatt.catalog import load
from gigawatt.catalog.kernels import shipped_processors
from gigawatt.cli.console import err, out, print_json
from gigawatt.cli.pages import made_folder
from gigawatt.cli.progress import StageProgress
from gigawatt.cli.wide import print_whole

calibrate_app = typer.Typer(name="calibrate", help="Fit the laws of operator time to measured kernel tables again.")


@calibrate_app.command()
def calibrate(
    tables: Annotated[
        Path | None, typer.Option(help="Folder systems/data of the tables; default: those of the installed package.")
    ] = None,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Write the catalogue records of the fit into this folder.")
    ] = None,
    sustained_out: Annotated[
        Path | None, typer.Option("--sustained-out", help="Write how products slow down under load into this folder.")
    ] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Fit every operator family, and tell its error on measured platforms and on generations left out."""
    table_set = installed_tables(tables)
    for folder, option in ((out_folder, "--out"), (sustained_out, "--sustained-out")):
        if folder is not None:
            made_folder(folder, option=option)
    with StageProgress(err) as progress:
        families = calibrated_families(
            FAMILIES, table_set, load(), shipped_processors(), report=lambda name: progress(name, 0.0)
        )
    if out_folder is not None:
        for source, family in zip(FAMILIES, families, strict=True):
            write_record(out_folder, source, family, table_version=table_set.version)
    if sustained_out is not None:
        write_slowdowns(sustained_out, table_set, families, load(), shipped_processors())
    measured, left_out, missed = measured_rows(families), left_out_rows(families), misses(families)
    if json_output:
        print_json({"table_version": table_set.version, "measured": measured, "left_out": left_out, "misses": missed})
        return
    _print_rows("Median absolute error on measured platforms, %", measured)
    _print_rows("Median absolute error on a generation left out of the fit, %, and bands (log of time)", left_out)
    out.print(f"{len(missed)} medians above what the fit is held to:" if missed else "No median above its limit.")
    for line in missed:
        out.print(f"  {line}", highlight=False)


def _print_rows(title: str, rows: tuple[Row, ...]) -> None:
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "family" else "right")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    print_whole(table)
