"""One micro-batch through a mean layer: forward, backward and what is computed twice.

Layers of different kinds (dense and expert, windowed and full, with attention or a recurrence) enter by their share.
The host issues kernels ahead of the device; a pass takes as long as the slower of the two.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import (
    attention_layers_count,
    dense_layers_count,
    expert_layers_count,
    has_shared_experts,
    linear_layers_count,
)
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step import attention, feedforward, linear, recurrence
from gigawatt.performance.step.task import Module, Recompute, StepLayouts, StepTask, micro_tokens_count
from gigawatt.performance.step.times import PassTimes, exposed_s, total
from gigawatt.timeline import FloatArray

_VALUE_BYTES = Precision.BF16.value_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTimes:
    """A layer's passes, `(candidate,)`; `recompute` is what is done again before the backward pass."""

    forward: PassTimes
    backward: PassTimes
    recompute: PassTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMix:
    """Blocks of a layer by kind, or their mean over layers: how it mixes tokens, and its feed-forward half."""

    attention: float
    linear: float
    dense: float
    expert: float

    @property
    def feed_forward(self) -> float:
        """Feed-forward blocks of either kind."""
        return self.dense + self.expert


def mean_mix(task: StepTask) -> LayerMix:
    """The blocks of a mean layer."""
    model = task.model
    return LayerMix(
        attention=attention_layers_count(model) / model.layers_count,
        linear=linear_layers_count(model) / model.layers_count,
        dense=dense_layers_count(model) / model.layers_count,
        expert=expert_layers_count(model) / model.layers_count,
    )


def kinds(task: StepTask) -> tuple[LayerMix, ...]:
    """The kinds of layers that stages may be full of: dense layers lie together, others alternate."""
    mean = mean_mix(task)
    if mean.dense == 0.0 or mean.expert == 0.0:
        return (mean,)
    both = mean.feed_forward
    return (replace(mean, dense=both, expert=0.0), replace(mean, dense=0.0, expert=both))


def prediction_mix(task: StepTask) -> LayerMix:
    """The layer behind an extra predicted token: attention and the model's usual feed-forward block."""
    experts = 1.0 if expert_layers_count(task.model) else 0.0
    return LayerMix(attention=1.0, linear=0.0, dense=1.0 - experts, expert=experts)


def layer_times(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, mix: LayerMix) -> LayerTimes:
    """Forward, backward and recomputed passes of one micro-batch through a layer, or a mean one."""
    forward, backward = feedforward.overlapped(
        task,
        layouts,
        forward=_pass(task, layouts, operators, mix=mix, backward=False),
        backward=_pass(task, layouts, operators, mix=mix, backward=True),
    )
    return LayerTimes(
        forward=forward,
        backward=backward,
        recompute=_recomputed(task, layouts, operators, forward=forward),
    )


def _pass(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, mix: LayerMix, backward: bool
) -> PassTimes:
    parts = total(
        _mixing(task, layouts, operators, mix=mix, backward=backward),
        _feed_forward(task, layouts, operators, mix=mix, backward=backward),
        _norm_and_residual(task, layouts, operators, backward=backward).times(mix.feed_forward),
    )
    exchanged = _tensor_exchange(task, layouts, operators, parts, mix=mix, backward=backward)
    return parts.plus(exchanged)


def _mixing(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, mix: LayerMix, backward: bool
) -> PassTimes:
    attend = attention.backward if backward else attention.forward
    recur = recurrence.backward if backward else recurrence.forward
    pieces = []
    if mix.attention > 0.0:
        pieces.append(attend(task, layouts, operators).times(mix.attention))
    if mix.linear > 0.0:
        pieces.append(recur(task, layouts, operators).times(mix.linear))
    mixed = total(*pieces)
    return replace(mixed, kernels_count=0.0) if task.practice.graphed_attention else mixed


def _feed_forward(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, mix: LayerMix, backward: bool
) -> PassTimes:
    dense = feedforward.dense_backward if backward else feedforward.dense_forward
    expert = feedforward.expert_backward if backward else feedforward.expert_forward
    pieces = []
    if mix.dense > 0.0:
        pieces.append(dense(task, layouts, operators).times(mix.dense))
    if mix.expert > 0.0:
        pieces.append(expert(task, layouts, operators).times(mix.expert))
    return total(*pieces)


def _norm_and_residual(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, backward: bool) -> PassTimes:
    """Norm and residual sum around the feed-forward half; fused with dropout where there is one."""
    tokens = micro_tokens_count(task, layouts) / layouts.norm_shards_count
    hidden = tokens * task.model.hidden_dim * _VALUE_BYTES
    mask = tokens * task.model.hidden_dim if task.practice.dropout else 0.0
    if backward:
        sums = (4.0 * hidden, 2.0 * hidden + mask) if task.practice.dropout else (4.0 * hidden,)
    else:
        sums = (2.0 * hidden, 3.0 * hidden + mask)
    return linear.elementwise(operators, *sums)


