"""Against Korthikanti et al. (2022), "Reducing activation recomputation in large transformer models"."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.performance.step import memory
from gigawatt.performance.step.task import Module, Recompute, one_layout
from tests.performance.step.steps import PLAIN, dense_model, task

OLD = replace(
    PLAIN, fused_attention=False, dropout=True, recomputed_modules=frozenset({Module.CORE_ATTENTION}), fused_loss=False
)


def gpt_task():
    # GPT-3: h = 12288, a = 96, s = 2048; 5 a s / h = 80.
    model = dense_model(layers=96, hidden=12288, heads=96, vocabulary=51200)
    return task(model, practice=OLD, sequence_tokens_count=2048)


def per_layer(t=1, sequence=0.0, level=Recompute.NONE):
    layouts = one_layout(tp_count=t, sequence_parallel=sequence, recompute_level=level)
    return memory.kept_layer_bytes(gpt_task(), layouts)[0] / (2048 * 12288)


def test_without_parallelism_a_layer_keeps_34_plus_80():
    # Table 2, first row: s b h (34 + 5 a s / h).
    assert per_layer() == pytest.approx(34 + 80)


def test_tensor_parallelism_divides_24_of_34():
    # Table 2, second row: s b h (10 + 24 / t + 5 a s / (h t)).
    assert per_layer(t=8) == pytest.approx(10 + 24 / 8 + 80 / 8)


def test_sequence_parallelism_divides_all():
    # Table 2, third row: s b h / t (34 + 5 a s / h).
    assert per_layer(t=8, sequence=1.0) == pytest.approx((34 + 80) / 8)


def test_selective_recomputation_drops_the_scores():
    # Table 2, fifth row: 34 s b h / t.
    assert per_layer(t=8, sequence=1.0, level=Recompute.SELECTIVE) == pytest.approx(34 / 8)


def test_full_recomputation_keeps_the_input():
    # Table 2, last row: 2 s b h.
    assert per_layer(level=Recompute.FULL) == pytest.approx(2)


def test_interleaving_holds_more_micro_batches():
    # Section 4.2.3: L (1 + (p - 1) / (p m)) of them; p = 8, m = 3: 8 x (1 + 7 / 24) = 10.33.
    layouts = one_layout(pp_count=8, chunks_count=3)
    assert memory.alive_count(gpt_task(), layouts, rank=0.0)[0] == pytest.approx(8 + 7 / 3)
    assert memory.alive_count(gpt_task(), one_layout(pp_count=8), rank=0.0)[0] == 8


def test_mixed_precision_adam_takes_18_bytes_per_parameter():
    # 2 weight + 4 gradient + 12 optimizer; 8 layers of 12 h^2 + 2 h and two vocabulary matrices of 32000 h.
    parameters = 8 * (12 * 1024**2 + 2 * 1024) + 2 * 32000 * 1024
    assert memory.state_bytes(task(), one_layout())[0] == pytest.approx(18 * parameters)


@pytest.mark.parametrize(("stage", "bytes_per_parameter"), [(0, 18), (1, 6 + 12 / 4), (2, 2 + 16 / 4), (3, 18 / 4)])
def test_each_zero_stage_shards_one_thing_more(stage, bytes_per_parameter):
    layouts = one_layout(dp_count=4, zero_stage=stage, shards_count=4)
    parameters = 8 * (12 * 1024**2 + 2 * 1024) + 2 * 32000 * 1024
    assert memory.state_bytes(task(), layouts)[0] == pytest.approx(bytes_per_parameter * parameters)


@given(
    micro=st.integers(1, 8),
    tp=st.sampled_from([1, 2, 4, 8]),
    pp=st.sampled_from([1, 2, 4, 8]),
    level=st.sampled_from([0.0, 1.0, 2.0]),
)
def test_memory_grows_with_the_micro_batch(micro, tp, pp, level):
    def total(size):
        layouts = one_layout(tp_count=tp, pp_count=pp, micro_batch_count=size, recompute_level=level)
        return memory.step_memory(task(batch_sequences_count=4096.0), layouts).total_bytes[0]

    assert total(micro + 1) >= total(micro)


@given(tp=st.sampled_from([1, 2, 4, 8]), pp=st.sampled_from([1, 2, 4]), micro=st.integers(1, 4))
def test_recomputation_never_needs_more_memory_of_a_deep_model(tp, pp, micro):
    deep = task(dense_model(layers=64), practice=OLD)
    levels = [
        memory.step_memory(
            deep, one_layout(tp_count=tp, pp_count=pp, micro_batch_count=micro, recompute_level=level)
        ).total_bytes[0]
        for level in (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
    ]
    assert np.all(np.diff(levels) <= 0)
