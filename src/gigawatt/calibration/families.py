"""Operator families: which table each is measured in, and what its rows mean to the law."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from gigawatt.calibration.laws import STRONG_SKEW, WEAK_SKEW
from gigawatt.calibration.tables import RELATIVES, TableSet, read_table, reference
from gigawatt.performance.kernels.collective import Collective
from gigawatt.performance.kernels.device import NVFP4_VALUE_BYTES
from gigawatt.performance.kernels.scan import delta_rule_chunk_flop, delta_rule_token_bytes

# Bytes of a stored value with its share of block scales, where they weigh.
VALUE_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp8-block": 1.0, "nvfp4": NVFP4_VALUE_BYTES}

# The dense peak of the data sheet that bounds each kind of product.
PEAKS = {"bf16": "bf16", "fp8": "fp8", "fp8-block": "fp8", "nvfp4": "fp4"}

DTYPES = {"bf16": "bfloat16", "fp8": "fp8", "fp8-block": "fp8_block", "nvfp4": "nvfp4"}
_GEMM_SHAPE = ("m", "n", "k")
_EXPERT_SHAPE = (
    "num_tokens",
    "hidden_size",
    "inter_size",
    "topk",
    "num_experts",
    "moe_tp_size",
    "moe_ep_size",
    "distribution",
)
_PREFILL_SHAPE = ("batch_size", "isl", "num_heads", "num_key_value_heads", "head_dim", "window_size")
_DECODE_SHAPE = ("batch_size", "step", "num_heads", "num_key_value_heads", "head_dim", "window_size")
_LATENT_SHAPE = ("batch_size", "isl", "step", "num_heads")

# Dimensions of multi-head latent attention in the tables: DeepSeek-V3 (2024), section 4.2.
_ROPE_DIM, _NOPE_DIM, _VALUE_DIM, _LATENT_DIM = 64, 128, 128, 512

# The tables call a device without FP8 units with an FP8 cache too; such rows are BF16 kernels.
_WITHOUT_FP8 = ("dgx-a100",)

# Collectors that leave the weights of their products as allocated, by precision. Zeros switch no transistors, so that
# power limits do not lower the clock, which no product of real values reaches.
UNFILLED_ENGINES = {"bf16": ("vllm",), "fp8": ("vllm",)}

# A pass over fewer bytes is bound by its start: memory needs a microsecond for them at the slowest of the relatives.
SHORT_BYTES = 0.8e6

# Nobody has tuned latent decode for it: its kernel takes 2 to 20 times what the law that suits all others says.
_WITHOUT_TUNED_LATENT_DECODE = ("dgx-a100",)


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilySource:
    """One operator family: its law, the peak that bounds it, and how its measurements are read.

    Platforms in `unlike` have kernels of another kind: they are fitted, but nothing is inferred from them. `relatives`
    are observations of other devices that only what is shared is inferred from.
    """

    id: str
    name: str
    law: str
    peak: str
    tables: tuple[str, ...]
    observe: Callable[[TableSet], pl.DataFrame]
    unlike: tuple[str, ...] = ()
    relatives: Callable[[TableSet], pl.DataFrame] | None = None


def products_of_values(timings: pl.DataFrame, precision: str) -> pl.DataFrame:
    """The dense products in a precision, of those engines that fill the weights."""
    filled = ~pl.col("engine").is_in(list(UNFILLED_ENGINES.get(precision, ())))
    return timings.filter((pl.col("gemm_dtype") == DTYPES[precision]) & filled)


def _gemm(tables: TableSet, *, precision: str) -> pl.DataFrame:
    timings = read_table(tables, "gemm_perf", shape=("gemm_dtype", *_GEMM_SHAPE))
    timings = products_of_values(timings, precision)
    shapes = reference(timings, inputs=("gemm_dtype",), shape=_GEMM_SHAPE, all_engines=True)
    return shapes.with_columns(value_bytes=pl.lit(VALUE_BYTES[precision]))


def _experts(tables: TableSet, *, precision: str) -> pl.DataFrame:
    timings = read_table(tables, "moe_perf", shape=("moe_dtype", *_EXPERT_SHAPE))
    gated = ~pl.col("kernel_source").str.contains("nongated")
    timings = timings.filter((pl.col("moe_dtype") == DTYPES[precision]) & gated)
    shapes = reference(timings, inputs=("moe_dtype",), shape=_EXPERT_SHAPE, all_engines=True)
    skews = {"balanced": 0.0, "power_law_1.01": WEAK_SKEW, "power_law_1.2": STRONG_SKEW}
    return shapes.filter(pl.col("distribution").is_in(list(skews))).with_columns(
        skew=pl.col("distribution").replace_strict(skews), value_bytes=pl.lit(VALUE_BYTES[precision])
    )


def _prefill(tables: TableSet, *, precision: str) -> pl.DataFrame:
    timings = read_table(tables, "context_attention_perf", shape=("attn_dtype", "kv_cache_dtype", *_PREFILL_SHAPE))
    dtype = DTYPES[precision]
    timings = timings.filter((pl.col("attn_dtype") == dtype) & (pl.col("kv_cache_dtype") == dtype))
    timings = timings.with_columns(pl.col("window_size").fill_null(0))
    shapes = reference(timings, inputs=("attn_dtype",), shape=_PREFILL_SHAPE, all_engines=True)
    length, window = pl.col("isl"), pl.col("window_size")
    windowed = (window > 0) & (length > window)
    seen = pl.when(windowed).then(window - window * (window - 1) / 2 / length).otherwise((length + 1) / 2)
    return _grouped_query(shapes, precision).with_columns(queries=length, context=seen)


def _decode(tables: TableSet, *, precision: str, alone: bool | None = None) -> pl.DataFrame:
    """All shapes, those whose cached heads serve one query head each (`alone`), or all others."""
    timings = read_table(tables, "generation_attention_perf", shape=("kv_cache_dtype", *_DECODE_SHAPE))
    timings = timings.filter(pl.col("kv_cache_dtype") == DTYPES[precision])
    timings = timings.with_columns(pl.col("window_size").fill_null(0))
    shapes = reference(timings, inputs=("kv_cache_dtype",), shape=_DECODE_SHAPE, all_engines=True)
    length, window = pl.col("step") + 1, pl.col("window_size")
    seen = pl.when(window > 0).then(pl.min_horizontal(length, window)).otherwise(length)
    if alone is not None:
        shapes = shapes.filter((pl.col("num_heads") == pl.col("num_key_value_heads")) == alone)
    return _grouped_query(shapes, precision).with_columns(queries=1, context=seen)


def _grouped_query(shapes: pl.DataFrame, precision: str) -> pl.DataFrame:
    return shapes.with_columns(
        sequences=pl.col("batch_size"),
        heads=pl.col("num_heads"),
        score_dim=pl.col("head_dim"),
        value_dim=pl.col("head_dim"),
        cached_values=2 * pl.col("num_key_value_heads") * pl.col("head_dim"),
        cache_value_bytes=pl.lit(VALUE_BYTES[precision]),
    )


def _latent(tables: TableSet, *, table: str, precision: str) -> pl.DataFrame:
    timings = read_table(tables, table, shape=("kv_cache_dtype", *_LATENT_SHAPE))
    timings = timings.filter(pl.col("kv_cache_dtype") == DTYPES[precision])
    if precision == "fp8":
        timings = timings.filter(~pl.col("platform").is_in(_WITHOUT_FP8))
    shapes = reference(timings, inputs=("kv_cache_dtype",), shape=_LATENT_SHAPE, all_engines=True)
    return shapes.with_columns(
        sequences=pl.col("batch_size"),
        heads=pl.col("num_heads"),
        queries=pl.col("isl"),
        cache_value_bytes=pl.lit(VALUE_BYTES[precision]),
    )


def _latent_prefill(tables: TableSet, *, precision: str) -> pl.DataFrame:
    """Prefill expands the cache to keys and values of every head."""
    score, value = _ROPE_DIM + _NOPE_DIM, _VALUE_DIM
    return _latent(tables, table="context_mla_perf", precision=precision).with_columns(
        context=pl.col("step") + (pl.col("isl") + 1) / 2,
        score_dim=pl.lit(score),
        value_dim=pl.lit(value),
        cached_values=pl.col("num_heads") * (score + value),
    )


def _latent_decode(tables: TableSet, *, precision: str) -> pl.DataFrame:
    """Decode absorbs the expansion into the projections: all heads share one cached vector."""
    return _latent(tables, table="generation_mla_perf", precision=precision).with_columns(
        context=pl.col("step") + 1,
        score_dim=pl.lit(_ROPE_DIM + _LATENT_DIM),
        value_dim=pl.lit(_LATENT_DIM),
        cached_values=pl.lit(_ROPE_DIM + _LATENT_DIM),
    )


# Of the kernels for gated delta rules those in Triton that training has too; fused ones of serving have no backward.
_SCAN_ENGINE, _SCAN_KERNEL = "trtllm", "chunk_gated_delta_rule"
_SCAN_CHUNK_TOKENS = 64.0
_SCAN_SHAPE = ("batch_size", "seq_len", "num_k_heads", "head_k_dim", "num_v_heads", "head_v_dim")


def _scan(tables: TableSet) -> pl.DataFrame:
    """Whole sequences under the gated delta rule."""
    timings = read_table(tables, "gdn_perf", shape=_SCAN_SHAPE)
    timings = timings.filter((pl.col("engine") == _SCAN_ENGINE) & (pl.col("kernel_source") == _SCAN_KERNEL))
    shapes = reference(timings, inputs=("op_name",), shape=_SCAN_SHAPE, all_engines=False)
    chunk, keys, values = _SCAN_CHUNK_TOKENS, shapes["head_k_dim"].to_numpy(), shapes["head_v_dim"].to_numpy()
    heads, key_heads = shapes["num_v_heads"].to_numpy(), shapes["num_k_heads"].to_numpy()
    products = delta_rule_chunk_flop(chunk_tokens_count=chunk, key_dim=keys, value_dim=values)
    moved = delta_rule_token_bytes(
        chunk_tokens_count=chunk, heads_count=heads, key_heads_count=key_heads, key_dim=keys, value_dim=values
    )
    return shapes.with_columns(
        pl.Series("chunk_flop", np.asarray(products)),
        pl.Series("token_bytes", np.asarray(moved)),
        sequences=pl.col("batch_size"),
        tokens=pl.col("seq_len"),
        heads=pl.col("num_v_heads"),
        chunk_tokens=pl.lit(chunk),
    )


def _streaming(tables: TableSet) -> pl.DataFrame:
    """Quantization with a given scale: a BF16 value read, an FP8 value written, nothing else."""
    timings = read_table(tables, "scale_matrix_perf", shape=("quant_dtype", "m", "k"))
    shapes = reference(timings, inputs=("quant_dtype",), shape=("m", "k"), all_engines=True)
    value_bytes = VALUE_BYTES["bf16"] + VALUE_BYTES["fp8"]
    return shapes.with_columns(volume_bytes=pl.col("m") * pl.col("k") * value_bytes)


def _short_streaming(tables: TableSet) -> pl.DataFrame:
    """Short passes on devices of one die: how long they start. Longer ones run from caches larger than their kin's."""
    own = replace(tables, platforms=tuple(RELATIVES.values()))
    if not own.holds("scale_matrix_perf"):
        return pl.DataFrame()
    return _streaming(own).filter(pl.col("volume_bytes") < SHORT_BYTES)


