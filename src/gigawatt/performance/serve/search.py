"""Throughput against interactivity over all layouts of aggregated workers and of matched prefill and decode pools.

Passes are timed once per worker; pools are every prefill worker with every decode worker, in whole numbers of both that
keep the prefill pool at its load. Requests arrive evenly, as from many clients that know nothing of each other.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.clients import Clients
from gigawatt.performance.serve.loop import aggregated, front_s
from gigawatt.performance.serve.memory import requests_that_fit, transfer_bytes
from gigawatt.performance.serve.pools import decode_step_s, prefill_pass_s
from gigawatt.performance.serve.pruning import undominated
from gigawatt.performance.serve.space import BATCHES, CHUNKS, crossed, worker_layouts
from gigawatt.performance.serve.task import ServeTask, WorkerLayouts, picked
from gigawatt.timeline import FloatArray

DECODE_WORKERS = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
_STEADY_CLIENTS_REQUESTS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a configuration must keep: times in seconds, accelerators of a whole deployment."""

    ttft_s: float
    tpot_s: float
    accelerators_count: int
    prefill_load_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Configurations:
    """Deployments, `(candidate,)`; where there is no prefill pool its workers are 0 and its layout that of decoding.

    Rates count output tokens.
    """

    prefill: WorkerLayouts
    decode: WorkerLayouts
    prefill_workers_count: FloatArray
    decode_workers_count: FloatArray
    requests_per_copy_count: FloatArray
    chunk_tokens_count: FloatArray
    ttft_s: FloatArray
    tpot_s: FloatArray
    tokens_per_s_per_accelerator: FloatArray

    @property
    def accelerators_count(self) -> FloatArray:
        """Accelerators of a whole deployment."""
        return (
            self.prefill_workers_count * self.prefill.accelerators_count
            + self.decode_workers_count * self.decode.accelerators_count
        )

    @property
    def tokens_per_s_per_user(self) -> FloatArray:
        """Interactivity: tokens per second that one user sees."""
        return 1.0 / self.tpot_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeFound:
    """What a search saw and kept: fronts from the most throughput to the most interactivity.

    `front` is of all deployments, the others of those without and with prefill workers of their own. Of all judged,
    `timed_count` were put together; the others hold a worker that another of the same size replaces.
    """

    front: Configurations | None
    aggregated_front: Configurations | None
    pools_front: Configurations | None
    evaluated_count: int
    timed_count: int
    feasible_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A part of the space: deployments that keep the limits, how many were judged, and how many put together."""

    feasible: Configurations
    evaluated_count: int
    timed_count: int


def serve_search(
    task: ServeTask, platform: Platform, operators: OperatorModel, limits: Limits, *, usable_bytes: float
) -> ServeFound:
    """The front of throughput per accelerator against tokens per second and user, within the limits."""
    layouts = worker_layouts(task.model, platform, accelerators_limit=limits.accelerators_count)
    chunked = [
        _aggregated(replace_chunk(task, chunk), layouts, operators, limits, usable_bytes=usable_bytes)
        for chunk in CHUNKS
    ]
    pools = _matched(task, layouts, platform, operators, limits, usable_bytes=usable_bytes)
    pieces = [*chunked, pools]
    together = joined_configurations([piece.feasible for piece in pieces])
    return ServeFound(
        front=_front(together),
        aggregated_front=_front(joined_configurations([piece.feasible for piece in chunked])),
        pools_front=_front(pools.feasible),
        evaluated_count=sum(piece.evaluated_count for piece in pieces),
        timed_count=sum(piece.timed_count for piece in pieces),
        feasible_count=int(together.tpot_s.size),
    )


def _front(many: Configurations) -> Configurations | None:
    at = front_index(many.tokens_per_s_per_user, many.tokens_per_s_per_accelerator)
    return chosen_configurations(many, at) if at.size else None


def replace_chunk(task: ServeTask, chunk: float) -> ServeTask:
    """The task with another greatest number of prompt tokens per pass."""
    return replace(task, engine=replace(task.engine, chunk_tokens_count=chunk))


def front_index(interactivity: FloatArray, throughput: FloatArray) -> "np.typing.NDArray[np.intp]":
    """Those that no other beats in both, the most throughput first."""
    order = np.lexsort((-interactivity, -throughput))
    seen = interactivity[order]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(seen)[:-1]])
    return np.asarray(order[seen > before], dtype=np.intp)


def _aggregated(
    task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, limits: Limits, *, usable_bytes: float
) -> _Piece:
    """One worker per deployment: more of the same change nothing per accelerator."""
    every, batches = crossed(layouts, BATCHES)
    fits = requests_that_fit(task, every, usable_bytes=usable_bytes) >= batches
    evaluated, chosen = batches.size, np.flatnonzero(fits)
    some, held = picked(every, chosen), batches[chosen]
    clients = Clients(
        concurrency_count=held * some.copies_count,
        length_spread_fraction=1.0,
        requests_per_client_count=_STEADY_CLIENTS_REQUESTS,
    )
    one = np.ones_like(held)
    found = aggregated(task, some, clients, operators, workers_count=one, usable_bytes=usable_bytes)
    rate = found.requests_per_s * task.output_tokens_count / some.accelerators_count
    everything = Configurations(
        prefill=some,
        decode=some,
        prefill_workers_count=0.0 * one,
        decode_workers_count=one,
        requests_per_copy_count=held,
        chunk_tokens_count=task.engine.chunk_tokens_count * one,
        ttft_s=found.ttft_s,
        tpot_s=found.tpot_s,
        tokens_per_s_per_accelerator=rate,
    )
    allowed = (found.ttft_s <= limits.ttft_s) & (found.tpot_s <= limits.tpot_s)
    feasible = chosen_configurations(everything, np.flatnonzero(allowed))
    return _Piece(feasible=feasible, evaluated_count=evaluated, timed_count=held.size)


def _matched(
    task: ServeTask,
    layouts: WorkerLayouts,
    platform: Platform,
    operators: OperatorModel,
    limits: Limits,
    *,
    usable_bytes: float,
) -> _Piece:
    """Prefill pools matched to decode pools: all pairs of workers that no other replaces, several sizes.

    Where prefill sets the pace, decoding is charged the step of a full batch.
    """
    prefill, alone_s, capacity = _prefill_workers(task, layouts, operators, usable_bytes=usable_bytes)
    decode, held, tpot = _decode_workers(task, layouts, operators, limits, usable_bytes=usable_bytes)
    judged = 2 * prefill.tp_count.size * decode.tp_count.size * DECODE_WORKERS.size
    if not judged:
        return _Piece(feasible=_none(task, layouts), evaluated_count=judged, timed_count=0)
    rate = held * decode.copies_count / (task.output_tokens_count * tpot)
    link_s = transfer_bytes(task) / platform.accelerator.scale_out_bandwidth_bytes_per_s
    alone_s = alone_s + front_s(task, prefill)
    first = undominated(prefill.accelerators_count, alone_s, alone_s + link_s / _links(prefill), -capacity)
    prefill, alone_s, capacity = picked(prefill, first), alone_s[first], capacity[first]
    second = undominated(decode.accelerators_count, tpot, tpot + link_s / _links(decode), -rate)
    decode, held, tpot, rate = picked(decode, second), held[second], tpot[second], rate[second]
    wanted = rate[None, :, None, None] * DECODE_WORKERS[None, None, :, None]
    decoding = (decode.accelerators_count[:, None] * DECODE_WORKERS)[None, :, :, None]
    each = limits.prefill_load_fraction * capacity[:, None, None, None]
    alone, one = alone_s[:, None, None, None], prefill.accelerators_count[:, None, None, None]
    pools = _pool_sizes(wanted / each, (limits.accelerators_count - decoding) / one)
    served = np.minimum(wanted, each * pools)
    busy = capacity[:, None, None, None] * pools
    moving = link_s / np.minimum(_links(prefill)[:, None], _links(decode))[:, :, None, None]
    wait = served / busy / (2.0 * (1.0 - served / busy)) / busy
    ttft = alone + wait + moving + tpot[None, :, None, None]
    size = pools * one + decoding
    at = np.nonzero((ttft <= limits.ttft_s) & (size <= limits.accelerators_count))
    first, second, third, _ = at
    feasible = Configurations(
        prefill=picked(prefill, first),
        decode=picked(decode, second),
        prefill_workers_count=pools[at],
        decode_workers_count=DECODE_WORKERS[third],
        requests_per_copy_count=held[second] * (served / wanted)[at],
        chunk_tokens_count=np.full(first.size, task.engine.chunk_tokens_count),
        ttft_s=ttft[at],
        tpot_s=tpot[second],
        tokens_per_s_per_accelerator=(served * task.output_tokens_count / size)[at],
    )
    return _Piece(feasible=feasible, evaluated_count=judged, timed_count=int(ttft.size))


def _pool_sizes(needed: FloatArray, room: FloatArray) -> FloatArray:
    """Prefill workers of a pool, `(..., 2)`: so many that decoding is never short of prompts, or one fewer.

    The second choice lets prefill set the pace and decode workers run less than full; it takes what there is room for,
    at least one.
    """
    enough = np.ceil(needed)
    fewer = np.clip(np.floor(np.minimum(needed, room)), 1.0, enough)
    return np.concatenate(np.broadcast_arrays(enough, fewer), axis=-1)


def _links(layouts: WorkerLayouts) -> FloatArray:
    """Links that a worker's attention group sends a cache over."""
    return layouts.tp_count * layouts.pp_count


