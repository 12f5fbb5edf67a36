"""Bytes that must fit on one accelerator, in training and in serving.

Training state after Rajbhandari et al. (2020), ZeRO, section 3, with the optimizer sharded over data parallelism
(stage 1); activations after Korthikanti et al. (2022), "Reducing activation recomputation in large transformer
models", with sequence parallelism. Allocator waste, communication buffers and runtime are outside: the usable share of
memory stands for them.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import LatentAttention, Model
from gigawatt.performance.architecture import (
    decode_core,
    embedding_parameters_count,
    expert_layer,
    expert_layers_count,
    mean_ffn_copies_count,
    mean_ffn_dim,
    prefill_core,
    routed_parameters_count,
    shared_parameters_count,
)
from gigawatt.performance.collectives import Reals
from gigawatt.performance.layout import (
    ServingLayouts,
    TrainingLayouts,
    TrainingTask,
    layers_per_rank_count,
    micro_batches_count,
)
from gigawatt.timeline import FloatArray

# Mixed-precision Adam keeps 12 bytes per parameter: a copy of the parameter, momentum and variance in FP32:
# Rajbhandari et al. (2020), section 3.1.
OPTIMIZER_BYTES_PER_PARAMETER = 12.0
# Gradients are summed over micro-batches and ranks in FP32: Dubey et al. (2024), Llama 3, section 3.3.2.
GRADIENT_BYTES_PER_PARAMETER = 4.0
# The loss works on FP32 logits: Korthikanti et al. (2022), section 4.3.
LOGIT_BYTES = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RankParameters:
    """Parameters that the fullest rank holds, by how many ranks share their optimizer state, `(candidate,)`."""

    shared_count: FloatArray
    routed_count: FloatArray


def rank_parameters(model: Model, layouts: TrainingLayouts) -> RankParameters:
    """Parameters of the fullest rank: its layers and one vocabulary matrix, or both where there is one stage."""
    held = layers_per_rank_count(model, pp_count=layouts.pp_count, chunks_count=layouts.chunks_count)
    share = held / model.layers_count
    both = 1.0 if model.tied_embeddings else 2.0
    matrices = np.where(layouts.pp_count > 1.0, 1.0, both)
    whole = shared_parameters_count(model) * share + embedding_parameters_count(model) * matrices
    return RankParameters(
        shared_count=whole / layouts.tp_count,
        routed_count=routed_parameters_count(model) * share / layouts.ep_count,
    )


def state_bytes(model: Model, layouts: TrainingLayouts) -> FloatArray:
    """Weights in BF16, gradients in FP32 and the rank's share of the optimizer (ZeRO stage 1), `(candidate,)`."""
    held = rank_parameters(model, layouts)
    resident = Precision.BF16.value_bytes + GRADIENT_BYTES_PER_PARAMETER
    shared = held.shared_count * (resident + OPTIMIZER_BYTES_PER_PARAMETER / layouts.dp_count)
    routed = held.routed_count * (resident + OPTIMIZER_BYTES_PER_PARAMETER / layouts.expert_dp_count)
    return np.asarray(shared + routed, dtype=np.float64)


def activation_bytes_per_token(model: Model) -> float:
    """Bytes of activations that one token leaves in one layer for the backward pass, mean over the layers.

    Korthikanti et al. (2022), table 2 (selective recomputation), counted block by block as in their section 4.1 so
    that it holds for gated and expert layers too: for GPT-3 it gives 32 h, and their 34 h with the two dropout masks
    that models of today lack.
    """
    core, hidden = prefill_core(model), model.hidden_dim
    latent = 0
    if isinstance(model.attention, LatentAttention):
        latent = model.attention.q_lora_rank + model.attention.kv_lora_rank + model.attention.qk_rope_head_dim
    attention = (
        hidden
        + latent
        + core.heads_count * core.score_dim
        + core.cached_values_count
        + core.heads_count * core.value_dim
    )
    feed_forward = mean_ffn_copies_count(model) * hidden + _stored_widths_count(model) * mean_ffn_dim(model)
    norms = 2 * hidden
    return (attention + feed_forward + norms) * Precision.BF16.value_bytes


def _stored_widths_count(model: Model) -> int:
    """Gate, up and their product, or the input and output of the activation function."""
    return 3 if model.feed_forward.gated else 2


def _input_bytes_per_token(model: Model) -> float:
    """What full recomputation keeps of a layer: its input (Korthikanti et al., 2022, table 2: 2 s b h)."""
    return model.hidden_dim * Precision.BF16.value_bytes


