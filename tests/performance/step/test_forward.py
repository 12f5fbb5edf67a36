"""Forward passes alone: sums by hand and laws."""

import numpy as np
import pytest

from gigawatt.performance.step.forward import forward_total_s
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import one_layout
from tests.performance.step.steps import operators, task


def test_products_take_two_flop_per_weight_and_token():
    # 8 layers of 12 h^2 weights and the head's 32000 h, and attention of 1024 tokens that see half of them: two
    # products of two FLOP for each of h values. One device with unlimited memory bandwidth at 1 PFLOP/s.
    weights = 8 * 12 * 1024**2 + 32000 * 1024
    attention = 8 * 2 * 2 * 1024 * 512
    found = forward_total_s(
        task(), one_layout(micro_batch_count=32), operators(memory_bandwidth_bytes_per_s=1e18), sequences_count=32.0
    )
    assert found[0] == pytest.approx((2 * weights + attention) * 32 * 1024 / 1e15, rel=1e-2)


def test_more_sequences_take_longer_and_a_forward_pass_less_than_half_a_step():
    layouts = one_layout(micro_batch_count=4, dp_count=2, pp_count=2)
    times = [float(forward_total_s(task(), layouts, operators(), sequences_count=n)[0]) for n in (8.0, 64.0, 128.0)]
    assert times == sorted(times)
    # 1, 8 and 16 micro-batches through two stages: n + 1 of the slower stage's times, but that it has the head.
    assert (times[2] - times[1]) / (times[1] - times[0]) == pytest.approx(8 / 7)
    assert times[1] < 0.5 * float(step_total_s(task(), layouts, operators())[0])


def test_the_last_micro_batch_may_be_short():
    layouts = one_layout(micro_batch_count=4, dp_count=2)
    few, many = (forward_total_s(task(), layouts, operators(), sequences_count=n) for n in (1.0, 8.0))
    assert np.array_equal(few, many)
