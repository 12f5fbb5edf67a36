"""Prefix blocks in memory beside a replica, the host's or storage: what the device gave up is kept here until needed.

A block that leaves device memory is written here, the oldest use giving way; a prompt takes its prefix from the device
first and from here on, as far as the blocks follow each other. Blocks stay here when they are read. Reading runs
beside computation, so a step lasts at least as long as what it reads.
"""

from gigawatt.requests.engine.compiled import inner
from gigawatt.requests.engine.records import NOBODY, State


@inner
def _chain_of(state: State, hash_id: int) -> int:
    return int(((hash_id * 0x9E3779B1) >> 7) & (state.host_chains.shape[1] - 1))


@inner
def _node_of(state: State, r: int, hash_id: int) -> int:
    node = int(state.host_chains[r, _chain_of(state, hash_id)])
    while node != NOBODY and state.host_nodes[r, node].hash != hash_id:
        node = int(state.host_nodes[r, node].chain)
    return node


@inner
def _unlist(state: State, r: int, node: int) -> None:
    older, newer = state.host_nodes[r, node].older, state.host_nodes[r, node].newer
    if older == NOBODY:
        state.replicas[r].host_oldest = newer
    else:
        state.host_nodes[r, older].newer = newer
    if newer == NOBODY:
        state.replicas[r].host_newest = older
    else:
        state.host_nodes[r, newer].older = older


@inner
def _list_newest(state: State, r: int, node: int) -> None:
    newest = state.replicas[r].host_newest
    state.host_nodes[r, node].older = newest
    state.host_nodes[r, node].newer = NOBODY
    if newest == NOBODY:
        state.replicas[r].host_oldest = node
    else:
        state.host_nodes[r, newest].newer = node
    state.replicas[r].host_newest = node


@inner
def _give_way(state: State, r: int) -> int:
    """Take the block of the oldest use out of the list and of its chain; its place."""
    node = int(state.replicas[r].host_oldest)
    _unlist(state, r, node)
    chain = _chain_of(state, state.host_nodes[r, node].hash)
    at = int(state.host_chains[r, chain])
    if at == node:
        state.host_chains[r, chain] = state.host_nodes[r, node].chain
    else:
        while state.host_nodes[r, at].chain != node:
            at = int(state.host_nodes[r, at].chain)
        state.host_nodes[r, at].chain = state.host_nodes[r, node].chain
    return node


@inner
def keep(state: State, r: int, hash_id: int) -> None:
    """Write a block that leaves the device."""
    most = state.settings[0].host_blocks
    if most == 0:
        return
    node = _node_of(state, r, hash_id)
    if node != NOBODY:
        _unlist(state, r, node)
        _list_newest(state, r, node)
        return
    if state.replicas[r].host_count < most:
        node = int(state.replicas[r].host_count)
        state.replicas[r].host_count += 1
    else:
        node = _give_way(state, r)
    chain = _chain_of(state, hash_id)
    state.host_nodes[r, node].hash = hash_id
    state.host_nodes[r, node].chain = state.host_chains[r, chain]
    state.host_chains[r, chain] = node
    _list_newest(state, r, node)


@inner
def readable(state: State, r: int, i: int, matched: int, most: int) -> int:
    """Blocks of request `i` that follow its first `matched` ones here, up to the `most`-th."""
    if state.settings[0].host_blocks == 0:
        return 0
    start, found = state.slots[i].hash_start, matched
    while found < most and _node_of(state, r, state.hashes[start + found]) != NOBODY:
        found += 1
    return int(found - matched)


@inner
def read(state: State, r: int, i: int, matched: int, count: int) -> None:
    """Use `count` blocks of request `i` behind its first `matched` ones; the step that starts waits for them."""
    tokens = count * state.settings[0].hash_tokens
    for k in range(count):
        node = _node_of(state, r, state.hashes[state.slots[i].hash_start + matched + k])
        _unlist(state, r, node)
        _list_newest(state, r, node)
    state.slots[i].loaded += tokens
    state.replicas[r].load_s += tokens * state.settings[0].load_s_per_token


@inner
def forget_host(state: State, r: int) -> None:
    """Empty the memory beside a replica."""
    state.host_chains[r, :] = NOBODY
    state.replicas[r].host_count = 0
    state.replicas[r].host_oldest = NOBODY
    state.replicas[r].host_newest = NOBODY
    state.replicas[r].load_s = 0.0
