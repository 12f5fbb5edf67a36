"""What a replica has done at the end of its steps: tokens, first tokens, requests that end or move on."""

import numpy as np

from gigawatt.requests.engine.batch import lacking
from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.events import drop_move
from gigawatt.requests.engine.memory import give_back, release, share_prefix, take
from gigawatt.requests.engine.records import NOBODY, Condition, Costs, Ending, Stage, State
from gigawatt.requests.engine.routing import dispatch, wake


@inner
def write_outcome(state: State, i: int, ending: int, now_s: float) -> None:
    """Write down how request `i` ended and free its slot."""
    slot, at = state.slots[i], state.counters[0].outcomes
    row = state.outcomes[at]
    row.id = slot.id
    row.ending = ending
    row.priority = slot.priority
    row.input = slot.input
    row.output = slot.output
    row.generated = slot.generated
    row.reused = slot.reused
    row.loaded = slot.loaded
    row.preemptions = slot.preemptions
    row.restarts = slot.restarts
    row.replica = slot.replica
    row.arrival_s = slot.arrival_s
    row.first_token_s = slot.first_token_s
    row.end_s = now_s
    state.counters[0].outcomes += 1
    state.counters[0].live -= 1
    state.slots[i].stage = Stage.FREE
    state.slots[i].sibling = state.counters[0].spare
    state.counters[0].spare = i


@inner
def _finish(state: State, r: int, i: int, now_s: float) -> None:
    release(state, i)
    state.replicas[r].requests -= 1
    write_outcome(state, i, Ending.COMPLETED, now_s)


@inner
def _decode(state: State, r: int, steps: int, now_s: float) -> None:
    """Give every decoding request `steps` tokens; memory is taken before any is given back."""
    count = state.replicas[r].decoding
    for k in range(count):
        i = state.running[r, k]
        state.slots[i].kv += steps
        state.slots[i].generated += steps
        if steps > 1:
            more = lacking(state, i, state.slots[i].kv)
            if more > 0:
                take(state, r, more)
                state.slots[i].blocks += more
    kept = 0
    for k in range(count):
        i = state.running[r, k]
        if state.slots[i].generated == state.slots[i].output:
            _finish(state, r, i, now_s)
        else:
            state.running[r, kept] = i
            kept += 1
    for k in range(state.replicas[r].landed):
        state.running[r, kept + k] = state.running[r, count + k]
    state.replicas[r].decoding = kept + state.replicas[r].landed
    state.replicas[r].landed = 0
    state.replicas[r].token_count += count * steps


@inner
def _hand_over(state: State, costs: Costs, r: int, i: int, now_s: float) -> None:
    """Send a request whose prompt is done to the decode pool; its cache stays here until it has moved."""
    state.slots[i].holder = r
    state.slots[i].held_shared = state.slots[i].shared
    state.slots[i].held_blocks = state.slots[i].blocks
    state.slots[i].shared = 0
    state.slots[i].blocks = 0
    state.replicas[r].requests -= 1
    dispatch(state, costs, i, 1, now_s)


@inner
def _fill(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Count the chunks as computed; a prompt that is complete yields a token."""
    kept = 0
    for k in range(state.replicas[r].filling):
        i = state.filling[r, k]
        chunk = state.slots[i].chunk
        state.slots[i].kv += chunk
        state.slots[i].chunk = 0
        state.replicas[r].tokens -= chunk
        state.replicas[r].token_count += chunk
        if state.slots[i].kv < state.slots[i].prompt:
            state.filling[r, kept] = i
            kept += 1
            continue
        state.slots[i].generated += 1
        if np.isnan(state.slots[i].first_token_s):
            state.slots[i].first_token_s = now_s
        share_prefix(state, r, i)
        if state.slots[i].generated == state.slots[i].output:
            _finish(state, r, i, now_s)
        elif state.settings[0].decode_count > 0:
            _hand_over(state, costs, r, i, now_s)
        else:
            state.slots[i].stage = Stage.DECODING
            state.running[r, state.replicas[r].decoding] = i
            state.replicas[r].decoding += 1
    state.replicas[r].filling = kept


@inner
def finish_steps(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Count the steps under way at replica `r` as done."""
    if not state.replicas[r].busy:
        return
    state.replicas[r].busy = 0
    state.replicas[r].busy_s += now_s - state.replicas[r].segment_s
    state.replicas[r].step_count += state.replicas[r].steps
    _decode(state, r, state.replicas[r].steps, now_s)
    _fill(state, costs, r, now_s)


@inner
def let_go(state: State, i: int) -> int:
    """Free the cache of request `i` at the replica that computed its prompt; which one that was."""
    r = int(state.slots[i].holder)
    if r != NOBODY:
        give_back(state, r, i, state.slots[i].held_shared, state.slots[i].held_blocks)
    state.slots[i].holder = NOBODY
    state.slots[i].held_shared = 0
    state.slots[i].held_blocks = 0
    return r


@inner
def land(state: State, costs: Costs, now_s: float) -> None:
    """End the transfer that is due: the cache is where the request decodes, and gone from where it was computed."""
    i, number = int(state.moves[0, 0]), state.moves[0, 1]
    drop_move(state)
    if state.slots[i].stage != Stage.MOVING or state.slots[i].moves != number:
        return
    r = int(state.slots[i].replica)
    holder = let_go(state, i)
    state.slots[i].stage = Stage.DECODING
    state.replicas[r].moving -= 1
    state.running[r, state.replicas[r].decoding + state.replicas[r].landed] = i
    state.replicas[r].landed += 1
    wake(state, costs, r, now_s)
    if state.replicas[holder].condition == Condition.DRAINING or state.replicas[holder].queued > 0:
        wake(state, costs, holder, now_s)
