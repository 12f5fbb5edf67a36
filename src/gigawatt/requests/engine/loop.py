"""The loop: the earliest of arrivals, transfers and events happens; it stores and stops, and does not think.

At equal times arrivals come first, then transfers, lives, the scaler and step boundaries, so that a step sees all that
came before it.
"""

import numpy as np

from gigawatt.requests.engine.batch import blocks_for, start_steps
from gigawatt.requests.engine.compiled import compiled, inner
from gigawatt.requests.engine.life import live_on, scale, switch_on
from gigawatt.requests.engine.memory import forget
from gigawatt.requests.engine.records import NEVER, NOBODY, Arrivals, Costs, Ending, Stage, State, Status
from gigawatt.requests.engine.routing import chosen_replica, enqueue
from gigawatt.requests.engine.step import finish_steps, land, write_outcome


@inner
def _least_capacity(state: State) -> int:
    least = state.replicas[0].capacity
    return int(min(least, state.replicas[state.replicas.size - 1].capacity))


@inner
def _arrive(state: State, costs: Costs, arrivals: Arrivals, at: int, first_id: int) -> None:
    """Take request `at` of the chunk in, or turn it away."""
    i = int(state.counters[0].spare)
    state.counters[0].spare = state.slots[i].sibling
    state.counters[0].live += 1
    slot = state.slots[i]
    slot.id = first_id + at
    slot.arrival_s = arrivals.arrival_s[at]
    slot.input = arrivals.input[at]
    slot.output = arrivals.output[at]
    slot.priority = arrivals.priority[at]
    slot.rank = arrivals.rank[at]
    slot.key = arrivals.key[at]
    slot.hash_start = arrivals.hash_start[at]
    slot.hash_count = arrivals.hash_count[at]
    slot.stage = Stage.QUEUED
    slot.replica = NOBODY
    slot.holder = NOBODY
    slot.first_token_s = np.nan
    slot.generated = slot.kv = slot.chunk = slot.shared = slot.blocks = slot.held_shared = slot.held_blocks = 0
    slot.reused = slot.loaded = slot.preemptions = slot.restarts = slot.moves = 0
    slot.prompt = slot.input
    now_s = arrivals.arrival_s[at]
    if blocks_for(state, slot.input + slot.output) > _least_capacity(state):
        write_outcome(state, i, Ending.TOO_LONG, now_s)
        return
    r = chosen_replica(state, 0, i)
    if state.replicas[r].queued >= state.settings[0].queue_limit:
        write_outcome(state, i, Ending.QUEUE_FULL, now_s)
    else:
        enqueue(state, costs, i, r, now_s)


@inner
def _pass_time(state: State, now_s: float) -> None:
    """Let the clock come to `now_s`, and count the seconds that requests spend in flight."""
    counters = state.counters[0]
    counters.live_s += counters.live * (now_s - counters.now_s)
    counters.now_s = now_s


@inner
def _happen(state: State, costs: Costs, now_s: float) -> None:
    """The first event of the heap happens."""
    source, count = int(state.heap[0]), int(state.replicas.size)
    if source < count:
        live_on(state, costs, source, now_s)
    elif source == count:
        scale(state, now_s)
    else:
        finish_steps(state, costs, source - count - 1, now_s)
        start_steps(state, costs, source - count - 1, now_s)


@inner
def _next(state: State, costs: Costs, arrivals: Arrivals, first_id: int, final: bool) -> int:
    """Let the next thing happen, or say why it cannot."""
    counters = state.counters[0]
    event_s = state.times[state.heap[0]]
    move_s = state.move_times[0] if counters.moving > 0 else NEVER
    if counters.next < arrivals.arrival_s.size:
        arrival_s = arrivals.arrival_s[counters.next]
        if arrival_s <= min(move_s, event_s):
            if counters.spare == NOBODY:
                return Status.GROW.value
            _pass_time(state, arrival_s)
            _arrive(state, costs, arrivals, counters.next, first_id)
            state.counters[0].next += 1
            return int(state.counters[0].status)
    elif not final:
        return Status.MORE.value
    elif counters.live == 0:
        return Status.DONE.value
    now_s = min(move_s, event_s)
    if now_s == NEVER:
        return Status.STALLED.value
    _pass_time(state, now_s)
    if move_s <= event_s:
        land(state, costs, now_s)
    else:
        _happen(state, costs, now_s)
    return int(state.counters[0].status)


@compiled
def advance(state: State, costs: Costs, arrivals: Arrivals, first_id: int, final: bool) -> int:
    """Play events until the chunk is used up (and, if it is the last, every request has ended); why it stopped."""
    room = state.outcomes.size - state.running.shape[1] - 1
    while True:
        if state.counters[0].outcomes >= room:
            return Status.FLUSH.value
        state.counters[0].events += 1
        status = _next(state, costs, arrivals, first_id, final)
        if status != Status.RUNNING:
            return status


@compiled
def begin(state: State, costs: Costs, on_counts: tuple[int, int]) -> None:
    """Empty every replica and switch the first of each pool on."""
    for r in range(state.replicas.size):
        forget(state, r)
        pool = int(state.replicas[r].pool)
        place = r if pool == 0 else r - state.settings[0].entry_count
        if place < on_counts[pool]:
            switch_on(state, costs, r, 0.0)
