"""Bytes that must fit on one accelerator during a step: weights, gradients, optimizer, activations, buffers.

State after Rajbhandari et al. (2020), ZeRO, section 3; activations counted tensor by tensor after Korthikanti et al.
(2022), section 4: what each operator keeps for its backward pass. Peaks are taken over the first stage, which holds
most micro-batches, and the last, which holds the logits.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import DenseFeedForward
from gigawatt.performance.architecture import (
    SHARED_EXPERT,
    attention_projections,
    dense_layers_count,
    dense_projections,
    embedding_parameters_count,
    expert_layer,
    expert_side_projections,
    mixer_projections,
    prefill_core,
)
from gigawatt.performance.collectives import Reals
from gigawatt.performance.step import offload, recurrence, sharding
from gigawatt.performance.step.imbalance import expert_load_ratio
from gigawatt.performance.step.layer import LayerMix, mean_mix
from gigawatt.performance.step.pipeline import stage_layers
from gigawatt.performance.step.task import (
    FULLY_SHARDED,
    Module,
    Recompute,
    Schedule,
    StepLayouts,
    StepTask,
    micro_batches_count,
    micro_tokens_count,
)
from gigawatt.timeline import FloatArray

_VALUE_BYTES = Precision.BF16.value_bytes
_LOGIT_BYTES = 4.0
_MASK_BYTES = 1.0
_GRADIENTS_SHARDED = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMemory:
    """Bytes on the fullest rank by use, `(candidate,)`; of the logits, what the last rank has beyond the fullest.

    `host_bytes` wait in the host's memory and count nowhere else.
    """

    state_bytes: FloatArray
    activation_bytes: FloatArray
    logits_bytes: FloatArray
    placeholder_bytes: FloatArray
    outside_bytes: FloatArray
    host_bytes: FloatArray

    @property
    def tensors_bytes(self) -> FloatArray:
        """Peak of what the framework allocates."""
        return self.state_bytes + self.activation_bytes + self.logits_bytes + self.placeholder_bytes

    @property
    def total_bytes(self) -> FloatArray:
        """Peak of what the device has in use."""
        return self.tensors_bytes + self.outside_bytes


def state_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Weights, gradients and optimizer of the first rank."""
    return _state_bytes(task, layouts, sharding.fullest_parameters(task, layouts))


def _state_bytes(task: StepTask, layouts: StepLayouts, held: sharding.HeldParameters) -> FloatArray:
    sites = float(task.sites_count)
    shared = _state_per_parameter(task, layouts, ranks_count=layouts.replicas_count / sites)
    routed = _state_per_parameter(task, layouts, ranks_count=layouts.expert_replicas_count / sites)
    return np.asarray(held.shared_count * shared + held.routed_count * routed, dtype=np.float64)


def _state_per_parameter(task: StepTask, layouts: StepLayouts, *, ranks_count: FloatArray) -> FloatArray:
    shards, stage = np.minimum(layouts.shards_count, ranks_count), layouts.zero_stage
    if task.variant.frozen_weights:
        # Nothing updates them, so they are kept in the format of the products only.
        return task.number_format.precision.value_bytes / np.where(stage >= FULLY_SHARDED, shards, 1.0)
    copies = layouts.copies_count
    weight = _VALUE_BYTES / np.where(stage >= FULLY_SHARDED, shards, 1.0) * copies
    gradient = task.practice.gradient_bytes / np.where(stage >= _GRADIENTS_SHARDED, shards, 1.0) * copies
    optimizer = sharding.OPTIMIZER_BYTES_PER_PARAMETER * np.where(stage > 0.0, 1.0 / shards, copies)
    away = 1.0 - offload.at_hand_fraction(task, layouts)
    weight = weight * (1.0 - layouts.weight_offload * away)
    return weight + gradient + optimizer * (1.0 - layouts.optimizer_offload * away)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptBytes:
    """What one token leaves in one mean layer: on every rank's share of the sequence, and split with the heads.

    `whole` is divided among ranks only with sequence parallelism, `split` always by tensor parallelism.
    """

    whole: Reals
    split: Reals


