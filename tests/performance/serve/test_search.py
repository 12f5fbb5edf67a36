from dataclasses import replace

import numpy as np
import pytest

from gigawatt.catalog import load, model, platform
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import kernel_efficiency
from gigawatt.entities.workload import AttentionPattern
from gigawatt.performance.kernels.calibrated import calibrated_operators
from gigawatt.performance.serve import search as search_module
from gigawatt.performance.serve.bands import banded
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.pruning import undominated
from gigawatt.performance.serve.search import Limits, front_index, serve_search
from gigawatt.performance.serve.space import worker_layouts

from .samples import BF16, EXPERTS, task

LIMITS = Limits(ttft_s=2.0, tpot_s=0.05, accelerators_count=8, prefill_load_fraction=0.8)


@pytest.fixture(scope="module")
def where():
    return platform(load(), "dgx-h100").item


@pytest.fixture(scope="module")
def operators(where):
    return calibrated_operators(load_kernels())(where, kernel_efficiency(load()), 0.5)


def real_task(quantile=0.5):
    engine = standard_engine(engine_figures(load()), quantile=quantile)
    return task(model(load(), "llama-3.1-8b").item, engine=engine, isl=1000.0, osl=200.0, pattern=AttentionPattern())


def test_front_by_hand():
    # (speed, rate): (1, 9), (2, 8) and (4, 3) stand; (2, 7) and (1, 3) are beaten.
    speed, rate = np.array([2.0, 1.0, 2.0, 4.0, 1.0]), np.array([7.0, 9.0, 8.0, 3.0, 3.0])
    assert list(front_index(speed, rate)) == [1, 2, 3]


def test_layouts_use_every_rank_once(where):
    for what in (EXPERTS, model(load(), "llama-3.1-8b").item):
        found = worker_layouts(what, where, accelerators_limit=8)
        assert (found.accelerators_count <= 8).all()
        assert (what.attention.heads_count % found.tp_count == 0).all()
    experts = worker_layouts(EXPERTS, where, accelerators_limit=8)
    assert (experts.tp_count * experts.copies_count == experts.expert_tp_count * experts.ep_count).all()


def test_the_front_keeps_the_limits_and_no_point_beats_another(where, operators):
    found = serve_search(real_task(), where, operators, LIMITS, usable_bytes=0.9 * where.accelerator.memory_bytes)
    front = found.front
    assert front is not None
    assert found.evaluated_count >= found.timed_count >= found.feasible_count >= front.tpot_s.size > 1
    assert (front.ttft_s <= LIMITS.ttft_s).all()
    assert (front.tpot_s <= LIMITS.tpot_s).all()
    assert (front.accelerators_count <= LIMITS.accelerators_count).all()
    assert (np.diff(front.tokens_per_s_per_accelerator) <= 0.0).all()
    assert (np.diff(front.tokens_per_s_per_user) > 0.0).all()
    # Whole workers, and the prefill pool at its load or below.
    assert (front.prefill_workers_count == np.round(front.prefill_workers_count)).all()


def test_fronts_of_each_kind_hold_their_kind_and_no_more(where, operators):
    found = serve_search(real_task(), where, operators, LIMITS, usable_bytes=0.9 * where.accelerator.memory_bytes)
    alone, pools = found.aggregated_front, found.pools_front
    assert alone is not None
    assert pools is not None
    assert (alone.prefill_workers_count == 0.0).all()
    assert (pools.prefill_workers_count > 0.0).all()
    best = max(alone.tokens_per_s_per_accelerator[0], pools.tokens_per_s_per_accelerator[0])
    assert found.front.tokens_per_s_per_accelerator[0] == best


def test_tighter_limits_never_serve_more(where, operators):
    usable = 0.9 * where.accelerator.memory_bytes
    loose = serve_search(real_task(), where, operators, LIMITS, usable_bytes=usable).front
    tight = serve_search(real_task(), where, operators, replace(LIMITS, tpot_s=0.01), usable_bytes=usable).front
    assert loose is not None
    assert tight is not None
    assert tight.tokens_per_s_per_accelerator[0] <= loose.tokens_per_s_per_accelerator[0]


def test_nothing_fits_nowhere(where, operators):
    assert serve_search(real_task(), where, operators, LIMITS, usable_bytes=1e6).front is None


def test_bands_are_ordered_and_near_the_search(where, operators):
    usable = 0.9 * where.accelerator.memory_bytes
    front = serve_search(real_task(), where, operators, LIMITS, usable_bytes=usable).front
    assert front is not None
    tasks = tuple(real_task(quantile) for quantile in (0.1, 0.5, 0.9))
    factory = calibrated_operators(load_kernels())
    by_quantile = [factory(where, kernel_efficiency(load()), quantile) for quantile in (0.1, 0.5, 0.9)]
    band = banded(tasks, front, where, by_quantile, usable_bytes=usable)
    assert (np.diff(band.tokens_per_s_per_accelerator, axis=0) >= 0.0).all()
    assert (np.diff(band.tpot_s, axis=0) <= 0.0).all()
    # The search counts pools at full rate; under a closed loop clients also spend their TTFT outside decoding. Where
    # prefill sets the pace, the search charges decoding the step of a full batch, and the loop a shorter one.
    ratio = band.tokens_per_s_per_accelerator[1] / front.tokens_per_s_per_accelerator
    assert (ratio > 0.6).all()
    assert (ratio < 1.05).all()
    assert BF16.cache.value_bytes == 2.0


def test_undominated_by_hand():
    """Of size 1: (2, 9) and (4, 3) stand, (4, 9) is beaten, the second (2, 9) is the first again; size 2 is apart."""
    size = np.array([1.0, 1.0, 1.0, 1.0, 2.0])
    first, second = np.array([2.0, 4.0, 4.0, 2.0, 5.0]), np.array([9.0, 3.0, 9.0, 9.0, 9.0])
    assert list(undominated(size, first, second)) == [0, 1, 4]
    assert undominated(np.zeros(0), np.zeros(0)).size == 0


@pytest.mark.parametrize("limits", [LIMITS, replace(LIMITS, ttft_s=0.12), replace(LIMITS, tpot_s=0.2)])
def test_pairing_only_undominated_workers_loses_nothing(where, operators, limits, monkeypatch):
    """The reference pairs every prefill worker with every decode worker."""
    usable = 0.9 * where.accelerator.memory_bytes
    few = serve_search(real_task(), where, operators, limits, usable_bytes=usable)
    monkeypatch.setattr(search_module, "undominated", lambda size, *_: np.arange(size.size))
    every = serve_search(real_task(), where, operators, limits, usable_bytes=usable)
    assert few.evaluated_count == every.evaluated_count
    assert few.feasible_count < every.feasible_count
    assert few.front is not None
    assert every.front is not None
    for speed, rate in zip(every.front.tokens_per_s_per_user, every.front.tokens_per_s_per_accelerator, strict=True):
        reached = few.front.tokens_per_s_per_accelerator[few.front.tokens_per_s_per_user >= speed * (1 - 1e-12)]
        assert reached.max() >= rate * (1 - 1e-12)
