"""Operators under load: what a kernel takes in a run that keeps the device at its power limit.

Kernel timings are short. The fitted laws say how much longer kernels take once power limits have lowered the clock;
in training, kernels follow each other without pause, so that state holds for all of them. What products take then is
measured: by the longest of the timings whose operands had random values (zeros switch no transistors and draw less
power). Attention slows down as its own longest timings do, which is less: exponentials keep the multipliers waiting.

A step casts the operands of its products itself, so that here the laws leave quantization out.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

from gigawatt.entities.hardware import Precision
from gigawatt.performance.collectives import Reals
from gigawatt.performance.kernels.attention import PrefillCoefficients
from gigawatt.performance.kernels.gemm import GemmCoefficients
from gigawatt.performance.kernels.library import STEP_OPERATORS_COUNT, Band, Family, Fit, KernelLibrary
from gigawatt.performance.kernels.streaming import StreamingCoefficients
from gigawatt.performance.operators import AttentionWork, OperatorModel, ScanWork
from gigawatt.timeline import FloatArray

# The products whose bandwidth over large operands is the reference.
_REFERENCE = "dense-gemm-bf16"


def under_load(library: KernelLibrary) -> KernelLibrary:
    """The library with clocks as power limits leave them from the first moment of each kernel."""
    families = {key: _family_under_load(family) for key, family in library.families.items()}
    return replace(library, families=families)


def _family_under_load(family: Family) -> Family:
    measured = {key: _fit_under_load(fit) for key, fit in family.measured.items()}
    return replace(family, measured=measured, projected=_fit_under_load(family.projected))


def _fit_under_load(fit: Fit) -> Fit:
    kernel = fit.coefficients
    if isinstance(kernel, GemmCoefficients):
        return replace(fit, coefficients=replace(kernel, throttle_onset_s=0.0))
    if isinstance(kernel, PrefillCoefficients):
        return replace(fit, coefficients=replace(kernel, throttle_onset_s=0.0))
    return fit


def without_quantization(library: KernelLibrary) -> KernelLibrary:
    """The library with products of operands that are in their format already."""
    families = {key: replace_fits(family, _quantized_before) for key, family in library.families.items()}
    return replace(library, families=families)


def _quantized_before(fit: Fit, platform: str) -> Fit:  # noqa: ARG001  # all platforms alike
    kernel = fit.coefficients
    if isinstance(kernel, GemmCoefficients):
        return replace(fit, coefficients=replace(kernel, requantize_bytes=0.0))
    return fit


def sustained(library: KernelLibrary, slowdowns: Mapping[str, Mapping[str, float]]) -> KernelLibrary:
    """The library with products slowed down from their first moment as the longest measured ones are.

    `slowdowns` gives, by family and platform, how much longer computation takes than at full clock; see
    `slowdown_ratio`. Passes over memory get no more of the bandwidth than products that stream large operands:
    what the timings move often fits in the cache, what a step moves does not.
    """
    streams = library.families[_REFERENCE]

    def slowed(fit: Fit, platform: str, *, family: str) -> Fit:
        kernel = fit.coefficients
        if isinstance(kernel, GemmCoefficients) and family in slowdowns:
            fraction = slowdown_ratio(slowdowns[family], platform)
            return replace(fit, coefficients=replace(kernel, throttle_fraction=fraction, throttle_onset_s=0.0))
        if isinstance(kernel, PrefillCoefficients):
            return replace(fit, coefficients=replace(kernel, throttle_onset_s=0.0))
        product = streams.fit(platform).coefficients
        if isinstance(kernel, StreamingCoefficients) and isinstance(product, GemmCoefficients):
            reached = min(kernel.bandwidth_fraction, product.bandwidth_fraction)
            return replace(fit, coefficients=replace(kernel, bandwidth_fraction=reached))
        return fit

    families = {key: replace_fits(family, partial(slowed, family=key)) for key, family in library.families.items()}
    return replace(library, families=families)


# Shapes of a family that a step consists of, by the share of time each takes: the four matrices of a layer (the inverse
# of their squared shares is 2.6 to 3.4) and the two of an expert (1.8) with three products each, and the norms, sums,
# rotations and activations both ways. Attention, a scan and each exchange have one shape.
_SHAPES_COUNT = {"dense-gemm": 9.0, "expert-layer": 5.0, "streaming": 8.0}


def of_distinct_shapes(library: KernelLibrary) -> KernelLibrary:
    """The library with bands of sums over as many shapes as a training step has.

    Over distinct shapes residuals are independent: products that share one dimension have correlations of 0.02 to 0.17
    (`docs/kernels.md`). What a family leaves over in common stays whole.
    """
    families = {
        key: replace_fits(family, partial(_over_shapes, shapes_count=_shapes_count(key)))
        for key, family in library.families.items()
    }
    return replace(library, families=families)


def _shapes_count(family: str) -> float:
    return next((count for kind, count in _SHAPES_COUNT.items() if family.startswith(kind)), 1.0)


def _over_shapes(fit: Fit, platform: str, *, shapes_count: float) -> Fit:  # noqa: ARG001  # all platforms alike
    one, many = fit.operator_band, fit.step_band
    more = 1.0 / shapes_count - 1.0 / STEP_OPERATORS_COUNT

    def width(many_width: float, one_width: float) -> float:
        return math.sqrt(many_width**2 + more * max(one_width, 0.0) ** 2)

    band = Band(
        p10=many.p50 - width(many.p50 - many.p10, one.p50 - one.p10),
        p50=many.p50,
        p90=many.p50 + width(many.p90 - many.p50, one.p90 - one.p50),
    )
    return replace(fit, step_band=band)


def slowdown_ratio(by_platform: Mapping[str, float], platform: str) -> float:
    """A platform's slowdown, or the median of all where it was not measured."""
    return by_platform.get(platform, median(by_platform.values()))


