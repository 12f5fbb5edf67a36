"""The attention half of a layer: norm, projections, rotary embedding, core, residual sum and their communication.

The core is one fused kernel (Dao, 2023, FlashAttention-2) or, in older software, two products with softmax and dropout
between them over the whole square of scores (Korthikanti et al., 2022, figure 3).
"""

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import (
    AttentionCore,
    Projection,
    attention_layers_count,
    attention_projections,
    prefill_core,
)
from gigawatt.performance.operators import AttentionWork, OperatorModel
from gigawatt.performance.step import linear, unfused
from gigawatt.performance.step.task import ContextExchange, StepLayouts, StepTask, micro_tokens_count
from gigawatt.performance.step.times import PassTimes, exposed_s, total
from gigawatt.timeline import FloatArray

_VALUE_BYTES = Precision.BF16.value_bytes
_MASK_BYTES = Precision.FP8.value_bytes
# Queries see half of the sequence on average under a causal mask.
_CAUSAL_SHARE = 0.5
# Two operands read and one sum written; see `merged_bytes` for the share.
_ADDITION_PASSES, _MERGED_SHARE = 3.0, 0.75
# Read and written before an exchange and after it.
_COPY_PASSES = 4.0


def mean_context_tokens_count(sequence_tokens_count: float, *, window_tokens_count: float) -> float:
    """Tokens that a causal query sees on average: half the sequence, or w - w²/2s with a window w below s."""
    if window_tokens_count <= 0 or window_tokens_count >= sequence_tokens_count:
        return _CAUSAL_SHARE * sequence_tokens_count
    return window_tokens_count - window_tokens_count**2 / (2.0 * sequence_tokens_count)


def forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch forward through the attention half of a mean layer."""
    tokens, shards = micro_tokens_count(task, layouts), layouts.tp_count
    matrices = attention_projections(task.model)
    linears = linear.forward_all(task, operators, matrices, tokens_count=tokens, shards_count=shards)
    passes = linear.elementwise(operators, *_volumes_bytes(task, layouts, backward=False))
    around = passes.plus(_rotation(task, layouts, operators, backward=False))
    core = core_forward(task, layouts, operators).plus(_context_exchange(task, layouts, operators, backward=False))
    return total(linears, around, core, _adapters(task, layouts, operators, matrices, passes=1.0))


def backward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch back through the attention half of a mean layer."""
    tokens, shards = micro_tokens_count(task, layouts), layouts.tp_count
    matrices = attention_projections(task.model)
    linears = linear.backward_all(task, operators, matrices, tokens_count=tokens, shards_count=shards)
    passes = linear.elementwise(operators, *_volumes_bytes(task, layouts, backward=True))
    around = passes.plus(_rotation(task, layouts, operators, backward=True))
    core = core_backward(task, layouts, operators).plus(_context_exchange(task, layouts, operators, backward=True))
    return total(linears, around, core, _adapters(task, layouts, operators, matrices, passes=2.0))


def latent_up_forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """Forward through the up-projections of latent attention, for their recomputation."""
    if task.latent is None:
        return PassTimes()
    tokens, shards = micro_tokens_count(task, layouts), layouts.tp_count
    ups = [matrix for matrix in attention_projections(task.model) if matrix.name.endswith(" up")]
    return linear.forward_all(task, operators, ups, tokens_count=tokens, shards_count=shards)


def _adapters(
    task: StepTask,
    layouts: StepLayouts,
    operators: OperatorModel,
    matrices: tuple[Projection, ...],
    *,
    passes: float,
) -> PassTimes:
    if not task.variant.frozen_weights:
        return PassTimes()
    tokens, shards = micro_tokens_count(task, layouts), layouts.tp_count
    each = (linear.adapter(task, operators, m, tokens_count=tokens, shards_count=shards) for m in matrices)
    return total(*each).times(passes)


def _volumes_bytes(task: StepTask, layouts: StepLayouts, *, backward: bool) -> tuple[FloatArray, ...]:
    """What the element-wise kernels move: norm, rotary embedding of queries and keys, bias with dropout and residual.

    Forward a norm reads and writes once and the residual sum reads two and writes one; backward the norm reads its
    input and two gradients and writes one, the rotary embedding works as forward.
    """
    tokens = micro_tokens_count(task, layouts)
    hidden = tokens / layouts.norm_shards_count * task.model.hidden_dim * _VALUE_BYTES
    mask = hidden * (_MASK_BYTES / _VALUE_BYTES) if task.practice.dropout else 0.0
    norm = (4.0 if backward else 2.0) * hidden
    residual = 2.0 * hidden + mask if backward and task.practice.dropout else 3.0 * hidden + mask
    volumes = [norm] if backward and not task.practice.dropout else [norm, residual]
    if not task.practice.fused_elementwise:
        volumes += [2.0 * hidden]
    if task.variant.head_norm:
        volumes += [(4.0 if backward else 2.0) * tokens * _rotated_values(task, layouts) * _VALUE_BYTES]
    if task.variant.rotary and not _rotates_unfused(task):
        volumes += [2.0 * tokens * _rotated_values(task, layouts) * _VALUE_BYTES]
    return tuple(np.asarray(volume, dtype=np.float64) for volume in volumes)


