"""What training software adds to kernels: the slowest device, sums of gradients, experts one by one, rings."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.performance.step import attention, feedforward, step
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import accumulation_bytes, one_layout
from tests.performance.step.steps import ASSUMPTIONS, PLAIN, expert_model, operators, task


def test_every_step_waits_for_the_slowest_device() -> None:
    # The largest of 8 normal draws lies 1.42 standard deviations above the mean, of 1000 3.24 (Harter, 1961, table 1);
    # a single device waits for nobody. Products are all of an ideal step but passes of no length.
    spread = task(assumptions=replace(ASSUMPTIONS, device_spread_fraction=0.02))
    one, eight, thousand = (step.slowest_excess_fraction(spread, one_layout(dp_count=n))[0] for n in (1.0, 8.0, 1000.0))
    assert one == pytest.approx(0.0, abs=1e-12)
    assert eight == pytest.approx(0.02 * 1.4236, rel=0.02)
    assert thousand == pytest.approx(0.02 * 3.2414, rel=0.02)
    layout = one_layout(dp_count=8.0, micro_batch_count=1.0)
    calm, waiting = (step.step_times(one, layout, operators()) for one in (task(), spread))
    clocked = calm.gemm_s + calm.attention_s
    assert waiting.straggler_s[0] < eight * (clocked + calm.bubble_s + calm.elementwise_s)[0]
    assert waiting.straggler_s[0] == pytest.approx(eight * clocked[0], rel=0.05)
    assert (waiting.total_s - calm.total_s)[0] == pytest.approx(waiting.straggler_s[0])


def test_sums_of_gradients_hide_behind_the_product_that_makes_them() -> None:
    # FP32 sums: 4 B read and 4 B written in place of a BF16 result of 2 B are 6 B more, of which 0.4 show; a kernel of
    # its own reads the result as well, 2 + 4 + 4 B.
    shown = replace(ASSUMPTIONS, accumulation_fraction=0.4)
    apart = replace(PLAIN, fused_accumulation=False)
    assert accumulation_bytes(task(assumptions=shown)) == pytest.approx(2.4)
    assert accumulation_bytes(task(assumptions=shown, practice=apart)) == pytest.approx(10.0)


def test_experts_are_issued_one_by_one_unless_they_are_grouped() -> None:
    # 16 experts over 4 ranks leave 4 here; up and down projection take one product each: 8 instead of 2. MXFP8 takes
    # a cast and two reorderings of scales as well: 4 x 8.
    layout = one_layout(dp_count=4.0, ep_count=4.0)
    counts = []
    for grouped, narrow in ((True, NumberFormat.BF16), (False, NumberFormat.BF16), (False, NumberFormat.MXFP8)):
        one = task(expert_model(), practice=replace(PLAIN, grouped_products=grouped), number_format=narrow)
        counts.append(float(np.ravel(feedforward.expert_forward(one, layout, operators()).kernels_count)[0]))
    assert counts[1] - counts[0] == pytest.approx(8.0 - 2.0)
    casts = 2 + 2  # one per product, routed and shared
    assert counts[2] - counts[0] == pytest.approx(4 * 8.0 - 2.0 + casts)


def test_the_device_waits_for_experts_that_the_host_cannot_issue_ahead() -> None:
    # 8 products and one activation at 1 ms each take the host 9 ms, the ideal device far less; behind another
    # micro-batch, or grouped, nothing waits.
    layout = one_layout(dp_count=4.0, ep_count=4.0)
    slow = replace(ASSUMPTIONS, host_issue_s=1e-3)
    waits = []
    for practice in (
        replace(PLAIN, grouped_products=False, graphed=False),
        replace(PLAIN, grouped_products=False, graphed=False, expert_overlap=True),
        replace(PLAIN, grouped_products=True, graphed=False),
    ):
        one = task(expert_model(), practice=practice, assumptions=slow)
        waits.append(float(np.ravel(feedforward.expert_forward(one, layout, operators()).waiting_s)[0]))
    assert 8.9e-3 < waits[0] < 9e-3
    assert waits[1:] == [0.0, 0.0]


def test_kernels_that_sort_while_they_exchange_take_time_for_each_token() -> None:
    # 1024 tokens of a micro-batch, there and back, 1 us each: 2.048 ms more; nothing where every copy is sent plainly
    # or all experts are at home.
    slow = replace(ASSUMPTIONS, token_exchange_s=1e-6)
    more = []
    for ranks, deduplicated in ((4.0, True), (4.0, False), (1.0, True)):
        layout = one_layout(dp_count=4.0, ep_count=ranks)
        practice = replace(PLAIN, deduplicated_dispatch=deduplicated)
        timed, plain = (
            feedforward.expert_forward(
                task(expert_model(), practice=practice, assumptions=assumed), layout, operators()
            ).expert_parallel_s
            for assumed in (slow, ASSUMPTIONS)
        )
        more.append(float(np.ravel(timed)[0] - np.ravel(plain)[0]))
    assert more == pytest.approx([2.048e-3, 0.0, 0.0], abs=1e-12)


def test_a_ring_merges_its_parts() -> None:
    # 1024 tokens over 2 ranks: 512 x 1024 values of 2 B are 1 MiB per pass; 3 passes, 2 hops, three quarters of them.
    layout = one_layout(cp_count=2.0)
    forward = attention.merged_bytes(task(), layout, backward=False)
    backward = attention.merged_bytes(task(), layout, backward=True)
    assert forward[0] == pytest.approx(3 * 0.75 * 2 * 512 * 1024 * 2)
    assert backward[0] == pytest.approx(3 * forward[0])  # queries, keys and values are of one size here
