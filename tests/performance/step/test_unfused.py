"""Plain passes of software without a fused kernel: limits and biases of experts, scaled rotary embeddings."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.workload import DenseFeedForward
from gigawatt.performance.step import attention, feedforward, memory
from gigawatt.performance.step.task import Variant, one_layout
from tests.performance.step.steps import PLAIN, dense_model, expert_model, operators, task

_BANDWIDTH = 4e12
_LIMITED = Variant(limited_biased_experts=True)
_SCALED = Variant(scaled_rotary=True)
_EAGER = replace(PLAIN, fused_expert_epilogue=False, fused_scaled_rotary=False, fused_dispatch=False)
_LAYOUT = one_layout(dp_count=4.0, ep_count=4.0, micro_batch_count=1.0)


def extra_s(pieces, *, variant, practice=_EAGER) -> float:
    plain, more = (
        np.ravel(pieces(one, _LAYOUT, operators()).elementwise_s)[0]
        for one in (
            task(expert_model(), practice=practice),
            task(expert_model(), practice=practice, variant=variant),
        )
    )
    return float(more - plain)


@pytest.mark.parametrize(
    ("pieces", "limits", "biases"),
    [
        # Limits: each half read and written, both joined, 4 + 4 + 8 bytes per value after the activation. Biases: times
        # the probability 2, sum 6, joined 4.
        (feedforward.expert_forward, 16, 12),
        # Back: 3 + 5 and 3 + 3 + 3 + 5 for the halves, joined 8; two products of 4 with sums of 2, joined 4.
        (feedforward.expert_backward, 30, 16),
    ],
)
def test_limits_and_biases_of_experts_are_passes_of_their_own(pieces, limits, biases):
    # 1024 tokens, 2 experts each, 1024 wide inside and out: 2 Mi values of either kind.
    values = 1024 * 2 * 1024
    assert extra_s(pieces, variant=_LIMITED) == pytest.approx((limits + biases) * values / _BANDWIDTH)


def test_probabilities_of_32_bits_widen_the_sums():
    # Forward 4 + 10 + 8 + 6 instead of 12, backward 6 + 6 + 2 x 12 + 4 instead of 16.
    values = 1024 * 2 * 1024
    wide = replace(_EAGER, fused_dispatch=True)
    assert extra_s(feedforward.expert_forward, variant=_LIMITED, practice=wide) == pytest.approx(
        (16 + 28) * values / _BANDWIDTH
    )
    assert extra_s(feedforward.expert_backward, variant=_LIMITED, practice=wide) == pytest.approx(
        (30 + 40) * values / _BANDWIDTH
    )


def test_limits_are_computed_anew_with_the_activation():
    values = 1024 * 2 * 1024
    assert extra_s(feedforward.activation_forward, variant=_LIMITED) == pytest.approx(16 * values / _BANDWIDTH)


def test_products_that_take_limits_and_biases_along_leave_no_pass():
    fused = replace(_EAGER, fused_expert_epilogue=True)
    for pieces in (feedforward.expert_forward, feedforward.expert_backward, feedforward.activation_forward):
        assert extra_s(pieces, variant=_LIMITED, practice=fused) == 0.0


@pytest.mark.parametrize(
    ("pieces", "volume"),
    [
        # Cosine 4, halves exchanged 2 + 4, sine 4, sum 6, copy 4, instead of one pass of 4.
        (attention.forward, 24 - 4),
        # Two products 8, halves 2 + 4, sum 6, slices 6 + 2 + 6.
        (attention.backward, 34 - 4),
    ],
)
def test_a_scaled_rotary_embedding_is_rotated_in_plain_passes(pieces, volume):
    # 1024 tokens with 8 heads of 128 each of queries and of keys.
    values = 1024 * 2 * 1024
    assert extra_s(pieces, variant=_SCALED) == pytest.approx(volume * values / _BANDWIDTH)
    assert extra_s(pieces, variant=_SCALED, practice=PLAIN) == 0.0


def test_biases_are_issued_expert_by_expert():
    # 4 experts on each rank: two kernels forward each and one that joins them, three for the limits.
    eager = replace(_EAGER, graphed=False)
    counts = [
        float(np.ravel(feedforward.expert_forward(one, _LAYOUT, operators()).kernels_count)[0])
        for one in (
            task(expert_model(), practice=eager),
            task(expert_model(), practice=eager, variant=_LIMITED),
        )
    ]
    assert counts[1] - counts[0] == pytest.approx(4 * 2 + 1 + 3)


def test_activation_inputs_kept_in_eight_bits_halve_and_are_cast_there_and_back():
    # Gated: two inputs of 4096 per token and layer, one byte less each; cast 2 + 1 bytes there and 1 + 2 back.
    narrow = replace(PLAIN, narrow_activation_inputs=True)
    model = replace(dense_model(), feed_forward=DenseFeedForward(ffn_dim=4096, gated=True))
    wide_task, narrow_task = task(model), task(model, practice=narrow)
    wide, less = (memory.kept_bytes_per_token(one, dropped=frozenset()).split for one in (wide_task, narrow_task))
    assert wide - less == pytest.approx(2 * 4096)
    layout = one_layout(micro_batch_count=1.0)
    for pieces in (feedforward.dense_forward, feedforward.dense_backward):
        plain, more = (np.ravel(pieces(one, layout, operators()).elementwise_s)[0] for one in (wide_task, narrow_task))
        assert more - plain == pytest.approx(3 * 2 * 4096 * 1024 / _BANDWIDTH)


def test_a_slow_kernel_for_gradients_of_biased_experts_slows_one_product():
    # The gradient of what goes into the second product: 2 x 1024 rows, 1024 wide both ways, 2 x 2048 x 1024 x 1024 FLOP
    # at 1 PFLOP/s, and three times that on top.
    slow = replace(PLAIN, biased_gradient_factor=4.0)
    once = 2 * 2048 * 1024 * 1024 / 1e15

    def products_s(practice, variant=_LIMITED):
        one = task(expert_model(), practice=practice, variant=variant)
        return float(np.ravel(feedforward.expert_backward(one, _LAYOUT, operators()).gemm_s)[0])

    assert products_s(slow) - products_s(PLAIN) == pytest.approx(3 * once)
    assert products_s(slow, Variant()) == products_s(PLAIN, Variant())
