"""Sums by hand on an ideal device, and laws that hold for every layout."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.performance.step import sharding, step
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import Module, Recompute, chosen, one_layout
from gigawatt.performance.step.times import exposed_s
from tests.performance.step.steps import ASSUMPTIONS, PLAIN, dense_model, expert_model, operators, task

LAYOUT = st.fixed_dictionaries(
    {
        "tp_count": st.sampled_from([1, 2, 4, 8]),
        "cp_count": st.sampled_from([1, 2]),
        "pp_count": st.sampled_from([1, 2, 4]),
        "dp_count": st.sampled_from([1, 2, 8]),
        "chunks_count": st.sampled_from([1, 2]),
        "micro_batch_count": st.sampled_from([1, 2, 4]),
        "recompute_level": st.sampled_from([0.0, 1.0, 2.0]),
        "zero_stage": st.sampled_from([0.0, 1.0, 2.0, 3.0]),
        "sequence_parallel": st.sampled_from([0.0, 1.0]),
    }
)


def layout(choice):
    return one_layout(**choice, shards_count=choice["dp_count"] * choice["cp_count"])


def test_products_take_six_flop_per_weight_and_token():
    # 8 layers of 12 h^2 weights and the head's 32000 h, six FLOP each, 64 x 1024 tokens, at 1 PFLOP/s.
    weights = 8 * 12 * 1024**2 + 32000 * 1024
    times = step.step_times(task(), one_layout(micro_batch_count=64), operators(memory_bandwidth_bytes_per_s=1e18))
    assert times.gemm_s[0] == pytest.approx(6 * weights * 64 * 1024 / 1e15)


def test_a_feed_forward_block_is_computed_anew_up_to_its_last_product():
    # 8 layers of 4 h^2 weights, two FLOP each, 64 x 1024 tokens at 1 PFLOP/s: nothing needs the last product's result.
    practice = replace(PLAIN, recomputed_modules=frozenset({Module.FEED_FORWARD_IN}))
    layouts = one_layout(micro_batch_count=64, recompute_level=Recompute.SELECTIVE)
    times = step.step_times(task(practice=practice), layouts, operators(memory_bandwidth_bytes_per_s=1e18))
    assert times.recompute_s[0] == pytest.approx(2 * 8 * 4 * 1024**2 * 64 * 1024 / 1e15, rel=1e-5)


def test_causal_attention_takes_half_of_the_square():
    # Forward 4 h s/2 FLOP per token and layer, backward 2.5 times that.
    times = step.step_times(task(), one_layout(micro_batch_count=64), operators(memory_bandwidth_bytes_per_s=1e18))
    assert times.attention_s[0] == pytest.approx(3.5 * 4 * 1024 * 512 * 8 * 64 * 1024 / 1e15)


def test_optimizer_moves_38_bytes_per_parameter():
    # State read and written (24), gradient read twice (8) and cleared (4), weight written (2).
    parameters = 8 * (12 * 1024**2 + 2 * 1024) + 2 * 32000 * 1024
    times = step.step_times(task(), one_layout(), operators())
    assert times.optimizer_s[0] == pytest.approx(38 * parameters / 4e12)


def test_gradients_cross_once_where_nothing_overlaps():
    # 4 bytes per parameter reduced, 2 gathered, 7/8 of each over 400 GB/s.
    parameters = 8 * (12 * 1024**2 + 2 * 1024) + 2 * 32000 * 1024
    layouts = one_layout(dp_count=8, zero_stage=1, shards_count=8)
    times = step.step_times(task(), layouts, operators())
    assert times.data_parallel_s[0] == pytest.approx(6 * parameters * 7 / 8 / 4e11)


def test_what_goes_last_is_a_bucket_of_gradients():
    # 40 million of a rank's parameters or a million for each of 64 ranks: 64e6 of 166e6 at first, in 2.6 messages.
    parameters = 8 * (12 * 1024**2 + 2 * 1024) + 2 * 32000 * 1024
    hiding = task(practice=replace(PLAIN, data_parallel_overlap=True))
    few, many = (
        sharding.messages_count(hiding, one_layout(dp_count=n), np.array([parameters]), ranks_count=np.array([n]))
        for n in (8.0, 64.0)
    )
    assert few[0] == pytest.approx(parameters / 40e6)
    assert many[0] == pytest.approx(parameters / 64e6)
    assert sharding.messages_count(task(), one_layout(), np.array([parameters]), ranks_count=np.array([8.0]))[0] == 1.0


def test_lists_of_tensors_keep_the_host_busy_for_every_rank():
    # 8 layers of 4 matrices, gathered twice and scattered once: two operators of 1 s for each of 8 ranks.
    slow = replace(ASSUMPTIONS, host_issue_s=1.0)
    layouts = one_layout(dp_count=8, zero_stage=3, shards_count=8)
    plain, listed = (
        step.step_times(
            task(practice=replace(PLAIN, listed_exchanges=on), assumptions=slow, batch_sequences_count=8.0),
            layouts,
            operators(),
        ).data_parallel_s[0]
        for on in (False, True)
    )
    # A gather hides behind the copies; weights are 2 bytes of 7/8 over 400 GB/s.
    weights = 8 * (12 * 1024**2 + 2 * 1024) + 2 * 32000 * 1024
    hidden = 2 * 2 * weights * 7 / 8 / 4e11
    assert listed - plain == pytest.approx(3 * 8 * 4 * 2 * 8 - hidden, rel=1e-3)


@pytest.mark.parametrize(("number_format", "operand_bytes"), [(NumberFormat.BF16, 2), (NumberFormat.FP8_DELAYED, 1)])
def test_operands_are_gathered_in_their_format_and_inputs_once_more_behind_products(number_format, operand_bytes):
    # 8 layers of two blocks, 64 x 1024 tokens of 1024 values, 7/8 over 400 GB/s: gathered and scattered (2 bytes) each
    # way, and gathered again backward, which shows in full where all that is hidden slows what it hides behind.
    slowed = task(number_format=number_format, assumptions=replace(ASSUMPTIONS, contention_fraction=1.0))
    times = step.step_times(slowed, one_layout(tp_count=8, sequence_parallel=1, micro_batch_count=64), operators())
    moved = 8 * 2 * 64 * 1024 * 1024 * (2 * (operand_bytes + 2) + operand_bytes) * 7 / 8
    assert times.tensor_parallel_s[0] == pytest.approx(moved / 4e11)


def test_hidden_communication_leaves_its_first_part_and_contention():
    # 10 s in 5 parts behind 6 s: 2 s in front, 6 of the other 8 hidden: 10 - 6 = 4; contention 0.5 x 6 more.
    shown = exposed_s(np.array([10.0]), behind_s=6.0, parts_count=5.0, contention_fraction=0.5)
    assert shown[0] == pytest.approx(7.0)


def test_the_host_holds_up_small_layers():
    slow = task(assumptions=replace(ASSUMPTIONS, host_issue_s=1.0), practice=replace(PLAIN, graphed=False))
    times = step.step_times(slow, one_layout(), operators())
    assert times.host_s[0] > 0.0
    assert step.step_times(task(), one_layout(), operators()).host_s[0] == pytest.approx(0.0)


def test_narrow_formats_are_faster_but_pay_for_casts():
    layouts = one_layout(micro_batch_count=64)
    wide, narrow = (
        step.step_times(task(number_format=kind), layouts, operators())
        for kind in (NumberFormat.BF16, NumberFormat.FP8_TENSOR)
    )
    assert narrow.gemm_s[0] < wide.gemm_s[0]
    assert narrow.elementwise_s[0] > wide.elementwise_s[0]


@settings(max_examples=60, deadline=None)
@given(choice=LAYOUT)
def test_parts_add_up_to_the_step(choice):
    for model in (dense_model(), expert_model()):
        times = step.step_times(task(model), layout(choice), operators())
        assert times.total_s[0] == pytest.approx(step.step_total_s(task(model), layout(choice), operators())[0])
        assert all(getattr(times, field.name)[0] >= -1e-12 for field in fields(times))


@settings(max_examples=40, deadline=None)
@given(choice=LAYOUT, factor=st.floats(1.0, 10.0))
def test_more_of_any_resource_is_never_slower(choice, factor):
    known = step.step_total_s(task(expert_model()), layout(choice), operators())[0]
    for name, value in (
        ("memory_bandwidth_bytes_per_s", 4e12),
        ("scale_up_bandwidth_bytes_per_s", 4e11),
        ("scale_out_bandwidth_bytes_per_s", 5e10),
    ):
        more = step.step_total_s(task(expert_model()), layout(choice), operators(**{name: value * factor}))[0]
        assert more <= known * (1 + 1e-9)


@settings(max_examples=30, deadline=None)
@given(choices=st.lists(LAYOUT, min_size=2, max_size=6), order=st.randoms(use_true_random=False))
def test_time_does_not_depend_on_the_order_of_layouts(choices, order):
    parts = [layout(choice) for choice in choices]
    every = replace(
        parts[0],
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(parts[0])},
    )
    shuffled = list(range(len(parts)))
    order.shuffle(shuffled)
    times = step.step_total_s(task(), every, operators())
    alone = [step.step_total_s(task(), part, operators())[0] for part in parts]
    assert times == pytest.approx(alone)
    assert step.step_total_s(task(), chosen(every, np.array(shuffled)), operators()) == pytest.approx(times[shuffled])


@settings(max_examples=30, deadline=None)
@given(choice=LAYOUT)
def test_recomputing_is_never_faster(choice):
    levels = [
        step.step_total_s(task(), layout({**choice, "recompute_level": level}), operators())[0]
        for level in (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
    ]
    assert np.all(np.diff(levels) >= -1e-12)
