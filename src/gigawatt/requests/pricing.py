"""What a replica's steps cost, from the performance stage: its passes, its layout, its memory.

Work is spread evenly over the copies of attention in a replica, and a copy computes at least one token.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.errors import InputError
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.clients import Clients
from gigawatt.performance.serve.loop import aggregated
from gigawatt.performance.serve.memory import requests_that_fit, transfer_bytes, worker_memory
from gigawatt.performance.serve.passes import kernels_count, pass_times
from gigawatt.performance.serve.space import BATCHES, crossed, worker_layouts
from gigawatt.performance.serve.task import Batch, ServeTask, WorkerLayouts, picked
from gigawatt.requests.costs import StepCosts
from gigawatt.requests.fleet import Host, Replica, ServiceLevel
from gigawatt.timeline import FloatArray

KNOTS_PER_DOUBLING = 4
MOST_CONTEXT_TOKENS = 1 << 20
_STEADY_CLIENTS_REQUESTS = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLimits:
    """The most that a replica takes in one step."""

    batch_count: int
    tokens_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerShares:
    """Power of a busy and of an idle rack over its greatest IT power."""

    busy_fraction: float
    idle_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Memory beside each accelerator, of the host or storage, that keeps prefixes, and how fast it is read."""

    memory_bytes: float
    bytes_per_s: float


def step_costs(task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, *, limits: StepLimits) -> StepCosts:
    """The step times of one layout (`layouts` has one entry)."""
    _check_one(task, layouts, limits)
    copies = float(layouts.copies_count[0])
    host_s = task.engine.step_host_s
    pass_s = _pass_s(task, layouts, operators, most=limits.tokens_count)
    batches = np.maximum(np.ceil(np.arange(limits.batch_count + 1) / copies), 1.0)
    context = np.concatenate([[0.0], knots(MOST_CONTEXT_TOKENS, per_doubling=2)])
    other_s, attention_s = _decode_s(task, layouts, operators, batches=batches, context=np.maximum(context, 1.0))
    extra_s = other_s[:, 0] - pass_s[: limits.batch_count + 1]
    extra_s[0] = 0.0
    new = np.concatenate([[0.0], knots(limits.tokens_count, per_doubling=KNOTS_PER_DOUBLING)])
    cached = np.concatenate([[0.0], knots(MOST_CONTEXT_TOKENS, per_doubling=1)])
    filled_s = _fill_s(task, layouts, operators, new=np.maximum(new, 1.0), cached=cached)
    floor_s = float(filled_s[0, 0])
    work_s = np.maximum(filled_s - floor_s, 0.0)
    work_s[0, :] = 0.0
    return StepCosts(
        pass_s=pass_s + host_s,
        decode_extra_s=extra_s,
        decode_attention_s=attention_s,
        decode_context_tokens_count=context,
        fill_attention_s=work_s,
        fill_floor_s=floor_s,
        fill_least_s=task.engine.issue_s * kernels_count(task) + host_s,
        fill_new_tokens_count=new,
        fill_cached_tokens_count=cached,
    )


def _check_one(task: ServeTask, layouts: WorkerLayouts, limits: StepLimits) -> None:
    if limits.batch_count >= limits.tokens_count:
        raise InputError(
            where="replica",
            found=f"steps of {limits.tokens_count} tokens for {limits.batch_count} requests",
            expected="more tokens than requests in a step",
            fix="Raise --step-tokens or lower --batch.",
        )
    if layouts.pp_count[0] > 1.0 or task.engine.speculation.tokens_per_step > 1.0:
        guesses = task.engine.speculation.draft_tokens_count
        raise InputError(
            where="replica",
            found=f"{layouts.pp_count[0]:.0f} stages, {guesses:.0f} guesses per step",
            expected="one stage and no speculation",
            fix="Choose a layout without pipeline stages and an engine that does not speculate.",
        )


def knots(most: int, *, per_doubling: int) -> FloatArray:
    """Whole numbers from 1 to at least `most`, evenly spaced by ratio."""
    count = int(np.ceil(np.log2(most) * per_doubling)) + 1
    return np.unique(np.ceil(2.0 ** (np.arange(count) / per_doubling)))


def _many(layouts: WorkerLayouts, count: int) -> WorkerLayouts:
    return picked(layouts, np.zeros(count, dtype=np.intp))


def _pass_s(task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, *, most: int) -> FloatArray:
    """Everything but attention for 0, 1, ... prompt tokens of a step, with one sampled token."""
    at = knots(most, per_doubling=KNOTS_PER_DOUBLING)
    tokens = np.maximum(at / layouts.copies_count[0], 1.0)
    batch = _prompts(tokens, seen=np.ones_like(tokens))
    times = pass_times(task, _many(layouts, at.size), batch, operators)
    return np.asarray(np.interp(np.arange(most + 1.0), at, times.device_s - times.attention_s), dtype=np.float64)


def _prompts(tokens: FloatArray, *, seen: FloatArray) -> Batch:
    """A piece of one prompt whose tokens see `seen` tokens in the mean."""
    zero = np.zeros_like(tokens)
    return Batch(
        prompt_tokens_count=tokens,
        prompts_count=zero + 1.0,
        prompt_context_count=seen,
        requests_count=zero,
        context_count=zero,
    )


