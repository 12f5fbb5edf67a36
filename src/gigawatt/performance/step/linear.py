"""The weight matrices of a layer: their three products, the casts before them and the adapters beside them.

A linear layer takes one product forward and two backward: the gradient of its input and of its weight.
"""

from collections.abc import Iterable

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import Projection
from gigawatt.performance.collectives import Reals
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import StepTask, accumulation_bytes
from gigawatt.performance.step.times import PassTimes, for_weights, total
from gigawatt.timeline import FloatArray


def cast(operators: OperatorModel, values_count: Reals, number_format: NumberFormat) -> PassTimes:
    """Bringing `values_count` BF16 values into the format of the products."""
    moved = number_format.cast_bytes_per_value
    if moved == 0.0:
        return PassTimes()
    return PassTimes(elementwise_s=operators.memory_s(values_count * moved), kernels_count=1.0)


def forward(
    task: StepTask, operators: OperatorModel, matrix: Projection, *, tokens_count: FloatArray, shards_count: FloatArray
) -> PassTimes:
    """Cast the input, one product."""
    n, k = matrix.local_output_dim(shards_count), matrix.local_input_dim(shards_count)
    product = operators.gemm_s(tokens_count, n, k, precision=task.number_format.precision)
    return cast(operators, tokens_count * k, task.number_format).plus(PassTimes(gemm_s=product, kernels_count=1.0))


def backward(
    task: StepTask, operators: OperatorModel, matrix: Projection, *, tokens_count: FloatArray, shards_count: FloatArray
) -> PassTimes:
    """Cast the gradient of the output, then the gradients of input and weight; a frozen weight has none."""
    n, k = matrix.local_output_dim(shards_count), matrix.local_input_dim(shards_count)
    precision = task.number_format.precision
    inputs = PassTimes(gemm_s=operators.gemm_s(tokens_count, k, n, precision=precision), kernels_count=1.0)
    casts = cast(operators, tokens_count * n, task.number_format)
    if task.variant.frozen_weights:
        return casts.plus(inputs)
    weights = PassTimes(gemm_s=operators.gemm_s(n, k, tokens_count, precision=precision), kernels_count=1.0)
    return total(casts, inputs, for_weights(weights.plus(accumulation(task, operators, n * k))))


def accumulation(task: StepTask, operators: OperatorModel, weights_count: Reals) -> PassTimes:
    """Adding the gradient of `weights_count` weights to the step's, at the end of its product or after it."""
    return PassTimes(
        elementwise_s=operators.memory_s(weights_count * accumulation_bytes(task)),
        kernels_count=0.0 if task.practice.fused_accumulation else 1.0,
    )


def adapter(
    task: StepTask, operators: OperatorModel, matrix: Projection, *, tokens_count: FloatArray, shards_count: FloatArray
) -> PassTimes:
    """A low-rank pair beside a frozen matrix, one pass, in BF16, with the sum into its output (Hu et al., 2021)."""
    rank = float(task.variant.adapter_rank)
    n, k = matrix.local_output_dim(shards_count), matrix.local_input_dim(shards_count)
    down = operators.gemm_s(tokens_count, rank, k, precision=Precision.BF16)
    up = operators.gemm_s(tokens_count, n, rank, precision=Precision.BF16)
    added = operators.memory_s(3.0 * tokens_count * n * Precision.BF16.value_bytes)
    return PassTimes(gemm_s=down + up, elementwise_s=added, kernels_count=3.0)


def forward_all(
    task: StepTask,
    operators: OperatorModel,
    matrices: Iterable[Projection],
    *,
    tokens_count: FloatArray,
    shards_count: FloatArray,
) -> PassTimes:
    """Forward through matrices one after the other."""
    each = (forward(task, operators, m, tokens_count=tokens_count, shards_count=shards_count) for m in matrices)
    return total(*each)


def backward_all(
    task: StepTask,
    operators: OperatorModel,
    matrices: Iterable[Projection],
    *,
    tokens_count: FloatArray,
    shards_count: FloatArray,
) -> PassTimes:
    """Backward through matrices one after the other."""
    each = (backward(task, operators, m, tokens_count=tokens_count, shards_count=shards_count) for m in matrices)
    return total(*each)


def slow_pass(operators: OperatorModel, volume_bytes: Reals, *, factor: float) -> PassTimes:
    """A kernel that takes `factor` times as long as another pass over the same bytes."""
    return PassTimes(elementwise_s=factor * operators.memory_s(volume_bytes), kernels_count=1.0)


def elementwise(operators: OperatorModel, *volumes_bytes: Reals) -> PassTimes:
    """Kernels that each move a volume between memory and chip."""
    each = (PassTimes(elementwise_s=operators.memory_s(volume), kernels_count=1.0) for volume in volumes_bytes)
    return total(*each)
