"""Replicas come and go: start, failure, repair, and the scaler's orders."""

import numpy as np

from gigawatt.requests.engine.calls import call_scaler
from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.costs import steps_until
from gigawatt.requests.engine.events import boundary_of, schedule
from gigawatt.requests.engine.memory import forget, give_back
from gigawatt.requests.engine.queues import remove
from gigawatt.requests.engine.records import NEVER, NOBODY, Condition, Costs, Stage, State
from gigawatt.requests.engine.routing import decode_span, dispatch, never, pool_range, switch_off, uniform, wake
from gigawatt.requests.engine.step import finish_steps, let_go


@inner
def exponential_s(state: State, r: int, mean_s: float) -> float:
    """A waiting time of replica `r` with the mean `mean_s`."""
    if not np.isfinite(mean_s):
        return NEVER
    number = state.replicas[r].lives
    state.replicas[r].lives += 1
    return float(-mean_s * np.log(1.0 - uniform(state.settings[0].seed, 1 + r, number)))


@inner
def switch_on(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Replica `r` serves from now on, until it fails."""
    state.replicas[r].condition = Condition.ON
    schedule(state, r, now_s + exponential_s(state, r, state.settings[0].failure_s))
    if state.replicas[r].queued > 0:
        wake(state, costs, r, now_s)


@inner
def _keep_finished_steps(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Steps that were complete before the failure count; the one under way is lost."""
    replica = state.replicas[r]
    if not replica.busy:
        return
    span_s, done = now_s - replica.segment_s, 0
    if replica.steps > 1:
        done = steps_until(costs, replica.pool, replica.decoding, replica.context, span_s, replica.steps) - 1
    if done > 0:
        end_s = replica.segment_s + decode_span(state, costs, r, done)
        state.replicas[r].steps = done
        finish_steps(state, costs, r, end_s)
        state.replicas[r].busy_s += now_s - end_s
    else:
        state.replicas[r].busy_s += now_s - replica.segment_s
    state.replicas[r].busy = 0


@inner
def _evacuate(state: State, costs: Costs, r: int, i: int, now_s: float) -> None:
    """Free request `i` of a failed replica from wherever it is, and send it in again."""
    slot = state.slots[i]
    at, stage = int(slot.replica), slot.stage
    if slot.holder not in (NOBODY, r):
        wake(state, costs, let_go(state, i), now_s)
    if at != r:
        if stage == Stage.QUEUED:
            remove(state.slots, state.replicas, at, i)
        else:
            state.replicas[at].moving -= 1
            give_back(state, at, i, 0, slot.blocks)
        state.replicas[at].requests -= 1
        wake(state, costs, at, now_s)
    state.slots[i].holder = NOBODY
    state.slots[i].shared = 0
    state.slots[i].blocks = 0
    state.slots[i].kv = 0
    state.slots[i].chunk = 0
    state.slots[i].restarts += 1
    dispatch(state, costs, i, 0, now_s)


@inner
def _fail(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Replica `r` loses its memory; its requests are routed anew, in the order of their slots."""
    _keep_finished_steps(state, costs, r, now_s)
    never(state, r)
    if state.replicas[r].condition == Condition.DRAINING:
        switch_off(state, r, now_s)
    else:
        state.replicas[r].condition = Condition.FAILED
        schedule(state, r, now_s + exponential_s(state, r, state.settings[0].repair_s))
    state.replicas[r].decoding = 0
    state.replicas[r].filling = 0
    state.replicas[r].moving = 0
    state.replicas[r].landed = 0
    state.replicas[r].queued = 0
    state.replicas[r].requests = 0
    state.replicas[r].tokens = 0
    state.replicas[r].root = NOBODY
    forget(state, r)
    for i in range(state.slots.size):
        stage = state.slots[i].stage
        if stage != Stage.FREE and (state.slots[i].replica == r or state.slots[i].holder == r):
            _evacuate(state, costs, r, i, now_s)


@inner
def live_on(state: State, costs: Costs, r: int, now_s: float) -> None:
    """The next thing in the life of replica `r` happens: it starts, fails or is repaired."""
    condition = state.replicas[r].condition
    if condition in (Condition.STARTING, Condition.FAILED):
        switch_on(state, costs, r, now_s)
    elif condition in (Condition.ON, Condition.DRAINING):
        _fail(state, costs, r, now_s)
    else:
        schedule(state, r, NEVER)


@inner
def _add(state: State, first: int, last: int, now_s: float) -> bool:
    """Bring back a replica that is being emptied, or start one."""
    for r in range(first, last):
        if state.replicas[r].condition == Condition.DRAINING:
            state.replicas[r].condition = Condition.ON
            return True
    for r in range(first, last):
        if state.replicas[r].condition == Condition.OFF:
            state.replicas[r].condition = Condition.STARTING
            state.replicas[r].on_since_s = now_s
            forget(state, r)
            schedule(state, r, now_s + state.settings[0].startup_s)
            return True
    return False


@inner
def _withdraw(state: State, first: int, last: int, now_s: float) -> bool:
    """Let the last replica of a pool take no more requests; it goes off once it is empty."""
    for back in range(last - first):
        r = last - 1 - back
        if state.replicas[r].condition == Condition.ON:
            state.replicas[r].condition = Condition.DRAINING
            if state.replicas[r].requests == 0 and not state.replicas[r].busy:
                schedule(state, boundary_of(state, r), now_s)
            return True
    return False


@inner
def scale(state: State, now_s: float) -> None:
    """Ask the scaler how many replicas each pool should have, and start or empty the difference."""
    for pool in range(2 if state.settings[0].decode_count > 0 else 1):
        first, last = pool_range(state, pool)
        ready, requests, tokens = 0, 0, 0
        for r in range(first, last):
            condition = state.replicas[r].condition
            if condition not in (Condition.OFF, Condition.DRAINING):
                ready += 1
            requests += state.replicas[r].requests
            tokens += state.replicas[r].tokens
        wanted = call_scaler(state.settings[0].scaler, pool, ready, requests, tokens, now_s)
        wanted = min(max(wanted, state.limits[pool, 0]), state.limits[pool, 1])
        while ready < wanted and _add(state, first, last, now_s):
            ready += 1
        while ready > wanted and _withdraw(state, first, last, now_s):
            ready -= 1
    schedule(state, state.replicas.size, now_s + state.settings[0].scaling_s)
