"""How long one accelerator takes for one operator: the seam between physics and everything built on it.

`OperatorModel` is what training and serving ask; they never see a peak or a bandwidth. `RooflineOperators` answers
from the data sheet and a handful of achieved fractions (Williams, Waterman and Patterson, 2009, "Roofline"); a
calibrated model answers the same questions from measured kernels. All methods broadcast over arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gigawatt.entities.assumptions import KernelEfficiency, Ranged
from gigawatt.entities.hardware import Accelerator, Platform, Precision, ScaleOutFabric
from gigawatt.performance import collectives
from gigawatt.performance.collectives import Links, Reals, joined_by
from gigawatt.performance.flops import FLOP_PER_WEIGHT_AND_TOKEN
from gigawatt.timeline import FloatArray

QUANTILES = (0.1, 0.5, 0.9)

# The backward pass of a fused attention kernel takes five matrix products where the forward pass takes two, as it
# computes the scores anew: Dao (2023), FlashAttention-2, section 4.1.
ATTENTION_BACKWARD_OVER_FORWARD = 2.5

_WIDER = (Precision.FP4, Precision.FP8, Precision.BF16)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionWork:
    """Attention of `sequences_count` sequences on one accelerator: each query sees `context_tokens_count` tokens.

    A context token holds `cached_values_count` values on this accelerator, read once per sequence.
    """

    sequences_count: Reals
    query_tokens_count: Reals
    context_tokens_count: Reals
    heads_count: Reals
    score_dim: int
    value_dim: int
    cached_values_count: Reals
    cache_precision: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanWork:
    """A recurrence over whole sequences on one accelerator, `heads_count` heads each in chunks.

    `chunk_flop` are the products of one chunk of one head; `token_bytes` is what a token moves between memory and chip
    for all heads together.
    """

    sequences_count: Reals
    tokens_count: Reals
    heads_count: Reals
    chunk_tokens_count: float
    chunk_flop: float
    token_bytes: Reals


class OperatorModel(Protocol):
    """Time of each operator on one accelerator of a platform.

    A matrix product takes `(m, k)` by `(k, n)`; `precision` is that of its inputs, and where the device does not
    compute in it, the next wider one is used on values stored as stated. Collectives run over `ranks_count`
    accelerators that lie `stride_count` apart; `volume_bytes` is what one rank holds in full.
    """

    def gemm_s(self, m: Reals, n: Reals, k: Reals, *, precision: Precision) -> FloatArray:
        """Time of one matrix product."""
        ...

    def grouped_gemm_s(self, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision) -> FloatArray:
        """Time of `groups` products with weights of their own that share `m` rows in all."""
        ...

    def attention_prefill_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of whole sequences over themselves."""
        ...

    def attention_backward_s(self, work: AttentionWork) -> FloatArray:
        """Time of the backward pass of `attention_prefill_s`."""
        ...

    def attention_decode_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of new tokens over a cache."""
        ...

    def scan_s(self, work: ScanWork) -> FloatArray:
        """Time of a recurrence over whole sequences."""
        ...

    def memory_s(self, volume_bytes: Reals) -> FloatArray:
        """Time of an element-wise operator that moves `volume_bytes` between memory and chip."""
        ...

    def all_reduce_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds the sum."""
        ...

    def all_gather_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds every rank's share."""
        ...

    def reduce_scatter_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until each rank holds its share of the sum."""
        ...

    def all_to_all_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank sends `volume_bytes` in equal parts to all."""
        ...

    def point_to_point_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank of a chain sends to the next."""
        ...


OperatorFactory = Callable[[Platform, KernelEfficiency, float], OperatorModel]
"""Gives the operators of a platform at a quantile of performance (0.1, 0.5 or 0.9)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AchievedFractions:
    """Achieved over peak of each resource at one quantile of performance."""

    gemm_fraction: float
    attention_fraction: float
    memory_bandwidth_fraction: float
    scale_up_bandwidth_fraction: float
    scale_out_bandwidth_fraction: float
    launch_s: float


def at_quantile(ranged: Ranged, quantile: float) -> float:
    """The low, best or high value of a range at quantile 0.1, 0.5 or 0.9."""
    return dict(zip(QUANTILES, (ranged.low, ranged.best, ranged.high), strict=True))[quantile]


def achieved_fractions(efficiency: KernelEfficiency, quantile: float) -> AchievedFractions:
    """Efficiencies at a quantile of performance: the P10 has low efficiencies and a long launch."""
    return AchievedFractions(
        gemm_fraction=at_quantile(efficiency.gemm, quantile),
        attention_fraction=at_quantile(efficiency.attention, quantile),
        memory_bandwidth_fraction=at_quantile(efficiency.memory_bandwidth, quantile),
        scale_up_bandwidth_fraction=at_quantile(efficiency.scale_up_bandwidth, quantile),
        scale_out_bandwidth_fraction=at_quantile(efficiency.scale_out_bandwidth, quantile),
        launch_s=at_quantile(_reversed(efficiency.launch_s), quantile),
    )


def _reversed(ranged: Ranged) -> Ranged:
    return Ranged(low=ranged.high, best=ranged.best, high=ranged.low)


def native_precision(accelerator: Accelerator, precision: Precision) -> Precision | None:
    """The precision that products of `precision` values are computed in: itself or the next wider, None if none."""
    for candidate in _WIDER[_WIDER.index(precision) :]:
        if accelerator.peak_dense_flop_per_s.get(candidate, 0.0) > 0.0:
            return candidate
    return None


