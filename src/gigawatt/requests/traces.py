"""A trace: requests in order of arrival, with their lengths and, where known, the hashes of their prefix."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gigawatt.timeline import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Some requests of a trace, `(request,)`, in order of arrival.

    `arrival_s` counts from the trace's first arrival. The prefix hashes of request i are
    `hashes[hash_start[i] : hash_start[i + 1]]`; each names a block of `hash_tokens_count` tokens together with all
    before it (0: the trace names none).
    """

    arrival_s: FloatArray
    input_tokens_count: IntArray
    output_tokens_count: IntArray
    priority: IntArray
    hash_start: IntArray
    hashes: IntArray

    def __len__(self) -> int:
        return len(self.arrival_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Requests as they come, in pieces that fit memory; `requests_count` is None until it has been read.

    `pieces` can be walked once. `hash_tokens_count` is the size of a prefix block, 0 where the trace names none.
    """

    name: str
    pieces: Iterator[Requests]
    hash_tokens_count: int
    requests_count: int | None = None


def requests_from(
    *,
    arrival_s: FloatArray,
    input_tokens_count: IntArray,
    output_tokens_count: IntArray,
    priority: IntArray | None = None,
    prefixes: tuple[tuple[int, ...], ...] | None = None,
) -> Requests:
    """Requests from plain arrays; `prefixes` are the hash ids of each request."""
    count = len(arrival_s)
    lists = prefixes or ((),) * count
    return Requests(
        arrival_s=np.asarray(arrival_s, dtype=np.float64),
        input_tokens_count=np.asarray(input_tokens_count, dtype=np.int64),
        output_tokens_count=np.asarray(output_tokens_count, dtype=np.int64),
        priority=np.zeros(count, dtype=np.int64) if priority is None else np.asarray(priority, dtype=np.int64),
        hash_start=np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int64),
        hashes=np.array([hash_id for each in lists for hash_id in each], dtype=np.int64),
    )


def one_piece(requests: Requests, *, name: str, hash_tokens_count: int = 0) -> Trace:
    """A trace that fits memory."""
    return Trace(name=name, pieces=iter((requests,)), hash_tokens_count=hash_tokens_count, requests_count=len(requests))


def tiled(requests: Requests, *, count: int) -> Requests:
    """The trace `count` times in a row, each copy with prefixes of its own; the gap between two is the mean gap."""
    gap_s = requests.arrival_s[-1] / max(len(requests) - 1, 1)
    period_s = requests.arrival_s[-1] + gap_s
    step = int(requests.hashes.max()) + 1 if len(requests.hashes) else 0
    copies, lengths = np.arange(count), np.diff(requests.hash_start)
    return Requests(
        arrival_s=(requests.arrival_s + copies[:, None] * period_s).ravel(),
        input_tokens_count=np.tile(requests.input_tokens_count, count),
        output_tokens_count=np.tile(requests.output_tokens_count, count),
        priority=np.tile(requests.priority, count),
        hash_start=np.concatenate([[0], np.cumsum(np.tile(lengths, count))]),
        hashes=(requests.hashes + copies[:, None] * step).ravel(),
    )


def split(requests: Requests, *, most: int) -> Iterator[Requests]:
    """The requests in pieces of at most `most`."""
    for first in range(0, len(requests), most):
        last = min(first + most, len(requests))
        start = requests.hash_start[first : last + 1]
        yield Requests(
            arrival_s=requests.arrival_s[first:last],
            input_tokens_count=requests.input_tokens_count[first:last],
            output_tokens_count=requests.output_tokens_count[first:last],
            priority=requests.priority[first:last],
            hash_start=start - start[0],
            hashes=requests.hashes[start[0] : start[-1]],
        )
