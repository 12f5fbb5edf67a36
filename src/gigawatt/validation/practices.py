"""The practice of the software behind a row: facts per source, refined by what the row's notes state."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from gigawatt.entities.hardware import Platform, Precision
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import ContextExchange, Module, Practice, Variant
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

# What a cell calls a number format; FP8 without more is what its software means by it. Integers of 8 bits are scaled
# per tensor when they are cast; see `systems` for their rate.
_FORMATS = (
    (r"nvfp4|^fp4", "nvfp4"),
    (r"mxfp8|fp8mx|fp8e8m0", "mxfp8"),
    (r"fp8block|fp8sc|blockwise", "fp8-block"),
    (r"fp8|e4m3|float8|int8", "fp8-tensor"),
    (r"bf16|bfloat16", "bf16"),
    (r"fp16|float16|half", "fp16"),
)

_HALF_BYTES, _SINGLE_BYTES = 2.0, 4.0
_FROM_HEAD = "full_recipe_from_HEAD"
# Reports of runs among sources whose software is known from benchmarks: MT-NLG, BLOOM, GLM-130B, Nemotron-4.
_RUNS = r"2201\.11990|2211\.05100|2210\.02414|2406\.11704"
_MODULES = {
    "attn": Module.CORE_ATTENTION,
    "core-attention": Module.CORE_ATTENTION,
    "core_attn": Module.CORE_ATTENTION,
    "layernorm": Module.NORM,
    "RMSNorm": Module.NORM,
    "norm": Module.NORM,
    "moe_act": Module.ACTIVATION,
    "mla_up_proj": Module.LATENT_UP,
    "latent-up": Module.LATENT_UP,
    "MLA up-proj": Module.LATENT_UP,
    "mlp": Module.FEED_FORWARD,
    "feed-forward-in": Module.FEED_FORWARD_IN,
    "moe": Module.EXPERTS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePractice:
    """A row's software: its practice, whether it shards norms and splits experts as layers, what it calls FP8.

    Its attention kernels are "current", "ampere" (FlashAttention-2) or "triton" (the first FlashAttention).
    `production` rows are of a run that trained a model, or may be, and not of a benchmark.
    """

    id: str
    practice: Practice
    sequence_parallel: bool
    expert_tp_follows: bool
    attention: str
    product_time_factor: float
    fp8: NumberFormat
    production: bool


@cache
def _records() -> tuple[Mapping[str, object], tuple[Mapping[str, object], ...]]:
    text = resources.files("gigawatt.validation").joinpath("practices.toml").read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    return tables["defaults"], tuple(tables["practice"])


@cache
def _recipes() -> tuple[Mapping[str, object], ...]:
    text = resources.files("gigawatt.validation").joinpath("practices.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["recipe"])


def released(row: TruthRow) -> TruthRow:
    """The row as its release's recipe runs it, where its table is silent or keeps cells of another release.

    That is recomputation, interleaving and what is cut how. What was read off today's recipe gives way to the
    release's own.
    """
    recompute, chunks, cells = (_fact(row, name) for name in ("recompute", "vpp", "cells"))
    silent = not row.recompute or row.full_config == _FROM_HEAD
    row = row if recompute is None or not silent else replace(row, recompute=str(recompute))
    row = row if chunks is None or row.vpp else replace(row, vpp=int(str(chunks)))
    return _recut(row, cells) if isinstance(cells, dict) else row


def _recut(row: TruthRow, cells: Mapping[str, int]) -> TruthRow:
    return replace(
        row,
        micro_batch=cells.get("micro-batch", row.micro_batch),
        vpp=cells.get("vpp", row.vpp),
        ep=cells.get("ep", row.ep),
    )


def packed(row: TruthRow, variant: Variant) -> Variant:
    """The variant where short samples are packed into sequences: a token sees half of its own sample on average."""
    sample_tokens = _fact(row, "packed-sample-tokens")
    if sample_tokens is None:
        return variant
    return replace(
        variant, windowed_layers_count=row.layers or 0, window_tokens_count=round(float(str(sample_tokens)) / 2.0)
    )


def _record(row: TruthRow) -> Mapping[str, object]:
    return next(record for record in _records()[1] if re.search(str(record["match"]), row.source_url))


def _fact(row: TruthRow, key: str) -> object:
    """What the first recipe that matches a row and says something of it says, `None` if none does."""
    texts = {"source": str(_record(row)["id"]), "model": row.model, "platform": row.platform}
    texts |= {"notes": row.notes, "precision": row.precision}
    matching = (r for r in _recipes() if all(re.search(str(r.get(name, "")), text) for name, text in texts.items()))
    return next((recipe[key] for recipe in matching if key in recipe), None)


def _released_facts(row: TruthRow) -> dict[str, object]:
    """Where the recipes of a row's release do something else than its software usually does."""
    stated = {name: _fact(row, name) for name in _records()[0]}
    return {name: fact for name, fact in stated.items() if fact is not None}


def source_practice(row: TruthRow) -> SourcePractice:
    """The practice of the source that a row comes from."""
    facts = {**_records()[0], **_record(row)} | _released_facts(row)
    return SourcePractice(
        id=str(facts["id"]),
        practice=_as_released(row, _as_noted(row, _practice(facts))),
        sequence_parallel=bool(facts["sequence-parallel"]),
        expert_tp_follows=facts["expert-tp"] == "tensor",
        attention=str(facts["attention"]),
        product_time_factor=float(str(facts["product-time-factor"])),
        fp8=NumberFormat(str(facts["fp8"])),
        production=bool(facts["production"]) or re.search(_RUNS, row.source_url) is not None,
    )


