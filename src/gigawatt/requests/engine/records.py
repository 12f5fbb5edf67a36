"""What the engine remembers: one record per request in flight (a slot), per replica, and per cached block.

Times in s; memory in blocks of key-value cache; a *shared* block is a hash block of the prompt's prefix, worth
`hash_blocks` blocks of memory.
"""

from enum import IntEnum
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Records: TypeAlias = "np.recarray[Any, np.dtype[np.record]]"
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOBODY = -1
NEVER = np.inf


class Stage(IntEnum):
    """Where a request in flight is."""

    FREE = 0
    QUEUED = 1
    FILLING = 2
    DECODING = 3
    MOVING = 4


class Condition(IntEnum):
    """What a replica can do."""

    OFF = 0
    STARTING = 1
    ON = 2
    DRAINING = 3
    FAILED = 4


class Ending(IntEnum):
    """How a request ended."""

    COMPLETED = 0
    TOO_LONG = 1
    QUEUE_FULL = 2


class Status(IntEnum):
    """Why the engine handed control back."""

    RUNNING = 0
    MORE = 1
    FLUSH = 2
    GROW = 3
    DONE = 4
    STALLED = 5
    BAD_ROUTE = 6


def _dtype(integers: str, reals: str) -> np.dtype[np.void]:
    return np.dtype([(name, np.int64) for name in integers.split()] + [(name, np.float64) for name in reals.split()])


SLOT = _dtype(
    "id rank input output priority hash_start hash_count stage replica generated prompt kv chunk shared blocks "
    "holder held_shared held_blocks reused loaded preemptions restarts moves child sibling",
    "key arrival_s first_token_s",
)
REPLICA = _dtype(
    "pool condition capacity free idle_nodes decoding filling moving landed root queued requests tokens busy steps "
    "oldest newest spare peak lives failures step_count token_count host_count host_oldest host_newest",
    "context load_s segment_s busy_s on_s on_since_s",
)
NODE = _dtype("hash uses chain older newer", "")
OUTCOME = _dtype(
    "id ending priority input output generated reused loaded preemptions restarts replica",
    "arrival_s first_token_s end_s",
)
SETTINGS = _dtype(
    "block_tokens hash_tokens hash_blocks batch_limit step_tokens queue_limit seed router sees_cache scaler "
    "entry_count decode_count host_blocks",
    "reserve_fraction load_s_per_token move_s_per_token move_start_s failure_s repair_s startup_s scaling_s",
)
COUNTERS = _dtype("status next live spare moving moves routed outcomes events", "now_s live_s")


class Costs(NamedTuple):
    """Step times as tables; the first axis is the pool (0 entry, 1 decode)."""

    pass_s: Floats
    extra_s: Floats
    decode_s: Floats
    decode_context: Floats
    fill_s: Floats
    fill_floor_s: Floats
    fill_least_s: Floats
    fill_new: Floats
    fill_cached: Floats


class Arrivals(NamedTuple):
    """Requests of one chunk of the trace, in order of arrival; hashes of request i start at `hash_start[i]`."""

    arrival_s: Floats
    input: Ints
    output: Ints
    priority: Ints
    rank: Ints
    key: Floats
    hash_start: Ints
    hash_count: Ints


class State(NamedTuple):
    """All that the engine remembers between two calls; `(pool, 2)` `limits` are least and most replicas of a pool."""

    settings: Records
    counters: Records
    limits: Ints
    slots: Records
    replicas: Records
    running: Ints
    filling: Ints
    nodes: Records
    chains: Ints
    host_nodes: Records
    host_chains: Ints
    hashes: Ints
    times: Floats
    heap: Ints
    places: Ints
    moves: Ints
    move_times: Floats
    seen: Ints
    draws: Floats
    outcomes: Records
