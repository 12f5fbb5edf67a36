import numpy as np
import pytest

from gigawatt.performance.step import pipeline
from gigawatt.performance.step.task import Schedule, one_layout
from tests.performance.step.steps import dense_model, operators, task


def test_even_stages_have_the_bubble_of_narayanan():
    # 4 stages of 1 s, 8 micro-batches: 8 + 3 = 11 s; two chunks per rank halve the bubble: 8 + 1.5.
    ones = np.array([1.0])
    plain = pipeline.makespan_s(
        one_layout(pp_count=4), waves_count=8 * ones, most_s=ones, last_s=ones, whole_s=4 * ones
    )
    interleaved = pipeline.makespan_s(
        one_layout(pp_count=4, chunks_count=2), waves_count=8 * ones, most_s=ones, last_s=ones, whole_s=4 * ones
    )
    assert plain[0] == pytest.approx(11.0)
    assert interleaved[0] == pytest.approx(9.5)


def test_schedules_leave_what_deepseek_tabulates():
    # DeepSeek-V3 (2024), table 2, 8 stages with F = 1, B = 2 and in it W = 1: 1F1B idles 7 x 3 = 21, ZB1P
    # 7 x (1 + 2 - 2) = 7, DualPipe (8/2 - 1) x (1 + 2 + 2 - 3) = 6 where its overlapped passes take F + B.
    left = {}
    for schedule in (Schedule.ONE_FORWARD_ONE_BACKWARD, Schedule.ZERO_BUBBLE, Schedule.DUAL_PIPE):
        layout = one_layout(pp_count=8, schedule=schedule)
        one, two = np.array([1.0]), np.array([2.0])
        share = pipeline.unfilled_share(layout, forward_s=one, backward_s=two, weights_s=one)
        time = pipeline.makespan_s(
            layout, waves_count=16 * one, most_s=3 * one, last_s=3 * one, whole_s=24 * one, unfilled=share
        )
        left[schedule] = time[0] - 16 * 3
    assert left == pytest.approx({0.0: 21.0, 1.0: 7.0, 2.0: 6.0})


def test_the_slowest_stage_sets_the_pace():
    # Stages 1, 1, 1, 2 s, 8 micro-batches: 8 x 2 + (1 + 1 + 1) = 19 s.
    ones = np.array([1.0])
    time = pipeline.makespan_s(
        one_layout(pp_count=4), waves_count=8 * ones, most_s=ones, last_s=2 * ones, whole_s=5 * ones
    )
    assert time[0] == pytest.approx(19.0)


@pytest.mark.parametrize(
    ("layers", "pp", "chunks", "most", "first", "last"),
    [
        (96, 8, 1, 12, 12, 12),
        (96, 8, 6, 12, 12, 12),
        # Llama 3: 126 layers on 16 x 8 chunks of one; the last and the first rank miss one.
        (126, 16, 8, 8, 7, 7),
        # 61 layers on 4 x 4 chunks of 4: three missing, one from the last, two from the first ranks.
        (61, 4, 4, 16, 15, 15),
        (105, 35, 3, 3, 3, 3),
        (7, 1, 1, 7, 7, 7),
    ],
)
def test_layers_fall_on_ranks_as_evenly_as_they_can(layers, pp, chunks, most, first, last):
    found = pipeline.stage_layers(task(dense_model(layers=layers)), one_layout(pp_count=pp, chunks_count=chunks))
    assert (found.most_count[0], found.first_count[0], found.last_count[0]) == (most, first, last)


@pytest.mark.parametrize("layers", range(1, 40))
@pytest.mark.parametrize("pp", [2, 3, 4, 7])
@pytest.mark.parametrize("chunks", [1, 2, 5])
def test_the_ranks_hold_at_least_all_layers(layers, pp, chunks):
    found = pipeline.stage_layers(task(dense_model(layers=layers)), one_layout(pp_count=pp, chunks_count=chunks))
    assert (pp - 1) * found.most_count[0] + found.last_count[0] >= layers
    assert 0 <= found.last_count[0] <= found.most_count[0] + 1e-9


def test_plain_schedule_waits_for_two_transfers_per_micro_batch():
    # 1024 tokens x 1024 values x 2 bytes over 50 GB/s take 41.94 us. 64 micro-batches wait twice each, and filling and
    # emptying 2 stages once each way: 130 transfers.
    layouts = one_layout(pp_count=2, dp_count=1, tp_count=1)
    time = pipeline.transfers_s(task(), layouts, operators(domain=1))
    assert time[0] == pytest.approx(130 * 1024 * 1024 * 2 / 5e10)
