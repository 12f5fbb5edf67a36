"""Latencies and throughput of aggregated workers under a closed loop of clients.

In the steady state every step of b requests ends b/O of them, and as many prompts arrive. An engine that mixes runs
them inside a decode pass, one that does not stops decoding for them; either way each request sees the prompts of all
others of its copy once in its life:

    TPOT = t_decode + passes per step (t_with prompts - t_decode)        requests/s = N / (TTFT + (O - 1) TPOT)

Prompts that arrive between two looks at the queue share passes; the first requests of all clients come at once and
queue for each other. What does not fit memory waits for a place: the rest by Little's law.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.clients import Clients, bunched
from gigawatt.performance.serve.memory import requests_that_fit, transfer_bytes
from gigawatt.performance.serve.passes import kernels_count, pass_times
from gigawatt.performance.serve.task import (
    Batch,
    ServeTask,
    WorkerLayouts,
    both,
    decode_batch,
    prompt_batch,
    repeated,
    stacked,
)
from gigawatt.timeline import FloatArray

# Share of requests below which those that all clients send at once do not show in a mean.
_FEW_STARTS = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """What clients see, `(candidate,)`: means over all requests; rates are of all workers together."""

    ttft_s: FloatArray
    tpot_s: FloatArray
    requests_per_s: FloatArray
    requests_per_copy_count: FloatArray
    fits: NDArray[np.bool_]

    def request_s(self, output_tokens_count: float) -> FloatArray:
        """Time from sending a request to its last token."""
        return np.asarray(self.ttft_s + (output_tokens_count - 1.0) * self.tpot_s, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Prompts of one copy that are prefilled together: how many, in how many passes of how many tokens."""

    prompts_count: FloatArray
    passes_count: FloatArray
    pass_tokens_count: FloatArray


