"""Key-value memory of a replica: free blocks, blocks of requests, and shared prefix blocks kept until needed.

A shared block belongs to a hash of the prompt's prefix. While a request uses it, it stays; unused ones form a list
from the oldest to the newest use and give way in that order (LRU). Memory is always

    capacity = free + blocks of requests + hash_blocks x shared blocks, used or not.
"""

from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.host import forget_host, keep, readable
from gigawatt.requests.engine.records import NOBODY, State


@inner
def chain_of(state: State, hash_id: int) -> int:
    """The hash chain that `hash_id` lies in (Knuth's multiplicative hashing)."""
    return int(((hash_id * 0x9E3779B1) >> 7) & (state.chains.shape[1] - 1))


@inner
def node_of(state: State, r: int, hash_id: int) -> int:
    """The shared block of `hash_id` at replica `r`, or nobody."""
    node = int(state.chains[r, chain_of(state, hash_id)])
    while node != NOBODY and state.nodes[r, node].hash != hash_id:
        node = int(state.nodes[r, node].chain)
    return node


@inner
def available(state: State, r: int) -> int:
    """Blocks that can be had: free ones and those of unused shared blocks."""
    return int(state.replicas[r].free + state.replicas[r].idle_nodes * state.settings[0].hash_blocks)


@inner
def _unlist(state: State, r: int, node: int) -> None:
    older, newer = state.nodes[r, node].older, state.nodes[r, node].newer
    if older == NOBODY:
        state.replicas[r].oldest = newer
    else:
        state.nodes[r, older].newer = newer
    if newer == NOBODY:
        state.replicas[r].newest = older
    else:
        state.nodes[r, newer].older = older
    state.replicas[r].idle_nodes -= 1


@inner
def _list_newest(state: State, r: int, node: int) -> None:
    newest = state.replicas[r].newest
    state.nodes[r, node].older = newest
    state.nodes[r, node].newer = NOBODY
    if newest == NOBODY:
        state.replicas[r].oldest = node
    else:
        state.nodes[r, newest].newer = node
    state.replicas[r].newest = node
    state.replicas[r].idle_nodes += 1


@inner
def _evict(state: State, r: int) -> None:
    """Give up the shared block that has gone unused longest; the memory beside the replica may keep it."""
    node = int(state.replicas[r].oldest)
    _unlist(state, r, node)
    keep(state, r, state.nodes[r, node].hash)
    chain = chain_of(state, state.nodes[r, node].hash)
    at = int(state.chains[r, chain])
    if at == node:
        state.chains[r, chain] = state.nodes[r, node].chain
    else:
        while state.nodes[r, at].chain != node:
            at = int(state.nodes[r, at].chain)
        state.nodes[r, at].chain = state.nodes[r, node].chain
    state.nodes[r, node].chain = state.replicas[r].spare
    state.replicas[r].spare = node
    state.replicas[r].free += state.settings[0].hash_blocks


@inner
def take(state: State, r: int, count: int) -> None:
    """Take `count` blocks; the caller knows that they are available."""
    while state.replicas[r].free < count:
        _evict(state, r)
    state.replicas[r].free -= count
    used = state.replicas[r].capacity - available(state, r)
    state.replicas[r].peak = max(state.replicas[r].peak, used)


@inner
def prefix_blocks(state: State, i: int) -> int:
    """Hash blocks of request `i` that it need not compute itself, if they are somewhere."""
    slot, tokens = state.slots[i], state.settings[0].hash_tokens
    return int(min(slot.hash_count, slot.input // tokens, (slot.prompt - 1) // tokens))


@inner
def stored(state: State, r: int, i: int, matched: int) -> int:
    """Blocks behind the first `matched` ones that the memory beside replica `r` holds for request `i`."""
    return readable(state, r, i, matched, prefix_blocks(state, i)) if state.settings[0].hash_blocks > 0 else 0


@inner
def reusable(state: State, r: int, i: int) -> tuple[int, int]:
    """Shared blocks at replica `r` that request `i` can start from, and how many of them are unused now.

    The last token of a prompt is always computed: it yields the first answer.
    """
    slot = state.slots[i]
    if state.settings[0].hash_blocks == 0:
        return 0, 0
    most = prefix_blocks(state, i)
    matched, unused = 0, 0
    while matched < most:
        node = node_of(state, r, state.hashes[slot.hash_start + matched])
        if node == NOBODY:
            break
        matched += 1
        if state.nodes[r, node].uses == 0:
            unused += 1
    return matched, unused


@inner
def _use(state: State, r: int, node: int) -> None:
    if state.nodes[r, node].uses == 0:
        _unlist(state, r, node)
    state.nodes[r, node].uses += 1


@inner
def hold_shared(state: State, r: int, i: int, count: int) -> None:
    """Let request `i` use the first `count` shared blocks of its prefix."""
    for k in range(count):
        _use(state, r, node_of(state, r, state.hashes[state.slots[i].hash_start + k]))
    state.slots[i].shared = count


@inner
def share_prefix(state: State, r: int, i: int) -> None:
    """Turn the computed full hash blocks of a prompt into shared ones; what another has computed meanwhile is freed."""
    size, tokens = state.settings[0].hash_blocks, state.settings[0].hash_tokens
    if size == 0:
        return
    for k in range(state.slots[i].shared, min(state.slots[i].hash_count, state.slots[i].input // tokens)):
        hash_id = state.hashes[state.slots[i].hash_start + k]
        node = node_of(state, r, hash_id)
        if node != NOBODY:
            _use(state, r, node)
            state.replicas[r].free += size
        else:
            node = int(state.replicas[r].spare)
            state.replicas[r].spare = state.nodes[r, node].chain
            chain = chain_of(state, hash_id)
            state.nodes[r, node].hash = hash_id
            state.nodes[r, node].uses = 1
            state.nodes[r, node].chain = state.chains[r, chain]
            state.chains[r, chain] = node
        state.slots[i].shared += 1
        state.slots[i].blocks -= size


@inner
def give_back(state: State, r: int, i: int, shared: int, blocks: int) -> None:
    """Free `blocks` and stop using the first `shared` blocks of the prefix, the last of them first."""
    state.replicas[r].free += blocks
    for back in range(shared):
        node = node_of(state, r, state.hashes[state.slots[i].hash_start + shared - 1 - back])
        state.nodes[r, node].uses -= 1
        if state.nodes[r, node].uses == 0:
            _list_newest(state, r, node)


@inner
def release(state: State, i: int) -> None:
    """Give back all memory that request `i` has where it runs."""
    slot = state.slots[i]
    give_back(state, slot.replica, i, slot.shared, slot.blocks)
    state.slots[i].shared = 0
    state.slots[i].blocks = 0
    state.slots[i].kv = 0


@inner
def forget(state: State, r: int) -> None:
    """Empty the memory of a replica, shared blocks and all."""
    state.chains[r, :] = NOBODY
    count = state.nodes.shape[1]
    for node in range(count):
        state.nodes[r, node].uses = 0
        state.nodes[r, node].chain = node + 1 if node + 1 < count else NOBODY
    state.replicas[r].spare = 0 if count else NOBODY
    state.replicas[r].oldest = NOBODY
    state.replicas[r].newest = NOBODY
    state.replicas[r].idle_nodes = 0
    state.replicas[r].free = state.replicas[r].capacity
    forget_host(state, r)