def activation_bytes(task: TrainingTask, layouts: TrainingLayouts) -> FloatArray:
    """Activations of the fullest rank, that of the first pipeline stage, `(candidate,)`.

    1F1B keeps one micro-batch per stage alive, interleaving (1 + (p - 1)/(p m)) times that (Korthikanti et al., 2022,
    section 4.2.3).
    """
    stages, chunks = layouts.pp_count, layouts.chunks_count
    interleaving = np.where(chunks > 1.0, 1.0 + (stages - 1.0) / (stages * chunks), 1.0)
    return _alive_bytes(task, layouts, micro_batches=stages * interleaving)


def last_stage_activation_bytes(task: TrainingTask, layouts: TrainingLayouts) -> FloatArray:
    """Activations of the last pipeline stage, `(candidate,)`.

    Before its first backward pass it has run all but one of its m chunks for p micro-batches, and the last for one
    (Narayanan et al., 2021, figure 4): (p (m - 1) + 1)/m micro-batches.
    """
    stages, chunks = layouts.pp_count, layouts.chunks_count
    return _alive_bytes(task, layouts, micro_batches=(stages * (chunks - 1.0) + 1.0) / chunks)


def _alive_bytes(task: TrainingTask, layouts: TrainingLayouts, *, micro_batches: FloatArray) -> FloatArray:
    """Activations of a rank that keeps `micro_batches`, never more than the step has.

    Sequence parallelism divides it by the tensor-parallel size; a layer that is computed anew is whole meanwhile.
    """
    model, anew = task.model, layouts.recomputed_fraction
    held = layers_per_rank_count(model, pp_count=layouts.pp_count, chunks_count=layouts.chunks_count)
    alive = np.minimum(micro_batches, micro_batches_count(task, layouts))
    tokens = layouts.micro_batch_count * task.sequence_tokens_count / layouts.tp_count
    full = activation_bytes_per_token(model)
    kept = anew * _input_bytes_per_token(model) + (1.0 - anew) * full
    working_layer = np.where(anew > 0.0, full, 0.0)
    return np.asarray(tokens * (alive * held * kept + working_layer), dtype=np.float64)


def logits_bytes(task: TrainingTask, layouts: TrainingLayouts) -> FloatArray:
    """FP32 logits of one micro-batch, split by vocabulary: 4 s b v / t (Korthikanti et al., 2022, section 4.3)."""
    tokens = layouts.micro_batch_count * task.sequence_tokens_count
    return np.asarray(tokens * task.model.vocabulary_count * LOGIT_BYTES / layouts.tp_count, dtype=np.float64)


def training_memory_bytes(task: TrainingTask, layouts: TrainingLayouts) -> FloatArray:
    """Greatest memory of any rank: the first stage, full of activations, or the last, with the logits."""
    first = activation_bytes(task, layouts)
    last = last_stage_activation_bytes(task, layouts) + logits_bytes(task, layouts)
    return np.asarray(state_bytes(task.model, layouts) + np.maximum(first, last), dtype=np.float64)


def cache_bytes_per_token(model: Model, precision: Precision) -> float:
    """Bytes of key-value cache that one token takes over all layers and ranks, kept once."""
    return model.layers_count * decode_core(model).cached_values_count * precision.value_bytes


def serving_weight_bytes(model: Model, layouts: ServingLayouts, *, precision: Precision) -> FloatArray:
    """Weights on one accelerator of a replica, `(candidate,)`; vocabulary matrices stay in BF16."""
    tensor = layouts.tp_count
    matrices = 1.0 if model.tied_embeddings else 2.0
    vocabulary = matrices * embedding_parameters_count(model) * Precision.BF16.value_bytes / tensor
    shared = shared_parameters_count(model) * precision.value_bytes / tensor
    return np.asarray(vocabulary + shared + _expert_weight_bytes(model, layouts, precision), dtype=np.float64)


def _expert_weight_bytes(model: Model, layouts: ServingLayouts, precision: Precision) -> FloatArray:
    experts = expert_layer(model)
    if experts is None:
        return np.zeros_like(layouts.tp_count)
    local = np.ceil(experts.experts_count / layouts.ep_count)
    per_layer = local * experts.expert_parameters_count * precision.value_bytes
    return np.asarray(expert_layers_count(model) * per_layer, dtype=np.float64)


def cache_bytes_per_request(
    model: Model, layouts: ServingLayouts, *, tokens_count: float, precision: Precision
) -> FloatArray:
    """Cache on each accelerator of a copy for one request of `tokens_count` tokens, `(candidate,)`."""
    shards = np.minimum(layouts.tp_count, decode_core(model).cache_shards_limit_count)
    return np.asarray(cache_bytes_per_token(model, precision) * tokens_count / shards, dtype=np.float64)


def serving_memory_bytes(
    *, weight_bytes: FloatArray, request_bytes: FloatArray, requests_per_copy_count: Reals
) -> FloatArray:
    """Weights and a full-length cache for every concurrent request: nothing is ever evicted."""
    return np.asarray(weight_bytes + request_bytes * requests_per_copy_count, dtype=np.float64)
