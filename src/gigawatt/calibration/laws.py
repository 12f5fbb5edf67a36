"""Each law as the fit sees it: where its coefficients start, how far they may go, and which columns it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from gigawatt.performance.kernels.attention import (
    AttentionShapes,
    DecodeCoefficients,
    PrefillCoefficients,
    decode_time_s,
    prefill_time_s,
)
from gigawatt.performance.kernels.collective import CollectiveCoefficients, collective_time_s
from gigawatt.performance.kernels.device import Device
from gigawatt.performance.kernels.gemm import GemmCoefficients, gemm_time_s
from gigawatt.performance.kernels.grouped import ExpertShapes, GroupedCoefficients, expert_layer_time_s
from gigawatt.performance.kernels.library import Coefficients
from gigawatt.performance.kernels.scan import ScanCoefficients, ScanShapes, scan_time_s
from gigawatt.performance.kernels.streaming import StreamingCoefficients, streaming_time_s
from gigawatt.timeline import FloatArray

Columns = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """Where a coefficient starts, and between which values it may lie; all positive, as the fit is in logarithms."""

    start: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A law of operator time with what its fit needs."""

    id: str
    coefficients: type[Coefficients]
    predict: Callable[[Columns, Device, Coefficients], FloatArray]
    priors: Mapping[str, Prior]

    @property
    def names(self) -> tuple[str, ...]:
        """Coefficients in the order of the dataclass."""
        return tuple(item.name for item in fields(self.coefficients))

    def from_logs(self, logs: FloatArray) -> Coefficients:
        """Coefficients from the logarithms that the optimizer moves."""
        return self.coefficients(**{name: float(np.exp(value)) for name, value in zip(self.names, logs, strict=True)})


def columns_of(frame: pl.DataFrame) -> Columns:
    """The numeric columns of a frame as arrays."""
    return {name: frame[name].to_numpy().astype(np.float64) for name in frame.columns if frame[name].dtype.is_numeric()}


def _gemm(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, GemmCoefficients)
    m, n, k = columns["m"], columns["n"], columns["k"]
    return gemm_time_s(m, n, k, value_bytes=columns["value_bytes"], device=device, coefficients=coefficients)


def _experts(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, GroupedCoefficients)
    skew = columns["skew"]
    shapes = ExpertShapes(
        tokens_count=columns["num_tokens"],
        hidden_dim=columns["hidden_size"],
        inter_dim=columns["inter_size"],
        top_k_count=columns["topk"],
        experts_count=columns["num_experts"],
        tp_count=columns["moe_tp_size"],
        ep_count=columns["moe_ep_size"],
        skew_fraction=np.select(
            [skew == WEAK_SKEW, skew == STRONG_SKEW], [coefficients.skew_weak, coefficients.skew_strong], 0.0
        ),
    )
    value_bytes = columns["value_bytes"]
    return expert_layer_time_s(shapes, value_bytes=value_bytes, device=device, coefficients=coefficients)


def _shapes(columns: Columns) -> AttentionShapes:
    return AttentionShapes(
        sequences_count=columns["sequences"],
        query_tokens_count=columns["queries"],
        context_tokens_count=columns["context"],
        heads_count=columns["heads"],
        score_dim=columns["score_dim"],
        value_dim=columns["value_dim"],
        cached_values_count=columns["cached_values"],
        cache_value_bytes=columns["cache_value_bytes"],
    )


def _prefill(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, PrefillCoefficients)
    return prefill_time_s(_shapes(columns), device=device, coefficients=coefficients)


def _decode(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, DecodeCoefficients)
    return decode_time_s(_shapes(columns), device=device, coefficients=coefficients)


def _scan(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, ScanCoefficients)
    shapes = ScanShapes(
        sequences_count=columns["sequences"],
        tokens_count=columns["tokens"],
        heads_count=columns["heads"],
        chunk_tokens_count=columns["chunk_tokens"],
        chunk_flop=columns["chunk_flop"],
        token_bytes=columns["token_bytes"],
    )
    return scan_time_s(shapes, device=device, coefficients=coefficients)


def _streaming(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, StreamingCoefficients)
    return streaming_time_s(columns["volume_bytes"], device=device, coefficients=coefficients)


def _collective(columns: Columns, device: Device, coefficients: Coefficients) -> FloatArray:
    assert isinstance(coefficients, CollectiveCoefficients)
    return collective_time_s(
        columns["volume_bytes"],
        ranks_count=columns["ranks"],
        passes_count=columns["passes"],
        device=device,
        coefficients=coefficients,
    )


WEAK_SKEW, STRONG_SKEW = 1.0, 2.0

