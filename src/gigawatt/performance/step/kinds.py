"""Operators of several models, kind by kind: what of a step moves when one kind of kernel is slower than thought."""

from dataclasses import dataclass, fields, replace
from enum import StrEnum

from gigawatt.entities.hardware import Precision
from gigawatt.performance.collectives import Reals
from gigawatt.performance.operators import AttentionWork, OperatorModel, ScanWork
from gigawatt.timeline import FloatArray


class Kind(StrEnum):
    """Kernels whose laws were fitted to timings of their own."""

    PRODUCTS = "products"
    EXPERTS = "experts"
    ATTENTION = "attention"
    SCANS = "scans"
    PASSES = "passes"
    COLLECTIVES = "collectives"


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOperators:
    """Answers each kind of question from a model of its own."""

    products: OperatorModel
    experts: OperatorModel
    attention: OperatorModel
    scans: OperatorModel
    passes: OperatorModel
    collectives: OperatorModel

    def gemm_s(self, m: Reals, n: Reals, k: Reals, *, precision: Precision) -> FloatArray:
        """Time of one matrix product."""
        return self.products.gemm_s(m, n, k, precision=precision)

    def grouped_gemm_s(self, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision) -> FloatArray:
        """Time of `groups` products with weights of their own that share `m` rows in all."""
        return self.experts.grouped_gemm_s(m, n, k, groups=groups, precision=precision)

    def attention_prefill_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of whole sequences over themselves."""
        return self.attention.attention_prefill_s(work)

    def attention_backward_s(self, work: AttentionWork) -> FloatArray:
        """Time of the backward pass of `attention_prefill_s`."""
        return self.attention.attention_backward_s(work)

    def attention_decode_s(self, work: AttentionWork) -> FloatArray:
        """Time of attention of new tokens over a cache."""
        return self.attention.attention_decode_s(work)

    def scan_s(self, work: ScanWork) -> FloatArray:
        """Time of a recurrence over whole sequences."""
        return self.scans.scan_s(work)

    def memory_s(self, volume_bytes: Reals) -> FloatArray:
        """Time of an element-wise operator."""
        return self.passes.memory_s(volume_bytes)

    def all_reduce_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds the sum."""
        return self.collectives.all_reduce_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def all_gather_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until every rank holds every rank's share."""
        return self.collectives.all_gather_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def reduce_scatter_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time until each rank holds its share of the sum."""
        return self.collectives.reduce_scatter_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def all_to_all_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank sends `volume_bytes` in equal parts to all."""
        return self.collectives.all_to_all_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)

    def point_to_point_s(self, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
        """Time in which each rank of a chain sends to the next."""
        return self.collectives.point_to_point_s(volume_bytes, ranks_count=ranks_count, stride_count=stride_count)


def with_kind(middle: OperatorModel, kind: Kind, other: OperatorModel) -> KindOperators:
    """The operators of `middle`, but those of one kind of `other`."""
    same = KindOperators(**{field.name: middle for field in fields(KindOperators)})
    return replace(same, **{kind.value: other})