def _exchanged_blocks(task: StepTask, mix: LayerMix) -> float:
    """Blocks of a layer whose result the tensor-parallel ranks sum: all but routed experts alone."""
    return mix.attention + mix.linear + mix.dense + (mix.expert if has_shared_experts(task.model) else 0.0)


def _tensor_exchange(
    task: StepTask,
    layouts: StepLayouts,
    operators: OperatorModel,
    parts: PassTimes,
    *,
    mix: LayerMix,
    backward: bool,
) -> PassTimes:
    """Sums over tensor-parallel ranks: an all-reduce per block, or a gather before and a scatter after it.

    Sequence parallelism moves the same volume; backward it gathers the input of each block once more for gradients of
    weights, behind those of inputs (Korthikanti et al., 2022, section 4.2.2). Operands are gathered in the format of
    the products (Transformer Engine, LayerNormLinear). Where the software pipelines it with the products, one part of t
    stays in front.
    """
    if not np.any(layouts.tp_count > 1.0):
        return PassTimes()
    values = micro_tokens_count(task, layouts) * task.model.hidden_dim
    volume, ranks = values * _VALUE_BYTES, layouts.tp_count
    operand = values * min(task.number_format.precision.value_bytes, _VALUE_BYTES)
    gathered = operators.all_gather_s(operand, ranks_count=ranks, stride_count=1.0)
    sharded = gathered + operators.reduce_scatter_s(volume, ranks_count=ranks, stride_count=1.0)
    summed = operators.all_reduce_s(volume, ranks_count=ranks, stride_count=1.0)
    one = np.where(layouts.sequence_parallel > 0.0, sharded, summed)
    whole = np.where(layouts.tp_count > 1.0, _exchanged_blocks(task, mix) * one, 0.0)
    kernels = 2.0 * _exchanged_blocks(task, mix)
    if task.practice.tensor_parallel_overlap:
        whole = exposed_s(
            whole,
            behind_s=np.asarray(parts.gemm_s, dtype=np.float64),
            parts_count=np.maximum(layouts.tp_count, 1.0),
            contention_fraction=task.assumptions.contention_fraction,
        )
    if backward and not task.variant.frozen_weights:
        again = np.where(layouts.sequence_parallel > 0.0, _exchanged_blocks(task, mix) * gathered, 0.0)
        whole = whole + exposed_s(
            np.where(layouts.tp_count > 1.0, again, 0.0),
            behind_s=np.asarray(parts.gemm_s, dtype=np.float64),
            parts_count=np.inf,
            contention_fraction=task.assumptions.contention_fraction,
        )
        kernels = kernels + _exchanged_blocks(task, mix)
    return PassTimes(tensor_parallel_s=whole, kernels_count=kernels)


def _recomputed(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, forward: PassTimes) -> PassTimes:
    """What each level of recomputation does again: nothing, the practice's modules, or the whole forward pass."""
    level = layouts.recompute_level
    full = forward.times(np.where(level == Recompute.FULL, 1.0, 0.0))
    if not np.any(level == Recompute.SELECTIVE):
        return full
    modules = total(*(_module(task, layouts, operators, m) for m in sorted(task.practice.recomputed_modules)))
    return full.plus(modules.times(np.where(level == Recompute.SELECTIVE, 1.0, 0.0)))


def _module(task: StepTask, layouts: StepLayouts, operators: OperatorModel, module: Module) -> PassTimes:
    mix = mean_mix(task)
    if module is Module.CORE_ATTENTION:
        return attention.core_forward(task, layouts, operators).times(mix.attention)
    if module is Module.ACTIVATION:
        return feedforward.activation_forward(task, layouts, operators).times(mix.feed_forward)
    if module is Module.LATENT_UP:
        return attention.latent_up_forward(task, layouts, operators).times(mix.attention)
    if module is Module.NORM:
        tokens = micro_tokens_count(task, layouts) / layouts.norm_shards_count
        once = linear.elementwise(operators, 2.0 * tokens * task.model.hidden_dim * _VALUE_BYTES)
        return once.times(mix.attention + mix.linear + mix.feed_forward)
    if module is Module.EXPERTS:
        return feedforward.expert_forward(task, layouts, operators).times(mix.expert)
    if module is Module.FEED_FORWARD_IN:
        return feedforward.dense_in_forward(task, layouts, operators).times(mix.dense)
    return feedforward.dense_forward(task, layouts, operators).times(mix.dense)


def issued_s(task: StepTask, times: PassTimes) -> FloatArray:
    """Time of a pass: the device's, or the host's where it cannot issue kernels as fast as they finish."""
    host = 0.0 if task.practice.graphed else task.assumptions.host_issue_s
    device_s = times.device_s + np.asarray(times.waiting_s, dtype=np.float64)
    return np.maximum(device_s, host * np.asarray(times.kernels_count, dtype=np.float64))
