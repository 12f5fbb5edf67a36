"""Time of one optimizer step of a training run, candidate by candidate.

A step is a pipeline of micro-batches through stages of layers (1F1B, interleaved where it helps), then the reduction
of gradients and the optimizer. Every term is a sum of operators; what overlaps is derived from the schedule: gradients
are reduced behind the last micro-batch's backward pass, weights gathered before the first forward pass, transfers
between stages behind other micro-batches when the schedule is interleaved. Tensor- and expert-parallel exchanges
are exposed. Experts are balanced.
"""

from dataclasses import dataclass, fields

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import (
    Projection,
    Split,
    attention_projections,
    dense_layers_count,
    dense_projections,
    elementwise_values_per_token,
    expert_layer,
    expert_layers_count,
    expert_side_projections,
    head_projection,
    prefill_core,
    tensor_parallel_exchanges_count,
    visited_ranks_count,
)
from gigawatt.performance.layout import (
    TrainingLayouts,
    TrainingTask,
    layers_per_rank_count,
    micro_batches_count,
    selected,
)
from gigawatt.performance.memory import (
    GRADIENT_BYTES_PER_PARAMETER,
    OPTIMIZER_BYTES_PER_PARAMETER,
    rank_parameters,
    training_memory_bytes,
)
from gigawatt.performance.operators import AttentionWork, OperatorModel
from gigawatt.timeline import FloatArray

# Element-wise operators write a gradient for each value read and read each value written once more.
_ELEMENTWISE_BACKWARD_OVER_FORWARD = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """Time of one micro-batch in one layer, mean over the layers, `(candidate,)`."""

    gemm_s: FloatArray
    attention_s: FloatArray
    elementwise_s: FloatArray
    tensor_parallel_s: FloatArray
    expert_parallel_s: FloatArray

    @property
    def total_s(self) -> FloatArray:
        """All of it, one after the other."""
        return self.gemm_s + self.attention_s + self.elementwise_s + self.tensor_parallel_s + self.expert_parallel_s


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Where the time of a step goes, for a mean rank, `(candidate,)`; the fields add up to the step.

    `recompute_s` is the second forward pass with its exchanges; `bubble_s` what a mean rank waits for others: the
    pipeline's start and end, and stages that are not even. `data_parallel_s` is only what overlap does not hide.
    """

    gemm_s: FloatArray
    attention_s: FloatArray
    elementwise_s: FloatArray
    tensor_parallel_s: FloatArray
    expert_parallel_s: FloatArray
    recompute_s: FloatArray
    pipeline_transfer_s: FloatArray
    bubble_s: FloatArray
    data_parallel_s: FloatArray
    optimizer_s: FloatArray

    @property
    def step_time_s(self) -> FloatArray:
        """Time of the whole step."""
        parts = [getattr(self, field.name) for field in fields(self)]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


def _micro_batch_tokens(task: TrainingTask, layouts: TrainingLayouts) -> FloatArray:
    return layouts.micro_batch_count * task.sequence_tokens_count


def _shape(matrix: Projection, layouts: TrainingLayouts, tokens: FloatArray) -> tuple[FloatArray, ...]:
    """Rows, columns and depth on one rank; sequence parallelism splits the tokens of matrices kept whole."""
    rows = tokens / layouts.tp_count if matrix.split is Split.WHOLE else tokens
    return rows, matrix.local_output_dim(layouts.tp_count), matrix.local_input_dim(layouts.tp_count)


def _matrices(task: TrainingTask) -> tuple[tuple[float, Projection], ...]:
    """Every ordinary weight matrix with the share of layers that have it."""
    model = task.model
    layers = model.layers_count
    return (
        *((1.0, matrix) for matrix in attention_projections(model)),
        *((dense_layers_count(model) / layers, matrix) for matrix in dense_projections(model)),
        *((expert_layers_count(model) / layers, matrix) for matrix in expert_side_projections(model)),
    )


def _forward_gemm_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    tokens, precision = _micro_batch_tokens(task, layouts), task.precision
    time: FloatArray = _expert_gemm_s(task, layouts, operators, backward=False)
    for share, matrix in _matrices(task):
        m, n, k = _shape(matrix, layouts, tokens)
        time = time + share * operators.gemm_s(m, n, k, precision=precision)
    return time


def _backward_gemm_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    """Gradients of inputs (m, k) and of weights (k, n), one product each per matrix."""
    tokens, precision = _micro_batch_tokens(task, layouts), task.precision
    time: FloatArray = _expert_gemm_s(task, layouts, operators, backward=True)
    for share, matrix in _matrices(task):
        m, n, k = _shape(matrix, layouts, tokens)
        inputs = operators.gemm_s(m, k, n, precision=precision)
        time = time + share * (inputs + operators.gemm_s(k, n, m, precision=precision))
    return time


def _expert_gemm_s(
    task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel, *, backward: bool
) -> FloatArray:
    """Routed experts of a mean layer: rows of all tokens of the group, balanced over ranks and experts.

    Backward, the gradient of the weights is taken to last as long as that of the inputs.
    """
    experts = expert_layer(task.model)
    if experts is None:
        return np.zeros(layouts.candidates_count)
    rows = _micro_batch_tokens(task, layouts) / layouts.tp_count * experts.top_k_count
    groups = experts.experts_count / layouts.ep_count
    time = np.zeros(layouts.candidates_count)
    for matrix in experts.projections:
        wide, deep = (matrix.input_dim, matrix.output_dim) if backward else (matrix.output_dim, matrix.input_dim)
        product = operators.grouped_gemm_s(rows, wide, deep, groups=groups, precision=task.precision)
        time = time + (2.0 if backward else 1.0) * product
    return expert_layers_count(task.model) / task.model.layers_count * time


def _attention_work(task: TrainingTask, layouts: TrainingLayouts) -> AttentionWork:
    """Causal attention: a query sees half of the sequence in the mean."""
    core = prefill_core(task.model)
    shards = np.minimum(layouts.tp_count, core.cache_shards_limit_count)
    return AttentionWork(
        sequences_count=layouts.micro_batch_count,
        query_tokens_count=float(task.sequence_tokens_count),
        context_tokens_count=task.sequence_tokens_count / 2,
        heads_count=core.heads_count / layouts.tp_count,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / shards,
        cache_precision=Precision.BF16,
    )


def _elementwise_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    values = elementwise_values_per_token(task.model) * _micro_batch_tokens(task, layouts) / layouts.tp_count
    return operators.memory_s(values * Precision.BF16.value_bytes)


def _tensor_parallel_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    """All-gather into and reduce-scatter out of each block (Korthikanti et al., 2022, section 4.2.2)."""
    volume = _micro_batch_tokens(task, layouts) * task.model.hidden_dim * Precision.BF16.value_bytes
    gather = operators.all_gather_s(volume, ranks_count=layouts.tp_count, stride_count=1.0)
    scatter = operators.reduce_scatter_s(volume, ranks_count=layouts.tp_count, stride_count=1.0)
    return tensor_parallel_exchanges_count(task.model) / task.model.layers_count * (gather + scatter)


def _expert_parallel_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    """Dispatch and combine; a token travels once to each rank that holds one of its experts."""
    experts = expert_layer(task.model)
    if experts is None:
        return np.zeros(layouts.candidates_count)
    token_bytes = task.model.hidden_dim * Precision.BF16.value_bytes
    copies = visited_ranks_count(experts, ep_count=layouts.ep_count)
    volume = _micro_batch_tokens(task, layouts) / layouts.tp_count * copies * token_bytes
    one_way = operators.all_to_all_s(volume, ranks_count=layouts.ep_count, stride_count=1.0)
    return 2.0 * expert_layers_count(task.model) / task.model.layers_count * one_way


def forward_layer_times(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> LayerTimes:
    """One micro-batch's forward pass through a mean layer."""
    return LayerTimes(
        gemm_s=_forward_gemm_s(task, layouts, operators),
        attention_s=operators.attention_prefill_s(_attention_work(task, layouts)),
        elementwise_s=_elementwise_s(task, layouts, operators),
        tensor_parallel_s=_tensor_parallel_s(task, layouts, operators),
        expert_parallel_s=_expert_parallel_s(task, layouts, operators),
    )


