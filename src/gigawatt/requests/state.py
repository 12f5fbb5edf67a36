"""The engine's memory: made for a fleet, widened when more requests are in flight, fed with pieces of a trace."""

import numpy as np

from gigawatt.errors import InputError
from gigawatt.requests.engine.records import (
    COUNTERS,
    NEVER,
    NOBODY,
    NODE,
    OUTCOME,
    REPLICA,
    SETTINGS,
    SLOT,
    Arrivals,
    Ints,
    Records,
    Stage,
    State,
)
from gigawatt.requests.fleet import Disaggregated, Fleet
from gigawatt.requests.policies import Order, Router, Scaler
from gigawatt.requests.traces import Requests
from gigawatt.timeline import IntArray

_FIRST_SLOTS = 1 << 10
_OUTCOMES = 1 << 15
_NO_HASHES = np.empty(0, dtype=np.int64)


def _records(dtype: np.dtype[np.void], *shape: int) -> Records:
    return np.zeros(shape, dtype=dtype).view(np.recarray)


def first_state(fleet: Fleet, *, hash_tokens_count: int, router: Router, scaler: Scaler | None, seed: int) -> State:
    """A fleet at rest."""
    costs = fleet.pools[0].replica.costs
    settings = _settings(fleet, hash_tokens_count=hash_tokens_count, seed=seed)
    settings[0].router = router.address
    settings[0].sees_cache = router.sees_cache
    settings[0].scaler = 0 if scaler is None else scaler.address
    replicas = _replicas(fleet)
    count = len(replicas)
    hash_blocks = int(settings[0].hash_blocks)
    nodes_count = int(replicas.capacity.max()) // hash_blocks if hash_blocks else 0
    counters = _records(COUNTERS, 1)
    counters[0].spare = NOBODY
    times = np.full(2 * count + 1, NEVER)
    times[count] = settings[0].scaling_s
    sources = np.arange(2 * count + 1)
    order = np.argsort(times, kind="stable")
    places = np.empty_like(sources)
    places[order] = sources
    state = State(
        settings=settings,
        counters=counters,
        limits=np.array([(p.least_count, p.most_count) for p in (fleet.pools[0], fleet.pools[-1])], dtype=np.int64),
        slots=_records(SLOT, 0),
        replicas=replicas,
        running=np.zeros((count, costs.batch_limit_count), dtype=np.int64),
        filling=np.zeros((count, costs.batch_limit_count), dtype=np.int64),
        host_nodes=_records(NODE, count, int(settings[0].host_blocks)),
        host_chains=np.full((count, 1 << max(int(settings[0].host_blocks), 1).bit_length()), NOBODY, dtype=np.int64),
        nodes=_records(NODE, count, nodes_count),
        chains=np.full((count, 1 << max(nodes_count, 1).bit_length()), NOBODY, dtype=np.int64),
        hashes=_NO_HASHES,
        times=times,
        heap=order.astype(np.int64),
        places=places.astype(np.int64),
        moves=np.zeros((0, 2), dtype=np.int64),
        move_times=np.zeros(0),
        seen=np.zeros((count, 4), dtype=np.int64),
        draws=np.zeros(2),
        outcomes=_records(OUTCOME, _OUTCOMES + 2 * costs.batch_limit_count),
    )
    return roomier(state)