_NCCL_NAMES = {"all_reduce": "all-reduce", "all_gather": "all-gather", "reduce_scatter": "reduce-scatter"} | {
    "alltoall": "all-to-all"
}
_COLLECTIVE_SHAPE = ("num_gpus", "volume_bytes")


def _collective(tables: TableSet, *, collective: Collective) -> pl.DataFrame:
    """NCCL, and for all-reduce the one-shot kernels of the engines too; message sizes are numbers of values."""
    nccl = read_table(tables, "nccl_perf", shape=("op_name", "nccl_dtype", "num_gpus", "message_size"))
    value_bytes = pl.when(pl.col("nccl_dtype") == "half").then(2).otherwise(1)
    timings = nccl.with_columns(
        collective=pl.col("op_name").replace(_NCCL_NAMES), volume_bytes=pl.col("message_size") * value_bytes
    ).filter(pl.col("collective") == collective.value)
    if collective is Collective.ALL_REDUCE:
        fused = read_table(tables, "custom_allreduce_perf", shape=("num_gpus", "message_size"))
        named = fused.with_columns(
            collective=pl.lit(collective.value), volume_bytes=pl.col("message_size") * int(VALUE_BYTES["bf16"])
        )
        timings = pl.concat([timings, named], how="diagonal_relaxed")
    shapes = reference(timings, inputs=("collective",), shape=_COLLECTIVE_SHAPE, all_engines=False)
    return shapes.with_columns(ranks=pl.col("num_gpus"), passes=pl.lit(collective.passes_count))


