"""What the first and last pipeline stage do besides their layers: embedding, head, loss and extra predictions."""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import embedding_parameters_count, head_projection
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step import linear
from gigawatt.performance.step.layer import LayerTimes, layer_times, prediction_mix
from gigawatt.performance.step.task import StepLayouts, StepTask, micro_tokens_count, table_gradient_bytes
from gigawatt.performance.step.times import PassTimes, total

# Bytes moved per logit. Plain: to FP32 (6), maximum (4), difference and exponential in place (16), sum and quotient
# (12), and backward in place (8) and to BF16 (6); fused: two reads and a write of BF16, and a read and a write back.
_PLAIN_FORWARD_BYTES, _PLAIN_BACKWARD_BYTES = 38.0, 14.0
_FUSED_FORWARD_BYTES, _FUSED_BACKWARD_BYTES = 6.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndTimes:
    """One micro-batch through what the last stage adds, forward and backward, and in the first one the gradient table.

    `table` is the gradient of the embedding, summed in full for every micro-batch.
    """

    forward: PassTimes
    backward: PassTimes
    table: PassTimes


def end_times(task: StepTask, layouts: StepLayouts, operators: OperatorModel, layer: LayerTimes) -> EndTimes:
    """Head, loss and embedding; head and loss once more with a layer and a projection for every extra predicted token.

    The embedding is looked up forward, and its gradient added into the table backward.
    """
    forward, backward = _head(task, layouts, operators)
    extra = float(task.variant.predicted_tokens_count)
    if extra:
        projections = _merging(task, layouts, operators)
        if task.model.hybrid is not None:
            layer = layer_times(task, layouts, operators, mix=prediction_mix(task))
        forward = total(forward.times(1.0 + extra), layer.forward.times(extra), projections.times(extra))
        backward = total(backward.times(1.0 + extra), layer.backward.times(extra), projections.times(2.0 * extra))
    hidden = micro_tokens_count(task, layouts) * task.model.hidden_dim * Precision.BF16.value_bytes
    return EndTimes(
        forward=forward.plus(linear.elementwise(operators, 2.0 * hidden)),
        backward=backward.plus(linear.elementwise(operators, 3.0 * hidden)),
        table=_table(task, layouts, operators),
    )


def _table(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    moved = table_gradient_bytes(task)
    if moved == 0.0:
        return PassTimes()
    weights = embedding_parameters_count(task.model) / layouts.tp_count
    return replace(linear.elementwise(operators, moved * weights), kernels_count=2.0)


def _head(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> tuple[PassTimes, PassTimes]:
    tokens, matrix = micro_tokens_count(task, layouts), head_projection(task.model)
    n, k = matrix.local_output_dim(layouts.tp_count), matrix.local_input_dim(layouts.tp_count)
    logits = np.asarray(tokens * n, dtype=np.float64)
    fused = task.practice.fused_loss
    sweeps = (_FUSED_FORWARD_BYTES, _FUSED_BACKWARD_BYTES) if fused else (_PLAIN_FORWARD_BYTES, _PLAIN_BACKWARD_BYTES)
    loss = [
        linear.slow_pass(operators, sweep * logits, factor=task.assumptions.fused_loss_factor if fused else 1.0)
        for sweep in sweeps
    ]
    product = operators.gemm_s(tokens, n, k, precision=Precision.BF16)
    back = operators.gemm_s(tokens, k, n, precision=Precision.BF16)
    summed = PassTimes()
    if not task.variant.frozen_weights:
        back = back + operators.gemm_s(n, k, tokens, precision=Precision.BF16)
        summed = linear.accumulation(task, operators, n * k)
    return (
        loss[0].plus(PassTimes(gemm_s=product, kernels_count=1.0)),
        total(loss[1], PassTimes(gemm_s=back, kernels_count=2.0), summed),
    )


def _merging(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """The projection of two concatenated hidden states to one (DeepSeek-V3, 2024, equation 21)."""
    hidden = float(task.model.hidden_dim)
    tokens = micro_tokens_count(task, layouts)
    product = operators.gemm_s(tokens, hidden / layouts.tp_count, 2.0 * hidden, precision=Precision.BF16)
    return PassTimes(gemm_s=product, kernels_count=1.0)


def merging_parameters_count(task: StepTask) -> float:
    """Weights of the projections that merge hidden states for extra predictions."""
    hidden = float(task.model.hidden_dim)
    return task.variant.prediction_layers_count * 2.0 * hidden * hidden