def _settings(fleet: Fleet, *, hash_tokens_count: int, seed: int) -> Records:
    batching, costs = fleet.batching, fleet.pools[0].replica.costs
    if hash_tokens_count % batching.block_tokens_count:
        raise InputError(
            where="block size",
            found=f"{batching.block_tokens_count} tokens for prefix blocks of {hash_tokens_count}",
            expected="a divisor of the trace's prefix block",
            fix="Choose a block size that divides it, or switch prefix reuse off.",
        )
    settings = _records(SETTINGS, 1)
    row = settings[0]
    row.block_tokens = batching.block_tokens_count
    row.hash_tokens = hash_tokens_count
    row.hash_blocks = hash_tokens_count // batching.block_tokens_count
    row.batch_limit = costs.batch_limit_count
    row.step_tokens = costs.step_tokens_limit_count
    limit = batching.queue_limit_count
    row.queue_limit = np.iinfo(np.int64).max if limit is None else limit
    entry = fleet.pools[0].replica
    if hash_tokens_count and entry.reads_sooner:
        row.host_blocks = entry.beside_tokens_count // hash_tokens_count
        row.load_s_per_token = entry.beside_s_per_token
    row.seed = seed
    row.entry_count = fleet.pools[0].most_count
    row.reserve_fraction = batching.reserve_fraction
    row.failure_s = fleet.failures.between_failures_s if fleet.failures else NEVER
    row.repair_s = fleet.failures.repair_s if fleet.failures else NEVER
    row.scaling_s = fleet.scaling.interval_s if fleet.scaling else NEVER
    row.startup_s = fleet.scaling.startup_s if fleet.scaling else NEVER
    if isinstance(fleet.serving, Disaggregated):
        row.decode_count = fleet.serving.decode.most_count
        row.move_start_s = fleet.serving.move_start_s
        row.move_s_per_token = fleet.serving.move_s_per_token
    return settings


def _replicas(fleet: Fleet) -> Records:
    replicas = _records(REPLICA, sum(pool.most_count for pool in fleet.pools))
    first = 0
    for at, pool in enumerate(fleet.pools):
        rows = slice(first, first + pool.most_count)
        replicas.pool[rows] = at
        replicas.capacity[rows] = pool.replica.kv_tokens_count // fleet.batching.block_tokens_count
        first += pool.most_count
    replicas.root = NOBODY
    return replicas


def roomier(state: State) -> State:
    """The same state with room for twice as many requests in flight."""
    before = len(state.slots)
    count = max(2 * before, _FIRST_SLOTS)
    slots = _records(SLOT, count)
    slots[:before] = state.slots
    slots.stage[before:] = Stage.FREE
    slots.sibling[before : count - 1] = np.arange(before + 1, count)
    slots.sibling[count - 1] = state.counters[0].spare
    state.counters[0].spare = before
    moves = np.zeros((2 * count, 2), dtype=np.int64)
    moves[: len(state.moves)] = state.moves
    move_times = np.zeros(2 * count)
    move_times[: len(state.move_times)] = state.move_times
    return state._replace(slots=slots, moves=moves, move_times=move_times)


def with_hashes(state: State, part: Requests | None) -> State:
    """The prefixes of requests in flight, moved together, and behind them those of the next part."""
    live = np.flatnonzero((state.slots.stage != Stage.FREE) & (state.slots.hash_count > 0))
    counts = state.slots.hash_count[live]
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    kept = state.hashes[_ranges(state.slots.hash_start[live], counts)]
    state.slots.hash_start[live] = starts[:-1]
    return state._replace(hashes=np.concatenate([kept, part.hashes if part else _NO_HASHES]))


def _ranges(starts: IntArray, counts: IntArray) -> IntArray:
    """All indices of the ranges that begin at `starts` and have `counts` members."""
    ends = np.cumsum(counts)
    return np.asarray(
        np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - counts), counts), dtype=np.int64
    )


def arrivals_of(part: Requests | None, order: Order, *, first: int) -> Arrivals:
    """A part of the trace as the engine reads it, its prefixes from `first` on; none after the last part."""
    if part is None:
        nothing: Ints = np.empty(0, dtype=np.int64)
        empty = np.empty(0)
        return Arrivals(empty, nothing, nothing, nothing, nothing, empty, nothing, nothing)
    rank, key = order(part)
    return Arrivals(
        arrival_s=np.ascontiguousarray(part.arrival_s),
        input=np.ascontiguousarray(part.input_tokens_count),
        output=np.ascontiguousarray(part.output_tokens_count),
        priority=np.ascontiguousarray(part.priority),
        rank=np.ascontiguousarray(rank, dtype=np.int64),
        key=np.ascontiguousarray(key, dtype=np.float64),
        hash_start=np.ascontiguousarray(part.hash_start[:-1] + first),
        hash_count=np.diff(part.hash_start),
    )
