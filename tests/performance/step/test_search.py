"""The search against plain enumeration of everything, on spaces small enough for that."""

import time

import numpy as np
import pytest

from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.search import bound_s, search
from gigawatt.performance.step.space import block_layouts, blocks, joined
from gigawatt.performance.step.step import cell_times, cells, step_total_s
from tests.performance.step.steps import dense_model, expert_model, operators, platform, task

CASES = [
    pytest.param(task(), 16, 8e10, id="dense"),
    pytest.param(task(dense_model(layers=24, hidden=4096, heads=32)), 32, 4e10, id="tight"),
    pytest.param(task(expert_model(layers=6)), 16, 8e10, id="experts"),
]


def enumerated(of, where, count):
    parts = [block_layouts(of, where, block) for block in blocks(of, where, accelerators_count=count)]
    return joined(parts)


@pytest.mark.parametrize(("of", "count", "memory_bytes"), CASES)
def test_pruning_loses_neither_the_optimum_nor_the_front(of, count, memory_bytes):
    where = platform(memory_bytes=memory_bytes)
    every = enumerated(of, where, count)
    memory, times = step_memory(of, every).total_bytes, step_total_s(of, every, operators())
    fits = memory <= memory_bytes
    found = search(of, where, operators(), accelerators_count=count)

    assert found.evaluated_count == every.candidates_count
    assert found.feasible_count == int(fits.sum())
    assert found.front is not None
    assert found.front.step_s[0] == pytest.approx(times[fits].min(), rel=1e-12)
    for step_s, bytes_ in zip(found.front.step_s, found.front.memory_bytes, strict=True):
        assert not np.any(fits & (times < step_s * (1 - 1e-12)) & (memory <= bytes_))
    best_by_memory = [times[fits & (memory <= limit)].min() for limit in found.front.memory_bytes]
    assert found.front.step_s == pytest.approx(best_by_memory, rel=1e-12)


@pytest.mark.parametrize(("of", "count", "memory_bytes"), CASES)
def test_the_bound_never_exceeds_the_time(of, count, memory_bytes):
    every = enumerated(of, platform(memory_bytes=memory_bytes), count)
    found = cells(every)
    bound = bound_s(of, every, found, cell_times(of, found.layouts, operators()))
    assert np.all(bound <= step_total_s(of, every, operators()))


def test_pruning_changes_no_answer():
    of, where = task(), platform()
    pruned = search(of, where, operators(), accelerators_count=16)
    plain = search(of, where, operators(), accelerators_count=16, prune=False)
    assert pruned.front.step_s == pytest.approx(plain.front.step_s)
    assert pruned.front.memory_bytes == pytest.approx(plain.front.memory_bytes)
    assert pruned.timed_count <= plain.timed_count


def test_nothing_fits_is_an_answer():
    found = search(task(), platform(memory_bytes=1e6), operators(), accelerators_count=8)
    assert found.front is None
    assert found.least_memory_bytes > 1e6


def test_layouts_use_every_accelerator():
    every = enumerated(task(expert_model()), platform(), 16)
    assert np.all(every.ranks_count == 16)
    assert np.all(every.expert_replicas_count >= 1)


def test_a_hundred_thousand_layouts_take_less_than_a_cpu_second():
    of = task(dense_model(layers=96, hidden=12288, heads=96), sequence_tokens_count=2048, batch_sequences_count=1536.0)
    began = time.process_time()
    found = search(of, platform(), operators(), accelerators_count=1536)
    assert found.evaluated_count / (time.process_time() - began) > 100_000
