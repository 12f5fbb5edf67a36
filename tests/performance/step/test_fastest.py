"""Branch and bound against the search of the whole space."""

import numpy as np
import pytest

from gigawatt.performance.step.fastest import block_bounds, fastest
from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.search import search
from gigawatt.performance.step.space import block_layouts, blocks
from gigawatt.performance.step.step import step_total_s
from tests.performance.step.steps import dense_model, expert_model, operators, platform, task

CASES = [
    pytest.param(task(), 16, 8e10, id="dense"),
    pytest.param(task(dense_model(layers=24, hidden=4096, heads=32)), 32, 4e10, id="tight"),
    pytest.param(task(expert_model(layers=6), batch_sequences_count=48.0), 24, 8e10, id="experts"),
    pytest.param(task(expert_model(layers=6)), 16, 1.2e9, id="tight experts"),
]


@pytest.mark.parametrize(("of", "count", "memory_bytes"), CASES)
def test_the_optimum_is_that_of_the_whole_space(of, count, memory_bytes):
    where = platform(memory_bytes=memory_bytes)
    everything = search(of, where, operators(), accelerators_count=count, prune=False)
    found = fastest(of, where, operators(), accelerators_count=count)
    assert everything.front is not None
    assert found.layout is not None
    assert found.step_s == pytest.approx(everything.front.step_s[0], rel=1e-12)
    assert found.step_s == pytest.approx(step_total_s(of, found.layout, operators())[0], rel=1e-12)
    assert found.memory_bytes <= memory_bytes


@pytest.mark.parametrize(("of", "count", "memory_bytes"), CASES)
def test_no_layout_beats_the_bound_of_its_block(of, count, memory_bytes):
    where = platform(memory_bytes=memory_bytes)
    every = list(blocks(of, where, accelerators_count=count))
    bounds = block_bounds(of, where, every, operators()).step_s
    times = []
    for block in every:
        layouts = block_layouts(of, where, block)
        fits = step_memory(of, layouts).total_bytes <= memory_bytes
        times.append(np.where(fits, step_total_s(of, layouts, operators()), np.inf).min())
    possible = np.isfinite(times)
    assert np.all(bounds <= times)
    assert np.array_equal(np.isfinite(bounds), possible)
    assert np.max(bounds[possible] / np.array(times)[possible]) > 0.5, (
        "a bound that says nothing would open every block"
    )


def test_what_fits_nowhere_tells_the_least_it_needs():
    of, where = task(), platform(memory_bytes=1e6)
    found = fastest(of, where, operators(), accelerators_count=8)
    assert found.layout is None
    assert found.least_memory_bytes == search(of, where, operators(), accelerators_count=8).least_memory_bytes


def test_more_accelerators_than_sequences_and_layers_leave_no_layout():
    """64 sequences on 67 ranks, a prime: only data parallelism of 67 is left, more than there are sequences."""
    found = fastest(task(), platform(), operators(), accelerators_count=67)
    assert found.layout is None
    assert np.isinf(found.least_memory_bytes)
