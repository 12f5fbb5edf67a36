"""The operators that predictions are made with, at each quantile of performance."""

from dataclasses import dataclass, replace

from gigawatt.catalog import Catalog, quantity, ranged
from gigawatt.catalog.kernels import load_kernels
from gigawatt.entities.assumptions import KernelEfficiency, Ranged
from gigawatt.entities.hardware import Platform
from gigawatt.performance.kernels.calibrated import calibrated_operators
from gigawatt.performance.kernels.library import KernelLibrary
from gigawatt.performance.laws import BandOperators, TrainingOperators
from gigawatt.performance.operators import OperatorModel, at_quantile
from gigawatt.performance.step.kinds import Kind, with_kind
from gigawatt.performance.step.load import (
    LoadedOperators,
    of_distinct_shapes,
    slowdown_ratio,
    sustained,
    under_load,
    without_quantization,
)
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


def training_operators(
    catalog: Catalog,
    *,
    efficiency: KernelEfficiency | None = None,
    library: KernelLibrary | None = None,
    unmeasured: frozenset[str] = frozenset(),
) -> TrainingOperators:
    """Operators of a training step: quantization apart, all at the sustained clock.

    `library` holds the laws, those shipped unless given; of `unmeasured` platforms the clock is not known either.

    Uncertain, each by itself, are the laws of every kind of kernel, the links between domains, the clock, what passes
    of training software take over plain ones, and what its expert products take over those of serving engines.
    """
    laws = of_distinct_shapes(without_quantization(library or load_kernels()))
    slowdowns = {
        family: {platform: ratio for platform, ratio in found.items() if platform not in unmeasured}
        for family, found in product_slowdowns(catalog).items()
    }
    parts = _Parts(
        unloaded=laws,
        loaded=sustained(laws, slowdowns),
        achieved=efficiency or kernel_efficiency(catalog),
        slowdowns=slowdowns,
        clock=ranged(catalog.figure(f"{_STEP}/sustained-clock"), RATIO),
        passes=ranged(catalog.figure(f"{_STEP}/pass"), RATIO),
        experts=ranged(catalog.figure(f"{_STEP}/expert-products"), RATIO),
    )

    def of_kind(kind: Kind) -> BandOperators:
        def operators(platform: Platform, quantile: float) -> OperatorModel:
            middle = parts.operators(platform, _At())
            if quantile == _MEDIAN:
                return middle
            return with_kind(middle, kind, parts.operators(platform, _At(laws=quantile)))

        return operators

    def of_part(part: str) -> BandOperators:
        def operators(platform: Platform, quantile: float) -> OperatorModel:
            return parts.operators(platform, replace(_At(), **{part: quantile}))

        return operators

    others = ("links", "clock", "passes", "experts")
    return TrainingOperators(causes=(*(of_kind(kind) for kind in Kind), *(of_part(part) for part in others)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _At:
    """Quantiles of performance of what training operators are uncertain by."""

    laws: float = _MEDIAN
    links: float = _MEDIAN
    clock: float = _MEDIAN
    passes: float = _MEDIAN
    experts: float = _MEDIAN


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    unloaded: KernelLibrary
    loaded: KernelLibrary
    achieved: KernelEfficiency
    slowdowns: dict[str, dict[str, float]]
    clock: Ranged
    passes: Ranged
    experts: Ranged

    def operators(self, platform: Platform, at: _At) -> OperatorModel:
        """Training operators with each part at its quantile.

        The fast clock is each kernel's own, as the state in which short kernels between communication run is not known;
        the slow one adds what sustained clocks may lose beyond the longest timings.
        """
        over, grouped = (
            at_quantile(figure, round(1.0 - quantile, 1))
            for figure, quantile in ((self.passes, at.passes), (self.experts, at.experts))
        )
        own = at.clock > _MEDIAN
        library = self.unloaded if own else self.loaded
        beyond = self.clock.high / self.clock.best if at.clock < _MEDIAN else 1.0
        slower = 1.0 if own else 1.0 + slowdown_ratio(self.slowdowns[_PRODUCTS[0]], platform.kernels_id)
        kernels = calibrated_operators(library, links_quantile=at.links)(platform, self.achieved, at.laws)
        return LoadedOperators(
            operators=kernels,
            product_factor=beyond,
            expert_factor=grouped * beyond * slower,
            attention_factor=beyond,
            pass_factor=over,
        )
