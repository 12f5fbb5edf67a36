"""Waiting lines: one pairing heap per replica, linked through the slots (Fredman et al., 1986)."""

from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.records import NOBODY, Records


@inner
def before(slots: Records, a: int, b: int) -> bool:
    """Whether `a` is served before `b`: by rank, then key, then order of arrival."""
    if slots[a].rank != slots[b].rank:
        return bool(slots[a].rank < slots[b].rank)
    if slots[a].key != slots[b].key:
        return bool(slots[a].key < slots[b].key)
    return bool(slots[a].id < slots[b].id)


@inner
def _merged(slots: Records, a: int, b: int) -> int:
    if a == NOBODY:
        return b
    if b == NOBODY:
        return a
    first, second = (a, b) if before(slots, a, b) else (b, a)
    slots[second].sibling = slots[first].child
    slots[first].child = second
    return first


@inner
def push(slots: Records, replicas: Records, r: int, i: int) -> None:
    """Put request `i` in line at replica `r`."""
    slots[i].child = NOBODY
    slots[i].sibling = NOBODY
    replicas[r].root = _merged(slots, replicas[r].root, i)
    replicas[r].queued += 1


@inner
def pop(slots: Records, replicas: Records, r: int) -> int:
    """Take the first in line at replica `r`."""
    first = int(replicas[r].root)
    paired, rest = NOBODY, int(slots[first].child)
    while rest != NOBODY:
        a, b = rest, int(slots[rest].sibling)
        rest = NOBODY if b == NOBODY else int(slots[b].sibling)
        slots[a].sibling = NOBODY
        if b != NOBODY:
            slots[b].sibling = NOBODY
        pair = _merged(slots, a, b)
        slots[pair].sibling = paired
        paired = pair
    root = NOBODY
    while paired != NOBODY:
        following = int(slots[paired].sibling)
        slots[paired].sibling = NOBODY
        root = _merged(slots, root, paired)
        paired = following
    replicas[r].root = root
    replicas[r].queued -= 1
    return first


@inner
def remove(slots: Records, replicas: Records, r: int, i: int) -> None:
    """Take request `i` out of the line at replica `r`, wherever it stands."""
    kept = NOBODY
    while replicas[r].queued > 0:
        found = pop(slots, replicas, r)
        if found != i:
            slots[found].child = NOBODY
            slots[found].sibling = NOBODY
            kept = _chained(slots, kept, found)
    while kept != NOBODY:
        following = int(slots[kept].sibling)
        push(slots, replicas, r, kept)
        kept = following


@inner
def _chained(slots: Records, head: int, i: int) -> int:
    slots[i].sibling = head
    return i