def _prefill_workers(
    task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, *, usable_bytes: float
) -> tuple[WorkerLayouts, FloatArray, FloatArray]:
    """Workers that hold a prompt: time of one prompt alone, and prompts per second of a busy worker."""
    holds = np.flatnonzero(requests_that_fit(task, layouts, usable_bytes=usable_bytes) >= 1.0)
    some = picked(layouts, holds)
    one = np.ones_like(some.tp_count)
    gang = np.maximum(np.floor(task.engine.chunk_tokens_count / task.new_tokens_count), 1.0) * one
    alone, passes = prefill_pass_s(task, some, one, operators)
    full, full_passes = prefill_pass_s(task, some, gang, operators)
    return some, alone * passes, gang * some.copies_count * some.pp_count / (full * full_passes)


def _decode_workers(
    task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, limits: Limits, *, usable_bytes: float
) -> tuple[WorkerLayouts, FloatArray, FloatArray]:
    """Workers and batches that fit and keep the TPOT limit."""
    every, batches = crossed(layouts, BATCHES)
    fits = np.flatnonzero(requests_that_fit(task, every, usable_bytes=usable_bytes) >= batches)
    some, held = picked(every, fits), batches[fits]
    tpot = decode_step_s(task, some, held, operators) / task.engine.speculation.tokens_per_step
    keeps = np.flatnonzero(tpot <= limits.tpot_s)
    return picked(some, keeps), held[keeps], tpot[keeps]


