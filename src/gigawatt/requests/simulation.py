"""Serving a trace: pieces of it go into the compiled engine, outcomes come out, and memory stays bounded.

`simulate` holds the requests in flight, one piece of the trace and one buffer of outcomes; what ended is handed to
`sink` and forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gigawatt.errors import InputError
from gigawatt.requests.costs import tables
from gigawatt.requests.engine.loop import advance, begin
from gigawatt.requests.engine.records import Condition, Costs, Records, State, Status
from gigawatt.requests.fleet import Disaggregated, Fleet
from gigawatt.requests.policies import Order, Router, Scaler, first_come
from gigawatt.requests.state import arrivals_of, first_state, roomier, with_hashes
from gigawatt.requests.traces import Requests, Trace, split

PIECE_COUNT = 1 << 15

Sink = Callable[[Records], None]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """How requests are routed and ordered, and, where the fleet scales, by whom it is told to."""

    router: Router
    order: Order = first_come
    scaler: Scaler | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolUse:
    """What the replicas of a pool did: seconds busy and on, steps, tokens computed or made, fullest memory."""

    replicas_count: int
    busy_s: float
    on_s: float
    steps_count: int
    tokens_count: int
    peak_kv_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a simulation leaves beside its outcomes: requests seen, the time of the last end, use of each pool.

    `in_flight_s` is the integral of the number of requests in flight over time.
    """

    requests_count: int
    end_s: float
    events_count: int
    in_flight_s: float
    pools: tuple[PoolUse, ...]


def simulate(
    fleet: Fleet,
    trace: Trace,
    policies: Policies,
    *,
    sink: Sink,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Course:
    """Serve a trace to its end; `sink` gets the outcomes as they come, in order of their ends."""
    _check(fleet, policies)
    costs = tables(fleet.pools[0].replica.costs, fleet.pools[-1].replica.costs)
    state = first_state(
        fleet,
        hash_tokens_count=trace.hash_tokens_count if fleet.batching.prefix_reuse else 0,
        router=policies.router,
        scaler=policies.scaler,
        seed=int(rng.integers(np.iinfo(np.int64).max)),
    )
    begin(state, costs, (fleet.pools[0].start_count, fleet.pools[-1].start_count))
    seen = 0
    for piece in trace.pieces:
        for part in split(piece, most=PIECE_COUNT):
            state = _play(state, costs, part, policies, first_id=seen, sink=sink)
            seen += len(part)
            if progress is not None:
                progress(seen)
    state = _play(state, costs, None, policies, first_id=seen, sink=sink)
    return _course(fleet, state, seen)


def _play(state: State, costs: Costs, part: Requests | None, policies: Policies, *, first_id: int, sink: Sink) -> State:
    """Play one part of the trace, or, after the last, all that is still in flight."""
    state = with_hashes(state, part)
    arrivals = arrivals_of(part, policies.order, first=int(state.hashes.size - (len(part.hashes) if part else 0)))
    state.counters[0].next = 0
    while True:
        status = advance(state, costs, arrivals, first_id, part is None)
        _hand_out(state, sink)
        if policies.scaler is not None and policies.scaler.raised:
            raise policies.scaler.raised[0]
        if status in (Status.MORE, Status.DONE):
            return state
        if status == Status.GROW:
            state = roomier(state)
        elif status != Status.FLUSH:
            raise _broken(status, policies)


def _hand_out(state: State, sink: Sink) -> None:
    count = int(state.counters[0].outcomes)
    if count:
        sink(state.outcomes[:count].copy().view(np.recarray))
    state.counters[0].outcomes = 0


def _broken(status: int, policies: Policies) -> Exception:
    raised = policies.router.raised
    if status == Status.BAD_ROUTE and raised:
        return raised[0]
    if status == Status.BAD_ROUTE:
        return InputError(
            where=f"router {policies.router.name}",
            found="an answer that is no index of a replica",
            expected="an index into the arrays it was given",
            fix="Return a number from 0 to len(requests) - 1.",
        )
    return RuntimeError("requests are in flight and nothing will ever happen to them")


def _course(fleet: Fleet, state: State, seen: int) -> Course:
    end_s = float(state.counters[0].now_s)
    return Course(
        requests_count=seen,
        end_s=end_s,
        events_count=int(state.counters[0].events),
        in_flight_s=float(state.counters[0].live_s),
        pools=tuple(_pool_use(state.replicas[state.replicas.pool == at], end_s) for at in range(len(fleet.pools))),
    )


def _pool_use(replicas: Records, end_s: float) -> PoolUse:
    still_on = replicas.condition != Condition.OFF
    return PoolUse(
        replicas_count=len(replicas),
        busy_s=float(replicas.busy_s.sum()),
        on_s=float(replicas.on_s.sum() + np.where(still_on, end_s - replicas.on_since_s, 0.0).sum()),
        steps_count=int(replicas.step_count.sum()),
        tokens_count=int(replicas.token_count.sum()),
        peak_kv_fraction=float((replicas.peak / replicas.capacity).max()),
    )


def _check(fleet: Fleet, policies: Policies) -> None:
    for pool in fleet.pools:
        if not 1 <= pool.least_count <= pool.start_count <= pool.most_count:
            raise _refused(
                f"{pool.least_count} to {pool.most_count} replicas, {pool.start_count} at the start",
                "1 <= least <= start <= most",
            )
        limits = (pool.replica.costs.batch_limit_count, pool.replica.costs.step_tokens_limit_count)
        if limits[0] >= limits[1]:
            raise _refused(f"steps of {limits[1]} tokens for {limits[0]} requests", "more tokens than requests")
    if (fleet.scaling is None) != (policies.scaler is None):
        raise _refused("a scaler or an interval of scaling without the other", "both or none")
    sizes = {(p.replica.costs.batch_limit_count, p.replica.costs.step_tokens_limit_count) for p in fleet.pools}
    if len(sizes) > 1 and isinstance(fleet.serving, Disaggregated):
        raise _refused("pools with different batch or step limits", "the same limits in both")


def _refused(found: str, expected: str) -> InputError:
    return InputError(where="fleet", found=found, expected=expected, fix="Change the fleet or its policies.")
