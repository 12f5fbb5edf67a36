"""Whole training steps on a generation that the laws have never seen, beside what was measured on it.

    python benchmarks/training/left_out.py --case FILE

For each generation the laws are those fitted without it (`left-out` in the catalogue's kernel records), the clocks are
those of the others, and the band is the one that platforms nobody has measured carry. FILE has the columns that
docs/validation-training.md names.
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gigawatt.calibration.tables import GENERATIONS
from gigawatt.catalog import load
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import training_operators
from gigawatt.performance.kernels.library import Family, KernelLibrary
from gigawatt.validation.comparison import compare, summary
from gigawatt.validation.rows import read_rows


def without(library: KernelLibrary, generation: str, platforms: tuple[str, ...]) -> KernelLibrary:
    """The library as it would be had nobody measured a generation; the band is the projected one."""
    return replace(library, families=_each(library.families, generation, platforms))


def _each(families: Mapping[str, Family], generation: str, platforms: tuple[str, ...]) -> dict[str, Family]:
    found = {}
    for key, family in families.items():
        measured = {name: fit for name, fit in family.measured.items() if name not in platforms}
        seen = family.left_out.get(generation, family.projected)
        found[key] = replace(
            family, measured=measured, projected=replace(family.projected, coefficients=seen.coefficients)
        )
    return found


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--case", type=Path, required=True)
    rows, catalog = read_rows(options.parse_args().case), load()
    library = load_kernels()
    print("| left out | steps | median error | mean error | bias | inside band | with its own laws |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    known = compare(rows, catalog, training_operators(catalog)).times
    for generation, platforms in GENERATIONS.items():
        hidden = frozenset(platforms)
        operators = training_operators(
            catalog, library=without(library, generation, tuple(platforms)), unmeasured=hidden
        )
        numbers = {item.row.number for item in known if item.platform in hidden}
        if not numbers:
            continue
        own = summary([item for item in known if item.row.number in numbers], group="", name="")
        blind = compare([row for row in rows if row.number in numbers], catalog, operators).times
        found = summary(blind, group="", name="")
        print(
            f"| {generation} | {found.cases_count} | {found.median_abs_error_fraction:.1%} "
            f"| {found.mean_abs_error_fraction:.1%} | {found.median_error_fraction:+.1%} "
            f"| {found.band_coverage_fraction:.0%} "
            f"| {own.median_abs_error_fraction:.1%}, {own.band_coverage_fraction:.0%} inside |",
            flush=True,
        )


if __name__ == "__main__":
    main()