def backward_layer_times(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> LayerTimes:
    """One micro-batch's backward pass through a mean layer, without recomputation."""
    return LayerTimes(
        gemm_s=_backward_gemm_s(task, layouts, operators),
        attention_s=operators.attention_backward_s(_attention_work(task, layouts)),
        elementwise_s=_ELEMENTWISE_BACKWARD_OVER_FORWARD * _elementwise_s(task, layouts, operators),
        tensor_parallel_s=_tensor_parallel_s(task, layouts, operators),
        expert_parallel_s=_expert_parallel_s(task, layouts, operators),
    )


def head_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    """One micro-batch through the language-model head and back, in BF16."""
    m, n, k = _shape(head_projection(task.model), layouts, _micro_batch_tokens(task, layouts))
    inputs = operators.gemm_s(m, k, n, precision=Precision.BF16)
    weights = operators.gemm_s(k, n, m, precision=Precision.BF16)
    return operators.gemm_s(m, n, k, precision=Precision.BF16) + inputs + weights


def _transfer_s(
    task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel, *, stage_s: FloatArray
) -> FloatArray:
    """Exposed transfers of one micro-batch between stages, forward and back, once per chunk.

    The interleaved schedule sends behind other micro-batches (Narayanan et al., 2021, section 2.2), plain 1F1B waits.
    """
    tokens = _micro_batch_tokens(task, layouts) / layouts.tp_count
    volume = tokens * task.model.hidden_dim * Precision.BF16.value_bytes
    stride = layouts.tp_count * layouts.dp_count
    one = operators.point_to_point_s(volume, ranks_count=layouts.pp_count, stride_count=stride)
    whole = 2.0 * layouts.chunks_count * one
    return np.where(layouts.chunks_count > 1.0, np.maximum(whole - stage_s, 0.0), whole)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Windows:
    """Computation that gradient reduction and weight gathering can hide behind: one micro-batch on one rank."""

    forward_s: FloatArray
    backward_s: FloatArray
    layers_count: FloatArray


def _data_parallel_s(
    task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel, *, windows: _Windows
) -> FloatArray:
    """Exposed reduce-scatter of gradients (FP32) and all-gather of weights (BF16), one bucket per layer.

    The first layer's bucket can hide behind nothing.
    """
    held = rank_parameters(task.model, layouts)
    dense = {"ranks_count": layouts.dp_count, "stride_count": layouts.tp_count}
    routed = {"ranks_count": layouts.expert_dp_count, "stride_count": layouts.ep_count}
    gradient, weight = GRADIENT_BYTES_PER_PARAMETER, Precision.BF16.value_bytes
    scatter = operators.reduce_scatter_s(held.shared_count * gradient, **dense)
    gather = operators.all_gather_s(held.shared_count * weight, **dense)
    if expert_layer(task.model) is not None:
        scatter = scatter + operators.reduce_scatter_s(held.routed_count * gradient, **routed)
        gather = gather + operators.all_gather_s(held.routed_count * weight, **routed)
    hidden_share = 1.0 - 1.0 / windows.layers_count
    backward = np.maximum(scatter - hidden_share * windows.backward_s, scatter / windows.layers_count)
    forward = np.maximum(gather - hidden_share * windows.forward_s, gather / windows.layers_count)
    return np.asarray(backward + forward, dtype=np.float64)


def _optimizer_s(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> FloatArray:
    """Read gradients and optimizer state, write state and weights, each rank its own share."""
    held = rank_parameters(task.model, layouts)
    share = held.shared_count / layouts.dp_count + held.routed_count / layouts.expert_dp_count
    moved = 2.0 * OPTIMIZER_BYTES_PER_PARAMETER + GRADIENT_BYTES_PER_PARAMETER + Precision.BF16.value_bytes
    return operators.memory_s(share * moved)


def step_times(task: TrainingTask, layouts: TrainingLayouts, operators: OperatorModel) -> StepTimes:
    """Time of one step of each layout, by cause.

    n micro-batches on p stages with v chunks each take (n + (p - 1)/v) times the slowest stage (Narayanan et al.,
    2021, section 2.2).
    """
    forward = forward_layer_times(task, layouts, operators)
    backward = backward_layer_times(task, layouts, operators)
    recompute = layouts.recomputed_fraction * forward.total_s
    layer = forward.total_s + backward.total_s + recompute
    head = head_s(task, layouts, operators)

    stages, waves = layouts.pp_count, micro_batches_count(task, layouts)
    held = layers_per_rank_count(task.model, pp_count=stages, chunks_count=layouts.chunks_count)
    last = np.maximum(task.model.layers_count - (stages - 1.0) * held, 0.0)
    stage = np.maximum(held * layer, last * layer + head)
    transfer = _transfer_s(task, layouts, operators, stage_s=stage)
    pipeline = (waves + (stages - 1.0) / layouts.chunks_count) * (stage + transfer)

    layers = waves * task.model.layers_count / stages
    busy = layers * layer + waves * (head / stages + transfer)
    windows = _Windows(forward_s=held * forward.total_s, backward_s=held * backward.total_s, layers_count=held)
    return StepTimes(
        gemm_s=layers * (forward.gemm_s + backward.gemm_s) + waves * head / stages,
        attention_s=layers * (forward.attention_s + backward.attention_s),
        elementwise_s=layers * (forward.elementwise_s + backward.elementwise_s),
        tensor_parallel_s=layers * (forward.tensor_parallel_s + backward.tensor_parallel_s),
        expert_parallel_s=layers * (forward.expert_parallel_s + backward.expert_parallel_s),
        recompute_s=layers * recompute,
        pipeline_transfer_s=waves * transfer,
        bubble_s=pipeline - busy,
        data_parallel_s=_data_parallel_s(task, layouts, operators, windows=windows),
        optimizer_s=_optimizer_s(task, layouts, operators),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FittingLayouts:
    """The layouts that fit, their memory, and the least memory that any layout needs (infinite without layouts)."""

    layouts: TrainingLayouts
    memory_bytes: FloatArray
    least_memory_bytes: float


def fitting_layouts(task: TrainingTask, layouts: TrainingLayouts, *, usable_bytes: float) -> FittingLayouts:
    """The layouts whose fullest rank fits into `usable_bytes`."""
    memory = training_memory_bytes(task, layouts)
    fits = memory <= usable_bytes
    return FittingLayouts(
        layouts=selected(layouts, fits),
        memory_bytes=memory[fits],
        least_memory_bytes=float(memory.min()) if memory.size else float("inf"),
    )
