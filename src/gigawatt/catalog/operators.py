"""The operators that predictions are made with, at each quantile of performance."""

from gigawatt.catalog import Catalog, quantity, ranged
from gigawatt.catalog.kernels import load_kernels
from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Platform
from gigawatt.performance.kernels.calibrated import calibrated_operators
from gigawatt.performance.kernels.library import KernelLibrary
from gigawatt.performance.laws import BandOperators
from gigawatt.performance.operators import OperatorModel, at_quantile
from gigawatt.performance.step.load import LoadedOperators, slowdown_ratio, sustained, under_load, without_quantization
from gigawatt.units import DURATION_SECONDS, FRACTION, RATIO

_MEDIAN = 0.5
_STEP = "assumptions/training-step"
_PRODUCTS = ("dense-gemm-bf16", "dense-gemm-fp8", "dense-gemm-fp8-block", "dense-gemm-nvfp4")


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


def band_operators(
    catalog: Catalog, *, library: KernelLibrary | None = None, efficiency: KernelEfficiency | None = None
) -> BandOperators:
    """Calibrated operators by platform and quantile; the shipped laws and assumed links unless others are given.

    The middle and the slow end run under load. How much of the throttling of long kernels holds for short ones between
    attention and communication is not known, so the fast end has each kernel's own.
    """
    achieved, laws = efficiency or kernel_efficiency(catalog), library or load_kernels()
    loaded, unloaded = calibrated_operators(under_load(laws)), calibrated_operators(laws)
    clock = ranged(catalog.figure("assumptions/training-step/sustained-clock"), RATIO)

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        factory = unloaded if quantile > _MEDIAN else loaded
        kernels = factory(platform, achieved, round(quantile, 1))
        slower = at_quantile(clock, round(1.0 - quantile, 1))
        return LoadedOperators(
            operators=kernels, product_factor=slower, expert_factor=slower, attention_factor=slower, pass_factor=1.0
        )

    return operators


def product_slowdowns(catalog: Catalog) -> dict[str, dict[str, float]]:
    """How much longer products compute than at full clock once they run for long, by family and platform."""
    found: dict[str, dict[str, float]] = {}
    for family in _PRODUCTS:
        figures = catalog.record("assumptions", f"sustained-{family}").figures
        at = {name: catalog.figure(f"assumptions/sustained-{family}/{name}") for name in figures}
        found[family] = {name: quantity(figure, RATIO) for name, figure in at.items()}
    return found


def training_operators(catalog: Catalog, *, efficiency: KernelEfficiency | None = None) -> BandOperators:
    """Operators of a training step by platform and quantile: quantization apart, all at the sustained clock.

    The fast end has each kernel's own clock, as the state in which short kernels between communication run is not
    known; the slow end adds what sustained clocks may lose beyond the longest timings.
    """
    achieved, library, slowdowns = (
        efficiency or kernel_efficiency(catalog),
        without_quantization(load_kernels()),
        product_slowdowns(catalog),
    )
    loaded, unloaded = calibrated_operators(sustained(library, slowdowns)), calibrated_operators(library)
    clock, passes, experts = (
        ranged(catalog.figure(f"{_STEP}/{name}"), RATIO) for name in ("sustained-clock", "pass", "expert-products")
    )

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        over, grouped = (at_quantile(figure, round(1.0 - quantile, 1)) for figure in (passes, experts))
        if quantile > _MEDIAN:
            kernels = unloaded(platform, achieved, round(quantile, 1))
            return LoadedOperators(
                operators=kernels, product_factor=1.0, expert_factor=grouped, attention_factor=1.0, pass_factor=over
            )
        kernels = loaded(platform, achieved, round(quantile, 1))
        beyond = clock.high / clock.best if quantile < _MEDIAN else 1.0
        slower = 1.0 + slowdown_ratio(slowdowns[_PRODUCTS[0]], platform.kernels_id)
        return LoadedOperators(
            operators=kernels,
            product_factor=beyond,
            expert_factor=grouped * beyond * slower,
            attention_factor=beyond,
            pass_factor=over,
        )

    return operators