def _none(task: ServeTask, layouts: WorkerLayouts) -> Configurations:
    empty = np.zeros(0)
    nothing = picked(layouts, np.zeros(0, dtype=np.intp))
    return Configurations(
        prefill=nothing,
        decode=nothing,
        prefill_workers_count=empty,
        decode_workers_count=empty,
        requests_per_copy_count=empty,
        chunk_tokens_count=empty * task.engine.chunk_tokens_count,
        ttft_s=empty,
        tpot_s=empty,
        tokens_per_s_per_accelerator=empty,
    )


_COLUMNS = (
    *("prefill_workers_count", "decode_workers_count", "requests_per_copy_count", "chunk_tokens_count"),
    *("ttft_s", "tpot_s", "tokens_per_s_per_accelerator"),
)


def chosen_configurations(many: Configurations, index: "np.typing.NDArray[np.intp]") -> Configurations:
    """The configurations at some places."""
    columns = {name: getattr(many, name)[index] for name in _COLUMNS}
    return Configurations(prefill=picked(many.prefill, index), decode=picked(many.decode, index), **columns)


def joined_configurations(pieces: list[Configurations]) -> Configurations:
    """Several lots of configurations one after the other."""
    columns = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in _COLUMNS}
    return Configurations(
        prefill=_joined_layouts([piece.prefill for piece in pieces]),
        decode=_joined_layouts([piece.decode for piece in pieces]),
        **columns,
    )


def _joined_layouts(pieces: list[WorkerLayouts]) -> WorkerLayouts:
    names = WorkerLayouts.__dataclass_fields__
    return WorkerLayouts(**{name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in names})
