"""The compiled engine against the step-by-step reference."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from gigawatt.requests.generating import LognormalLengths, PoissonArrivals, SwitchingArrivals, generated
from gigawatt.requests.policies import (
    by_priority,
    compiled_router,
    first_come,
    least_loaded,
    prefix_affinity,
    round_robin,
    shortest_prompt,
)
from gigawatt.requests.reading import read_trace
from gigawatt.requests.traces import requests_from
from tests.requests.reference import Reference
from tests.requests.samples import aggregated, costs, disaggregated, play

DATA = Path(__file__).parent / "data"
SAMPLES = ("azure-code.csv", "azure-conversation.csv", "mooncake-conversation.jsonl", "mooncake-synthetic.jsonl")
ROUND_ROBIN, LEAST_LOADED = compiled_router(round_robin), compiled_router(least_loaded)
AFFINITY = compiled_router(prefix_affinity, sees_cache=True)


def sample(name):
    """A sample trace in one piece; `hurried` arrivals put a small fleet under load."""
    trace = read_trace(DATA / name)
    (piece,) = trace.pieces
    return piece, trace.hash_tokens_count


def compare(fleet, requests, router, function, *, order=first_come, hash_tokens=0):
    rows, _ = play(fleet, requests, router, order=order, hash_tokens=hash_tokens)
    reference = Reference(fleet, requests, function, order, hash_tokens=hash_tokens)
    jobs = reference.run()
    done = [job for job in jobs if job.end_s is not None]
    assert len(done) == (rows.ending == 0).sum()
    ours = rows[rows.ending == 0]
    first = np.array([job.first_token_s for job in done])
    last = np.array([job.end_s for job in done])
    assert ours.first_token_s == pytest.approx(first, rel=1e-9)
    assert ours.end_s == pytest.approx(last, rel=1e-9)
    assert ours.reused.tolist() == [job.reused for job in done]
    assert ours.loaded.tolist() == [job.loaded for job in done]
    assert ours.preemptions.tolist() == [job.preemptions for job in done]
    return rows


def crowd(count=250, *, rate=30.0, seed=3, shared=False):
    rng = np.random.default_rng(seed)
    made = generated(
        SwitchingArrivals(calm_requests_per_s=rate / 3, busy_requests_per_s=3 * rate, calm_mean_s=2.0, busy_mean_s=1.0),
        input_lengths=LognormalLengths(median_tokens_count=180.0, spread=1.0, most_tokens_count=3000),
        output_lengths=LognormalLengths(median_tokens_count=60.0, spread=1.0, most_tokens_count=600),
        requests_count=count,
        rng=rng,
    )
    prefixes = None
    if shared:
        roots = rng.integers(0, 8, count)
        prefixes = tuple(
            tuple(int(root) * 100 + k for k in range(4)) + tuple(10_000 + i * 100 + k for k in range(int(length) // 64))
            for i, (root, length) in enumerate(zip(roots, made.input_tokens_count, strict=True))
        )
    return requests_from(
        arrival_s=made.arrival_s,
        input_tokens_count=made.input_tokens_count,
        output_tokens_count=made.output_tokens_count,
        priority=rng.integers(0, 3, count),
        prefixes=prefixes,
    )


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_traces_are_served_step_for_step_as_the_reference_serves_them(name):
    requests, hash_tokens = sample(name)
    fleet = aggregated(3, kv=300_000, times=costs(tokens=2048))
    rows = compare(fleet, requests, LEAST_LOADED, least_loaded, hash_tokens=hash_tokens)
    assert len(rows) == len(requests)


@pytest.mark.parametrize("order", [first_come, by_priority, shortest_prompt])
def test_preemption_and_orders(order):
    rows = compare(aggregated(2, kv=5_000), crowd(), ROUND_ROBIN, round_robin, order=order)
    assert rows.preemptions.sum() > 0


def test_prefix_reuse_under_eviction():
    rows = compare(aggregated(2, kv=6_000), crowd(shared=True), LEAST_LOADED, least_loaded, hash_tokens=64)
    assert rows.reused.sum() > 0
    assert rows.preemptions.sum() > 0


@pytest.mark.parametrize("tokens", [640, 100_000])
def test_prefixes_beside_the_device(tokens):
    """A small memory loses blocks again; a large one keeps all that the device gives up."""
    fleet = aggregated(2, kv=6_000, beside=(tokens, 3.1e-6))
    rows = compare(fleet, crowd(shared=True), LEAST_LOADED, least_loaded, hash_tokens=64)
    assert 0 < rows.loaded.sum() < rows.reused.sum()


def test_disaggregated_pools():
    rows = compare(disaggregated(2, 3, kv=6_000), crowd(), LEAST_LOADED, least_loaded)
    assert rows.preemptions.sum() > 0


def test_disaggregated_pools_with_prefix_reuse():
    rows = compare(disaggregated(2, 2, kv=9_000), crowd(shared=True), ROUND_ROBIN, round_robin, hash_tokens=64)
    assert rows.reused.sum() > 0


def test_prefix_affinity_is_within_five_percent():
    """The router may see a cache as it was before the steps under way: means agree, not every request."""
    requests, fleet = crowd(shared=True), aggregated(3, kv=6_000)
    rows, _ = play(fleet, requests, AFFINITY, hash_tokens=64)
    jobs = Reference(fleet, requests, prefix_affinity, first_come, hash_tokens=64).run()
    done = [job for job in jobs if job.end_s is not None]
    ours = rows[rows.ending == 0]
    assert len(done) == len(ours)
    theirs = np.mean([job.first_token_s - job.arrival_s for job in done])
    assert (ours.first_token_s - ours.arrival_s).mean() == pytest.approx(theirs, rel=0.05)


def test_a_changed_cost_is_noticed():
    requests, fleet = crowd(60), aggregated(2)
    rows, _ = play(fleet, requests, LEAST_LOADED)
    slower = dataclasses.replace(fleet, serving=aggregated(2, times=costs(scale=1.01)).serving)
    jobs = Reference(slower, requests, least_loaded, first_come).run()
    assert rows.end_s != pytest.approx(np.array([job.end_s for job in jobs]), rel=1e-9)


def test_long_generated_traffic():
    rng = np.random.default_rng(5)
    requests = generated(
        PoissonArrivals(requests_per_s=12.0),
        input_lengths=LognormalLengths(median_tokens_count=300.0, spread=0.8, most_tokens_count=2000),
        output_lengths=LognormalLengths(median_tokens_count=80.0, spread=0.7, most_tokens_count=500),
        requests_count=400,
        rng=rng,
    )
    compare(aggregated(2), requests, LEAST_LOADED, least_loaded)
