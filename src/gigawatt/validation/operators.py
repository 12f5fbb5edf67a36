"""The operators that predictions are made with, at each quantile of performance."""

from collections.abc import Callable

from gigawatt.catalog import Catalog, ranged
from gigawatt.catalog.kernels import load_kernels
from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Platform
from gigawatt.performance.kernels.calibrated import calibrated_operators
from gigawatt.performance.kernels.library import KernelLibrary
from gigawatt.performance.operators import OperatorModel, at_quantile
from gigawatt.performance.step.load import LoadedOperators, under_load
from gigawatt.units import DURATION_SECONDS, FRACTION, RATIO

_MEDIAN = 0.5

BandOperators = Callable[[Platform, float], OperatorModel]
"""Gives a platform's operators at a quantile of performance: 0.1 is slow, 0.9 fast."""


def kernel_efficiency(catalog: Catalog) -> KernelEfficiency:
    """The achieved fractions that the catalogue assumes."""
    at = "assumptions/kernel-efficiency"
    return KernelEfficiency(
        gemm=ranged(catalog.figure(f"{at}/gemm"), FRACTION),
        attention=ranged(catalog.figure(f"{at}/attention"), FRACTION),
        memory_bandwidth=ranged(catalog.figure(f"{at}/memory-bandwidth"), FRACTION),
        scale_up_bandwidth=ranged(catalog.figure(f"{at}/scale-up-bandwidth"), FRACTION),
        scale_out_bandwidth=ranged(catalog.figure(f"{at}/scale-out-bandwidth"), FRACTION),
        launch_s=ranged(catalog.figure(f"{at}/launch"), DURATION_SECONDS),
    )


def band_operators(catalog: Catalog, *, library: KernelLibrary | None = None) -> BandOperators:
    """Calibrated operators by platform and quantile; from the shipped laws unless a library is given.

    The middle and the slow end run under load. How much of the throttling of long kernels holds for short ones between
    attention and communication is not known, so the fast end has each kernel's own.
    """
    efficiency, laws = kernel_efficiency(catalog), library or load_kernels()
    loaded, unloaded = calibrated_operators(under_load(laws)), calibrated_operators(laws)
    clock = ranged(catalog.figure("assumptions/training-step/sustained-clock"), RATIO)

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        factory = unloaded if quantile > _MEDIAN else loaded
        kernels = factory(platform, efficiency, round(quantile, 1))
        return LoadedOperators(operators=kernels, clock_factor=at_quantile(clock, round(1.0 - quantile, 1)))

    return operators