def _practice(facts: Mapping[str, object]) -> Practice:
    recomputed = facts["recomputed"]
    names = recomputed if isinstance(recomputed, list) else []
    return Practice(
        fused_attention=bool(facts["fused-attention"]),
        attention_time_factor=float(str(facts["attention-time-factor"])),
        fused_elementwise=bool(facts["fused-elementwise"]),
        fused_loss=bool(facts["fused-loss"]),
        fused_dispatch=bool(facts["fused-dispatch"]),
        fused_expert_epilogue=False,
        fused_scaled_rotary=False,
        biased_gradient_factor=1.0,
        fused_accumulation=bool(facts["fused-accumulation"]),
        narrow_activation_inputs=False,
        deduplicated_dispatch=bool(facts["deduplicated-dispatch"]),
        dropout=bool(facts["dropout"]),
        graphed=False,
        graphed_attention=False,
        grouped_products=bool(facts["grouped-products"]),
        placeholder_gradients=bool(facts["placeholder-gradients"]),
        listed_exchanges=bool(facts["listed-exchanges"]),
        data_parallel_overlap=bool(facts["data-parallel-overlap"]),
        tensor_parallel_overlap=bool(facts["tensor-parallel-overlap"]),
        pipeline_overlap=bool(facts["pipeline-overlap"]),
        expert_overlap=bool(facts["expert-overlap"]),
        gradient_bytes=float(str(facts["gradient-bytes"])),
        reduced_bytes=float(str(facts["reduced-bytes"])),
        gathered_bytes=float(str(facts["gathered-bytes"])),
        context_exchange=ContextExchange(str(facts["context-exchange"])),
        recomputed_modules=frozenset(_MODULES[str(name)] for name in names),
    )


def _as_noted(row: TruthRow, practice: Practice) -> Practice:
    """What a row states about itself: graphs, dispatcher, overlap, reduction format, recomputed modules."""
    notes = row.notes
    hybrid = "hybridep" in notes.lower() or "deepep" in notes.lower()
    plain = 'dispatcher="alltoall"' in notes
    pure = "MP mode PURE" in notes
    names = [name.strip() for name in row.recompute.partition(":")[2].split(",")]
    stated = [_MODULES[name] for name in names if name in _MODULES]
    return replace(
        practice,
        graphed="full_iteration" in notes or "_cg" in notes,
        graphed_attention='cg="transformer_engine"' in notes,
        deduplicated_dispatch=hybrid or (practice.deduplicated_dispatch and not plain),
        fused_dispatch=hybrid or (practice.fused_dispatch and not plain),
        data_parallel_overlap=practice.data_parallel_overlap and "no DP overlap" not in notes,
        tensor_parallel_overlap=practice.tensor_parallel_overlap and "no TP overlap" not in notes,
        expert_overlap=practice.expert_overlap or "EP overlap" in notes,
        gradient_bytes=_HALF_BYTES if pure else practice.gradient_bytes,
        reduced_bytes=_HALF_BYTES if pure else practice.reduced_bytes,
        recomputed_modules=frozenset(stated) or practice.recomputed_modules,
    )


def _as_released(row: TruthRow, practice: Practice) -> Practice:
    """What the recipe of a release does that neither its table nor its notes say.

    Recipes that replay whole steps have the operation fuser, whose grouped products take biases and limits along.
    """
    graphed, modules = practice.graphed or bool(_fact(row, "graphed")), _fact(row, "recomputed")
    attention = _fact(row, "graphed-attention")
    plain = _fact(row, "dispatcher") == "alltoall"
    named = frozenset(_MODULES[str(name)] for name in modules) if isinstance(modules, list) else frozenset()
    return replace(
        practice,
        expert_overlap=practice.expert_overlap or bool(_fact(row, "expert-overlap")),
        graphed=graphed,
        fused_expert_epilogue=graphed,
        biased_gradient_factor=float(str(_fact(row, "biased-gradient-factor") or 1.0)),
        narrow_activation_inputs=bool(_fact(row, "narrow-activation-inputs")),
        graphed_attention=practice.graphed_attention if attention is None else bool(attention),
        recomputed_modules=named or practice.recomputed_modules,
        grouped_products=practice.grouped_products or graphed,
        deduplicated_dispatch=practice.deduplicated_dispatch and not plain,
        fused_dispatch=practice.fused_dispatch and not plain,
    )


def number_format(row: TruthRow, source: SourcePractice, platform: Platform) -> NumberFormat:
    """The format of a row's matrix products; raises `Inexpressible` when none is stated or the platform lacks it.

    Silence leaves no choice where products of 16 bits are the narrowest that a device has.
    """
    stated = re.sub("[ _-]", "", row.precision.lower().removeprefix("amp_"))
    peaks = platform.accelerator.peak_dense_flop_per_s
    wide_only = not stated and Precision.FP8 not in peaks
    known = "bf16" if wide_only else next((name for pattern, name in _FORMATS if re.search(pattern, stated)), None)
    if known is None:
        raise Inexpressible("the number format is not stated" if not stated else f"no number format {row.precision}")
    found = NumberFormat(known)
    if found.precision not in peaks:
        raise Inexpressible(f"{platform.id} has no products in {found.precision.value}")
    if found is NumberFormat.FP8_TENSOR:
        return found if "fp8cs" in row.notes or "int8" in stated else source.fp8
    return found
