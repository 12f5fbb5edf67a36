"""Latencies and throughput of separate prefill and decode workers under a closed loop of clients.

A prompt waits for a prefill worker, its cache travels to a decode worker, and decoding goes on undisturbed. With N
clients in the loop the rate is what both pools and Little's law allow: N / (TTFT + (O - 1) TPOT), at most the prefill
pool's, which then queues what the decode pool does not hold.
"""

import numpy as np

from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.serve.clients import Clients, bunched
from gigawatt.performance.serve.loop import Latencies, front_s, prompt_passes
from gigawatt.performance.serve.memory import requests_that_fit, transfer_bytes
from gigawatt.performance.serve.passes import kernels_count, pass_times
from gigawatt.performance.serve.task import (
    ServeTask,
    WorkerLayouts,
    decode_batch,
    prompt_batch,
    repeated,
    stacked,
)
from gigawatt.timeline import FloatArray

# Fillings of the decode pool between which its step time is interpolated.
_FILLINGS = (1.0, 0.6, 0.3, 0.1)
_ROUNDS = 12
_LEAST_WINDOW = 1e-9


def prefill_pass_s(
    task: ServeTask, layouts: WorkerLayouts, prompts: FloatArray, operators: OperatorModel
) -> tuple[FloatArray, FloatArray]:
    """Time of a pass over some prompts per copy, and how many such passes the prompts take."""
    arrivals = prompt_passes(task, layouts, prompts)
    device = pass_times(task, layouts, prompt_batch(task, arrivals.pass_tokens_count), operators).device_s
    return np.maximum(
        device, task.engine.issue_s * kernels_count(task)
    ) + task.engine.step_host_s, arrivals.passes_count


def decode_step_s(
    task: ServeTask, layouts: WorkerLayouts, requests: FloatArray, operators: OperatorModel
) -> FloatArray:
    """Time of a decode step of some requests per copy."""
    context = task.decode_context_tokens_count
    device = pass_times(task, layouts, decode_batch(requests / layouts.pp_count, context), operators).device_s
    return np.asarray(device + task.engine.step_host_s, dtype=np.float64)


def transfer_s(task: ServeTask, prefill: WorkerLayouts, decode: WorkerLayouts, *, bytes_per_s: float) -> FloatArray:
    """Moving one prompt's cache over the links of the smaller of both attention groups."""
    links = np.minimum(prefill.tp_count * prefill.pp_count, decode.tp_count * decode.pp_count)
    return np.asarray(transfer_bytes(task) / (bytes_per_s * links), dtype=np.float64)


def pooled(
    task: ServeTask,
    layouts: tuple[WorkerLayouts, WorkerLayouts],
    clients: Clients,
    operators: OperatorModel,
    *,
    workers_count: tuple[FloatArray, FloatArray],
    usable_bytes: float,
    link_bytes_per_s: float,
) -> Latencies:
    """Pools of prefill and decode workers, `layouts` and `workers_count` in that order."""
    clients = bunched(clients, task.bunching_ratio)
    (prefill, decode), (prefill_workers, decode_workers) = layouts, workers_count
    copies = decode_workers * decode.copies_count
    share = clients.concurrency_count / copies
    room = requests_that_fit(task, decode, usable_bytes=usable_bytes)
    most = np.minimum(share, np.maximum(room, 1.0))
    fillings = [np.maximum(most * part, np.minimum(most, 1.0)) for part in _FILLINGS]
    steps = _decode_fillings_s(task, decode, fillings, operators)
    gang, alone_s, gang_s = _prefill_services_s(task, prefill, operators)
    lanes = prefill_workers * prefill.copies_count
    capacity = lanes * gang / gang_s
    moving = transfer_s(task, prefill, decode, bytes_per_s=link_bytes_per_s)
    front = front_s(task, prefill)
    running, tpot, ttft = most, steps[0], front + alone_s + moving
    for _ in range(_ROUNDS):
        tpot = _step_at(running, fillings, steps) / task.engine.speculation.tokens_per_step
        life = (task.output_tokens_count - 1.0) * tpot
        rate = np.minimum(clients.concurrency_count / (ttft + life), capacity)
        wait = _wait_s(clients, rate, capacity, life, service_s=gang_s / np.maximum(lanes, 1.0))
        floor = front + wait + alone_s + moving + tpot
        ttft = np.maximum(floor, clients.concurrency_count / capacity - life)
        running = np.clip(clients.concurrency_count / (ttft + life) * life / copies, np.minimum(most, 1.0), most)
    waiting = np.maximum(share - np.maximum(room, 1.0), 0.0) / np.maximum(share, 1.0) * (ttft + life)
    rate = clients.concurrency_count / (ttft + waiting + life)
    fits = (room >= 1.0) & (requests_that_fit(task, prefill, usable_bytes=usable_bytes) >= 1.0)
    return Latencies(
        ttft_s=ttft + waiting, tpot_s=tpot, requests_per_s=rate, requests_per_copy_count=running, fits=fits
    )


def _prefill_services_s(
    task: ServeTask, prefill: WorkerLayouts, operators: OperatorModel
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Prompts per full pass and copy, and the times for one prompt alone and for that many."""
    one = np.ones_like(prefill.tp_count)
    gang = np.maximum(np.floor(task.engine.chunk_tokens_count / task.new_tokens_count), 1.0) * one
    times, passes = prefill_pass_s(task, repeated(prefill, 2), np.concatenate([one, gang]), operators)
    alone, together = np.split(times * passes, 2)
    stages = prefill.pp_count
    return gang, alone, together / stages


def _decode_fillings_s(
    task: ServeTask, decode: WorkerLayouts, fillings: list[FloatArray], operators: OperatorModel
) -> list[FloatArray]:
    context = task.decode_context_tokens_count
    batches = stacked(*(decode_batch(filling / decode.pp_count, context) for filling in fillings))
    device = pass_times(task, repeated(decode, len(fillings)), batches, operators).device_s
    return [time + task.engine.step_host_s for time in np.split(device, len(fillings))]


def _step_at(running: FloatArray, fillings: list[FloatArray], steps: list[FloatArray]) -> FloatArray:
    """Step time between the known fillings, along straight lines; fillings fall."""
    time = steps[-1]
    for (high, low), (slow, fast) in zip(
        zip(fillings[-2::-1], fillings[:0:-1], strict=True), zip(steps[-2::-1], steps[:0:-1], strict=True), strict=True
    ):
        width = np.maximum(high - low, 1e-9)
        part = np.clip((running - low) / width, 0.0, 1.0)
        time = time + part * (slow - fast) * (high > low)
    return np.asarray(time, dtype=np.float64)


def _wait_s(
    clients: Clients, rate: FloatArray, capacity: FloatArray, life: FloatArray, *, service_s: FloatArray
) -> FloatArray:
    """Queueing for prefill: the start's wait for half of all others, later half the excess of a window's arrivals.

    Inside the window the queue of a single deterministic server (Pollaczek and Khinchine), at most that of the start.
    """
    everyone = clients.concurrency_count / capacity
    window = clients.window_fraction * life
    load = np.minimum(rate / capacity / max(clients.window_fraction, _LEAST_WINDOW), 0.95)
    excess = np.maximum(everyone - window, 0.0) / 2.0
    random = load / (2.0 * (1.0 - load)) * service_s
    later = np.minimum(excess + random, everyone / 2.0)
    return np.asarray(
        clients.first_fraction * everyone / 2.0 + (1.0 - clients.first_fraction) * later, dtype=np.float64
    )