def front_s(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    """Before a prompt can be computed: its handling, its tokens, and its prefix back from host memory or storage.

    Each rank of an attention group brings its own share back.
    """
    engine = task.engine
    handling_s = engine.request_s + engine.token_s * task.input_tokens_count
    return handling_s + reload_s(task, layouts)


def reload_s(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    """Bringing the cached part of a prompt back from host memory or storage; nothing where the device holds it."""
    links = layouts.tp_count * layouts.pp_count
    return np.asarray(task.hit_fraction * transfer_bytes(task) / (task.reload_bytes_per_s * links), dtype=np.float64)


def prompt_passes(task: ServeTask, layouts: WorkerLayouts, prompts: FloatArray) -> Arrivals:
    """Passes over some prompts of a copy, no larger than the engine's chunk, which the copies of a worker share."""
    tokens = prompts * task.new_tokens_count
    most = chunk_tokens(task, layouts)
    passes = np.maximum(np.ceil(tokens / most), 1.0)
    return Arrivals(prompts_count=prompts, passes_count=passes, pass_tokens_count=tokens / passes)


def chunk_tokens(task: ServeTask, layouts: WorkerLayouts) -> FloatArray:
    """Most prompt tokens of a pass and copy."""
    return np.maximum(task.engine.chunk_tokens_count + 0.0 * layouts.copies_count, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The queue of one copy: prompts that start together, and the mean of decode steps that one waits for that."""

    prompts_count: FloatArray
    wait_steps_count: FloatArray


def prompt_line(
    task: ServeTask, layouts: WorkerLayouts, clients: Clients, running: FloatArray, *, steps: float, first: Arrivals
) -> Line:
    """What a look at the queue finds when it finds any, `(candidate,)`.

    The next requests of all clients arrive over as many decode steps as their lengths spread, at random, or as their
    starts did, in turn, whichever is more: where prompts and decoding share passes, requests that were prefilled one
    pass after another end one step after another; where decoding stops for prompts, all of the start decode in step.
    """
    engine = task.engine
    started = first.passes_count if engine.mixed else np.ones_like(running)
    spread = np.maximum(steps * clients.window_fraction, 1.0)
    window = np.minimum(np.maximum(spread, started), max(steps, 1.0))
    between = engine.admission_steps_count
    rate = running / window * np.minimum(between, window)
    found = np.where(started >= spread, np.maximum(rate, 1.0), arriving_together(rate))
    if not engine.gather_steps_count:
        return Line(prompts_count=found, wait_steps_count=between / 2.0 + 0.0 * found)
    gathered, wait = _gathered(task, layouts, running / window)
    return Line(prompts_count=np.maximum(found, gathered), wait_steps_count=wait)


def _gathered(task: ServeTask, layouts: WorkerLayouts, per_step: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The first prompt waits for all that come in its time, on average half of it each; n copies have one each after
    as many steps as the slowest of n random arrivals takes, the n-th harmonic number of mean gaps."""
    engine, rate = task.engine, np.maximum(per_step, 1e-9)
    enough = np.maximum(engine.gather_tokens_count / task.new_tokens_count - 1.0, 0.0)
    copies = layouts.copies_count
    each = np.where(copies > 1.0, np.log(copies) + np.euler_gamma + 0.5 / copies, np.inf)
    steps = np.minimum(engine.gather_steps_count, np.minimum(enough, each) / rate)
    others = rate * steps
    return 1.0 + others, steps * (1.0 + others / 2.0) / (1.0 + others)


def arriving_together(rate_per_look: FloatArray) -> FloatArray:
    """Mean number of prompts found at a look that finds any, for Poisson arrivals: a / (1 - exp(-a))."""
    rate = np.maximum(rate_per_look, 1e-9)
    return np.asarray(rate / -np.expm1(-rate), dtype=np.float64)


def aggregated(
    task: ServeTask,
    layouts: WorkerLayouts,
    clients: Clients,
    operators: OperatorModel,
    *,
    workers_count: FloatArray,
    usable_bytes: float,
) -> Latencies:
    """Workers that prefill and decode, the clients spread evenly over them."""
    clients = bunched(clients, task.bunching_ratio)
    share = clients.concurrency_count / (workers_count * layouts.copies_count)
    room = requests_that_fit(task, layouts, usable_bytes=usable_bytes)
    running = np.minimum(share, np.maximum(room, 1.0))
    steps = task.output_tokens_count / task.engine.speculation.tokens_per_step
    first = prompt_passes(task, layouts, np.maximum(running, 1.0))
    line = prompt_line(task, layouts, clients, running, steps=steps, first=first)
    steady = prompt_passes(task, layouts, np.minimum(line.prompts_count, np.maximum(running, 1.0)))
    decoding = decode_batch(running / layouts.pp_count, task.decode_context_tokens_count)
    starts_matter = clients.first_fraction > _FEW_STARTS
    alone, steady_s, first_s = _passes_s(
        task, layouts, (decoding, steady, first), operators, starts_matter=starts_matter
    )
    tpot, ttft = _latencies(
        task, clients, (running, line), steps, steady=(steady, steady_s), first=(first, first_s), step_s=alone
    )
    ttft = ttft + front_s(task, layouts)
    rate = running * layouts.copies_count * workers_count / (ttft + (task.output_tokens_count - 1.0) * tpot)
    waiting = np.maximum(share - running, 0.0) * layouts.copies_count * workers_count
    return Latencies(
        ttft_s=ttft + waiting / rate,
        tpot_s=tpot,
        requests_per_s=rate,
        requests_per_copy_count=running,
        fits=room >= 1.0,
    )


def _passes_s(
    task: ServeTask,
    layouts: WorkerLayouts,
    passes: tuple[Batch, Arrivals, Arrivals],
    operators: OperatorModel,
    *,
    starts_matter: bool,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A decode step, a pass with the prompts that arrive together, and one with those of the start.

    Where hardly any request is of the start, its passes are not timed and taken like the others.
    """
    decoding, *arrivals = passes
    prompts = [prompt_batch(task, one.pass_tokens_count) for one in (arrivals if starts_matter else arrivals[:1])]
    batches = [both(one, decoding) if task.engine.mixed else one for one in prompts]
    many = 1 + len(batches)
    times = pass_times(task, repeated(layouts, many), stacked(decoding, *batches), operators).device_s
    step, *with_prompts = np.split(times, many)
    eager, host = task.engine.issue_s * kernels_count(task), task.engine.step_host_s
    mixed = [np.maximum(one, eager) + host for one in with_prompts]
    return step + host, mixed[0], mixed[-1]


def _latencies(
    task: ServeTask,
    clients: Clients,
    queue: tuple[FloatArray, Line],
    steps: FloatArray | float,
    *,
    steady: tuple[Arrivals, FloatArray],
    first: tuple[Arrivals, FloatArray],
    step_s: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    engine, (running, line) = task.engine, queue
    (arrivals, pass_s), (start, start_s) = steady, first
    per_step = running / steps * arrivals.passes_count / arrivals.prompts_count
    if engine.mixed:
        share = np.minimum(per_step, 1.0)
        step = step_s + share * (pass_s - step_s) + (per_step - share) * pass_s
    else:
        step = step_s + per_step * pass_s
    tpot = step / engine.speculation.tokens_per_step
    look = line.wait_steps_count * step + step_s
    usual = look + (arrivals.passes_count + 1.0) / 2.0 * pass_s
    alone = np.maximum(task.new_tokens_count / arrivals.pass_tokens_count, 1.0)
    usual = np.maximum(usual, look + alone * pass_s)
    queued = step_s + (start.passes_count + 1.0) / 2.0 * start_s
    begun = clients.first_fraction
    return tpot, (1.0 - begun) * usual + begun * queued