def kept_bytes_per_token(task: StepTask, *, dropped: frozenset[Module], load_ratio: Reals = 1.0) -> KeptBytes:
    """Bytes per token and mean layer that the backward pass needs, without what `dropped` modules compute anew.

    The busiest rank's experts get `load_ratio` times the mean of tokens.
    """
    mix = mean_mix(task)
    attention = _attention_kept(task, dropped=dropped)
    feed_forward = _feed_forward_kept(task, mix, dropped=dropped, load_ratio=load_ratio)
    mixer_whole, mixer_split = recurrence.kept_bytes_per_token(task)
    return KeptBytes(
        whole=mix.attention * attention.whole + mix.linear * mixer_whole + feed_forward.whole,
        split=mix.attention * attention.split + mix.linear * mixer_split + feed_forward.split,
    )


def _attention_kept(task: StepTask, *, dropped: frozenset[Module]) -> KeptBytes:
    """Input of the norm and of the projections, queries, keys, values, the core's output, and masks.

    The output projection shares the core's output, unless its own copy is narrower.

    An unfused core keeps its scores twice and a mask: 5 a s / h of table 2 in Korthikanti et al. (2022).
    """
    core, hidden = prefill_core(task.model), task.model.hidden_dim
    normed = 0.0 if Module.NORM in dropped else hidden * _input_bytes(task)
    mask = hidden * _MASK_BYTES if task.practice.dropout else 0.0
    heads = core.heads_count * (core.score_dim + core.value_dim) + core.cached_values_count
    latent = 0.0
    if task.latent is not None:
        latent = (2 * task.latent.q_lora_rank + 2 * task.latent.kv_lora_rank) * _VALUE_BYTES
        if Module.LATENT_UP in dropped:
            heads = core.heads_count * core.value_dim
    scores = 0.0
    if not task.practice.fused_attention and Module.CORE_ATTENTION not in dropped:
        masks = (_VALUE_BYTES + _MASK_BYTES) if task.practice.dropout else 0.0
        scores = (_VALUE_BYTES + masks) * core.heads_count * task.sequence_tokens_count
    own_copy = _input_bytes(task) if _input_bytes(task) < _VALUE_BYTES else 0.0
    scores += core.heads_count * core.value_dim * own_copy
    whole = hidden * _VALUE_BYTES + normed + mask + latent
    return KeptBytes(whole=whole, split=heads * _VALUE_BYTES + scores)


def _feed_forward_kept(task: StepTask, mix: LayerMix, *, dropped: frozenset[Module], load_ratio: Reals) -> KeptBytes:
    """Inputs of norm, products and activation; a frozen product does not need its input."""
    hidden = task.model.hidden_dim
    normed = 0.0 if Module.NORM in dropped or task.variant.frozen_weights else hidden * _input_bytes(task)
    mask = hidden * _MASK_BYTES if task.practice.dropout else 0.0
    split: Reals = mix.dense * _dense_width(task) * _width_bytes(task, dropped=dropped)
    if mix.expert and Module.EXPERTS not in dropped:
        split = split + mix.expert * _expert_kept(task, dropped=dropped, load_ratio=load_ratio)
    return KeptBytes(whole=mix.feed_forward * (hidden * _VALUE_BYTES + normed + mask), split=split)


def _input_bytes(task: StepTask) -> float:
    """What the input of a product is kept in: the format of the products, at least one byte."""
    return max(task.number_format.precision.value_bytes, Precision.FP8.value_bytes)


def _width_bytes(task: StepTask, *, dropped: frozenset[Module]) -> float:
    """Bytes per unit of feed-forward width: the activation's inputs, and its output as input of the next product."""
    if Module.FEED_FORWARD in dropped or Module.FEED_FORWARD_IN in dropped:
        return 0.0
    kept = Precision.FP8.value_bytes if task.practice.narrow_activation_inputs else _VALUE_BYTES
    inputs = (2 if task.model.feed_forward.gated else 1) * kept
    output = 0.0 if Module.ACTIVATION in dropped or task.variant.frozen_weights else _input_bytes(task)
    return inputs + output


def _dense_width(task: StepTask) -> float:
    block = task.model.feed_forward
    return float(block.ffn_dim if isinstance(block, DenseFeedForward) else block.dense_ffn_dim)