def _decode_s(
    task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, *, batches: FloatArray, context: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Decode steps without their attention, and their attention, `(requests, context)`."""
    requests, seen = (grid.ravel() for grid in np.meshgrid(batches, context, indexing="ij"))
    zero = np.zeros_like(requests)
    batch = Batch(
        prompt_tokens_count=zero,
        prompts_count=zero,
        prompt_context_count=zero,
        requests_count=requests,
        context_count=seen,
    )
    times = pass_times(task, _many(layouts, requests.size), batch, operators)
    shape = (batches.size, context.size)
    attention = np.broadcast_to(times.attention_s, requests.shape)
    return (times.device_s - attention).reshape(shape), attention.reshape(shape)


def _fill_s(
    task: ServeTask, layouts: WorkerLayouts, operators: OperatorModel, *, new: FloatArray, cached: FloatArray
) -> FloatArray:
    """Attention of chunks of `new` tokens behind `cached` ones, `(new, cached)`: token j sees cached + j."""
    chunk, behind = (grid.ravel() for grid in np.meshgrid(new, cached, indexing="ij"))
    tokens = np.maximum(chunk / layouts.copies_count[0], 1.0)
    batch = _prompts(tokens, seen=behind + (chunk + 1.0) / 2.0)
    times = pass_times(task, _many(layouts, chunk.size), batch, operators)
    return np.broadcast_to(times.attention_s, chunk.shape).reshape(new.size, cached.size).copy()


def kv_tokens_count(task: ServeTask, layouts: WorkerLayouts, *, batch_count: int, usable_bytes: float) -> int:
    """Tokens of cache that fit a replica beside its weights and what each request keeps whatever its length."""
    memory = worker_memory(task, layouts)
    copies = float(layouts.copies_count[0])
    fixed = float(memory.weight_bytes[0]) + float(memory.request_bytes[0]) * batch_count / copies
    room = int(np.floor((usable_bytes - fixed) / float(memory.token_bytes[0])) * copies)
    if room < 1:
        raise InputError(
            where="replica",
            found=f"{fixed:.3g} bytes of weights and request states per accelerator, {usable_bytes:.3g} usable",
            expected="room for cache",
            fix="Choose more accelerators per replica, a narrower format or a smaller --batch.",
        )
    return room


def replica_of(
    platform: Platform,
    task: ServeTask,
    layouts: WorkerLayouts,
    operators: OperatorModel,
    *,
    usable_bytes: float,
    limits: StepLimits,
    power: PowerShares,
) -> Replica:
    """A replica on a platform, ready to be simulated."""
    accelerators = int(layouts.accelerators_count[0])
    share_w = platform.rack_power_w / platform.accelerators_per_rack_count * accelerators
    return Replica(
        costs=step_costs(task, layouts, operators, limits=limits),
        kv_tokens_count=kv_tokens_count(task, layouts, batch_count=limits.batch_count, usable_bytes=usable_bytes),
        accelerators_count=accelerators,
        busy_power_w=share_w * power.busy_fraction,
        idle_power_w=share_w * power.idle_fraction,
        host=Host(request_s=task.engine.request_s, token_s=task.engine.token_s),
    )


def with_memory_beside(replica: Replica, task: ServeTask, layouts: WorkerLayouts, beside: Beside) -> Replica:
    """The replica with memory beside its accelerators; each rank keeps and reads its share of a token."""
    token_bytes = float(worker_memory(task, layouts).token_bytes[0])
    return replace(
        replica,
        beside_tokens_count=int(beside.memory_bytes / token_bytes * float(layouts.copies_count[0])),
        beside_s_per_token=token_bytes / beside.bytes_per_s,
    )


def move_s_per_token(platform: Platform, task: ServeTask, prefill: WorkerLayouts, decode: WorkerLayouts) -> float:
    """Time to move one token's cache, over the scale-out links of the smaller of both attention groups."""
    links = min(float(prefill.tp_count[0]), float(decode.tp_count[0]))
    rate = platform.accelerator.scale_out_bandwidth_bytes_per_s * links
    return transfer_bytes(task) / task.input_tokens_count / rate


def best_layout(
    task: ServeTask,
    platform: Platform,
    operators: OperatorModel,
    *,
    accelerators_limit: int,
    usable_bytes: float,
    level: ServiceLevel,
) -> WorkerLayouts | None:
    """The layout of one stage with most requests per second and accelerator within the limits, in a closed loop."""
    layouts = worker_layouts(task.model, platform, accelerators_limit=accelerators_limit)
    every, batches = crossed(picked(layouts, np.flatnonzero(layouts.pp_count == 1.0)), BATCHES)
    fits = np.flatnonzero(requests_that_fit(task, every, usable_bytes=usable_bytes) >= batches)
    if not fits.size:
        return None
    some, held = picked(every, fits), batches[fits]
    clients = Clients(
        concurrency_count=held * some.copies_count,
        length_spread_fraction=1.0,
        requests_per_client_count=_STEADY_CLIENTS_REQUESTS,
    )
    one = np.ones_like(held)
    found = aggregated(task, some, clients, operators, workers_count=one, usable_bytes=usable_bytes)
    allowed = (found.ttft_s <= level.ttft_limit_s) & (found.tpot_s <= level.tpot_limit_s)
    if not allowed.any():
        return None
    score = np.where(allowed, found.requests_per_s / some.accelerators_count, -1.0)
    return picked(some, np.array([int(np.argmax(score))], dtype=np.intp))
