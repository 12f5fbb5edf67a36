"""The model of a row: dimensions from its columns, what these leave open from its family or the catalogue."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from gigawatt.catalog import Catalog
from gigawatt.catalog import training_model as catalogued_model
from gigawatt.entities.workload import (
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    MixtureOfExperts,
    Model,
)
from gigawatt.errors import CatalogError
from gigawatt.performance.architecture import parameters_count
from gigawatt.performance.step.task import Variant
from gigawatt.units import PARAMETERS_PER_BILLION
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

# Low-rank adapters of the MLPerf fine-tuning benchmark and of the recipes: rank 16 on the attention projections
# (MLCommons training policies, llama2_70b_lora reference).
_ADAPTER_RANK = 16

# Logarithm of counted over stated parameters that rounding and biases explain, and as far as a name is rounded.
_PARAMETERS_OFF, _NAMED_OFF = 0.05, 0.08
# As near as a count must come to speak for something unusual.
_ROUNDED_OFF = 0.01
# What a catalogued model that no family describes has beside its dimensions.
_CURRENT: Mapping[str, object] = {"rotary": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A model and what it has beyond `Model`."""

    model: Model
    variant: Variant


@cache
def _families() -> tuple[Mapping[str, object], ...]:
    text = resources.files("gigawatt.validation").joinpath("architectures.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["family"])


def architecture(row: TruthRow, catalog: Catalog) -> Architecture:
    """The architecture of a row; raises `Inexpressible` when it cannot be put together."""
    name = row.model.lower().rsplit("/", 1)[-1].removeprefix("meta-")
    family = next((f for f in _families() if re.search(str(f["match"]), name)), None)
    if family is not None and "catalogue" in family:
        return _from_catalogue(row, catalog, family)
    known = _namesake(name, catalog)
    if known is not None and (family is None or None in _sizes(row)):
        return _from_catalogue(row, catalog, {**(family or _CURRENT), "catalogue": known})
    family = family or _as_columns_say(row)
    return Architecture(model=_from_columns(row, family), variant=_variant(row, family, row.layers or 0))


def _namesake(name: str, catalog: Catalog) -> str | None:
    """The catalogue's model of the same name, however hyphenated, with what was done to it left out."""
    plain = _squashed(re.sub(r"\(.*?\)|-(instruct|base|chat|it|pretrain)\b", "", name))
    return next(
        (
            record.id
            for record in catalog.records["models"].values()
            if plain in (_squashed(one) for one in (record.id, *record.aliases))
        ),
        None,
    )


def _squashed(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def _sizes(row: TruthRow) -> tuple[int | None, ...]:
    return (row.layers, row.hidden, row.heads, row.ffn, row.vocab)


def _as_columns_say(row: TruthRow) -> Mapping[str, object]:
    """A model that no family knows, from its columns, as comes nearest to its parameters; rotary.

    Gated or not and tied or not; then, if the count is as near as rounding, with heads of another width or with shared
    experts. Hybrids and latent attention have no columns; a model whose parameters do not come out is refused.
    """
    stated, off_most = _stated_parameters(row)
    shared = (1, 2, 4, 8) if row.experts else ()
    others = [{"head-dim": width} for width in (64, 128, 256)]
    others += [{"shared-experts": count, "shared-ffn": row.ffn or 0} for count in shared]
    for beside, most in (([{}], off_most), (others, _ROUNDED_OFF)):
        families = [
            {"rotary": True, "tied": tied, "gated": gated} | more
            for more in beside
            for gated in (True, False)
            for tied in (False, True)
        ]
        off = [abs(math.log(_from_columns(row, one).parameters_count / stated)) for one in families]
        if min(off) <= most:
            return families[off.index(min(off))]
    raise Inexpressible(f"no architecture is known for the model {row.model}, and its columns do not make one up")


def _stated_parameters(row: TruthRow) -> tuple[float, float]:
    """Parameters as their column says, or as the model's name does, and how far off a count may be."""
    if row.params_total_b is not None:
        return row.params_total_b * PARAMETERS_PER_BILLION, _PARAMETERS_OFF
    named = re.search(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)b\b", row.model.lower())
    if named is None or float(named[1]) == 0.0:
        raise Inexpressible(f"no architecture is known for the model {row.model}")
    return float(named[1]) * PARAMETERS_PER_BILLION, _NAMED_OFF


def _from_catalogue(row: TruthRow, catalog: Catalog, family: Mapping[str, object]) -> Architecture:
    try:
        known = catalogued_model(catalog, str(family["catalogue"])).item
    except CatalogError as error:
        raise Inexpressible(f"the catalogue's {family['catalogue']} is incomplete: {error.found}") from error
    layers = row.layers or known.layers_count
    feed_forward = known.feed_forward
    if layers != known.layers_count and isinstance(feed_forward, MixtureOfExperts):
        # The launcher of the shortened models keeps one dense layer.
        feed_forward = replace(feed_forward, first_dense_layers_count=min(feed_forward.first_dense_layers_count, 1))
    model = replace(known, layers_count=layers, feed_forward=feed_forward)
    return Architecture(model=model, variant=_variant(row, family, layers))


def _variant(row: TruthRow, family: Mapping[str, object], layers: int) -> Variant:
    every = int(str(family.get("windowed-every", 0)))
    with_extra = "w/ MTP" in row.notes
    return Variant(
        windowed_layers_count=layers // every if every else 0,
        window_tokens_count=int(str(family.get("window", 0))),
        predicted_tokens_count=int(str(family.get("predicted-tokens", 1 if with_extra else 0))),
        shared_prediction=bool(family.get("shared-prediction", False)),
        adapter_rank=_ADAPTER_RANK if "(LoRA)" in row.model else 0,
        rotary=bool(family.get("rotary", True)),
        head_norm=bool(family.get("head-norm", False)),
        scaled_rotary=bool(family.get("scaled-rotary", False)),
        limited_biased_experts=bool(family.get("limited-biased-experts", False)),
        tied_head=bool(family.get("tied", False)),
    )


def _from_columns(row: TruthRow, family: Mapping[str, object]) -> Model:
    sizes = _sizes(row)
    if any(size is None for size in sizes):
        raise Inexpressible("the row leaves layers, width, heads, feed-forward width or vocabulary open")
    layers, hidden, heads, ffn, vocab = (int(size) for size in sizes if size is not None)
    if heads > hidden or (row.kv_heads or 1) > heads or (row.topk or 1) > (row.experts or row.topk or 1):
        raise Inexpressible(
            "the row has more heads than width, more cached heads than heads or more choices than experts"
        )
    gated = bool(family.get("gated", False))
    draft = Model(
        id=row.model,
        layers_count=layers,
        hidden_dim=hidden,
        vocabulary_count=vocab,
        tied_embeddings=bool(family.get("tied", False)),
        attention=_attention(row, family, heads=heads, hidden=hidden),
        feed_forward=_feed_forward(row, family, ffn=ffn, gated=gated),
        parameters_count=0.0,
        active_parameters_count=0.0,
    )
    counted = float(parameters_count(draft))
    return replace(draft, parameters_count=counted, active_parameters_count=counted)


def _attention(
    row: TruthRow, family: Mapping[str, object], *, heads: int, hidden: int
) -> GroupedQueryAttention | LatentAttention:
    latent = family.get("latent")
    if isinstance(latent, list):
        query, key_value, plain, rotary, value = (int(size) for size in latent)
        return LatentAttention(
            heads_count=heads,
            q_lora_rank=query,
            kv_lora_rank=key_value,
            qk_nope_head_dim=plain,
            qk_rope_head_dim=rotary,
            v_head_dim=value,
        )
    head_dim = int(str(family.get("head-dim", hidden // heads)))
    return GroupedQueryAttention(heads_count=heads, kv_heads_count=row.kv_heads or heads, head_dim=head_dim)


def _feed_forward(
    row: TruthRow, family: Mapping[str, object], *, ffn: int, gated: bool
) -> DenseFeedForward | MixtureOfExperts:
    if row.experts is None or row.topk is None:
        return DenseFeedForward(ffn_dim=ffn, gated=gated)
    return MixtureOfExperts(
        routed_experts_count=row.experts,
        top_k_count=row.topk,
        expert_ffn_dim=ffn,
        shared_experts_count=int(str(family.get("shared-experts", 0))),
        shared_ffn_dim=int(str(family.get("shared-ffn", 0))),
        first_dense_layers_count=int(str(family.get("first-dense-layers", 0))),
        dense_ffn_dim=int(str(family.get("dense-ffn", ffn))),
        moe_layer_interval=1,
        gated=gated,
    )
