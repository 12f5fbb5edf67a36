"""`CalibratedOperators`: the operator model that answers from fitted laws, with the band of the fit.

On a measured platform each law has coefficients of its own; on any other one set that suits all measured generations,
with the error that leaving a generation out has shown. Between scale-up domains nothing is measured: there rings run
over the assumed fraction of the link, with the hops that a library's own model of them has.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Accelerator, Platform, Precision
from gigawatt.performance import collectives
from gigawatt.performance.collectives import Links, Reals, joined_by
from gigawatt.performance.kernels.attention import (
    AttentionShapes,
    DecodeCoefficients,
    PrefillCoefficients,
    decode_time_s,
    prefill_time_s,
)
from gigawatt.performance.kernels.collective import (
    Collective,
    CollectiveCoefficients,
    collective_time_s,
    ring_time_s,
    tree_time_s,
)
from gigawatt.performance.kernels.device import NVFP4_VALUE_BYTES, Device, fed_peak_flop_per_s
from gigawatt.performance.kernels.gemm import GemmCoefficients, gemm_time_s
from gigawatt.performance.kernels.grouped import GroupedCoefficients, grouped_gemm_time_s
from gigawatt.performance.kernels.library import Fit, KernelLibrary
from gigawatt.performance.kernels.scan import ScanCoefficients, ScanShapes, scan_time_s
from gigawatt.performance.kernels.streaming import StreamingCoefficients, streaming_time_s
from gigawatt.performance.operators import (
    ATTENTION_BACKWARD_OVER_FORWARD,
    AttentionWork,
    OperatorFactory,
    OperatorModel,
    ScanWork,
    achieved_fractions,
    native_precision,
    peak_dense_flop_per_s,
)
from gigawatt.timeline import FloatArray

# The family of products in each precision that a device computes in.
PRODUCTS = {Precision.BF16: "bf16", Precision.FP8: "fp8", Precision.FP4: "nvfp4"}

# Decode over an FP8 cache: query heads that share a cached head, and one each, which engines have other kernels for.
GROUPED_NARROW_DECODE, LONE_NARROW_DECODE = "decode-gqa-fp8", "decode-mha-fp8"

# Of two ranks each sends half of what it holds, so a message is half of an exchange between two.
MESSAGES_PER_EXCHANGE = 2.0
PAIR = 2.0

# Domains of one server and of one rack.
_NARROWER = (8, 72)

_C = TypeVar("_C")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibratedOperators:
    """Operator times of one platform from fitted laws, at a quantile of performance.

    The band is that of sums over many operators, as in a step; a single operator scatters more widely. A device without
    matrix units for BF16 or anything narrower answers NaN.
    """

    platform: Platform
    library: KernelLibrary
    between_domains: Links
    quantile: float

    def is_measured(self, family: str) -> bool:
        """Whether the family's law was fitted to measurements of this very platform."""
        return self.platform.kernels_id in self.library.families[family].measured

    def gemm_s(self, m: Reals, n: Reals, k: Reals, *, precision: Precision) -> FloatArray:
        """Time of one matrix product."""
        native = self._native(precision)
        fit = self._fit(product_family("dense-gemm", native))
        coefficients = _kind(fit, GemmCoefficients)
        value_bytes = _stored_bytes(precision, native)
        time = gemm_time_s(m, n, k, value_bytes=value_bytes, device=self._device(native), coefficients=coefficients)
        return self._shifted(time, fit)

    def grouped_gemm_s(self, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision) -> FloatArray:
        """Time of `groups` products with weights of their own that share `m` rows in all."""
        native = self._native(precision)
        fit = self._fit(product_family("expert-layer", native))
        time = grouped_gemm_time_s(
            m,
            n,
            k,
            groups=groups,
            value_bytes=_stored_bytes(precision, native),
            device=self._device(native),
            coefficients=_kind(fit, GroupedCoefficients),
        )
        return self._shifted(time, fit)

    def attention_prefill_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of whole sequences over themselves, in BF16."""
        fit = self._fit(prefill_family(work))
        coefficients = _kind(fit, PrefillCoefficients)
        time = prefill_time_s(_shapes(work), device=self._device(Precision.BF16), coefficients=coefficients)
        return self._shifted(time, fit)

    def attention_backward_s(self, work: AttentionWork) -> FloatArray:
        """Time of the backward pass of `attention_prefill_s`: not measured, taken from its count of products."""
        return ATTENTION_BACKWARD_OVER_FORWARD * self.attention_prefill_s(work)

    def attention_decode_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of new tokens over a cache."""
        accelerator = self.platform.accelerator
        computes, family = decode_precision(work, accelerator), decode_family(work, accelerator)
        time = self._decode_s(work, family=family, computes=computes)
        if family != GROUPED_NARROW_DECODE:
            return time
        return np.where(is_alone(work), self._decode_s(work, family=LONE_NARROW_DECODE, computes=computes), time)

    def _decode_s(self, work: AttentionWork, *, family: str, computes: Precision) -> FloatArray:
        fit = self._fit(family)
        coefficients = _kind(fit, DecodeCoefficients)
        time = decode_time_s(_shapes(work), device=self._device(computes), coefficients=coefficients)
        return self._shifted(time, fit)

    def scan_s(self, work: ScanWork) -> FloatArray:
        """Time of a recurrence over whole sequences; measured for delta rules, taken by its products for others."""
        fit = self._fit("scan-delta-rule")
        shapes = ScanShapes(
            sequences_count=work.sequences_count,
            tokens_count=work.tokens_count,
            heads_count=work.heads_count,
            chunk_tokens_count=work.chunk_tokens_count,
            chunk_flop=work.chunk_flop,
            token_bytes=work.token_bytes,
        )
        device, coefficients = self._device(Precision.BF16), _kind(fit, ScanCoefficients)
        return self._shifted(scan_time_s(shapes, device=device, coefficients=coefficients), fit)

    def memory_s(self, volume_bytes: Reals) -> FloatArray:
        """Time of an element-wise operator that moves `volume_bytes` between memory and chip."""
        fit = self._fit("streaming")
        coefficients = _kind(fit, StreamingCoefficients)
        time = streaming_time_s(volume_bytes, device=self._device(Precision.BF16), coefficients=coefficients)
        return self._shifted(time, fit)

    def all_reduce_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds the sum: across domains by rings that scatter and gather, or by trees."""
        return self._quickest(CalibratedOperators._summed_s, volume_bytes, ranks_count, stride_count)

    def _summed_s(self, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        local = self._local(ranks_count, stride_count)
        inside = self._inside_s(Collective.ALL_REDUCE, volume_bytes, ranks_count=local)
        if not np.any(np.asarray(ranks_count) > local):
            return inside
        scatter = self._ring_s(Collective.REDUCE_SCATTER, volume_bytes, ranks_count, stride_count)
        gather = self._ring_s(Collective.ALL_GATHER, volume_bytes, ranks_count, stride_count)
        leaving = self._leaving_s(volume_bytes, ranks_count, stride_count)
        tree = tree_time_s(
            self.library.protocols,
            inside_s=inside,
            leaving_s=2.0 * leaving,
            startup_s=self.between_domains.startup_s,
            ranks_count=ranks_count,
            domains_count=ranks_count / local,
        )
        return np.where(np.asarray(ranks_count) > local, np.minimum(scatter + gather, tree), inside)

    def all_gather_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds every rank's share."""
        return self._quickest(CalibratedOperators._gathered_s, volume_bytes, ranks_count, stride_count)

    def _gathered_s(self, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        return self._ring_s(Collective.ALL_GATHER, volume_bytes, ranks_count, stride_count)

    def reduce_scatter_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until each rank holds its share of the sum."""
        return self._quickest(CalibratedOperators._scattered_s, volume_bytes, ranks_count, stride_count)

    def _scattered_s(self, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        return self._ring_s(Collective.REDUCE_SCATTER, volume_bytes, ranks_count, stride_count)

    def all_to_all_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank sends `volume_bytes` in equal parts to all; both kinds of link work at once."""
        return self._quickest(CalibratedOperators._exchanged_s, volume_bytes, ranks_count, stride_count)

    def _exchanged_s(self, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        local = self._local(ranks_count, stride_count)
        inside = self._inside_s(Collective.ALL_TO_ALL, volume_bytes * local / ranks_count, ranks_count=local)
        outward = collectives.outward_s(
            self.between_domains, volume_bytes, ranks_count=ranks_count, stride_count=stride_count
        )
        between = np.where(np.asarray(ranks_count) > local, self.between_domains.startup_s + outward, 0.0)
        return np.maximum(inside, between)

    def point_to_point_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank of a chain sends to the next, over the slowest link of the chain if it must."""
        local = self._local(ranks_count, stride_count)
        inside = self._inside_s(Collective.ALL_TO_ALL, MESSAGES_PER_EXCHANGE * volume_bytes, ranks_count=PAIR)
        outward = volume_bytes / collectives.hop_bytes_per_s(
            self.between_domains, ranks_count=ranks_count, stride_count=stride_count
        )
        crossing = np.asarray(ranks_count) > local
        between = self.between_domains.startup_s + outward
        time = np.where(crossing, between, np.minimum(inside, between))
        return np.where(np.asarray(ranks_count) > 1.0, time, 0.0)

    def _quickest(
        self,
        collective_s: "Callable[[CalibratedOperators, Reals, Reals, Reals], FloatArray]",
        volume_bytes: Reals,
        ranks_count: Reals,
        stride_count: Reals,
    ) -> FloatArray:
        """The least over the domain as it is and as several narrower ones, which software may take it for.

        The laws inside a domain are fitted to at most `_NARROWER` ranks, and their start-ups grow with the ranks.
        """
        time = collective_s(self, volume_bytes, ranks_count, stride_count)
        links = self.between_domains
        for count in _NARROWER:
            if count < links.scale_up_domain_count:
                parts = replace(self, between_domains=replace(links, scale_up_domain_count=count))
                time = np.minimum(time, collective_s(parts, volume_bytes, ranks_count, stride_count))
        return time

    def _inside_s(self, collective: Collective, volume_bytes: Reals, *, ranks_count: Reals) -> FloatArray:
        fit = self._fit(collective.value)
        time = collective_time_s(
            volume_bytes,
            ranks_count=ranks_count,
            passes_count=collective.passes_count,
            device=self._device(Precision.BF16),
            coefficients=_kind(fit, CollectiveCoefficients),
        )
        return self._shifted(time, fit)

    def _ring_s(
        self, collective: Collective, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals
    ) -> FloatArray:
        local = self._local(ranks_count, stride_count)
        inside = self._inside_s(collective, volume_bytes, ranks_count=local)
        if not np.any(np.asarray(ranks_count) > local):
            return inside
        spanning = ring_time_s(
            self.library.protocols,
            inside_s=inside,
            leaving_s=self._leaving_s(volume_bytes, ranks_count, stride_count),
            startup_s=self.between_domains.startup_s,
            ranks_count=ranks_count,
            domains_count=ranks_count / local,
        )
        return np.where(np.asarray(ranks_count) > local, spanning, inside)

    def _leaving_s(self, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which a link between domains carries its ring: all parts but one pass each of its hops."""
        exchanged = collectives.leaving_s(
            self.between_domains, volume_bytes, ranks_count=ranks_count, stride_count=stride_count
        )
        domains = np.maximum(ranks_count / self._local(ranks_count, stride_count), PAIR)
        return exchanged * (1.0 - 1.0 / np.maximum(ranks_count, PAIR)) / (1.0 - 1.0 / domains)

    def _local(self, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        return collectives.local_ranks_count(self.between_domains, ranks_count=ranks_count, stride_count=stride_count)

    def _fit(self, family: str) -> Fit:
        return self.library.families[family].fit(self.platform.kernels_id)

    def _shifted(self, time_s: FloatArray, fit: Fit) -> FloatArray:
        """A low quantile of performance is a high quantile of time."""
        return time_s * math.exp(fit.step_band.at(round(1.0 - self.quantile, 1)))

    def _native(self, precision: Precision) -> Precision:
        return computed_precision(self.platform.accelerator, precision)

    def _device(self, precision: Precision) -> Device:
        accelerator = self.platform.accelerator
        peak = fed_peak_flop_per_s(accelerator.peak_dense_flop_per_s, precision)
        wide_peak = peak_dense_flop_per_s(accelerator, Precision.BF16)
        units = self.library.sheet.processors(
            self.platform.id, peak_dense_bf16_flop_per_s=wide_peak, silicon_of=self.platform.silicon_of
        )
        return Device(
            peak_dense_flop_per_s=peak,
            memory_bytes_per_s=accelerator.memory_bandwidth_bytes_per_s,
            link_bytes_per_s=accelerator.scale_up_bandwidth_bytes_per_s,
            processors_count=units.processors_count,
            exponential_units_count=units.exponential_units_count,
            dies_count=units.dies_count,
        )


def calibrated_operators(library: KernelLibrary, *, links_quantile: float | None = None) -> OperatorFactory:
    """The factory of calibrated operators: what `evaluate` takes in place of the roofline.

    Links between domains are at the quantile of the laws, or at one of their own.
    """

    def operators(platform: Platform, efficiency: KernelEfficiency, quantile: float) -> OperatorModel:
        achieved = achieved_fractions(efficiency, quantile if links_quantile is None else links_quantile)
        device = platform.accelerator
        links = Links(
            scale_up_bytes_per_s=device.scale_up_bandwidth_bytes_per_s * achieved.scale_up_bandwidth_fraction,
            scale_out_bytes_per_s=device.scale_out_bandwidth_bytes_per_s * achieved.scale_out_bandwidth_fraction,
            startup_s=achieved.launch_s,
            scale_up_domain_count=platform.scale_up_domain_count,
        )
        return CalibratedOperators(
            platform=platform, library=library, between_domains=joined_by(links, platform.fabric), quantile=quantile
        )

    return operators


def _kind(fit: Fit, kind: type[_C]) -> _C:
    if not isinstance(fit.coefficients, kind):
        raise TypeError(f"a fit of {type(fit.coefficients).__name__} where {kind.__name__} is needed")
    return fit.coefficients


def _stored_bytes(precision: Precision, native: Precision) -> float:
    """Bytes per stored value; FP4 values that are computed in come with their block scales."""
    return NVFP4_VALUE_BYTES if native is Precision.FP4 else precision.value_bytes


def computed_precision(accelerator: Accelerator, precision: Precision) -> Precision:
    """The precision that products of `precision` values are computed in."""
    return native_precision(accelerator, precision) or Precision.BF16


def product_family(law: str, native: Precision) -> str:
    """The family of `dense-gemm` or `expert-layer` products computed in a precision."""
    return f"{law}-{PRODUCTS[native]}"


def prefill_family(work: AttentionWork) -> str:
    """The family of attention over whole sequences, in BF16."""
    return f"prefill-{_attention_kind(work)}-bf16"


def decode_precision(work: AttentionWork, accelerator: Accelerator) -> Precision:
    """What decoding computes in: latent attention over a narrow cache in FP8 where the device can, else BF16."""
    latent = _attention_kind(work) == "mla" and work.cache_precision is not Precision.BF16
    return computed_precision(accelerator, Precision.FP8) if latent else Precision.BF16


def is_alone(work: AttentionWork) -> NDArray[np.bool_]:
    """Whether each cached head serves one query head."""
    return np.asarray(work.heads_count) <= _shapes(work).cached_heads_count


def decode_family(work: AttentionWork, accelerator: Accelerator) -> str:
    """The family of attention over a cache; grouped queries read a narrow cache whatever they compute in."""
    kind, narrow = _attention_kind(work), work.cache_precision is not Precision.BF16
    fp8 = narrow and (kind == "gqa" or decode_precision(work, accelerator) is Precision.FP8)
    return f"decode-{kind}-{'fp8' if fp8 else 'bf16'}"


def _attention_kind(work: AttentionWork) -> str:
    """Latent attention has scores and values of different width; grouped queries have one head dimension."""
    return "gqa" if work.score_dim == work.value_dim else "mla"


def _shapes(work: AttentionWork) -> AttentionShapes:
    return AttentionShapes(
        sequences_count=work.sequences_count,
        query_tokens_count=work.query_tokens_count,
        context_tokens_count=work.context_tokens_count,
        heads_count=work.heads_count,
        score_dim=work.score_dim,
        value_dim=work.value_dim,
        cached_values_count=work.cached_values_count,
        cache_value_bytes=work.cache_precision.value_bytes,
    )
