"""The committed sample of measured points, by family."""

from pathlib import Path

import polars as pl

from gigawatt.calibration.families import FAMILIES, FamilySource

DATA = Path(__file__).parent / "data"
SOURCES: dict[str, FamilySource] = {source.id: source for source in FAMILIES}


def observations(family: str) -> pl.DataFrame:
    """The sampled rows of a family, in the columns that its law reads."""
    return pl.read_csv(DATA / f"{family}.csv")
