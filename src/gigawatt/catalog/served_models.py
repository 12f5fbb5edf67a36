"""Models as serving engines see them: what configurations say about windows, linear layers and the scales of weights.

`data/served/families.toml` completes the catalogue's dimensions and describes models that the catalogue lacks.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources

from gigawatt.catalog.models import model, training_model
from gigawatt.catalog.records import Catalog
from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import (
    AttentionPattern,
    DeltaRuleMixer,
    DenseFeedForward,
    GroupedQueryAttention,
    LinearAttention,
    MixtureOfExperts,
    Model,
)

Family = Mapping[str, object]


@cache
def _families() -> tuple[Family, ...]:
    file = resources.files("gigawatt.catalog").joinpath("data", "served", "families.toml")
    return tuple(tomllib.loads(file.read_text(encoding="utf-8"))["family"])


def family(model_id: str) -> Family | None:
    """What is known of a model's family, or `None`."""
    return next((known for known in _families() if re.search(str(known["match"]), model_id)), None)


def is_block_scaled(model_id: str) -> bool:
    """Whether the published FP8 weights of a model have a scale per block."""
    return bool((family(model_id) or {}).get("block-scaled", False))


def attention_precision(model_id: str, weights: Precision) -> Precision:
    """The format of attention's weights: that of all, but wider where narrow weights were published so, or FP8."""
    if weights is not Precision.FP4:
        return weights
    return Precision(str((family(model_id) or {}).get("attention-of-fp4", Precision.FP8.value)))


def published_model(catalog: Catalog, model_id: str) -> tuple[Model, AttentionPattern]:
    """A model of the catalogue with what its configuration says about windows, sparse attention and linear layers."""
    known = family(model_id)
    if known is None:
        return _catalogued(catalog, model_id)
    catalog.record("models", model_id)
    found = family_model(model_id, catalog, known)
    return found, family_pattern(found, known)


def _catalogued(catalog: Catalog, model_id: str) -> tuple[Model, AttentionPattern]:
    """A model that the catalogue describes in full; layers with a gated delta rule become the pattern's."""
    found = training_model(catalog, model_id).item
    hybrid = found.hybrid
    if hybrid is None or not isinstance(hybrid.mixer, DeltaRuleMixer) or _latent_experts(found):
        return model(catalog, model_id).item, AttentionPattern()
    mixer = hybrid.mixer
    linear = LinearAttention(
        layers_count=hybrid.linear_layers_count,
        key_heads_count=mixer.key_heads_count,
        value_heads_count=mixer.value_heads_count,
        head_dim=mixer.value_dim,
    )
    return replace(found, hybrid=None), AttentionPattern(linear=linear)


def _latent_experts(found: Model) -> bool:
    return isinstance(found.feed_forward, MixtureOfExperts) and found.feed_forward.latent_dim > 0


def _whole(fact: object) -> int:
    return int(str(fact))


def family_model(name: str, catalog: Catalog, known: Family) -> Model:
    """The model of a family: the catalogue's, or one described in full."""
    if "catalogue" in known:
        return model(catalog, str(known["catalogue"])).item
    return Model(
        id=name,
        layers_count=_whole(known["layers"]),
        hidden_dim=_whole(known["hidden"]),
        vocabulary_count=_whole(known["vocabulary"]),
        tied_embeddings=False,
        attention=GroupedQueryAttention(
            heads_count=_whole(known["heads"]),
            kv_heads_count=_whole(known["kv-heads"]),
            head_dim=_whole(known["head-dim"]),
        ),
        feed_forward=_feed_forward(known),
        parameters_count=0.0,
        active_parameters_count=0.0,
    )


def _feed_forward(known: Family) -> DenseFeedForward | MixtureOfExperts:
    if "experts" not in known:
        return DenseFeedForward(ffn_dim=_whole(known["ffn"]), gated=True)
    return MixtureOfExperts(
        routed_experts_count=_whole(known["experts"]),
        top_k_count=_whole(known["top-k"]),
        expert_ffn_dim=_whole(known["expert-ffn"]),
        shared_experts_count=_whole(known["shared-experts"]),
        shared_ffn_dim=_whole(known["shared-ffn"]),
        first_dense_layers_count=0,
        dense_ffn_dim=0,
        moe_layer_interval=1,
        gated=True,
    )


def family_pattern(found: Model, known: Family) -> AttentionPattern:
    """Which layers of a family see a window or keep a state."""
    every = _whole(known.get("windowed-every", 0))
    windowed = found.layers_count // every if every else _whole(known.get("windowed-layers", 0))
    linear = None
    if "linear-layers" in known:
        linear = LinearAttention(
            layers_count=_whole(known["linear-layers"]),
            key_heads_count=_whole(known["linear-key-heads"]),
            value_heads_count=_whole(known["linear-value-heads"]),
            head_dim=_whole(known["linear-head-dim"]),
        )
    return AttentionPattern(
        windowed_layers_count=windowed,
        window_tokens_count=float(str(known.get("window", "inf"))),
        selected_tokens_count=float(str(known.get("selected", "inf"))),
        indexer_values_count=float(str(known.get("indexer-dim", 0))),
        indexer_heads_count=_whole(known.get("indexer-heads", 0)),
        linear=linear,
    )
