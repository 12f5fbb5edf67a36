"""The operators that predictions are made with, at each quantile of performance."""

from collections.abc import Callable

from gigawatt.catalog import Catalog, ranged
from gigawatt.catalog.kernels import load_kernels
from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Platform
from gigawatt.performance.kernels.calibrated import calibrated_operators
from gigawatt.performance.operators import OperatorModel, at_quantile
from gigawatt.performance.step.load import LoadedOperators, under_load
from gigawatt.units import DURATION_SECONDS, FRACTION, RATIO

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


def band_operators(catalog: Catalog) -> BandOperators:
    """Calibrated operators under load, by platform and quantile."""
    efficiency = kernel_efficiency(catalog)
    factory = calibrated_operators(under_load(load_kernels()))
    clock = ranged(catalog.figure("assumptions/training-step/sustained-clock"), RATIO)

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        kernels = factory(platform, efficiency, round(quantile, 1))
        return LoadedOperators(operators=kernels, clock_factor=at_quantile(clock, round(1.0 - quantile, 1)))

    return operators