def _expert_kept(task: StepTask, *, dropped: frozenset[Module], load_ratio: Reals) -> Reals:
    """Copies of the token at its experts, their widths, and what each expert returns; router scores in FP32."""
    model, experts = task.model, expert_layer(task.model)
    if experts is None:
        return 0.0
    width = _width_bytes(task, dropped=dropped)
    ends = (_input_bytes(task) + _VALUE_BYTES) * experts.token_dim
    routed = load_ratio * experts.top_k_count * (ends + width * experts.projections[1].input_dim)
    shared = [matrix for matrix in expert_side_projections(model) if matrix.name == f"{SHARED_EXPERT} down"]
    beside = sum(matrix.input_dim for matrix in shared) * width
    return routed + beside + 2.0 * _LOGIT_BYTES * experts.experts_count


def _token_bytes(task: StepTask, layouts: StepLayouts, *, dropped: frozenset[Module]) -> FloatArray:
    kept = kept_bytes_per_token(task, dropped=dropped, load_ratio=expert_load_ratio(task, layouts))
    return kept.whole / layouts.norm_shards_count + kept.split / layouts.tp_count


def kept_layer_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """What one micro-batch leaves in one mean layer on one rank, by level of recomputation."""
    tokens = micro_tokens_count(task, layouts)
    none = _token_bytes(task, layouts, dropped=frozenset())
    some = _token_bytes(task, layouts, dropped=task.practice.recomputed_modules)
    whole = task.model.hidden_dim * _VALUE_BYTES / layouts.norm_shards_count
    level, share = layouts.recompute_level, layouts.recomputed_share
    dropped = np.where(level == Recompute.FULL, whole, some)
    per_token = np.where(level == Recompute.NONE, none, share * dropped + (1.0 - share) * none)
    return np.asarray(tokens * per_token, dtype=np.float64)


def alive_count(task: StepTask, layouts: StepLayouts, *, rank: float) -> FloatArray:
    """Micro-batches that pipeline rank `rank` holds at once: p - r with 1F1B, p + (p - 1 - 2 r) / v interleaved.

    With micro-batches from both ends every rank holds p + 1 (DeepSeek-V3, 2024, table 2), with weight gradients put
    off as many as 1F1B (Qi et al., 2023, section 3.1). Never more than the step has (Narayanan et al., 2021, section
    2.2; Korthikanti et al., 2022, section 4.2.3, for the first rank).
    """
    stages, chunks = layouts.pp_count, layouts.chunks_count
    plain = stages - rank
    interleaved = stages + (stages - 1.0 - 2.0 * rank) / chunks
    alive = np.where(chunks > 1.0, interleaved, plain)
    alive = np.where(layouts.schedule == Schedule.DUAL_PIPE, stages + 1.0, alive)
    return np.minimum(np.maximum(alive, 1.0), micro_batches_count(task, layouts))


def activation_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Activations of the first stage at its peak; recomputation needs one whole layer's in addition."""
    kept = _kept_stage_bytes(task, layouts, stage_layers(task, layouts).first_count, rank=0.0)
    return kept + working_bytes(task, layouts)


def _kept_stage_bytes(task: StepTask, layouts: StepLayouts, layers_count: FloatArray, *, rank: float) -> FloatArray:
    """What the micro-batches alive leave in a stage's layers; offloaded, two layers of one micro-batch."""
    layers = alive_count(task, layouts, rank=rank) * layers_count
    at_hand = offload.at_hand_fraction(task, layouts) * layers_count
    staying = np.where(layouts.activation_offload > 0.0, np.minimum(at_hand, layers), layers)
    return np.asarray(staying * kept_layer_bytes(task, layouts), dtype=np.float64)


