"""Models as workloads, and what is asked of them: tokens to serve and runs to train."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gigawatt.entities.hardware import Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedQueryAttention:
    """Attention with `kv_heads_count` key-value heads shared by `heads_count` query heads."""

    heads_count: int
    kv_heads_count: int
    head_dim: int


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

    `moe_layer_interval` 2 means that every second layer has experts.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A transformer's architecture; parameter counts are the published ones."""

    id: str
    layers_count: int
    hidden_dim: int
    vocabulary_count: int
    tied_embeddings: bool
    attention: GroupedQueryAttention | LatentAttention
    feed_forward: DenseFeedForward | MixtureOfExperts
    parameters_count: float
    active_parameters_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Tokens to serve with one model at a service level.

    `demand_tokens_per_month` maps the first day of a month to input plus output tokens wanted in that month;
    every month of the calendar is present. Prices are per million tokens in the same months.
    """

    id: str
    model: Model
    input_tokens_count: float
    output_tokens_count: float
    ttft_limit_s: float
    tpot_limit_s: float
    weight_precision: Precision
    cache_precision: Precision
    demand_tokens_per_month: Mapping[date, float]
    input_price_usd_per_mtoken: Mapping[date, float]
    output_price_usd_per_mtoken: Mapping[date, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRun:
    """A model to train: `compute_flop` model FLOP between `earliest` and `deadline` (first days of months)."""

    id: str
    model: Model
    compute_flop: float
    earliest: date
    deadline: date
    precision: Precision
    sequence_tokens_count: int
    batch_tokens_count: float
    accelerators_count: int
