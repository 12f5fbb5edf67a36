"""The whole calibration, end to end: tables and data sheets in, fitted families out."""

from collections.abc import Callable, Sequence

import polars as pl

from gigawatt.calibration.families import FamilySource
from gigawatt.calibration.fitting import family_fit
from gigawatt.calibration.laws import LAWS
from gigawatt.calibration.sheets import device_sheets
from gigawatt.calibration.tables import TableSet
from gigawatt.catalog import Catalog
from gigawatt.entities.hardware import Precision
from gigawatt.performance.kernels.library import Family, ProcessorSheet

Report = Callable[[str], None]


def calibrated_families(
    sources: Sequence[FamilySource],
    tables: TableSet,
    catalog: Catalog,
    processors: ProcessorSheet,
    *,
    report: Report = lambda _: None,
) -> tuple[Family, ...]:
    """Every family fitted to the tables; `report` is told the name of each before it begins."""
    found = []
    for source in sources:
        report(source.name)
        relatives = pl.DataFrame() if source.relatives is None else source.relatives(tables)
        found.append(calibrated_family(source, source.observe(tables), catalog, processors, relatives=relatives))
    return tuple(found)


def calibrated_family(
    source: FamilySource,
    observations: pl.DataFrame,
    catalog: Catalog,
    processors: ProcessorSheet,
    *,
    relatives: pl.DataFrame | None = None,
) -> Family:
    """One family fitted to its observations, and what is shared to those of relatives too, with their data sheets."""
    beside = pl.DataFrame() if relatives is None else relatives
    platforms = {name for frame in (observations, beside) if frame.height for name in frame["platform"].unique()}
    sheets = device_sheets(catalog, processors, sorted(platforms), peak=Precision(source.peak))
    return family_fit(source.id, LAWS[source.law], observations, sheets, unlike=source.unlike, relatives=relatives)