def _middle_activation_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Activations of the second stage, which may have more layers than the first."""
    kept = _kept_stage_bytes(task, layouts, stage_layers(task, layouts).most_count, rank=1.0)
    return kept + working_bytes(task, layouts)


def host_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """What one accelerator keeps in its host's memory: everything that is offloaded."""
    switches = (layouts.optimizer_offload, layouts.activation_offload, layouts.weight_offload)
    if not any(np.any(switch > 0.0) for switch in switches):
        return np.zeros_like(layouts.tp_count)
    layers = stage_layers(task, layouts).most_count
    states = sharding.updated_count(task, layouts) * sharding.OPTIMIZER_BYTES_PER_PARAMETER
    activations = alive_count(task, layouts, rank=0.0) * layers * kept_layer_bytes(task, layouts)
    weights = layers * offload.weights_layer_bytes(task, layouts) * layouts.copies_count
    waiting = zip(switches, (states, activations, weights), strict=True)
    return np.asarray(sum(switch * volume for switch, volume in waiting), dtype=np.float64)


def working_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """What the layer at work needs beyond what it kept."""
    whole = _token_bytes(task, layouts, dropped=frozenset())
    missing = micro_tokens_count(task, layouts) * whole - kept_layer_bytes(task, layouts)
    return np.where(layouts.recompute_level > Recompute.NONE, np.maximum(missing, 0.0), 0.0)


def logits_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Logits in BF16 and FP32 and their gradient; a fused loss keeps the BF16 ones and overwrites them."""
    per_logit = _VALUE_BYTES + (_VALUE_BYTES if task.practice.fused_loss else 2.0 * _LOGIT_BYTES)
    tokens = micro_tokens_count(task, layouts)
    return np.asarray(tokens * task.model.vocabulary_count / layouts.tp_count * per_logit, dtype=np.float64)


def gathered_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Two layers' whole weights and one layer's gradients that full sharding keeps at hand (Zhao et al., 2023)."""
    held = sharding.fullest_parameters(task, layouts)
    per_layer = held.total_count / np.maximum(stage_layers(task, layouts).most_count, 1.0)
    buffers = per_layer * (2.0 * _VALUE_BYTES + task.practice.reduced_bytes)
    return np.where(layouts.zero_stage >= FULLY_SHARDED, buffers, 0.0)


def placeholder_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """One unused BF16 gradient per distinct weight shape of a rank."""
    if not task.practice.placeholder_gradients or task.variant.frozen_weights:
        return np.zeros_like(layouts.tp_count)
    model, experts = task.model, expert_layer(task.model)
    matrices = [*attention_projections(model), *mixer_projections(model), *expert_side_projections(model)]
    matrices += list(dense_projections(model)) if dense_layers_count(model) else []
    values = sum(matrix.parameters_count for matrix in matrices) / layouts.tp_count
    if experts is not None:
        held = experts.experts_count / (layouts.ep_count * layouts.expert_tp_count)
        values = values + held * experts.expert_parameters_count
    end = np.where(layouts.pp_count > 1.0, 0.0, embedding_parameters_count(model) / layouts.tp_count)
    return np.asarray((values + end) * _VALUE_BYTES, dtype=np.float64)


def step_memory(task: StepTask, layouts: StepLayouts) -> StepMemory:
    """Peak memory of each layout on its fullest rank: the first, or the second with more layers and no embedding."""
    only = layouts.pp_count == 1.0
    logits = logits_bytes(task, layouts)
    buffers, placeholders = gathered_bytes(task, layouts), placeholder_bytes(task, layouts)
    first, first_state = activation_bytes(task, layouts), state_bytes(task, layouts)
    middle = np.where(only, 0.0, _middle_activation_bytes(task, layouts))
    middle_state = np.where(only, 0.0, _state_bytes(task, layouts, sharding.middle_parameters(task, layouts)))
    fuller = middle + middle_state > first + first_state
    activations, state = np.where(fuller, middle, first), np.where(fuller, middle_state, first_state) + buffers
    alive = np.where(layouts.activation_offload > 0.0, 1.0, alive_count(task, layouts, rank=0.0))
    alone = activations / np.maximum(alive, 1.0)
    shown = np.where(only, logits, np.maximum(alone + logits - activations, 0.0))
    tensors = state + activations + shown + placeholders
    return StepMemory(
        state_bytes=state,
        activation_bytes=activations,
        logits_bytes=shown,
        placeholder_bytes=placeholders,
        outside_bytes=task.assumptions.reserved_bytes + task.assumptions.fragmentation_fraction * tensors,
        host_bytes=host_bytes(task, layouts),
    )