def _rotates_unfused(task: StepTask) -> bool:
    return task.variant.rotary and task.variant.scaled_rotary and not task.practice.fused_scaled_rotary


def _rotation(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> PassTimes:
    """The rotary embedding where the fused kernel does not know how it is scaled."""
    if not _rotates_unfused(task):
        return PassTimes()
    values = micro_tokens_count(task, layouts) * _rotated_values(task, layouts)
    return unfused.rotated(operators, values_count=values, backward=backward)


def _rotated_values(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Values of queries and keys per token on one rank; latent attention writes both out for every head."""
    core = prefill_core(task.model)
    keys = core.cached_values_count - core.heads_count * core.value_dim
    if task.latent is None:
        keys = core.cached_values_count // 2
    return (core.heads_count * core.score_dim + keys) / layouts.tp_count


def work(task: StepTask, layouts: StepLayouts, *, window_tokens_count: float) -> AttentionWork:
    """The fused core's work on one rank: zig-zag shares of the sequence are equal (Liu et al., 2023)."""
    core, shards = prefill_core(task.model), layouts.tp_count
    context = mean_context_tokens_count(task.sequence_tokens_count, window_tokens_count=window_tokens_count)
    return AttentionWork(
        sequences_count=layouts.micro_batch_count,
        query_tokens_count=task.sequence_tokens_count / layouts.cp_count,
        context_tokens_count=context,
        heads_count=core.heads_count / shards,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / np.minimum(shards, core.cache_shards_limit_count),
        cache_precision=Precision.BF16,
    )


def core_forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """Scores and weighted sums of a mean layer."""
    if not task.practice.fused_attention:
        return _unfused(task, layouts, operators, products=2.0, passes=_Sweeps(softmax=2.0, dropout=2.0))
    mean = _mean_over_layers(task, layouts, operators, backward=False)
    return PassTimes(attention_s=mean, kernels_count=1.0)


def core_backward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """Gradients of queries, keys and values of a mean layer."""
    if not task.practice.fused_attention:
        return _unfused(task, layouts, operators, products=4.0, passes=_Sweeps(softmax=3.0, dropout=2.0))
    mean = _mean_over_layers(task, layouts, operators, backward=True)
    return PassTimes(attention_s=mean, kernels_count=3.0)


def _mean_over_layers(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> FloatArray:
    time = operators.attention_backward_s if backward else operators.attention_prefill_s
    slower = task.practice.attention_time_factor * (task.assumptions.attention_backward_factor if backward else 1.0)
    share = task.variant.windowed_layers_count / attention_layers_count(task.model)
    mean = np.zeros_like(layouts.tp_count)
    for part, window in ((1.0 - share, 0), (share, task.variant.window_tokens_count)):
        if part > 0.0:
            mean = mean + part * time(work(task, layouts, window_tokens_count=float(window)))
    return np.asarray(slower * mean, dtype=np.float64)


class _Sweeps:
    """Passes over the square of scores, in BF16 values read or written."""

    def __init__(self, *, softmax: float, dropout: float) -> None:
        self.softmax = softmax
        self.dropout = dropout


def _unfused(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, products: float, passes: _Sweeps
) -> PassTimes:
    core: AttentionCore = prefill_core(task.model)
    sequence = float(task.sequence_tokens_count)
    groups = layouts.micro_batch_count * core.heads_count / layouts.tp_count
    rows = groups * sequence / layouts.cp_count
    scores = operators.grouped_gemm_s(rows, sequence, core.score_dim, groups=groups, precision=Precision.BF16)
    sums = operators.grouped_gemm_s(rows, core.value_dim, sequence, groups=groups, precision=Precision.BF16)
    square = rows * sequence
    swept = operators.memory_s(passes.softmax * _VALUE_BYTES * square)
    if task.practice.dropout:
        swept = swept + operators.memory_s((passes.dropout * _VALUE_BYTES + _MASK_BYTES) * square)
    return PassTimes(
        attention_s=products / 2.0 * (scores + sums) + swept, kernels_count=products + 1.0 + task.practice.dropout
    )


def _context_exchange(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> PassTimes:
    """What context-parallel ranks exchange around the core, twice the volume backward."""
    if not np.any(layouts.cp_count > 1.0):
        return PassTimes()
    exchange = {ContextExchange.RING: _ring_s, ContextExchange.GATHER: _gather_s, ContextExchange.ULYSSES: _heads_s}
    shown = exchange[task.practice.context_exchange](task, layouts, operators, backward=backward)
    split = layouts.cp_count > 1.0
    return PassTimes(
        context_parallel_s=np.where(split, shown, 0.0),
        elementwise_s=np.where(split, _rearranged_s(task, layouts, operators, backward=backward), 0.0),
        kernels_count=2.0 * layouts.cp_count,
    )


def _rearranged_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> FloatArray:
    """What an exchange moves in memory: the parts of a ring are merged, what changes hands is copied on both sides.

    Before an all-to-all the heads are put together by rank, after it the tokens in order (Transformer Engine,
    `flash_attn_a2a_communicate`).
    """
    if task.practice.context_exchange is ContextExchange.RING:
        return operators.memory_s(merged_bytes(task, layouts, backward=backward))
    if task.practice.context_exchange is ContextExchange.GATHER:
        return np.zeros_like(layouts.cp_count)
    copies = (operators.memory_s(_COPY_PASSES * volume) for volume in _exchanged_heads_bytes(task, layouts))
    return np.asarray(sum(copies), dtype=np.float64)


def merged_bytes(task: StepTask, layouts: StepLayouts, *, backward: bool) -> FloatArray:
    """What merging the parts of a ring moves: each hop's result is read, the sum read and written.

    Forward the output is rescaled and added, backward the gradients of queries, keys and values; zig-zag shares see
    half of their queries in half of the hops, so that three quarters of them take part on average.
    """
    core = prefill_core(task.model)
    queries = micro_tokens_count(task, layouts) * core.heads_count * core.value_dim * _VALUE_BYTES / layouts.tp_count
    parts = queries + _key_value_bytes(task, layouts) if backward else queries
    return np.asarray(_ADDITION_PASSES * _MERGED_SHARE * layouts.cp_count * parts, dtype=np.float64)


def _key_value_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Keys and values of one rank's tokens and heads."""
    core = prefill_core(task.model)
    local = core.cached_values_count / np.minimum(layouts.tp_count, core.cache_shards_limit_count)
    return micro_tokens_count(task, layouts) * local * _VALUE_BYTES


def _ring_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> FloatArray:
    """Keys and values hop from rank to rank behind the core; backward their gradients travel along."""
    volume = _key_value_bytes(task, layouts) * (2.0 if backward else 1.0)
    hop = operators.point_to_point_s(volume, ranks_count=layouts.cp_count, stride_count=layouts.tp_count)
    time = core_backward if backward else core_forward
    return exposed_s(
        hop * (layouts.cp_count - 1.0),
        behind_s=time(task, layouts, operators).compute_s,
        parts_count=np.maximum(layouts.cp_count, 1.0),
        contention_fraction=task.assumptions.contention_fraction,
    )


def _gather_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> FloatArray:
    """Keys and values gathered before the core, their gradients scattered after it."""
    volume = _key_value_bytes(task, layouts) * layouts.cp_count
    gathered = operators.all_gather_s(volume, ranks_count=layouts.cp_count, stride_count=layouts.tp_count)
    if not backward:
        return gathered
    return gathered + operators.reduce_scatter_s(volume, ranks_count=layouts.cp_count, stride_count=layouts.tp_count)


def _heads_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> FloatArray:  # noqa: ARG001  # the gradients have the same volume
    """Queries, keys, values and the output change hands between tokens and heads; backward their gradients do."""
    ranks, stride = layouts.cp_count, layouts.tp_count
    volumes = _exchanged_heads_bytes(task, layouts)
    sent = [operators.all_to_all_s(v, ranks_count=ranks, stride_count=stride) for v in volumes]
    return sent[0] + sent[1]


def _exchanged_heads_bytes(task: StepTask, layouts: StepLayouts) -> tuple[FloatArray, FloatArray]:
    """Queries and outputs of one rank's tokens, and keys and values."""
    core, tokens = prefill_core(task.model), micro_tokens_count(task, layouts)
    queries = tokens * core.heads_count * (core.score_dim + core.value_dim) * _VALUE_BYTES / layouts.tp_count
    return np.asarray(queries, dtype=np.float64), _key_value_bytes(task, layouts)
