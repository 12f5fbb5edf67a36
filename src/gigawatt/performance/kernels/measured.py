"""`MeasuredOperators`: operator times from measured tables, with the fitted law carrying them between the points.

A table holds points; a model asks for shapes between them. What is interpolated is the logarithm of measured over
calibrated time, over the logarithms of the shape's dimensions (inverse square of the distance to the nearest points:
Shepard, 1968). At a measured shape the time is the measured one; far from all, the nearest points' ratio stays. A
family that a platform has no table for keeps its law.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from gigawatt.entities.hardware import Accelerator, Precision
from gigawatt.performance.collectives import Reals
from gigawatt.performance.kernels.calibrated import (
    GROUPED_NARROW_DECODE,
    LONE_NARROW_DECODE,
    computed_precision,
    decode_family,
    is_alone,
    prefill_family,
    product_family,
)
from gigawatt.performance.kernels.collective import Collective
from gigawatt.performance.operators import ATTENTION_BACKWARD_OVER_FORWARD, AttentionWork, OperatorModel, ScanWork
from gigawatt.timeline import FloatArray

# Points that a ratio is taken from: as many as a cell of a grid in three dimensions has corners.
NEIGHBOURS = 8
# Two shapes this close, in doublings, are one.
_SAME_SHAPE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class TimingRatios:
    """Measured over calibrated time of one family on one platform, at points in the binary logarithms of its shape."""

    tree: KDTree
    log_ratios: FloatArray

    def at(self, *shape: Reals) -> FloatArray:
        """The ratio at shapes that need not be measured; `shape` are the dimensions in the order of the points."""
        broadcast = np.broadcast_arrays(*(np.asarray(size, dtype=np.float64) for size in shape))
        wanted = np.stack([np.log2(np.maximum(size, 1.0)).ravel() for size in broadcast], axis=-1)
        apart, index = self.tree.query(wanted, k=min(NEIGHBOURS, self.log_ratios.size))
        apart, index = apart.reshape(len(wanted), -1), np.asarray(index).reshape(len(wanted), -1)
        weights = 1.0 / np.maximum(apart, _SAME_SHAPE) ** 2
        mean = np.sum(weights * self.log_ratios[index], axis=-1) / np.sum(weights, axis=-1)
        return np.asarray(np.exp(mean).reshape(broadcast[0].shape), dtype=np.float64)


def timing_ratios(shapes: FloatArray, ratios: FloatArray) -> TimingRatios:
    """Ratios `(point,)` at `shapes` `(point, dimension)`; of several at one shape the mean of their logarithms."""
    points, index = np.unique(np.log2(np.maximum(shapes, 1.0)), axis=0, return_inverse=True)
    flat = np.ravel(index)
    logs = np.bincount(flat, weights=np.log(ratios)) / np.bincount(flat)
    return TimingRatios(tree=KDTree(points), log_ratios=np.asarray(logs, dtype=np.float64))


def attention_shape(work: AttentionWork) -> tuple[Reals, ...]:
    """The dimensions that attention is measured in."""
    queries, context = work.query_tokens_count, work.context_tokens_count
    return (work.sequences_count, queries, context, work.heads_count, work.cached_values_count, float(work.score_dim))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOperators:
    """Another operator model's times, each brought to what tables of the same platform measured; by family id."""

    operators: OperatorModel
    accelerator: Accelerator
    scale_up_domain_count: int
    ratios: Mapping[str, TimingRatios]

    def gemm_s(self, m: Reals, n: Reals, k: Reals, *, precision: Precision) -> FloatArray:
        """Time of one matrix product."""
        family = product_family("dense-gemm", computed_precision(self.accelerator, precision))
        return self._brought(family, self.operators.gemm_s(m, n, k, precision=precision), m, n, k)

    def grouped_gemm_s(self, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision) -> FloatArray:
        """Time of `groups` products with weights of their own that share `m` rows in all."""
        family = product_family("expert-layer", computed_precision(self.accelerator, precision))
        time = self.operators.grouped_gemm_s(m, n, k, groups=groups, precision=precision)
        return self._brought(family, time, m, n, k, groups)

    def attention_prefill_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of whole sequences over themselves."""
        return self._brought(prefill_family(work), self.operators.attention_prefill_s(work), *attention_shape(work))

    def attention_backward_s(self, work: AttentionWork) -> FloatArray:
        """Time of the backward pass of `attention_prefill_s`, which no table has."""
        return ATTENTION_BACKWARD_OVER_FORWARD * self.attention_prefill_s(work)

    def attention_decode_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of new tokens over a cache."""
        time = self.operators.attention_decode_s(work)
        family, shape = decode_family(work, self.accelerator), attention_shape(work)
        if family != GROUPED_NARROW_DECODE:
            return self._brought(family, time, *shape)
        lone = self._brought(LONE_NARROW_DECODE, time, *shape)
        return np.where(is_alone(work), lone, self._brought(family, time, *shape))

    def scan_s(self, work: ScanWork) -> FloatArray:
        """Time of a recurrence over whole sequences."""
        shape = (work.sequences_count, work.tokens_count, work.heads_count, work.chunk_flop)
        return self._brought("scan-delta-rule", self.operators.scan_s(work), *shape)

    def memory_s(self, volume_bytes: Reals) -> FloatArray:
        """Time of an element-wise operator."""
        return self._brought("streaming", self.operators.memory_s(volume_bytes), volume_bytes)

    def all_reduce_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds the sum."""
        time = self.operators.all_reduce_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
        return self._inside(Collective.ALL_REDUCE, time, volume_bytes, ranks_count, stride_count)

    def all_gather_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds every rank's share."""
        time = self.operators.all_gather_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
        return self._inside(Collective.ALL_GATHER, time, volume_bytes, ranks_count, stride_count)

    def reduce_scatter_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until each rank holds its share of the sum."""
        time = self.operators.reduce_scatter_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
        return self._inside(Collective.REDUCE_SCATTER, time, volume_bytes, ranks_count, stride_count)

    def all_to_all_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank sends `volume_bytes` in equal parts to all."""
        time = self.operators.all_to_all_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
        return self._inside(Collective.ALL_TO_ALL, time, volume_bytes, ranks_count, stride_count)

    def point_to_point_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank of a chain sends to the next, which no table has."""
        return self.operators.point_to_point_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def _inside(
        self, collective: Collective, time_s: FloatArray, volume_bytes: Reals, ranks_count: Reals, stride_count: Reals
    ) -> FloatArray:
        """Tables are of exchanges inside one scale-up domain; what crosses it keeps its law."""
        crossing = np.asarray(ranks_count) * stride_count > self.scale_up_domain_count
        return np.where(crossing, time_s, self._brought(collective.value, time_s, ranks_count, volume_bytes))

    def _brought(self, family: str, time_s: FloatArray, *shape: Reals) -> FloatArray:
        known = self.ratios.get(family)
        return time_s if known is None else time_s * known.at(*shape)
