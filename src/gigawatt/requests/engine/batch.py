"""What a replica does in its next step: continuous batching with chunked prefill (Agrawal et al., 2024, Sarathi-Serve).

Every decoding request gets a token; what is left of the step's token budget goes to prompts, first those begun, then
those in line while memory lasts. When decoding runs out of memory, the request served last gives up its own and is
computed anew later. A step without prompts repeats unchanged until a request ends, a request comes or memory may run
out, so it is taken many times at once.
"""

from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.costs import decode_attention_s, fill_attention_s
from gigawatt.requests.engine.events import boundary_of, push_move, schedule
from gigawatt.requests.engine.host import read
from gigawatt.requests.engine.memory import available, hold_shared, release, reusable, stored, take
from gigawatt.requests.engine.queues import before, pop, push
from gigawatt.requests.engine.records import NOBODY, Condition, Costs, Ints, Stage, State
from gigawatt.requests.engine.routing import dispatch, never, occupancy, schedule_end, switch_off


@inner
def blocks_for(state: State, tokens: int) -> int:
    """Blocks that `tokens` tokens take."""
    size = state.settings[0].block_tokens
    return int((tokens + size - 1) // size)


@inner
def lacking(state: State, i: int, tokens: int) -> int:
    """Blocks that request `i` lacks to keep `tokens` tokens."""
    slot = state.slots[i]
    return int(blocks_for(state, tokens) - slot.blocks - slot.shared * state.settings[0].hash_blocks)


@inner
def _last_served(state: State, r: int) -> int:
    """The request in the batch that would be last in line."""
    worst = NOBODY
    for k in range(state.replicas[r].decoding):
        if worst == NOBODY or before(state.slots, worst, state.running[r, k]):
            worst = state.running[r, k]
    for k in range(state.replicas[r].filling):
        if worst == NOBODY or before(state.slots, worst, state.filling[r, k]):
            worst = state.filling[r, k]
    return int(worst)


@inner
def _without(listed: Ints, count: int, i: int) -> int:
    """Take `i` out of the first `count` of a list; how many are left."""
    kept = 0
    for k in range(count):
        found = listed[k]
        if found != i:
            listed[kept] = found
            kept += 1
    return kept


@inner
def _preempt(state: State, costs: Costs, r: int, i: int, now_s: float) -> None:
    """Take the memory of request `i` away; it goes back in line and is computed anew."""
    if state.slots[i].stage == Stage.FILLING:
        state.replicas[r].filling = _without(state.filling[r], state.replicas[r].filling, i)
        state.replicas[r].tokens -= state.slots[i].prompt - state.slots[i].kv
    else:
        state.replicas[r].decoding = _without(state.running[r], state.replicas[r].decoding, i)
    release(state, i)
    state.slots[i].preemptions += 1
    state.replicas[r].requests -= 1
    if state.replicas[r].pool == 1:
        dispatch(state, costs, i, 0, now_s)
        return
    state.slots[i].stage = Stage.QUEUED
    state.slots[i].prompt = state.slots[i].input + state.slots[i].generated
    state.replicas[r].requests += 1
    state.replicas[r].tokens += state.slots[i].prompt
    push(state.slots, state.replicas, r, i)


@inner
def _make_room(state: State, costs: Costs, r: int, now_s: float) -> bool:
    """Give every decoding request room for one more token; whether anybody had to go for it."""
    preempted = False
    while True:
        need, context = 0, 0
        for k in range(state.replicas[r].decoding):
            i = state.running[r, k]
            need += lacking(state, i, state.slots[i].kv + 1)
            context += state.slots[i].kv + 1
        if need <= available(state, r):
            break
        _preempt(state, costs, r, _last_served(state, r), now_s)
        preempted = True
    count = state.replicas[r].decoding
    state.replicas[r].context = context / max(count, 1)
    if need > 0:
        for k in range(count):
            i = state.running[r, k]
            more = lacking(state, i, state.slots[i].kv + 1)
            if more > 0:
                take(state, r, more)
                state.slots[i].blocks += more
    return preempted


@inner
def _admit_to_fill(state: State, r: int) -> bool:
    """Start the first in line if memory allows."""
    i = int(state.replicas[r].root)
    matched, unused = reusable(state, r, i)
    size, tokens = state.settings[0].hash_blocks, state.settings[0].hash_tokens
    need = blocks_for(state, state.slots[i].prompt) - matched * size
    reserve = state.settings[0].reserve_fraction * state.replicas[r].capacity if occupancy(state, r) > 0 else 0.0
    if need + reserve > available(state, r) - unused * size:
        return False
    pop(state.slots, state.replicas, r)
    hold_shared(state, r, i, matched)
    beside = stored(state, r, i, matched)
    if beside > 0:
        read(state, r, i, matched, beside)
    take(state, r, need)
    matched += beside
    state.slots[i].blocks = need
    state.slots[i].kv = matched * tokens
    state.slots[i].reused += matched * tokens
    state.slots[i].stage = Stage.FILLING
    state.slots[i].chunk = 0
    state.replicas[r].tokens -= matched * tokens
    state.filling[r, state.replicas[r].filling] = i
    state.replicas[r].filling += 1
    return True


@inner
def _admit_to_decode(state: State, r: int, now_s: float) -> bool:
    """Make room for the first in line and start to move its cache here, if memory allows."""
    i = int(state.replicas[r].root)
    kv = state.slots[i].input + state.slots[i].generated - 1
    need = blocks_for(state, kv + 1)
    reserve = state.settings[0].reserve_fraction * state.replicas[r].capacity if occupancy(state, r) > 0 else 0.0
    if need + reserve > available(state, r):
        return False
    pop(state.slots, state.replicas, r)
    take(state, r, need)
    state.slots[i].blocks = need
    state.slots[i].kv = kv
    state.slots[i].stage = Stage.MOVING
    state.counters[0].moves += 1
    state.slots[i].moves = state.counters[0].moves
    state.replicas[r].moving += 1
    span_s = state.settings[0].move_start_s + kv * state.settings[0].move_s_per_token
    push_move(state, i, state.slots[i].moves, now_s + span_s)
    return True


@inner
def _admit(state: State, r: int, budget: int, now_s: float) -> None:
    """Take requests from the line while the batch, the step's budget and memory last."""
    while state.replicas[r].queued > 0 and occupancy(state, r) < state.settings[0].batch_limit:
        if state.replicas[r].pool == 1:
            if not _admit_to_decode(state, r, now_s):
                return
        elif budget <= 0 or not _admit_to_fill(state, r):
            return
        else:
            budget -= _cut(state, state.filling[r, state.replicas[r].filling - 1], budget)


@inner
def _cut(state: State, i: int, budget: int) -> int:
    """Cut the next chunk of a prompt."""
    state.slots[i].chunk = min(state.slots[i].prompt - state.slots[i].kv, budget)
    return int(state.slots[i].chunk)


@inner
def _steps_ahead(state: State, r: int) -> int:
    """Decode steps until a request may end or memory may run out."""
    count = state.replicas[r].decoding
    least = state.slots[state.running[r, 0]].output
    for k in range(count):
        i = state.running[r, k]
        least = min(least, state.slots[i].output - state.slots[i].generated)
    safe = 1 + (available(state, r) // count) * state.settings[0].block_tokens
    return int(min(least, safe))


@inner
def _mixed_step_s(state: State, costs: Costs, r: int) -> float:
    """Time of one step over decoding requests and chunks of prompts."""
    replica = state.replicas[r]
    pool, batch = replica.pool, replica.decoding
    new, work_s = 0, 0.0
    for k in range(replica.filling):
        slot = state.slots[state.filling[r, k]]
        if slot.chunk > 0:
            new += slot.chunk
            work_s += fill_attention_s(costs, pool, slot.chunk, slot.kv)
    total = costs.pass_s[pool, batch + new] + costs.extra_s[pool, batch] + costs.fill_floor_s[pool] + work_s
    if batch > 0:
        total += decode_attention_s(costs, pool, batch, replica.context)
    return float(max(total, costs.fill_least_s[pool], replica.load_s))


@inner
def start_steps(state: State, costs: Costs, r: int, now_s: float) -> None:
    """Put the next batch of replica `r` together and start it."""
    state.replicas[r].decoding += state.replicas[r].landed
    state.replicas[r].landed = 0
    preempted = _make_room(state, costs, r, now_s)
    budget = int(state.settings[0].step_tokens - state.replicas[r].decoding)
    for k in range(state.replicas[r].filling):
        budget -= _cut(state, state.filling[r, k], budget)
    if not preempted:
        _admit(state, r, budget, now_s)
    replica = state.replicas[r]
    if replica.decoding + replica.filling == 0:
        never(state, r)
        if (
            replica.condition == Condition.DRAINING
            and replica.requests == 0
            and available(state, r) == replica.capacity
        ):
            switch_off(state, r, now_s)
        return
    state.replicas[r].busy = 1
    state.replicas[r].segment_s = now_s
    if replica.filling == 0:
        state.replicas[r].steps = 1 if preempted else _steps_ahead(state, r)
        schedule_end(state, costs, r)
    else:
        state.replicas[r].steps = 1
        schedule(state, boundary_of(state, r), now_s + _mixed_step_s(state, costs, r))
        state.replicas[r].load_s = 0.0
