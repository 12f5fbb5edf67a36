"""Where operator times of serving come from: the fitted laws, or measured tables where a platform has them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, partial
from pathlib import Path

from gigawatt.calibration.measured import MeasuredPlatform, measured_platform, without_bands
from gigawatt.calibration.tables import installed_tables
from gigawatt.catalog import Catalog
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import band_operators
from gigawatt.catalog.serving_operators import BLOCK, FP8_FAMILIES, block_scaled, serving_operators
from gigawatt.entities.hardware import Platform
from gigawatt.performance.kernels.measured import MeasuredOperators
from gigawatt.performance.laws import BandOperators
from gigawatt.performance.operators import OperatorModel

KnownPlatform = Callable[[str], MeasuredPlatform]
"""Gives what the tables know of a platform by its id."""


class Kernels(StrEnum):
    """Where operator times come from."""

    FITTED = "fitted"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A source of operator times.

    `operators` are by platform and quantile, for FP8 products scaled by blocks (true) or by tensors; `stand_ins` says
    in words which law stands in on a platform, by family of operators, where measured times were asked for.
    """

    kernels: Kernels
    operators: Callable[[bool], BandOperators]
    stand_ins: Callable[[str], Mapping[str, str]]


def measured_operators(known: KnownPlatform, catalog: Catalog, *, blocks: bool) -> BandOperators:
    """Operators whose times are those of measured tables wherever these have the platform and the family."""
    library = block_scaled(load_kernels()) if blocks else load_kernels()

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        ratios = dict(known(platform.id).ratios)
        if blocks:
            ratios |= {name: ratios[name + BLOCK] for name in FP8_FAMILIES if name + BLOCK in ratios}
        laws = band_operators(catalog, library=without_bands(library, platform.id, ratios))
        return MeasuredOperators(
            operators=laws(platform, quantile),
            accelerator=platform.accelerator,
            scale_up_domain_count=platform.scale_up_domain_count,
            ratios=ratios,
        )

    return operators


def fitted_backend(catalog: Catalog) -> Backend:
    """Operators from the shipped laws."""
    return Backend(
        kernels=Kernels.FITTED,
        operators=lambda blocks: serving_operators(catalog, blocks=blocks),
        stand_ins=lambda _: {},
    )


def measured_backend(catalog: Catalog, folder: Path | None) -> Backend:
    """Operators from the tables in a folder or of the installed package; raises `InputError` where there are none."""
    tables = installed_tables(folder, where="--kernels measured")
    known = cache(partial(measured_platform, tables, catalog, load_kernels()))
    return Backend(
        kernels=Kernels.MEASURED,
        operators=lambda blocks: measured_operators(known, catalog, blocks=blocks),
        stand_ins=lambda platform_id: known(platform_id).stand_ins,
    )


def backend(catalog: Catalog, kernels: Kernels, folder: Path | None) -> Backend:
    """Where operator times come from."""
    return fitted_backend(catalog) if kernels is Kernels.FITTED else measured_backend(catalog, folder)
