"""A transformer seen as the work it asks for: matrices, attention cores, cached values.

Every other module of this stage reads a model only through these nouns, so a new kind of layer is added here once.
Sizes are counts of values; bytes appear where a precision is known, FLOP in `flops`.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gigawatt.entities.workload import (
    DeltaRuleMixer,
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    Model,
    StateSpaceMixer,
)
from gigawatt.timeline import FloatArray

SHARED_EXPERT = "shared expert"


class Split(StrEnum):
    """How tensor parallelism cuts a weight matrix (Shoeybi et al., 2019, Megatron-LM, section 3)."""

    COLUMNS = "columns"
    ROWS = "rows"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """One weight matrix: every token's `input_dim` values become `output_dim` values."""

    name: str
    output_dim: int
    input_dim: int
    split: Split

    @property
    def parameters_count(self) -> int:
        """Weights of the matrix."""
        return self.output_dim * self.input_dim

    def local_output_dim(self, tensor_count: FloatArray) -> FloatArray:
        """Columns that one tensor-parallel rank computes."""
        return self.output_dim / tensor_count if self.split is Split.COLUMNS else self.output_dim + 0.0 * tensor_count

    def local_input_dim(self, tensor_count: FloatArray) -> FloatArray:
        """Rows of the matrix that one tensor-parallel rank holds."""
        return self.input_dim / tensor_count if self.split is Split.ROWS else self.input_dim + 0.0 * tensor_count


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionCore:
    """What remains of attention without its projections: scores and weighted sums.

    Each of `heads_count` heads takes a dot product of `score_dim` and a sum of `value_dim` per query and context
    token. A context token holds `cached_values_count` values in all; tensor parallelism divides them over at most
    `cache_shards_limit_count` ranks and copies them beyond.
    """

    heads_count: int
    score_dim: int
    value_dim: int
    cached_values_count: int
    cache_shards_limit_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertLayer:
    """The routed part of a mixture-of-experts layer; the shared experts are ordinary projections.

    A token arrives as `token_dim` values.
    """

    experts_count: int
    top_k_count: int
    token_dim: int
    projections: tuple[Projection, ...]

    @property
    def expert_parameters_count(self) -> int:
        """Weights of one routed expert."""
        return sum(matrix.parameters_count for matrix in self.projections)


def attention_projections(model: Model) -> tuple[Projection, ...]:
    """The weight matrices of one layer's attention.

    Latent attention as in DeepSeek-V2 (2024), section 2.1; absorbing the key-value up-projection into the query and
    output sides while decoding leaves both the weights and their FLOP per token as they are.
    """
    hidden, attention = model.hidden_dim, model.attention
    if isinstance(attention, GroupedQueryAttention):
        queries = attention.heads_count * (2 if attention.output_gate else 1)
        fused = (queries + 2 * attention.kv_heads_count) * attention.head_dim
        return (
            Projection(name="query-key-value", output_dim=fused, input_dim=hidden, split=Split.COLUMNS),
            _output_projection(hidden, attention.heads_count * attention.head_dim),
        )
    compressed = attention.kv_lora_rank + attention.qk_rope_head_dim
    keys_values = attention.heads_count * (attention.qk_nope_head_dim + attention.v_head_dim)
    return (
        *_query_projections(hidden, attention),
        Projection(name="key-value down", output_dim=compressed, input_dim=hidden, split=Split.WHOLE),
        Projection(name="key-value up", output_dim=keys_values, input_dim=attention.kv_lora_rank, split=Split.COLUMNS),
        _output_projection(hidden, attention.heads_count * attention.v_head_dim),
    )


def _output_projection(hidden_dim: int, width: int) -> Projection:
    return Projection(name="attention output", output_dim=hidden_dim, input_dim=width, split=Split.ROWS)


def _query_projections(hidden_dim: int, attention: LatentAttention) -> tuple[Projection, ...]:
    queries = attention.heads_count * (attention.qk_nope_head_dim + attention.qk_rope_head_dim)
    if attention.q_lora_rank == 0:
        return (Projection(name="query", output_dim=queries, input_dim=hidden_dim, split=Split.COLUMNS),)
    return (
        Projection(name="query down", output_dim=attention.q_lora_rank, input_dim=hidden_dim, split=Split.WHOLE),
        Projection(name="query up", output_dim=queries, input_dim=attention.q_lora_rank, split=Split.COLUMNS),
    )


def prefill_core(model: Model) -> AttentionCore:
    """Attention over a whole sequence, with keys and values written out per head group."""
    attention = model.attention
    if isinstance(attention, GroupedQueryAttention):
        return _grouped_core(attention)
    score_dim = attention.qk_nope_head_dim + attention.qk_rope_head_dim
    return AttentionCore(
        heads_count=attention.heads_count,
        score_dim=score_dim,
        value_dim=attention.v_head_dim,
        cached_values_count=attention.heads_count * (score_dim + attention.v_head_dim),
        cache_shards_limit_count=attention.heads_count,
    )


