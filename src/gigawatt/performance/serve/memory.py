"""Bytes on one accelerator of a serving worker, and how many requests fit beside the weights."""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import (
    attention_projections,
    decode_core,
    dense_projections,
    embedding_parameters_count,
    expert_layer,
    expert_side_projections,
)
from gigawatt.performance.serve.task import ServeTask, WorkerLayouts
from gigawatt.timeline import FloatArray

# One FP8 scale per 16 values (NVIDIA, 2025, "Pretraining large language models with NVFP4", section 2).
_FP4_SCALE_BYTES = 1.0 / 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMemory:
    """What an accelerator holds, `(candidate,)`: weights, and per request what does and does not grow with tokens."""

    weight_bytes: FloatArray
    token_bytes: FloatArray
    request_bytes: FloatArray


def stored_bytes(precision: Precision) -> float:
    """Bytes per weight with block scales."""
    return precision.value_bytes + (_FP4_SCALE_BYTES if precision is Precision.FP4 else 0.0)


def worker_memory(task: ServeTask, layouts: WorkerLayouts) -> WorkerMemory:
    """Weights and cache of the fullest accelerator: layers are spread evenly over the stages."""
    return WorkerMemory(
        weight_bytes=_weight_bytes(task, layouts),
        token_bytes=_token_bytes(task, layouts),
        request_bytes=_request_bytes(task, layouts),
    )


def _weight_bytes(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    model, formats, tensor = task.model, task.formats, layouts.tp_count
    attention = sum(matrix.parameters_count for matrix in attention_projections(model))
    layer = model.layers_count * attention * stored_bytes(formats.attention)
    if task.dense_layers_count:
        dense = sum(matrix.parameters_count for matrix in dense_projections(model))
        layer = layer + task.dense_layers_count * dense * stored_bytes(formats.dense)
    if task.expert_layers_count:
        side = sum(matrix.parameters_count for matrix in expert_side_projections(model))
        layer = layer + task.expert_layers_count * side * stored_bytes(formats.dense)
    vocabulary = (1.0 if model.tied_embeddings else 2.0) * embedding_parameters_count(model)
    shared = (layer / layouts.pp_count + vocabulary * stored_bytes(formats.head)) / tensor
    experts = expert_layer(model)
    if experts is None:
        return np.asarray(shared, dtype=np.float64)
    local = np.ceil(experts.experts_count / layouts.ep_count) / layouts.expert_tp_count
    routed = task.expert_layers_count * local * experts.expert_parameters_count * stored_bytes(formats.experts)
    return np.asarray(shared + routed / layouts.pp_count, dtype=np.float64)


def _shards(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    return np.minimum(layouts.tp_count, decode_core(task.model).cache_shards_limit_count)


def layer_token_values(task: ServeTask) -> float:
    """Values that one token leaves in the cache of one layer, over all ranks."""
    return decode_core(task.model).cached_values_count


def _token_bytes(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    values = layer_token_values(task) * task.formats.cache.value_bytes
    index = task.pattern.indexer_values_count
    layers = task.full_layers_count / layouts.pp_count
    return np.asarray(layers * (values / _shards(task, layouts) + index), dtype=np.float64)


def _request_bytes(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    """Windows and states."""
    pattern, stages = task.pattern, layouts.pp_count
    whole = task.input_tokens_count + task.output_tokens_count
    window = min(pattern.window_tokens_count, whole)
    values = layer_token_values(task) * task.formats.cache.value_bytes / _shards(task, layouts)
    windowed = pattern.windowed_layers_count * window * values / stages
    if pattern.linear is None:
        return np.asarray(windowed, dtype=np.float64)
    state = pattern.linear.state_values_count * Precision.BF16.value_bytes * 2.0
    return np.asarray(windowed + pattern.linear.layers_count * state / layouts.tp_count / stages, dtype=np.float64)


def requests_that_fit(task: ServeTask, layouts: WorkerLayouts, *, usable_bytes: float) -> FloatArray:
    """Most requests per copy whose caches fit beside the weights; below one where not even one does.

    Requests end at different times, so a paged cache holds their mean length (Kwon et al., 2023), unless the engine
    reserves their whole length lest it evict one.
    """
    memory = worker_memory(task, layouts)
    whole = task.decode_prompt_tokens_count + task.decode_output_tokens_count
    length = whole if task.engine.reserved else task.decode_context_tokens_count
    each = memory.token_bytes * length + memory.request_bytes
    return np.asarray((usable_bytes - memory.weight_bytes) / each, dtype=np.float64)


def transfer_bytes(task: ServeTask) -> float:
    """Cache of one prompt that goes from a prefill to a decode worker, over all ranks."""
    per_token = task.full_layers_count * layer_token_values(task) * task.formats.cache.value_bytes
    window = min(task.pattern.window_tokens_count, task.input_tokens_count)
    windowed = task.pattern.windowed_layers_count * layer_token_values(task) * task.formats.cache.value_bytes * window
    return per_token * task.input_tokens_count + windowed
