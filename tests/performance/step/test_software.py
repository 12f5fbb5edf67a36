"""What training software adds to kernels: the slowest device, sums of gradients, experts one by one, rings."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.performance.step import attention, feedforward, layer, step
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import ContextExchange, accumulation_bytes, one_layout
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


def test_sorting_tokens_takes_longer_than_another_pass() -> None:
    # Four passes over 1024 BF16 values for each of 1024 tokens and two experts, read and written at 4 TB/s.
    layout, slow = one_layout(dp_count=4.0, ep_count=4.0), replace(ASSUMPTIONS, permutation_factor=1.6)
    practice = replace(PLAIN, fused_dispatch=False)
    plain, sorted_ = (
        feedforward.expert_forward(task(expert_model(), practice=practice, assumptions=each), layout, operators())
        for each in (ASSUMPTIONS, slow)
    )
    passes_s = 4 * 2 * 2 * (1024 * 2) * 1024 / 4e12
    assert np.ravel(sorted_.elementwise_s - plain.elementwise_s)[0] == pytest.approx(0.6 * passes_s)


def test_a_fused_loss_takes_longer_than_another_pass() -> None:
    # 1024 tokens x 32000 logits, 6 B forward and 4 B backward at 4 TB/s; a loss in plain passes keeps its time.
    layout, slow = one_layout(), replace(ASSUMPTIONS, fused_loss_factor=2.0)
    for fused, more_s in ((True, 10 * 1024 * 32000 / 4e12), (False, 0.0)):
        practice = replace(PLAIN, fused_loss=fused)
        calm, slowed = (
            step.cell_times(task(practice=practice, assumptions=each), layout, operators()).end_s[0]
            for each in (ASSUMPTIONS, slow)
        )
        assert slowed - calm == pytest.approx(more_s, abs=1e-12)


def test_the_gradient_of_the_embedding_is_summed_in_full_for_each_micro_batch() -> None:
    # 32000 x 1024 weights: 2 B of zeros written, then 2 B of gradient and 4 B of sum read and 4 B written, at 4 TB/s.
    # Shards sum theirs with all others, frozen weights have no gradient, and half a table takes half as long.
    table_s = 12 * 32000 * 1024 / 4e12
    whole, halved, sharded = one_layout(), one_layout(tp_count=2.0), one_layout(dp_count=2.0, zero_stage=3.0)
    for layout, expected_s in ((whole, table_s), (halved, table_s / 2.0), (sharded, 0.0)):
        found = step.cells(layout)
        times = step.cell_times(task(), found.layouts, operators())
        assert times.summed_table_s(layout, found.cell)[0] == pytest.approx(expected_s)
    frozen = task(variant=replace(task().variant, adapter_rank=8))
    assert step.cell_times(frozen, whole, operators()).table_s[0] == 0.0


def test_heads_that_change_hands_are_copied_on_both_sides() -> None:
    # 256 of 1024 tokens on each of four ranks with 8 heads of 128: queries and outputs 2 x 1024, keys and values the
    # same; each is read and written before and after, 2 B a value at 4 TB/s.
    layout = one_layout(cp_count=4.0)
    exchanged = replace(PLAIN, context_exchange=ContextExchange.ULYSSES)
    gathered = replace(PLAIN, context_exchange=ContextExchange.GATHER)
    heads, rows = (
        attention.forward(task(practice=p), layout, operators()).elementwise_s for p in (exchanged, gathered)
    )
    assert np.ravel(heads - rows)[0] == pytest.approx(4 * 2 * 256 * (2 + 2) * 1024 / 4e12)


def test_dispatch_hides_behind_the_other_micro_batchs_pass_as_well() -> None:
    # Forward exchanges as much as backward and computes half: with links so slow that a forward pass alone could not
    # hide its own exchange, both passes together still do, but for one part in 1024 at the end of the chain.
    layout = one_layout(dp_count=4.0, ep_count=4.0, micro_batch_count=1.0)
    slow = operators(scale_up_bandwidth_bytes_per_s=1.2e11)
    mix = layer.LayerMix(attention=1.0, linear=0.0, dense=0.0, expert=1.0)

    def times(*, overlap: bool) -> layer.LayerTimes:
        one = task(expert_model(), practice=replace(PLAIN, expert_overlap=overlap, deduplicated_dispatch=False))
        return layer.layer_times(one, layout, slow, mix=mix)

    plain, hidden = times(overlap=False), times(overlap=True)
    assert plain.forward.expert_parallel_s > plain.forward.compute_s
    sent = plain.forward.expert_parallel_s + plain.backward.expert_parallel_s
    assert sent < plain.forward.compute_s + plain.backward.compute_s
    shown = hidden.forward.expert_parallel_s + hidden.backward.expert_parallel_s
    assert shown == pytest.approx(sent / 1024)
    assert hidden.forward.compute_s == pytest.approx(plain.forward.compute_s)
