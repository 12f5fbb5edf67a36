"""What happens next: one time per event source in an indexed heap, and the transfers under way.

Sources, which also break ties: life of replica r (r), the scaler (n), boundary of replica r (n + 1 + r).
"""

from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.records import Floats, Ints, State


@inner
def _sooner(times: Floats, a: int, b: int) -> bool:
    return bool(times[a] < times[b] or (times[a] == times[b] and a < b))


@inner
def _swap(heap: Ints, places: Ints, a: int, b: int) -> None:
    heap[a], heap[b] = heap[b], heap[a]
    places[heap[a]] = a
    places[heap[b]] = b


@inner
def set_time(times: Floats, heap: Ints, places: Ints, source: int, at_s: float) -> None:
    """Let the next event of `source` be at `at_s` (infinity: none)."""
    times[source] = at_s
    place = places[source]
    while place > 0 and _sooner(times, heap[place], heap[(place - 1) // 2]):
        _swap(heap, places, place, (place - 1) // 2)
        place = (place - 1) // 2
    while True:
        least = place
        for child in (2 * place + 1, 2 * place + 2):
            if child < heap.size and _sooner(times, heap[child], heap[least]):
                least = child
        if least == place:
            return
        _swap(heap, places, place, least)
        place = least


@inner
def schedule(state: State, source: int, at_s: float) -> None:
    """Let the next event of `source` be at `at_s`."""
    set_time(state.times, state.heap, state.places, source, at_s)


@inner
def boundary_of(state: State, r: int) -> int:
    """The event source of the step boundaries of replica `r`."""
    return int(state.replicas.size + 1 + r)


@inner
def _move_sooner(state: State, a: int, b: int) -> bool:
    if state.move_times[a] != state.move_times[b]:
        return bool(state.move_times[a] < state.move_times[b])
    return bool(state.moves[a, 1] < state.moves[b, 1])


@inner
def _swap_moves(state: State, a: int, b: int) -> None:
    for column in range(2):
        kept = state.moves[a, column]
        state.moves[a, column] = state.moves[b, column]
        state.moves[b, column] = kept
    time = state.move_times[a]
    state.move_times[a] = state.move_times[b]
    state.move_times[b] = time


@inner
def push_move(state: State, i: int, number: int, at_s: float) -> None:
    """Note that the transfer `number` of request `i` ends at `at_s`."""
    place = int(state.counters[0].moving)
    state.counters[0].moving += 1
    state.moves[place, 0] = i
    state.moves[place, 1] = number
    state.move_times[place] = at_s
    while place > 0 and _move_sooner(state, place, (place - 1) // 2):
        _swap_moves(state, place, (place - 1) // 2)
        place = (place - 1) // 2


@inner
def drop_move(state: State) -> None:
    """Forget the transfer that ends first."""
    state.counters[0].moving -= 1
    count = int(state.counters[0].moving)
    _swap_moves(state, 0, count)
    place = 0
    while True:
        least = place
        for child in (2 * place + 1, 2 * place + 2):
            if child < count and _move_sooner(state, child, least):
                least = child
        if least == place:
            return
        _swap_moves(state, place, least)
        place = least
