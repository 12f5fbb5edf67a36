"""Hand-made replicas and requests."""

from dataclasses import replace

import numpy as np

from gigawatt.requests.costs import StepCosts
from gigawatt.requests.fleet import Aggregated, Batching, Disaggregated, Fleet, Replica, fixed_pool
from gigawatt.requests.policies import first_come
from gigawatt.requests.simulation import Policies, simulate
from gigawatt.requests.traces import one_piece


def costs(*, batch=32, tokens=512, scale=1.0):
    """Irregular times, so that no two events fall together by chance."""
    count, requests = np.arange(tokens + 1.0), np.arange(batch + 1.0)
    context = np.array([0.0, 37.0, 130.0, 700.0, 4000.0, 40000.0])
    new, cached = np.array([0.0, 90.0, 300.0, 1000.0]), np.array([0.0, 500.0, 3000.0, 50000.0])
    return StepCosts(
        pass_s=scale * (0.00713 + np.maximum(count * 2.3e-5 - 0.0011, 0.0)),
        decode_extra_s=scale * requests * 1.7e-6,
        decode_attention_s=scale * (1.3e-4 + requests[:, None] * context * 3.1e-8 * (1.0 + context / 9e4)),
        decode_context_tokens_count=context,
        fill_attention_s=scale * new[:, None] * (cached + new[:, None] / 2.0) * 1.1e-9,
        fill_floor_s=scale * 1.9e-4,
        fill_least_s=scale * 0.0091,
        fill_new_tokens_count=new,
        fill_cached_tokens_count=cached,
    )


def flat_costs(*, batch=4, tokens=64, pass_s=1.0):
    """Every step takes `pass_s`."""
    return StepCosts(
        pass_s=np.full(tokens + 1, pass_s),
        decode_extra_s=np.zeros(batch + 1),
        decode_attention_s=np.zeros((batch + 1, 2)),
        decode_context_tokens_count=np.array([0.0, 1000.0]),
        fill_attention_s=np.zeros((2, 2)),
        fill_floor_s=0.0,
        fill_least_s=0.0,
        fill_new_tokens_count=np.array([0.0, 1000.0]),
        fill_cached_tokens_count=np.array([0.0, 1000.0]),
    )


def replica(*, kv=20_000, times=None):
    return Replica(
        costs=costs() if times is None else times,
        kv_tokens_count=kv,
        accelerators_count=1,
        busy_power_w=1000.0,
        idle_power_w=300.0,
    )


def aggregated(count=2, *, kv=20_000, times=None, block=16, reserve=0.01, beside=(0, 0.0), **more):
    tokens, s_per_token = beside
    one = replace(replica(kv=kv, times=times), beside_tokens_count=tokens, beside_s_per_token=s_per_token)
    return Fleet(
        serving=Aggregated(pool=fixed_pool(one, count)),
        batching=Batching(block_tokens_count=block, reserve_fraction=reserve, **more),
    )


def disaggregated(prefill=1, decode=2, *, kv=20_000, times=None, block=16):
    return Fleet(
        serving=Disaggregated(
            prefill=fixed_pool(replica(kv=kv, times=times), prefill),
            decode=fixed_pool(replica(kv=kv, times=times), decode),
            move_start_s=0.0023,
            move_s_per_token=1.3e-6,
        ),
        batching=Batching(block_tokens_count=block, reserve_fraction=0.01),
    )


def play(fleet, requests, router, *, order=first_come, scaler=None, hash_tokens=0, seed=1):
    """Every outcome, in order of the requests, and the course of the simulation."""
    rows = []
    course = simulate(
        fleet,
        one_piece(requests, name="sample", hash_tokens_count=hash_tokens),
        Policies(router=router, order=order, scaler=scaler),
        sink=rows.append,
        rng=np.random.default_rng(seed),
    )
    every = np.concatenate(rows).view(np.recarray)
    return every[np.argsort(every.id, kind="stable")], course
