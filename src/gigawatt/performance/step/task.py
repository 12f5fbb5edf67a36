"""One optimizer step to take, the practice of the software that takes it, and the ways to spread it."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from gigawatt.entities.workload import LatentAttention, Model
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.timeline import FloatArray

_RESULT_BYTES = 2.0

IndexArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]
ChosenArray = IndexArray | BoolArray


class Module(StrEnum):
    """A part of a layer that selective recomputation can drop and compute anew."""

    CORE_ATTENTION = "core-attention"
    NORM = "norm"
    ACTIVATION = "activation"
    LATENT_UP = "latent-up"
    FEED_FORWARD = "feed-forward"
    FEED_FORWARD_IN = "feed-forward-in"
    EXPERTS = "experts"


class ContextExchange(StrEnum):
    """How context-parallel ranks see each other's tokens.

    A ring of keys and values behind the core (Liu et al., 2023), one gather of them before it (Dubey et al., 2024,
    Llama 3, section 3.3.2), or an all-to-all from tokens to heads and back (Jacobs et al., 2023, DeepSpeed-Ulysses).
    """

    RING = "ring"
    GATHER = "gather"
    ULYSSES = "ulysses"


class Schedule:
    """Orders of micro-batches in `StepLayouts.schedule`.

    One forward, one backward in turn (Narayanan et al., 2021), interleaved where a rank holds chunks; weight gradients
    put off into the bubble (Qi et al., 2023, ZB-H1); micro-batches from both ends at once (DeepSeek-V3, 2024, section
    3.2.1, DualPipe).
    """

    ONE_FORWARD_ONE_BACKWARD = 0.0
    ZERO_BUBBLE = 1.0
    DUAL_PIPE = 2.0


# The ZeRO stage that shards the weights themselves, as fully sharded data parallelism does.
FULLY_SHARDED = 3.0


class Recompute:
    """Levels of `StepLayouts.recompute_level`."""

    NONE = 0.0
    SELECTIVE = 1.0
    FULL = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What an architecture adds to `Model`.

    `windowed_layers_count` layers see only the last `window_tokens_count` tokens. `predicted_tokens_count` extra tokens
    are predicted by one extra layer and head each (DeepSeek-V3, 2024, section 2.2), all by the same weights if
    `shared_prediction`. `adapter_rank` above zero trains low-rank adapters of the attention projections only (Hu et
    al., 2021, LoRA). With `head_norm` queries and keys are normalized head by head (Yang et al., 2025, Qwen3). A
    `scaled_rotary` embedding carries a factor of its own (Peng et al., 2023, YaRN, section 3.4);
    `limited_biased_experts` limit what goes into their activation and have biases (OpenAI, 2025, gpt-oss).
    """

    windowed_layers_count: int = 0
    window_tokens_count: int = 0
    predicted_tokens_count: int = 0
    shared_prediction: bool = False
    adapter_rank: int = 0
    rotary: bool = True
    head_norm: bool = False
    scaled_rotary: bool = False
    limited_biased_experts: bool = False
    tied_head: bool = False

    @property
    def prediction_layers_count(self) -> int:
        """Extra layers with weights of their own."""
        return min(self.predicted_tokens_count, 1) if self.shared_prediction else self.predicted_tokens_count

    @property
    def frozen_weights(self) -> bool:
        """Whether only adapters learn."""
        return self.adapter_rank > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """What the training software does, as switches and the bytes it keeps.

    `gradient_bytes` per parameter are accumulated in, `reduced_bytes` cross the network, `gathered_bytes` are gathered.
    `deduplicated_dispatch` sends a token once per rank however many of its experts lie there.
    `fused_*` say that intermediate results stay on the chip: of `fused_expert_epilogue` those of limits and biases of
    experts, of `fused_scaled_rotary` those of a scaled rotary embedding. A grouped product that takes gradients of the
    activation and of its bias along takes `biased_gradient_factor` times one of its size. With `graphed` steps the host
    issues nothing, with `graphed_attention` nothing before the experts. Without `grouped_products` it issues one
    product per expert.
    `attention_time_factor` is what its fused attention takes over the best known for the device.
    With `narrow_activation_inputs` what goes into activation functions is kept in eight bits for the backward pass.
    `recomputed_modules` is what selective recomputation means. With `placeholder_gradients` an unused BF16 gradient of
    each distinct weight shape stays allocated, as where weight gradients are summed by the product itself. With
    `listed_exchanges` fully sharded weights are gathered matrix by matrix, through a list with a tensor for each rank.
    """

    fused_attention: bool
    attention_time_factor: float
    fused_elementwise: bool
    fused_loss: bool
    fused_dispatch: bool
    fused_expert_epilogue: bool
    fused_scaled_rotary: bool
    biased_gradient_factor: float
    fused_accumulation: bool
    narrow_activation_inputs: bool
    deduplicated_dispatch: bool
    dropout: bool
    graphed: bool
    graphed_attention: bool
    grouped_products: bool
    placeholder_gradients: bool
    listed_exchanges: bool
    data_parallel_overlap: bool
    tensor_parallel_overlap: bool
    pipeline_overlap: bool
    expert_overlap: bool
    gradient_bytes: float
    reduced_bytes: float
    gathered_bytes: float
    context_exchange: ContextExchange
    recomputed_modules: frozenset[Module]