_LAUNCH = Prior(start=3e-6, low=1e-7, high=6e-5)
_GROWTH = Prior(start=1e-6, low=1e-10, high=1e-4)
_FRACTION = Prior(start=0.8, low=0.05, high=1.0)
_MIX = Prior(start=0.3, low=1e-3, high=1.0)
_EXPONENT = Prior(start=2.5, low=1.0, high=8.0)
_BYTES = Prior(start=4.0, low=1e-3, high=60.0)
_WIDTH = Prior(start=100.0, low=0.1, high=5000.0)
# One clock cycle of a unit at 1.7 to 2 GHz; kernels may take up to half of them by polynomials on the multipliers
# (FlashAttention-4, https://www.together.ai/blog/flashattention-4).
_EXPONENTIAL = Prior(start=5e-10, low=2.5e-10, high=6e-10)

LAWS = {
    law.id: law
    for law in (
        Law(
            id="dense-gemm",
            coefficients=GemmCoefficients,
            predict=_gemm,
            priors={
                "launch_s": _LAUNCH,
                "depth_s": _GROWTH,
                "sustained_fraction": _FRACTION,
                "throttle_fraction": _MIX,
                "throttle_onset_s": Prior(start=1e-3, low=2e-4, high=5e-3),
                "ramp_depth": _WIDTH,
                "quantization_fraction": _MIX,
                "tile_penalty": Prior(start=1.1, low=1.0, high=2.0),
                "bandwidth_fraction": _FRACTION,
                "overlap_exponent": _EXPONENT,
                "requantize_bytes": _BYTES,
            },
        ),
        Law(
            id="expert-layer",
            coefficients=GroupedCoefficients,
            predict=_experts,
            priors={
                "launch_s": Prior(start=1.5e-5, low=1e-6, high=6e-5),
                "expert_s": Prior(start=1e-8, low=1e-12, high=1e-6),
                "sustained_fraction": _FRACTION,
                "ramp_depth": _WIDTH,
                "padding_fraction": Prior(start=0.3, low=1e-3, high=2.0),
                "idle_exponent": Prior(start=0.8, low=0.1, high=1.0),
                "bandwidth_fraction": _FRACTION,
                "overlap_exponent": _EXPONENT,
                "dispatch_bytes": _BYTES,
                "row_bytes": Prior(start=1.0, low=1e-3, high=60.0),
                "skew_weak": Prior(start=0.5, low=1e-3, high=30.0),
                "skew_strong": Prior(start=1.0, low=1e-3, high=30.0),
            },
        ),
        Law(
            id="attention-prefill",
            coefficients=PrefillCoefficients,
            predict=_prefill,
            priors={
                "launch_s": Prior(start=8e-6, low=1e-6, high=6e-5),
                "growth_s": _GROWTH,
                "sustained_fraction": _FRACTION,
                "throttle_fraction": _MIX,
                "throttle_onset_s": Prior(start=1e-3, low=2e-4, high=5e-3),
                "ramp_keys": _WIDTH,
                "exponential_s": _EXPONENTIAL,
                "quantization_fraction": _MIX,
                "bandwidth_fraction": _FRACTION,
                "overlap_exponent": _EXPONENT,
            },
        ),
        Law(
            id="attention-decode",
            coefficients=DecodeCoefficients,
            predict=_decode,
            priors={
                "launch_s": Prior(start=8e-6, low=1e-6, high=6e-5),
                "split_s": _GROWTH,
                "head_s": Prior(start=1e-9, low=1e-13, high=1e-6),
                "sustained_fraction": Prior(start=0.3, low=0.01, high=1.0),
                "exponential_s": Prior(start=2e-10, low=1e-13, high=1e-8),
                "least_tokens": _WIDTH,
                "walk_s": Prior(start=1e-10, low=1e-12, high=1e-6),
                "bandwidth_fraction": _FRACTION,
                "overlap_exponent": _EXPONENT,
            },
        ),
        Law(
            id="chunked-scan",
            coefficients=ScanCoefficients,
            predict=_scan,
            priors={
                "launch_s": Prior(start=2e-5, low=1e-6, high=1e-4),
                "turn_s": Prior(start=2e-6, low=1e-10, high=1e-4),
                "chunk_s": Prior(start=1e-5, low=1e-8, high=1e-3),
                "bandwidth_fraction": _FRACTION,
                "overlap_exponent": _EXPONENT,
            },
        ),
        Law(
            id="streaming",
            coefficients=StreamingCoefficients,
            predict=_streaming,
            priors={
                "launch_s": _LAUNCH,
                "crossing_s": _GROWTH,
                "ramp_s": Prior(start=1e-7, low=1e-12, high=1e-4),
                "bandwidth_fraction": _FRACTION,
            },
        ),
        Law(
            id="collective",
            coefficients=CollectiveCoefficients,
            predict=_collective,
            priors={
                "launch_s": _LAUNCH,
                "step_s": Prior(start=1e-6, low=1e-10, high=2e-5),
                "ramp_s": Prior(start=1e-5, low=1e-10, high=1e-3),
                "bandwidth_fraction": _FRACTION,
                "contention": Prior(start=0.5, low=1e-3, high=1.2),
            },
        ),
    )
}