_IN_WORDS = {"bf16": "BF16", "fp8": "FP8, one scale per tensor or token", "fp8-block": "FP8, block scales"} | {
    "nvfp4": "NVFP4"
}


def _products() -> tuple[FamilySource, ...]:
    dense = tuple(
        FamilySource(
            id=f"dense-gemm-{precision}",
            name=f"Dense matrix product, {words}",
            law="dense-gemm",
            peak=PEAKS[precision],
            tables=("gemm_perf",),
            observe=partial(_gemm, precision=precision),
        )
        for precision, words in _IN_WORDS.items()
    )
    experts = tuple(
        FamilySource(
            id=f"expert-layer-{precision}",
            name=f"Expert layer, {words}",
            law="expert-layer",
            peak=PEAKS[precision],
            tables=("moe_perf",),
            observe=partial(_experts, precision=precision),
        )
        for precision, words in _IN_WORDS.items()
    )
    return dense + experts


def _attentions(precision: str) -> tuple[FamilySource, ...]:
    words = {"bf16": "BF16", "fp8": "FP8"}[precision]
    return (
        FamilySource(
            id=f"prefill-gqa-{precision}",
            name=f"Attention prefill, grouped queries, {words}",
            law="attention-prefill",
            peak=precision,
            tables=("context_attention_perf",),
            observe=partial(_prefill, precision=precision),
        ),
        FamilySource(
            id=f"prefill-mla-{precision}",
            name=f"Attention prefill, latent, {words}",
            law="attention-prefill",
            peak=precision,
            tables=("context_mla_perf",),
            observe=partial(_latent_prefill, precision=precision),
        ),
        *_grouped_decodes(precision),
        FamilySource(
            id=f"decode-mla-{precision}",
            name=f"Attention decode, latent, {words} cache",
            law="attention-decode",
            peak=precision,
            tables=("generation_mla_perf",),
            observe=partial(_latent_decode, precision=precision),
            unlike=_WITHOUT_TUNED_LATENT_DECODE,
        ),
    )


