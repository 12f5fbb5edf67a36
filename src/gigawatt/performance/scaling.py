"""A model of the same family at another size: what a run of more computation than any published one trains."""

from dataclasses import replace

import numpy as np

from gigawatt.entities.workload import (
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    MixtureOfExperts,
    Model,
)
from gigawatt.performance.architecture import parameters_count
from gigawatt.performance.flops import active_matrix_parameters_count
from gigawatt.units import PARAMETERS_PER_BILLION

# Widths in whole tiles of the matrix units; layers and heads in numbers that many ranks divide.
_TILE, _LAYERS, _HEADS = 256, 4, 16
# Weights grow with depth and the square of width; rounding leaves the best size near the cube root.
_DIMENSIONS = 3.0
_NEARBY = np.linspace(0.85, 1.18, 331)
_TOLERANCE = 0.05


def scaled(model: Model, *, active_parameters_count: float) -> Model | None:
    """The model with about so many weights per token, wider and deeper alike; `None` if no size comes within 5 %.

    Loss depends little on the ratio of width to depth (Kaplan et al., 2020, section 3.1), so that it stays; so do the
    dimensions of a head, the heads that share a key, the number of experts, those that a token visits and the
    vocabulary. Recurrent layers have no other size here. Counts of parameters are recounted from the dimensions.
    """
    if model.hybrid is not None:
        return None
    factor = (active_parameters_count / active_matrix_parameters_count(model)) ** (1.0 / _DIMENSIONS)
    sizes = [_sized(model, float(factor * nearby)) for nearby in _NEARBY]
    off = [abs(np.log(active_matrix_parameters_count(size) / active_parameters_count)) for size in sizes]
    best = int(np.argmin(off))
    if not off[best] < _TOLERANCE:
        return None
    found = sizes[best]
    return replace(
        found,
        parameters_count=float(parameters_count(found)),
        active_parameters_count=active_matrix_parameters_count(found),
    )


def described(model: Model) -> str:
    """Dimensions and sizes of a model in words."""
    total, active = (
        count / PARAMETERS_PER_BILLION for count in (model.parameters_count, model.active_parameters_count)
    )
    return (
        f"{model.layers_count} layers, hidden {model.hidden_dim}, {model.attention.heads_count} heads, "
        f"{total:,.0f} bn parameters, {active:,.0f} bn active"
    )


def _sized(model: Model, factor: float) -> Model:
    return replace(
        model,
        layers_count=_times(model.layers_count, factor, unit=_LAYERS),
        hidden_dim=_times(model.hidden_dim, factor),
        attention=_attention(model.attention, factor),
        feed_forward=_feed_forward(model.feed_forward, factor),
    )


def _times(width: int, factor: float, *, unit: int = _TILE) -> int:
    """The nearest width in whole units; what is zero stays zero."""
    return max(round(width * factor / unit), 1) * unit if width else 0


def _attention(
    attention: GroupedQueryAttention | LatentAttention, factor: float
) -> GroupedQueryAttention | LatentAttention:
    if isinstance(attention, LatentAttention):
        return replace(
            attention,
            heads_count=_times(attention.heads_count, factor, unit=_HEADS),
            q_lora_rank=_times(attention.q_lora_rank, factor),
            kv_lora_rank=_times(attention.kv_lora_rank, factor),
        )
    shared = attention.heads_count // attention.kv_heads_count
    keys = _times(attention.kv_heads_count, factor, unit=1)
    return replace(attention, heads_count=shared * keys, kv_heads_count=keys)


def _feed_forward(block: DenseFeedForward | MixtureOfExperts, factor: float) -> DenseFeedForward | MixtureOfExperts:
    if isinstance(block, DenseFeedForward):
        return replace(block, ffn_dim=_times(block.ffn_dim, factor))
    return replace(
        block,
        expert_ffn_dim=_times(block.expert_ffn_dim, factor),
        shared_ffn_dim=_times(block.shared_ffn_dim, factor),
        dense_ffn_dim=_times(block.dense_ffn_dim, factor),
        latent_dim=_times(block.latent_dim, factor),
    )