def current_practice() -> Practice:
    """What an up-to-date framework does: all fused that can be, every overlap but of dispatch, gradients in FP32."""
    return Practice(
        fused_attention=True,
        attention_time_factor=1.0,
        fused_elementwise=True,
        fused_loss=True,
        fused_dispatch=True,
        fused_expert_epilogue=True,
        fused_scaled_rotary=True,
        biased_gradient_factor=1.0,
        fused_accumulation=True,
        narrow_activation_inputs=False,
        deduplicated_dispatch=True,
        dropout=False,
        graphed=True,
        graphed_attention=True,
        grouped_products=True,
        placeholder_gradients=False,
        listed_exchanges=False,
        data_parallel_overlap=True,
        tensor_parallel_overlap=True,
        pipeline_overlap=True,
        expert_overlap=False,
        gradient_bytes=4.0,
        reduced_bytes=4.0,
        gathered_bytes=2.0,
        context_exchange=ContextExchange.RING,
        recomputed_modules=frozenset({Module.CORE_ATTENTION}),
    )


def accumulation_bytes(task: "StepTask") -> float:
    """Bytes moved per weight and micro-batch to add its gradient, beyond the BF16 result of the product.

    Summed by the product itself, the sum is read and written in place of the result, mostly behind the computation;
    otherwise a kernel of its own reads the result and the sum and writes the sum.
    """
    if task.practice.fused_accumulation:
        return task.assumptions.accumulation_fraction * (2.0 * task.practice.gradient_bytes - _RESULT_BYTES)
    return summed_apart_bytes(task)


def summed_apart_bytes(task: "StepTask") -> float:
    """Bytes moved per weight to add a BF16 gradient to the sum by a kernel of its own."""
    return 2.0 * task.practice.gradient_bytes + _RESULT_BYTES


