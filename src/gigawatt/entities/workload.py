"""Models as workloads, and what is asked of them: tokens to serve and runs to train."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gigawatt.entities.hardware import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedQueryAttention:
    """Attention with `kv_heads_count` key-value heads shared by `heads_count` query heads.

    With an `output_gate` each head's output is multiplied by a gate that the query projection computes beside it.
    """

    heads_count: int
    kv_heads_count: int
    head_dim: int
    output_gate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentAttention:
    """Multi-head latent attention (DeepSeek-V2, 2024, section 2.1): the cache holds one compressed vector."""

    heads_count: int
    q_lora_rank: int
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseFeedForward:
    """A feed-forward block of width `ffn_dim`; `gated` blocks have three matrices, others two."""

    ffn_dim: int
    gated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureOfExperts:
    """Routed and shared experts; the first `first_dense_layers_count` layers keep a dense block of `dense_ffn_dim`.

    `moe_layer_interval` 2 means that every second layer has experts. With a `latent_dim` above zero routed experts work
    on a projection of that width, which is also what travels to them.
    """

    routed_experts_count: int
    top_k_count: int
    expert_ffn_dim: int
    shared_experts_count: int
    shared_ffn_dim: int
    first_dense_layers_count: int
    dense_ffn_dim: int
    moe_layer_interval: int
    gated: bool
    latent_dim: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSpaceMixer:
    """A Mamba-2 block (Dao and Gu, 2024, section 7.1): heads that each carry `head_dim` x `state_dim` of state.

    Heads share their input and output maps in `groups_count` groups; a causal convolution over
    `convolution_tokens_count` tokens comes before the recurrence.
    """

    heads_count: int
    head_dim: int
    state_dim: int
    groups_count: int
    convolution_tokens_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaRuleMixer:
    """Gated delta-rule attention (Yang et al., 2024): value heads that each carry `key_dim` x `value_dim` of state.

    With `channel_decay` each key channel forgets at a rate of its own (Kimi Delta Attention, 2025, section 3); else
    each head does.
    """

    key_heads_count: int
    value_heads_count: int
    key_dim: int
    value_dim: int
    convolution_tokens_count: int
    channel_decay: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class HybridLayers:
    """Which blocks the layers of a model have that mixes some tokens by a recurrence instead of attention.

    A layer has one or two blocks: `linear_layers_count` of all layers have the `mixer`, `attention_layers_count` the
    model's attention, `feed_forward_layers_count` a feed-forward block.
    """

    mixer: StateSpaceMixer | DeltaRuleMixer
    linear_layers_count: int
    attention_layers_count: int
    feed_forward_layers_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A network's architecture; parameter counts are the published ones.

    Without `hybrid` every layer has attention and a feed-forward block.
    """

    id: str
    layers_count: int
    hidden_dim: int
    vocabulary_count: int
    tied_embeddings: bool
    attention: GroupedQueryAttention | LatentAttention
    feed_forward: DenseFeedForward | MixtureOfExperts
    parameters_count: float
    active_parameters_count: float
    hybrid: HybridLayers | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearAttention:
    """Layers whose attention keeps a state of fixed size instead of a cache (Yang et al., 2024, gated delta net)."""

    layers_count: int
    key_heads_count: int
    value_heads_count: int
    head_dim: int

    @property
    def state_values_count(self) -> int:
        """Values of one request's state in one layer."""
        return self.value_heads_count * self.head_dim * self.head_dim

    @property
    def input_values_count(self) -> int:
        """Width of the fused input projection: queries, keys, values, the output gate and two gates per value head."""
        keys = 2 * self.key_heads_count * self.head_dim
        return keys + 2 * self.value_heads_count * self.head_dim + 2 * self.value_heads_count


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionPattern:
    """Which tokens a query sees: all of them where this says nothing.

    `windowed_layers_count` layers see the last `window_tokens_count` tokens; in sparse attention every query sees the
    `selected_tokens_count` best ones, which an indexer picks by the products of `indexer_heads_count` queries with one
    key of `indexer_values_count` values per token, all in FP8 (DeepSeek-V3.2, 2025, section 2.1).
    """

    windowed_layers_count: int = 0
    window_tokens_count: float = math.inf
    selected_tokens_count: float = math.inf
    indexer_values_count: float = 0.0
    indexer_heads_count: int = 0
    linear: LinearAttention | None = None

    @property
    def linear_layers_count(self) -> int:
        """Layers without a cache."""
        return self.linear.layers_count if self.linear else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePart:
    """Which class of which stated service, asked for in which region; None where it is not divided so."""

    service: str
    service_class: str | None
    region: str | None

    @property
    def id(self) -> str:
        """The parts of the name, joined by dots."""
        return ".".join(name for name in (self.service, self.service_class, self.region) if name is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Tokens to serve with one model at a service level.

    `demand_tokens_per_month` maps the first day of a month to input plus output tokens wanted in that month;
    every month of the calendar is present. Prices are per million tokens in the same months. `pattern` says what the
    model's queries see; FP8 weights of `block_scaled` models have a scale per block. A class or region of a service is
    a service of its own, `part` of the stated one; only `sites` (ids) may serve it, all where None.
    """

    id: str
    model: Model
    pattern: AttentionPattern
    block_scaled: bool
    input_tokens_count: float
    output_tokens_count: float
    ttft_limit_s: float
    tpot_limit_s: float
    weight_precision: Precision
    attention_precision: Precision
    cache_precision: Precision
    demand_tokens_per_month: Mapping[date, float]
    input_price_usd_per_mtoken: Mapping[date, float]
    output_price_usd_per_mtoken: Mapping[date, float]
    part: ServicePart | None = None
    sites: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WideArea:
    """What joins the sites of one job: each sends to the others at `wan_bytes_per_s` in all, `one_way_s` away."""

    wan_bytes_per_s: float
    one_way_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a run may stand as one job: at one of `sites` (ids), or in equal parts at up to `most_sites_count`.

    `wide_area` is what joins them; None where the run stands at one.
    """

    sites: tuple[str, ...]
    most_sites_count: int
    wide_area: WideArea | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """A model to train: `compute_flop` model FLOP between `earliest` and `deadline` (first days of months).

    `windowed_layers_count` of its layers see the last `window_tokens_count` tokens; `predicted_tokens_count` extra
    tokens are predicted at once (DeepSeek-V3, 2024, section 2.2). With a `placement` it is one job of
    `accelerators_count` from its start to its end; without one it uses racks wherever they stand.
    """

    id: str
    model: Model
    compute_flop: float
    earliest: date
    deadline: date
    precision: Precision
    sequence_tokens_count: int
    batch_tokens_count: float
    accelerators_count: int
    windowed_layers_count: int = 0
    window_tokens_count: int = 0
    predicted_tokens_count: int = 0
    placement: Placement | None = None