def _grouped_decodes(precision: str) -> tuple[FamilySource, ...]:
    """Engines have a slower kernel for one query head per cached head where the cache is FP8."""
    words = {"bf16": "BF16", "fp8": "FP8"}[precision]
    kinds: dict[str, tuple[str, bool | None]] = {
        "gqa": ("grouped queries", False),
        "mha": ("one query per cached head", True),
    }
    if precision == "bf16":
        kinds = {"gqa": ("grouped queries", None)}
    return tuple(
        FamilySource(
            id=f"decode-{kind}-{precision}",
            name=f"Attention decode, {queries}, {words} cache",
            law="attention-decode",
            peak="bf16",
            tables=("generation_attention_perf",),
            observe=partial(_decode, precision=precision, alone=alone),
        )
        for kind, (queries, alone) in kinds.items()
    )


def _links_and_memory() -> tuple[FamilySource, ...]:
    collectives = tuple(
        FamilySource(
            id=collective.value,
            name=f"{collective.value.capitalize()} over scale-up",
            law="collective",
            peak="bf16",
            tables=("nccl_perf", "custom_allreduce_perf") if collective is Collective.ALL_REDUCE else ("nccl_perf",),
            observe=partial(_collective, collective=collective),
        )
        for collective in Collective
    )
    streaming = FamilySource(
        id="streaming",
        name="Pass over memory (quantization, element-wise, norm)",
        law="streaming",
        peak="bf16",
        tables=("scale_matrix_perf",),
        observe=_streaming,
        relatives=_short_streaming,
    )
    scan = FamilySource(
        id="scan-delta-rule",
        name="Scan in chunks, gated delta rule, BF16",
        law="chunked-scan",
        peak="bf16",
        tables=("gdn_perf",),
        observe=_scan,
    )
    return (scan, streaming, *collectives)


FAMILIES = (*_products(), *_attentions("bf16"), *_attentions("fp8"), *_links_and_memory())