def decode_core(model: Model) -> AttentionCore:
    """Attention of new tokens over the cache as it is stored.

    Latent attention works on the compressed vector itself (DeepSeek-V2, 2024, section 2.1.2), one for all heads, so
    every tensor-parallel rank keeps a copy.
    """
    attention = model.attention
    if isinstance(attention, GroupedQueryAttention):
        return _grouped_core(attention)
    compressed = attention.kv_lora_rank + attention.qk_rope_head_dim
    return AttentionCore(
        heads_count=attention.heads_count,
        score_dim=compressed,
        value_dim=attention.kv_lora_rank,
        cached_values_count=compressed,
        cache_shards_limit_count=1,
    )


def _grouped_core(attention: GroupedQueryAttention) -> AttentionCore:
    return AttentionCore(
        heads_count=attention.heads_count,
        score_dim=attention.head_dim,
        value_dim=attention.head_dim,
        cached_values_count=2 * attention.kv_heads_count * attention.head_dim,
        cache_shards_limit_count=attention.kv_heads_count,
    )


def _feed_forward(hidden_dim: int, ffn_dim: int, *, gated: bool, name: str) -> tuple[Projection, ...]:
    widened = 2 * ffn_dim if gated else ffn_dim
    return (
        Projection(name=f"{name} up", output_dim=widened, input_dim=hidden_dim, split=Split.COLUMNS),
        Projection(name=f"{name} down", output_dim=hidden_dim, input_dim=ffn_dim, split=Split.ROWS),
    )


def attention_layers_count(model: Model) -> int:
    """Layers that have attention: all, unless the model is a hybrid."""
    return model.layers_count if model.hybrid is None else model.hybrid.attention_layers_count


def linear_layers_count(model: Model) -> int:
    """Layers that mix tokens by a recurrence."""
    return 0 if model.hybrid is None else model.hybrid.linear_layers_count


def feed_forward_layers_count(model: Model) -> int:
    """Layers that have a feed-forward block: all, unless the model is a hybrid."""
    return model.layers_count if model.hybrid is None else model.hybrid.feed_forward_layers_count


def dense_layers_count(model: Model) -> int:
    """Layers whose feed-forward block is dense."""
    return feed_forward_layers_count(model) - expert_layers_count(model)


def expert_layers_count(model: Model) -> int:
    """Layers that have routed experts."""
    block = model.feed_forward
    if isinstance(block, DenseFeedForward):
        return 0
    return (feed_forward_layers_count(model) - block.first_dense_layers_count) // block.moe_layer_interval


def mixer_projections(model: Model) -> tuple[Projection, ...]:
    """The weight matrices of one recurrent mixer: one into its inputs, gates and decays, one out; none without it."""
    if model.hybrid is None:
        return ()
    hidden, mixer = model.hidden_dim, model.hybrid.mixer
    inner = mixer_value_dim(mixer)
    into = Projection(name="mixer in", output_dim=_mixer_inputs(mixer), input_dim=hidden, split=Split.COLUMNS)
    out = Projection(name="mixer out", output_dim=hidden, input_dim=inner, split=Split.ROWS)
    if isinstance(mixer, DeltaRuleMixer) and mixer.channel_decay:
        # Decay and output gate go through a head's width each (Kimi Linear, 2025, section 3): hidden to it and back up.
        low = Projection(name="mixer low", output_dim=2 * mixer.value_dim, input_dim=hidden, split=Split.WHOLE)
        gates = Projection(name="mixer gates", output_dim=2 * inner, input_dim=mixer.value_dim, split=Split.COLUMNS)
        return (into, low, gates, out)
    return (into, out)


def mixer_value_dim(mixer: StateSpaceMixer | DeltaRuleMixer) -> int:
    """Values per token that leave the recurrence, all heads together."""
    if isinstance(mixer, StateSpaceMixer):
        return mixer.heads_count * mixer.head_dim
    return mixer.value_heads_count * mixer.value_dim


def convolved_channels_count(mixer: StateSpaceMixer | DeltaRuleMixer) -> int:
    """Channels of the short convolution: the values and the maps in and out of the state, or queries, keys, values."""
    if isinstance(mixer, StateSpaceMixer):
        return mixer_value_dim(mixer) + 2 * mixer.groups_count * mixer.state_dim
    return mixer_value_dim(mixer) + 2 * mixer.key_heads_count * mixer.key_dim


def _mixer_inputs(mixer: StateSpaceMixer | DeltaRuleMixer) -> int:
    """Convolved channels, then a gate per value (unless it has a path of its own), and one or two scalars per head."""
    if isinstance(mixer, StateSpaceMixer):
        return convolved_channels_count(mixer) + mixer_value_dim(mixer) + mixer.heads_count
    if mixer.channel_decay:
        return convolved_channels_count(mixer) + mixer.value_heads_count
    return convolved_channels_count(mixer) + mixer_value_dim(mixer) + 2 * mixer.value_heads_count