def replace_fits(family: Family, change: Callable[[Fit, str], Fit]) -> Family:
    """The family with each fit changed, given its platform, or none for the projected one."""
    measured = {key: change(fit, key) for key, fit in family.measured.items()}
    return replace(family, measured=measured, projected=change(family.projected, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedOperators:
    """Another operator model's times, each kind so many times as long; scans count as experts."""

    operators: OperatorModel
    product_factor: float
    expert_factor: float
    attention_factor: float
    pass_factor: float

    def gemm_s(self, m: Reals, n: Reals, k: Reals, *, precision: Precision) -> FloatArray:
        """Time of one matrix product."""
        return self.product_factor * self.operators.gemm_s(m, n, k, precision=precision)

    def grouped_gemm_s(self, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision) -> FloatArray:
        """Time of `groups` products with weights of their own that share `m` rows in all."""
        return self.expert_factor * self.operators.grouped_gemm_s(m, n, k, groups=groups, precision=precision)

    def attention_prefill_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of whole sequences over themselves."""
        return self.attention_factor * self.operators.attention_prefill_s(work)

    def attention_backward_s(self, work: AttentionWork) -> FloatArray:
        """Time of the backward pass of `attention_prefill_s`."""
        return self.attention_factor * self.operators.attention_backward_s(work)

    def attention_decode_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of new tokens over a cache: bound by memory, whose clock stays."""
        return self.operators.attention_decode_s(work)

    def scan_s(self, work: ScanWork) -> FloatArray:
        """Time of a recurrence over whole sequences."""
        return self.expert_factor * self.operators.scan_s(work)

    def memory_s(self, volume_bytes: Reals) -> FloatArray:
        """Time of an element-wise operator."""
        return self.pass_factor * self.operators.memory_s(volume_bytes)

    def all_reduce_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds the sum."""
        return self.operators.all_reduce_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def all_gather_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds every rank's share."""
        return self.operators.all_gather_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def reduce_scatter_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until each rank holds its share of the sum."""
        return self.operators.reduce_scatter_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def all_to_all_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank sends `volume_bytes` in equal parts to all."""
        return self.operators.all_to_all_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def point_to_point_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank of a chain sends to the next."""
        return self.operators.point_to_point_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
