"""Which replica a request goes to, and when a replica next looks at its line."""

import numpy as np

from gigawatt.requests.engine.calls import call_router
from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.costs import decode_span_s, steps_until
from gigawatt.requests.engine.events import boundary_of, schedule
from gigawatt.requests.engine.memory import reusable
from gigawatt.requests.engine.queues import push
from gigawatt.requests.engine.records import NEVER, Condition, Costs, Stage, State, Status


@inner
def uniform(seed: int, stream: int, number: int) -> float:
    """A uniform draw in [0, 1) that depends on its three numbers alone (Steele et al., 2014, SplitMix64)."""
    x = np.uint64(seed) ^ (np.uint64(stream) * np.uint64(0x9E3779B97F4A7C15))
    x += np.uint64(number) * np.uint64(0xD1B54A32D192ED03) + np.uint64(0x9E3779B97F4A7C15)
    for _ in range(2):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return float(np.float64(x >> np.uint64(11)) * 2.0**-53)


@inner
def pool_range(state: State, pool: int) -> tuple[int, int]:
    """First replica of a pool, and one behind its last."""
    entry = state.settings[0].entry_count
    return (0, int(entry)) if pool == 0 else (int(entry), int(state.replicas.size))


@inner
def _candidates(state: State, pool: int, patient: bool) -> int:
    """List the replicas that take requests: those that are on, or, for the patient, those that will be again."""
    first, last = pool_range(state, pool)
    count = 0
    for r in range(first, last):
        condition = state.replicas[r].condition
        waits = condition in (Condition.STARTING, Condition.FAILED)
        if condition == Condition.ON or (patient and waits):
            state.seen[count, 0] = r
            state.seen[count, 1] = state.replicas[r].requests
            state.seen[count, 2] = state.replicas[r].tokens
            count += 1
    return count


@inner
def chosen_replica(state: State, pool: int, i: int) -> int:
    """The replica that the policy sends request `i` to."""
    count = _candidates(state, pool, False)
    if count == 0:
        count = _candidates(state, pool, True)
    settings, counters = state.settings[0], state.counters[0]
    for k in range(count):
        state.seen[k, 3] = 0
        if settings.sees_cache and pool == 0:
            state.seen[k, 3] = reusable(state, state.seen[k, 0], i)[0] * settings.hash_tokens
    number = counters.routed
    state.draws[0] = uniform(settings.seed, 0, 2 * number)
    state.draws[1] = uniform(settings.seed, 0, 2 * number + 1)
    state.counters[0].routed += 1
    at = call_router(
        settings.router, count, state.seen.ctypes.data, state.slots[i].prompt, number, state.draws.ctypes.data
    )
    if at < 0 or at >= count:
        state.counters[0].status = Status.BAD_ROUTE
        at = 0
    return int(state.seen[at, 0])


@inner
def occupancy(state: State, r: int) -> int:
    """Requests that have a place in the batch of replica `r`."""
    replica = state.replicas[r]
    return int(replica.decoding + replica.filling + replica.moving + replica.landed)


@inner
def wake(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Let replica `r` look at its line at once if it is idle, else at the first step boundary from now on."""
    replica = state.replicas[r]
    if replica.condition not in (Condition.ON, Condition.DRAINING):
        return
    if not replica.busy:
        schedule(state, boundary_of(state, r), now_s)
    elif replica.steps > 1:
        span_s = now_s - replica.segment_s
        steps = steps_until(costs, replica.pool, replica.decoding, replica.context, span_s, replica.steps)
        if steps < replica.steps:
            state.replicas[r].steps = steps
            schedule_end(state, costs, r)


@inner
def schedule_end(state: State, costs: Costs, r: int) -> None:
    """Let the decode steps under way at replica `r` end when they take their time."""
    replica = state.replicas[r]
    span_s = decode_span(state, costs, r, replica.steps)
    schedule(state, boundary_of(state, r), replica.segment_s + span_s)


@inner
def decode_span(state: State, costs: Costs, r: int, steps: int) -> float:
    """Time of the first `steps` decode steps of the segment under way."""
    replica = state.replicas[r]
    return decode_span_s(costs, replica.pool, replica.decoding, replica.context, steps)


@inner
def enqueue(state: State, costs: Costs, i: int, r: int, now_s: float) -> None:
    """Put request `i` in line at replica `r`; only a new head of the line can change what happens next."""
    state.slots[i].stage = Stage.QUEUED
    state.slots[i].replica = r
    state.slots[i].prompt = state.slots[i].input + state.slots[i].generated
    state.replicas[r].requests += 1
    if state.replicas[r].pool == 0:
        state.replicas[r].tokens += state.slots[i].prompt
    push(state.slots, state.replicas, r, i)
    if state.replicas[r].root == i and occupancy(state, r) < state.settings[0].batch_limit:
        wake(state, costs, r, now_s)


@inner
def dispatch(state: State, costs: Costs, i: int, pool: int, now_s: float) -> None:
    """Send request `i` to a replica of a pool."""
    state.slots[i].prompt = state.slots[i].input + state.slots[i].generated
    enqueue(state, costs, i, chosen_replica(state, pool, i), now_s)


@inner
def never(state: State, r: int) -> None:
    """Replica `r` has no step under way."""
    state.replicas[r].busy = 0
    schedule(state, boundary_of(state, r), NEVER)


@inner
def switch_off(state: State, r: int, now_s: float) -> None:
    """Replica `r` serves no more and draws no power."""
    state.replicas[r].condition = Condition.OFF
    state.replicas[r].on_s += now_s - state.replicas[r].on_since_s