def table_gradient_bytes(task: "StepTask") -> float:
    """Bytes moved per weight of the embedding and micro-batch: its gradient starts as zeros and is summed apart.

    Frameworks return it in full, whatever rows a micro-batch has looked up (PyTorch's `embedding_dense_backward`), and
    no product could sum it.
    """
    return 0.0 if task.variant.frozen_weights else _RESULT_BYTES + summed_apart_bytes(task)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAssumptions:
    """Engineering figures of a step that no kernel timing contains.

    `host_issue_s` is what the host takes to issue one kernel; `contention_fraction` the part of hidden communication
    that still slows the computation it hides behind; `attention_backward_factor` what the backward pass of attention
    takes beyond its count of products; `scan_backward_factor` what the backward pass of a recurrence takes over the
    forward one; `accumulation_fraction` how much of the traffic of summing weight gradients shows where the product
    does it; `permutation_factor` what sorting tokens and `fused_loss_factor` what a fused loss takes over another pass
    of the same bytes; `token_exchange_s` what a kernel that sorts and exchanges tokens takes for each, beyond the
    bytes; `device_spread_fraction` the standard deviation of computing time between devices of one kind;
    `reserved_bytes` what context, communication and workspace take of memory outside tensors; `fragmentation_fraction`
    the share of tensors lost to the allocator. An accelerator reaches `host_memory_bytes` of its host's memory at
    `host_link_bytes_per_s` each way, and draws
    `waiting_power_fraction` of its greatest power while it computes nothing.
    """

    host_issue_s: float
    contention_fraction: float
    attention_backward_factor: float
    scan_backward_factor: float
    accumulation_fraction: float
    permutation_factor: float
    fused_loss_factor: float
    token_exchange_s: float
    device_spread_fraction: float
    reserved_bytes: float
    fragmentation_fraction: float
    host_link_bytes_per_s: float
    host_memory_bytes: float
    waiting_power_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Several sites that train one model by data parallelism, joined by a wide-area network.

    Each site sends to the others at `wan_bytes_per_s` in all; `one_way_s` is a signal's way between two of them.
    """

    count: int
    wan_bytes_per_s: float
    one_way_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTask:
    """One optimizer step: `batch_sequences_count` sequences of `sequence_tokens_count` tokens.

    `scale_up_domain_count` accelerators share a scale-up domain where the step runs; `sites` share the data-parallel
    ranks evenly, one site where there are none. The busiest rank gets `expert_load_ratio` times the mean of tokens for
    its experts, 1 where routing is balanced; where `expert_tokens` `(layer, expert)` were counted, they say it instead.
    """

    model: Model
    variant: Variant
    practice: Practice
    number_format: NumberFormat
    sequence_tokens_count: int
    batch_sequences_count: float
    scale_up_domain_count: int
    assumptions: StepAssumptions
    sites: Sites | None = None
    expert_load_ratio: float = 1.0
    expert_tokens: tuple[tuple[float, ...], ...] = ()

    @property
    def sites_count(self) -> int:
        """Sites that share the data-parallel ranks."""
        return 1 if self.sites is None else self.sites.count

    @property
    def batch_tokens_count(self) -> float:
        """Tokens of one step."""
        return self.batch_sequences_count * self.sequence_tokens_count

    @property
    def latent(self) -> LatentAttention | None:
        """The model's latent attention, if that is what it has."""
        return self.model.attention if isinstance(self.model.attention, LatentAttention) else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepLayouts:
    """Ways to spread a step, `(candidate,)`, all counts as floats; equal only to itself.

    `chunks_count` pieces of the model on each pipeline rank (interleaving); `zero_stage` 0 to 3 shards over
    `shards_count` of the data-parallel ranks; `sequence_parallel` 1 shards norms over the tensor-parallel ranks;
    `expert_tp_count` ranks split one expert; `schedule` is one of `Schedule`; of the layers `recomputed_share` are
    recomputed; with an `*_offload` of 1 optimizer states, activations or weights wait in the host's memory. Ranks are
    ordered tensor, context, data, pipeline from the innermost; experts fold into the first three (Liu et al., 2025,
    "MoE parallel folding").
    """

    tp_count: FloatArray
    cp_count: FloatArray
    pp_count: FloatArray
    dp_count: FloatArray
    ep_count: FloatArray
    expert_tp_count: FloatArray
    chunks_count: FloatArray
    micro_batch_count: FloatArray
    recompute_level: FloatArray
    zero_stage: FloatArray
    shards_count: FloatArray
    sequence_parallel: FloatArray
    schedule: FloatArray
    recomputed_share: FloatArray
    optimizer_offload: FloatArray
    activation_offload: FloatArray
    weight_offload: FloatArray

    @property
    def candidates_count(self) -> int:
        """Number of layouts."""
        return int(self.tp_count.size)

    @property
    def ranks_count(self) -> FloatArray:
        """Accelerators at work."""
        return self.tp_count * self.cp_count * self.pp_count * self.dp_count

    @property
    def copies_count(self) -> FloatArray:
        """Stages of which a rank holds weights: two where micro-batches come from both ends."""
        return np.where(self.schedule == Schedule.DUAL_PIPE, 2.0, 1.0)

    @property
    def replicas_count(self) -> FloatArray:
        """Ranks that hold the same non-expert weights: data and context parallel ones."""
        return self.dp_count * self.cp_count

    @property
    def expert_replicas_count(self) -> FloatArray:
        """Ranks that hold the same routed experts."""
        return self.tp_count * self.cp_count * self.dp_count / (self.ep_count * self.expert_tp_count)

    @property
    def norm_shards_count(self) -> FloatArray:
        """Ranks that share the tokens of norms and residual sums."""
        return np.where(self.sequence_parallel > 0.0, self.tp_count, 1.0)


def chosen(layouts: StepLayouts, selection: ChosenArray) -> StepLayouts:
    """The layouts that a mask or an index array picks."""
    picked = {field.name: getattr(layouts, field.name)[selection] for field in fields(layouts)}
    return replace(layouts, **picked)


_OFF_BY_DEFAULT = (
    *("recompute_level", "zero_stage", "sequence_parallel", "schedule"),
    *("optimizer_offload", "activation_offload", "weight_offload"),
)


def one_layout(**counts: float) -> StepLayouts:
    """A single layout; what is not named is one way, unsharded, without recomputation."""
    return layouts_of({name: np.array([value], dtype=np.float64) for name, value in counts.items()}, size=1)


def layouts_of(columns: Mapping[str, FloatArray], *, size: int) -> StepLayouts:
    """Layouts from columns; what is not named is one way, unsharded, without recomputation, schedule or offloading."""
    silent = dict.fromkeys(_OFF_BY_DEFAULT, 0.0)
    names = (field.name for field in fields(StepLayouts))
    return StepLayouts(
        **{name: columns[name] if name in columns else np.full(size, silent.get(name, 1.0)) for name in names}
    )


def micro_tokens_count(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Tokens of one micro-batch on one context-parallel rank."""
    return layouts.micro_batch_count * task.sequence_tokens_count / layouts.cp_count


def micro_batches_count(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Micro-batches per step and data-parallel rank, the last one padded."""
    waves = np.ceil(task.batch_sequences_count / (layouts.dp_count * layouts.micro_batch_count))
    return np.asarray(np.maximum(waves, 1.0), dtype=np.float64)
