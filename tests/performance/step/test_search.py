"""The search against plain enumeration of everything, on spaces small enough for that."""

import time

import numpy as np
import pytest

from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.search import bound_s, energy_j, greatest_power_w, search
from gigawatt.performance.step.space import Breadth, block_layouts, blocks, joined, layouts_count
from gigawatt.performance.step.step import cell_times, cells, computing_s, step_total_s
from gigawatt.performance.step.task import Schedule, Sites
from tests.performance.step.steps import dense_model, expert_model, operators, platform, task

TWO_SITES = Sites(count=2, wan_bytes_per_s=1e11, one_way_s=0.01)
CASES = [
    pytest.param(task(), 16, 8e10, Breadth.USUAL, id="dense"),
    pytest.param(task(dense_model(layers=24, hidden=4096, heads=32)), 32, 4e10, Breadth.USUAL, id="tight"),
    pytest.param(task(expert_model(layers=6)), 16, 8e10, Breadth.USUAL, id="experts"),
    pytest.param(task(dense_model(layers=6, hidden=4096, heads=4)), 8, 4e10, Breadth.FULL, id="full"),
    pytest.param(task(sites=TWO_SITES), 16, 8e10, Breadth.USUAL, id="sites"),
]


def enumerated(of, where, count, breadth=Breadth.USUAL):
    found = blocks(of, where, accelerators_count=count)
    return joined([block_layouts(of, where, block, breadth=breadth) for block in found])


def energies(of, where, every, times):
    found = cells(every)
    busy = computing_s(of, every, cell_times(of, found.layouts, operators()), found.cell)
    return energy_j(of, step_s=times, busy_s=busy, power_w=greatest_power_w(where))


@pytest.mark.parametrize(("of", "count", "memory_bytes", "breadth"), CASES)
def test_pruning_loses_neither_the_optimum_nor_the_front(of, count, memory_bytes, breadth):
    where = platform(memory_bytes=memory_bytes)
    every = enumerated(of, where, count, breadth)
    used, times = step_memory(of, every), step_total_s(of, every, operators())
    memory, energy = used.total_bytes, energies(of, where, every, times)
    fits = (memory <= memory_bytes) & (used.host_bytes <= of.assumptions.host_memory_bytes)
    found = search(of, where, operators(), accelerators_count=count, breadth=breadth)

    assert found.evaluated_count == every.candidates_count
    assert found.feasible_count == int(fits.sum())
    assert found.front is not None
    assert found.front.step_s[0] == pytest.approx(times[fits].min(), rel=1e-12)
    front = found.front
    assert np.all(np.diff(front.step_s) >= 0.0)
    for step_s, bytes_, joules in zip(front.step_s, front.memory_bytes, front.energy_j, strict=True):
        assert not np.any(fits & (times < step_s * (1 - 1e-12)) & (memory <= bytes_) & (energy <= joules))
    # Nothing that fits is better than the whole front anywhere: each has a point as good in all three.
    for step_s, bytes_, joules in zip(times[fits], memory[fits], energy[fits], strict=True):
        as_good = (front.step_s <= step_s * (1 + 1e-12)) & (front.memory_bytes <= bytes_)
        assert np.any(as_good & (front.energy_j <= joules * (1 + 1e-12)))
    assert front.power_w == pytest.approx(front.energy_j / front.step_s)
    assert every.candidates_count <= layouts_count(of, where, accelerators_count=count, breadth=breadth)


@pytest.mark.parametrize(("of", "count", "memory_bytes", "breadth"), CASES)
def test_the_bound_never_exceeds_the_time(of, count, memory_bytes, breadth):
    every = enumerated(of, platform(memory_bytes=memory_bytes), count, breadth)
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


def test_the_full_space_holds_the_usual_one_and_every_schedule():
    of, where = task(dense_model(layers=8)), platform()
    full = enumerated(of, where, 8, Breadth.FULL)
    usual = enumerated(of, where, 8)
    plain = (full.schedule == Schedule.ONE_FORWARD_ONE_BACKWARD) & (full.recomputed_share == 1.0)
    kept = full.optimizer_offload + full.activation_offload + full.weight_offload == 0.0
    assert int((plain & kept).sum()) == usual.candidates_count
    assert set(full.schedule) == {0.0, 1.0, 2.0}
    found = [search(of, where, operators(), accelerators_count=8, breadth=breadth) for breadth in Breadth]
    assert found[1].front.step_s[0] <= found[0].front.step_s[0]


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
