"""Fitted families as catalogue records: TOML that people can read and `catalog.kernels` reads back."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from gigawatt.calibration.families import FamilySource
from gigawatt.catalog.kernels import KERNEL_SOURCE, unit_of
from gigawatt.performance.kernels.library import Band, Family, Fit

# Printed digits: more than the tables know, and enough to give the printed errors again.
DIGITS = 5


def write_record(folder: Path, source: FamilySource, family: Family, *, table_version: str) -> Path:
    """Write one family's record into `folder` and return where."""
    path = folder / f"{family.id}.toml"
    path.write_text("\n".join(record_lines(source, family, table_version=table_version)) + "\n", encoding="utf-8")
    return path


def record_lines(source: FamilySource, family: Family, *, table_version: str) -> Iterator[str]:
    """The lines of a family's record."""
    yield f'id = "{family.id}"'
    yield f'name = "{source.name}"'
    yield f'law = "{family.law}"'
    yield f'peak = "{source.peak}"'
    yield 'grade = "derived"'
    yield f'sources = ["{KERNEL_SOURCE}"]'
    yield f"tables = [{', '.join(_quoted(table) for table in source.tables)}]"
    yield f'table-version = "{table_version}"'
    if source.unlike:
        yield f"unlike = [{', '.join(_quoted(platform) for platform in source.unlike)}]"
    yield from _fit_lines("projected", family.projected)
    yield from _fits("measured", family.measured)
    yield from _fits("left-out", family.left_out)


def _fits(section: str, fits: Mapping[str, Fit]) -> Iterator[str]:
    if not fits:
        yield ""
        yield f"[{section}]"
    for key, fit in fits.items():
        yield from _fit_lines(f"{section}.{key}", fit)


def _fit_lines(section: str, fit: Fit) -> Iterator[str]:
    yield ""
    yield f"[{section}]"
    yield f"points = {fit.points_count}"
    yield f'median-abs-error = "{_number(fit.median_abs_error_fraction)} ratio"'
    yield f"operator-band = {_band(fit.operator_band)}"
    yield f"step-band = {_band(fit.step_band)}"
    yield ""
    yield f"[{section}.coefficients]"
    for name, value in asdict(fit.coefficients).items():
        yield f'{name.replace("_", "-")} = "{_number(value)} {unit_of(name)}"'


def _band(band: Band) -> str:
    values = ", ".join(f'{key} = "{_number(value)} ratio"' for key, value in asdict(band).items())
    return f"{{ {values} }}"


def _number(value: float) -> str:
    return f"{value:.{DIGITS}g}"


def _quoted(text: str) -> str:
    return f'"{text}"'