def mixer_parameters_count(model: Model) -> int:
    """Weights of one recurrent mixer: its matrices, and the taps of its convolution."""
    if model.hybrid is None:
        return 0
    mixer = model.hybrid.mixer
    return _sum(mixer_projections(model)) + convolved_channels_count(mixer) * mixer.convolution_tokens_count


def dense_projections(model: Model) -> tuple[Projection, ...]:
    """The weight matrices of a dense feed-forward block."""
    block = model.feed_forward
    width = block.ffn_dim if isinstance(block, DenseFeedForward) else block.dense_ffn_dim
    return _feed_forward(model.hidden_dim, width, gated=block.gated, name="feed-forward")


def expert_side_projections(model: Model) -> tuple[Projection, ...]:
    """What every token passes in a mixture-of-experts layer; empty when dense.

    The router, the projections into and out of a latent space where experts work in one, and the shared experts.
    """
    block = model.feed_forward
    if isinstance(block, DenseFeedForward):
        return ()
    router = Projection(
        name="router", output_dim=block.routed_experts_count, input_dim=model.hidden_dim, split=Split.WHOLE
    )
    width = block.shared_experts_count * block.shared_ffn_dim
    shared = _feed_forward(model.hidden_dim, width, gated=block.gated, name=SHARED_EXPERT) if width else ()
    return (router, *_latent_projections(model.hidden_dim, block.latent_dim), *shared)


def has_shared_experts(model: Model) -> bool:
    """Whether every token also passes shared experts."""
    return any(matrix.name.startswith(SHARED_EXPERT) for matrix in expert_side_projections(model))


def _latent_projections(hidden_dim: int, latent_dim: int) -> tuple[Projection, ...]:
    if not latent_dim:
        return ()
    return (
        Projection(name="latent in", output_dim=latent_dim, input_dim=hidden_dim, split=Split.WHOLE),
        Projection(name="latent out", output_dim=hidden_dim, input_dim=latent_dim, split=Split.WHOLE),
    )


def expert_layer(model: Model) -> ExpertLayer | None:
    """The routed experts of one layer, or None for a dense model."""
    block = model.feed_forward
    if isinstance(block, DenseFeedForward):
        return None
    width = block.latent_dim or model.hidden_dim
    return ExpertLayer(
        experts_count=block.routed_experts_count,
        top_k_count=block.top_k_count,
        token_dim=width,
        projections=_feed_forward(width, block.expert_ffn_dim, gated=block.gated, name="expert"),
    )


def head_projection(model: Model) -> Projection:
    """The language-model head."""
    return Projection(
        name="language-model head", output_dim=model.vocabulary_count, input_dim=model.hidden_dim, split=Split.COLUMNS
    )


def shared_parameters_count(model: Model) -> int:
    """Weights of all layers that every token passes: mixing halves, dense blocks, routers, shared experts, norms."""
    mixing = attention_layers_count(model) * _sum(attention_projections(model))
    mixing += linear_layers_count(model) * mixer_parameters_count(model)
    dense = dense_layers_count(model) * _sum(dense_projections(model))
    beside_experts = expert_layers_count(model) * _sum(expert_side_projections(model))
    return mixing + dense + beside_experts + norm_parameters_count(model)


def norm_parameters_count(model: Model) -> int:
    """One norm before each block."""
    blocks = attention_layers_count(model) + linear_layers_count(model) + feed_forward_layers_count(model)
    return blocks * model.hidden_dim


def routed_parameters_count(model: Model) -> int:
    """Weights of all routed experts of all layers."""
    experts = expert_layer(model)
    if experts is None:
        return 0
    return expert_layers_count(model) * experts.experts_count * experts.expert_parameters_count


def embedding_parameters_count(model: Model) -> int:
    """Weights of one vocabulary matrix; a model with untied embeddings has two."""
    return model.vocabulary_count * model.hidden_dim


def parameters_count(model: Model) -> int:
    """Weights counted from the dimensions, to set beside the published count."""
    matrices = 1 if model.tied_embeddings else 2
    return (
        shared_parameters_count(model) + routed_parameters_count(model) + matrices * embedding_parameters_count(model)
    )


def _sum(projections: tuple[Projection, ...]) -> int:
    return sum(matrix.parameters_count for matrix in projections)


def visited_ranks_count(experts: ExpertLayer, *, ep_count: FloatArray) -> FloatArray:
    """Distinct ranks that a token's top-k experts lie on when experts are drawn evenly: e (1 - (1 - 1/e)^k)."""
    return np.asarray(ep_count * (1.0 - (1.0 - 1.0 / ep_count) ** experts.top_k_count), dtype=np.float64)
