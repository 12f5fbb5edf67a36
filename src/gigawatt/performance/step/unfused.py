"""What software does in plain passes where no fused kernel knows the operation, counted operator by operator.

Bytes per value follow from the operators that the automatic differentiation of PyTorch runs: each reads its 16-bit
operands and writes its result, comparisons write one byte. Pieces of a row count as whole passes over their values.
"""

from dataclasses import dataclass

from gigawatt.performance.collectives import Reals
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.times import PassTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Traffic and kernels of a chain of plain operators."""

    bytes_per_value: float
    kernels_count: float


# Halves limited (2 x 4) and joined (8), of 16-bit values. Back: 3 + 5 for the half limited from above, 3 + 3 + 3 + 5
# for the one limited from both sides, 8 to join the gradients.
_CLAMPED, _CLAMPED_BACK = (
    Passes(bytes_per_value=16.0, kernels_count=3.0),
    Passes(bytes_per_value=30.0, kernels_count=7.0),
)
# Per expert the bias times each token's probability (2) and the sum (6), then all experts joined (4). Back: gradient
# times probability and times bias, each summed (2 x 6), then all joined (4).
_BIASED, _BIASED_BACK = Passes(bytes_per_value=12.0, kernels_count=2.0), Passes(bytes_per_value=16.0, kernels_count=4.0)
# The same where probabilities of 32 bits make the sums so: 4, 10 and 8, then back to 16 bits (6). Back: to 32 bits (6),
# to 16 for the product (6), two products with their sums (2 x 12), joined (4).
_WIDE, _WIDE_BACK = Passes(bytes_per_value=28.0, kernels_count=2.0), Passes(bytes_per_value=40.0, kernels_count=5.0)
_JOINED_KERNELS = 1.0
# Times cosine (4), the halves exchanged (2 + 4), times sine (4), sum (6), copy (4). Back: two products (8), the halves
# exchanged (2 + 4), sum (6), and the gradients of both slices laid into zeros and summed (6 + 2 + 6).
_ROTATED, _ROTATED_BACK = (
    Passes(bytes_per_value=24.0, kernels_count=6.0),
    Passes(bytes_per_value=34.0, kernels_count=9.0),
)


def clamped(operators: OperatorModel, *, values_count: Reals, backward: bool) -> PassTimes:
    """Limiting what goes into a gated activation, per value that comes out of it."""
    return _time(operators, _CLAMPED_BACK if backward else _CLAMPED, values_count=values_count)


def biased(
    operators: OperatorModel, *, values_count: Reals, experts_count: Reals, wide: bool, backward: bool
) -> PassTimes:
    """A bias of each expert, weighted by each token's probability, on what comes out of its last product.

    With `wide` the probabilities have 32 bits, as kernels that sort and exchange tokens want them.
    """
    narrow_passes, wide_passes = (_BIASED_BACK, _WIDE_BACK) if backward else (_BIASED, _WIDE)
    passes = wide_passes if wide else narrow_passes
    kernels = passes.kernels_count * experts_count + _JOINED_KERNELS
    return PassTimes(elementwise_s=operators.memory_s(passes.bytes_per_value * values_count), kernels_count=kernels)


def rotated(operators: OperatorModel, *, values_count: Reals, backward: bool) -> PassTimes:
    """Rotary embedding of queries and of keys, one after the other."""
    once = _time(operators, _ROTATED_BACK if backward else _ROTATED, values_count=values_count)
    return PassTimes(elementwise_s=once.elementwise_s, kernels_count=2.0 * once.kernels_count)


def _time(operators: OperatorModel, passes: Passes, *, values_count: Reals) -> PassTimes:
    moved = operators.memory_s(passes.bytes_per_value * values_count)
    return PassTimes(elementwise_s=moved, kernels_count=passes.kernels_count)