def peak_dense_flop_per_s(accelerator: Accelerator, precision: Precision) -> float:
    """Dense peak for products of `precision` values; the caller has checked that `native_precision` exists."""
    native = native_precision(accelerator, precision)
    return accelerator.peak_dense_flop_per_s[native] if native else float("nan")


def roofline_s(
    *, work_flop: Reals, traffic_bytes: Reals, flop_per_s: float, bytes_per_s: float, launch_s: float
) -> FloatArray:
    """The longer of computing and moving, after a launch (Williams et al., 2009)."""
    return np.asarray(launch_s + np.maximum(work_flop / flop_per_s, traffic_bytes / bytes_per_s), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class RooflineOperators:
    """Operator times from the data sheet and the achieved fraction of each resource."""

    accelerator: Accelerator
    scale_up_domain_count: int
    achieved: AchievedFractions
    fabric: ScaleOutFabric | None = None

    @property
    def links(self) -> Links:
        """What collectives run over."""
        device, achieved = self.accelerator, self.achieved
        plain = Links(
            scale_up_bytes_per_s=device.scale_up_bandwidth_bytes_per_s * achieved.scale_up_bandwidth_fraction,
            scale_out_bytes_per_s=device.scale_out_bandwidth_bytes_per_s * achieved.scale_out_bandwidth_fraction,
            startup_s=achieved.launch_s,
            scale_up_domain_count=self.scale_up_domain_count,
        )
        return joined_by(plain, self.fabric)

    @property
    def _memory_bytes_per_s(self) -> float:
        return self.accelerator.memory_bandwidth_bytes_per_s * self.achieved.memory_bandwidth_fraction

    def gemm_s(self, m: Reals, n: Reals, k: Reals, *, precision: Precision) -> FloatArray:
        """Time of one matrix product."""
        return self.grouped_gemm_s(m, n, k, groups=1.0, precision=precision)

    def grouped_gemm_s(self, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision) -> FloatArray:
        """Time of `groups` products with weights of their own that share `m` rows in all; outputs are BF16."""
        inputs = (m * k + groups * n * k) * precision.value_bytes
        return roofline_s(
            work_flop=FLOP_PER_WEIGHT_AND_TOKEN * m * n * k,
            traffic_bytes=inputs + m * n * Precision.BF16.value_bytes,
            flop_per_s=peak_dense_flop_per_s(self.accelerator, precision) * self.achieved.gemm_fraction,
            bytes_per_s=self._memory_bytes_per_s,
            launch_s=self.achieved.launch_s,
        )

    def attention_prefill_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of whole sequences over themselves."""
        return self._attention_s(work, passes=1.0)

    def attention_backward_s(self, work: AttentionWork) -> FloatArray:
        """Time of the backward pass of `attention_prefill_s`."""
        return self._attention_s(work, passes=ATTENTION_BACKWARD_OVER_FORWARD)

    def attention_decode_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of new tokens over a cache."""
        return self._attention_s(work, passes=1.0)

    def scan_s(self, work: ScanWork) -> FloatArray:
        """Time of a recurrence over whole sequences; its products are those of attention in kind."""
        tokens = work.sequences_count * work.tokens_count
        return roofline_s(
            work_flop=tokens / work.chunk_tokens_count * work.heads_count * work.chunk_flop,
            traffic_bytes=tokens * work.token_bytes,
            flop_per_s=peak_dense_flop_per_s(self.accelerator, Precision.BF16) * self.achieved.attention_fraction,
            bytes_per_s=self._memory_bytes_per_s,
            launch_s=self.achieved.launch_s,
        )

    def _attention_s(self, work: AttentionWork, *, passes: float) -> FloatArray:
        """Products in BF16 whatever the cache holds; scores stay on the chip (Dao, 2023)."""
        width = work.heads_count * (work.score_dim + work.value_dim)
        queries = work.sequences_count * work.query_tokens_count
        cache = work.sequences_count * work.context_tokens_count * work.cached_values_count
        traffic = cache * work.cache_precision.value_bytes + queries * width * Precision.BF16.value_bytes
        return roofline_s(
            work_flop=passes * FLOP_PER_WEIGHT_AND_TOKEN * queries * work.context_tokens_count * width,
            traffic_bytes=passes * traffic,
            flop_per_s=peak_dense_flop_per_s(self.accelerator, Precision.BF16) * self.achieved.attention_fraction,
            bytes_per_s=self._memory_bytes_per_s,
            launch_s=self.achieved.launch_s,
        )

    def memory_s(self, volume_bytes: Reals) -> FloatArray:
        """Time of an element-wise operator."""
        return np.asarray(self.achieved.launch_s + volume_bytes / self._memory_bytes_per_s, dtype=np.float64)

    def all_reduce_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds the sum."""
        return collectives.all_reduce_s(self.links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def all_gather_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds every rank's share."""
        return collectives.all_gather_s(self.links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def reduce_scatter_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until each rank holds its share of the sum."""
        return collectives.reduce_scatter_s(
            self.links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count
        )

    def all_to_all_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank sends `volume_bytes` in equal parts to all."""
        return collectives.all_to_all_s(self.links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def point_to_point_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank of a chain sends to the next."""
        return collectives.point_to_point_s(
            self.links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count
        )


def roofline_operators(platform: Platform, efficiency: KernelEfficiency, quantile: float) -> OperatorModel:
    """The roofline operators of a platform at a quantile of performance."""
    return RooflineOperators(
        accelerator=platform.accelerator,
        scale_up_domain_count=platform.scale_up_domain_count,
        achieved=achieved_fractions(efficiency, quantile),
        fabric=platform.fabric,
    )
