"""Time of attention: whole sequences over themselves, and new tokens over a cache.

Prefill (Dao, 2023, FlashAttention-2): queries in blocks of 128 rows visit their keys; filling the pipeline costs as
much as `ramp_keys` more keys. Exponentials are taken by units of their own, whose number does not grow with the
peak of the matrix units, so they weigh more the faster the products are.
Decode: the cache is read once per sequence; queries that share a key-value head are padded to 8 rows of a tile, and
short contexts to `least_tokens`. A kernel that does not split a sequence over processors walks its cache with one.
Latent attention is the case of one cached head that all query heads share (DeepSeek-V2, 2024, section 2.1).
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.performance.kernels.device import (
    ACTIVATION_BYTES,
    FLOP_PER_PRODUCT,
    Device,
    Reals,
    smooth_max,
    throttled_s,
    waves_count,
)
from gigawatt.timeline import FloatArray

QUERY_BLOCK = 128.0
QUERY_ROWS = 8.0
SPLIT_TOKENS = 128.0
REFERENCE_TOKENS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionShapes:
    """Attention on one accelerator: each query of a sequence sees `context_tokens_count` tokens.

    A context token holds `cached_values_count` values here, of `cache_value_bytes` each; a head's query and output
    have `score_dim` and `value_dim` values.
    """

    sequences_count: Reals
    query_tokens_count: Reals
    context_tokens_count: Reals
    heads_count: Reals
    score_dim: Reals
    value_dim: Reals
    cached_values_count: Reals
    cache_value_bytes: Reals

    @property
    def width(self) -> FloatArray:
        """Values of a head's query and output."""
        return np.asarray(self.score_dim + np.asarray(self.value_dim), dtype=np.float64)

    @property
    def cached_heads_count(self) -> FloatArray:
        """Key-value heads in the cache; latent attention has one."""
        return np.maximum(self.cached_values_count / self.width, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefillCoefficients:
    """What a fit finds for prefill: see the module; `growth_s` is latency that grows as the root of the length.

    `exponential_s` is the time of one score's exponential on one unit.
    """

    launch_s: float
    growth_s: float
    sustained_fraction: float
    throttle_fraction: float
    throttle_onset_s: float
    ramp_keys: float
    exponential_s: float
    quantization_fraction: float
    bandwidth_fraction: float
    overlap_exponent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeCoefficients:
    """What a fit finds for decode: `split_s` per doubling of the context beyond a block, `head_s` per cached head.

    No sequence costs less than one of `least_tokens`; `walk_s` is what one processor takes for a token of one head.
    """

    launch_s: float
    split_s: float
    head_s: float
    sustained_fraction: float
    exponential_s: float
    least_tokens: float
    walk_s: float
    bandwidth_fraction: float
    overlap_exponent: float


def prefill_time_s(shapes: AttentionShapes, *, device: Device, coefficients: PrefillCoefficients) -> FloatArray:
    """Time of causal attention of whole sequences; `context_tokens_count` is the mean over the queries."""
    c = coefficients
    queries = np.asarray(shapes.query_tokens_count, dtype=np.float64)
    blocks = np.ceil(queries / QUERY_BLOCK)
    share = blocks * shapes.heads_count * shapes.sequences_count / device.processors_count
    waves = waves_count(share, quantization_fraction=c.quantization_fraction) * device.processors_count
    keys = shapes.context_tokens_count + c.ramp_keys
    scores = waves * QUERY_BLOCK * keys
    products = FLOP_PER_PRODUCT * scores * shapes.width / (device.peak_dense_flop_per_s * c.sustained_fraction)
    busy = products + c.exponential_s * scores / device.exponential_units_count
    compute = throttled_s(busy, throttle_fraction=c.throttle_fraction, onset_s=c.throttle_onset_s)
    values = shapes.sequences_count * queries * (shapes.heads_count * shapes.width + shapes.cached_values_count)
    traffic = values * ACTIVATION_BYTES / (device.memory_bytes_per_s * c.bandwidth_fraction)
    start = c.launch_s + c.growth_s * np.sqrt(queries / REFERENCE_TOKENS)
    return np.asarray(start + smooth_max(compute, traffic, exponent=c.overlap_exponent), dtype=np.float64)


def decode_time_s(shapes: AttentionShapes, *, device: Device, coefficients: DecodeCoefficients) -> FloatArray:
    """Time of attention of `query_tokens_count` new tokens per sequence over the cache."""
    c = coefficients
    heads = shapes.cached_heads_count
    rows = np.ceil(shapes.heads_count * np.asarray(shapes.query_tokens_count) / heads / QUERY_ROWS) * QUERY_ROWS
    each = np.maximum(shapes.context_tokens_count, c.least_tokens)
    tokens = shapes.sequences_count * each
    scores = tokens * heads * rows
    products = FLOP_PER_PRODUCT * scores * shapes.width / (device.peak_dense_flop_per_s * c.sustained_fraction)
    compute = products + c.exponential_s * scores / device.exponential_units_count
    queries = shapes.sequences_count * np.asarray(shapes.query_tokens_count) * shapes.heads_count * shapes.width
    moved = tokens * shapes.cached_values_count * shapes.cache_value_bytes + queries * ACTIVATION_BYTES
    traffic = moved / (device.memory_bytes_per_s * c.bandwidth_fraction)
    rounds = np.maximum(shapes.sequences_count * heads / device.processors_count, 1.0)
    whole = smooth_max(compute, traffic, exponent=c.overlap_exponent)
    busy = smooth_max(whole, c.walk_s * each * rounds, exponent=c.overlap_exponent)
    split = c.split_s * np.log2(1.0 + np.asarray(shapes.context_tokens_count) / SPLIT_TOKENS)
    start = c.launch_s + split + c.head_s * shapes.sequences_count * heads
    return np.asarray(start + busy, dtype=np.float64)
