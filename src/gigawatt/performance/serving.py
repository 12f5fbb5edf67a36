"""Tokens per second of one replica at a service level, candidate by candidate.

A replica serves B requests at a time and shares its time between prefill passes and decode steps (aggregated
serving). In the steady state each request of O output tokens needs O decode steps, shared with the others, and its
part of a prefill pass of n prompts, during which everybody else waits:

    TPOT = t_decode + (B / O) (t_prefill / n)        requests/s = B / (O TPOT)

the second by Little (1961). Slots fall free in decode steps only, so a new request waits for the step under way and
for its pass to fill, and then for the pass: TTFT = (n - 1)/(2 requests/s) + t_decode + t_prefill. Waiting for a slot
under fluctuating traffic is not part of it; fleets are sized for that by their load. Experts are balanced.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import Model
from gigawatt.performance.architecture import (
    attention_projections,
    decode_core,
    dense_layers_count,
    dense_projections,
    elementwise_values_per_token,
    expert_layer,
    expert_layers_count,
    expert_side_projections,
    head_projection,
    prefill_core,
    tensor_parallel_exchanges_count,
    visited_ranks_count,
)
from gigawatt.performance.layout import BoolArray, ServingLayouts
from gigawatt.performance.memory import cache_bytes_per_request, serving_memory_bytes, serving_weight_bytes
from gigawatt.performance.operators import AttentionWork, OperatorModel
from gigawatt.timeline import FloatArray

REQUESTS_PER_COPY = np.array(sorted({1.0} | {base * 2.0**power for base in (2.0, 3.0) for power in range(12)}))
PROMPTS_PER_COPY = np.array([1.0, 2.0, 4.0, 8.0])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingTask:
    """Requests of one shape to a model, and the service level they are promised."""

    model: Model
    input_tokens_count: float
    output_tokens_count: float
    ttft_limit_s: float
    tpot_limit_s: float
    weight_precision: Precision
    cache_precision: Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class PassTimes:
    """Where the time of one forward pass of a replica goes; the fields add up to the pass."""

    gemm_s: FloatArray
    expert_gemm_s: FloatArray
    attention_s: FloatArray
    elementwise_s: FloatArray
    tensor_parallel_s: FloatArray
    expert_parallel_s: FloatArray

    @property
    def pass_time_s(self) -> FloatArray:
        """Time of the whole pass."""
        return (
            self.gemm_s
            + self.expert_gemm_s
            + self.attention_s
            + self.elementwise_s
            + self.tensor_parallel_s
            + self.expert_parallel_s
        )


def prefill_times(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, prompts_per_copy_count: FloatArray
) -> PassTimes:
    """One prefill pass: every copy of attention takes `prompts_per_copy_count` whole prompts."""
    core = prefill_core(task.model)
    tensor = layouts.tp_count
    work = AttentionWork(
        sequences_count=prompts_per_copy_count,
        query_tokens_count=task.input_tokens_count,
        context_tokens_count=(task.input_tokens_count + 1.0) / 2.0,
        heads_count=core.heads_count / tensor,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / np.minimum(tensor, core.cache_shards_limit_count),
        cache_precision=Precision.BF16,
    )
    return _pass_times(
        task,
        layouts,
        operators,
        tokens=prompts_per_copy_count * task.input_tokens_count,
        sampled=prompts_per_copy_count,
        attention_s=operators.attention_prefill_s(work),
    )


def decode_times(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, requests_per_copy_count: FloatArray
) -> PassTimes:
    """One decode step: every request of a copy gets one token, over the mean context of its life."""
    core = decode_core(task.model)
    tensor = layouts.tp_count
    work = AttentionWork(
        sequences_count=requests_per_copy_count,
        query_tokens_count=1.0,
        context_tokens_count=task.input_tokens_count + (task.output_tokens_count + 1.0) / 2.0,
        heads_count=core.heads_count / tensor,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / np.minimum(tensor, core.cache_shards_limit_count),
        cache_precision=task.cache_precision,
    )
    return _pass_times(
        task,
        layouts,
        operators,
        tokens=requests_per_copy_count,
        sampled=requests_per_copy_count,
        attention_s=operators.attention_decode_s(work),
    )


def _pass_times(
    task: ServingTask,
    layouts: ServingLayouts,
    operators: OperatorModel,
    *,
    tokens: FloatArray,
    sampled: FloatArray,
    attention_s: FloatArray,
) -> PassTimes:
    """All layers and the head for `tokens` tokens per copy, of which `sampled` need the head."""
    model = task.model
    values = elementwise_values_per_token(model) * tokens
    hidden_bytes = tokens * model.hidden_dim * Precision.BF16.value_bytes
    exchange = operators.all_reduce_s(hidden_bytes, ranks_count=layouts.tp_count, stride_count=1.0)
    elementwise = operators.memory_s(values * Precision.BF16.value_bytes)
    return PassTimes(
        gemm_s=_gemm_s(task, layouts, operators, tokens=tokens) + _head_s(model, layouts, operators, rows=sampled),
        expert_gemm_s=_expert_gemm_s(task, layouts, operators, tokens=tokens),
        attention_s=model.layers_count * attention_s,
        elementwise_s=model.layers_count * elementwise,
        tensor_parallel_s=tensor_parallel_exchanges_count(model) * exchange,
        expert_parallel_s=_expert_parallel_s(model, layouts, operators, tokens=tokens),
    )


def _gemm_s(task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, tokens: FloatArray) -> FloatArray:
    model, tensor = task.model, layouts.tp_count
    matrices = (
        *((model.layers_count, matrix) for matrix in attention_projections(model)),
        *((dense_layers_count(model), matrix) for matrix in dense_projections(model)),
        *((expert_layers_count(model), matrix) for matrix in expert_side_projections(model)),
    )
    time: FloatArray = np.zeros(np.broadcast_shapes(tensor.shape, tokens.shape))
    for layers, matrix in matrices:
        wide, deep = matrix.local_output_dim(tensor), matrix.local_input_dim(tensor)
        time = time + layers * operators.gemm_s(tokens, wide, deep, precision=task.weight_precision)
    return time


def _head_s(model: Model, layouts: ServingLayouts, operators: OperatorModel, *, rows: FloatArray) -> FloatArray:
    head = head_projection(model)
    wide, deep = head.local_output_dim(layouts.tp_count), head.local_input_dim(layouts.tp_count)
    return operators.gemm_s(rows, wide, deep, precision=Precision.BF16)


def touched_experts_count(*, local_count: FloatArray, chosen_fraction: float, tokens_count: FloatArray) -> FloatArray:
    """Distinct experts among `local_count` that a batch visits, each token visiting each with `chosen_fraction`."""
    return np.asarray(local_count * (1.0 - (1.0 - chosen_fraction) ** tokens_count), dtype=np.float64)


def _expert_gemm_s(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, tokens: FloatArray
) -> FloatArray:
    """Routed experts of the rank that holds most, with the tokens of all copies; only touched experts are read."""
    experts = expert_layer(task.model)
    if experts is None:
        return np.zeros(np.broadcast_shapes(layouts.tp_count.shape, tokens.shape))
    group_tokens = tokens * layouts.copies_count
    local = np.ceil(experts.experts_count / layouts.ep_count)
    chosen = experts.top_k_count / experts.experts_count
    touched = touched_experts_count(local_count=local, chosen_fraction=chosen, tokens_count=group_tokens)
    rows = group_tokens * chosen * local
    time: FloatArray = np.zeros(rows.shape)
    for matrix in experts.projections:
        time = time + operators.grouped_gemm_s(
            rows, matrix.output_dim, matrix.input_dim, groups=touched, precision=task.weight_precision
        )
    return expert_layers_count(task.model) * time


def _expert_parallel_s(
    model: Model, layouts: ServingLayouts, operators: OperatorModel, *, tokens: FloatArray
) -> FloatArray:
    """Dispatch and combine; a token travels once to each rank that holds one of its experts."""
    experts = expert_layer(model)
    if experts is None:
        return np.zeros(np.broadcast_shapes(layouts.tp_count.shape, tokens.shape))
    copies = visited_ranks_count(experts, ep_count=layouts.ep_count)
    volume = tokens / layouts.tp_count * copies * model.hidden_dim * Precision.BF16.value_bytes
    one_way = operators.all_to_all_s(volume, ranks_count=layouts.ep_count, stride_count=1.0)
    return 2.0 * expert_layers_count(model) * one_way


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRates:
    """What replicas do in the steady state, `(layout, requests, prompts)`.

    `tokens_per_s` counts input and output tokens per accelerator of a domain packed with replicas.
    """

    tokens_per_s: FloatArray
    ttft_s: FloatArray
    tpot_s: FloatArray
    memory_bytes: FloatArray
    possible: BoolArray


def tpot_s(*, decode_s: FloatArray, prefill_s_per_request: FloatArray, requests_per_token: FloatArray) -> FloatArray:
    """Mean time between two tokens of a request: a decode step and the prefills let in between.

    `requests_per_token` is concurrent requests over output tokens per request: prefills per decode step.
    """
    return decode_s + requests_per_token * prefill_s_per_request


def serving_rates(task: ServingTask, layouts: ServingLayouts, operators: OperatorModel) -> ServingRates:
    """Throughput, latencies and memory of every layout, concurrency and prefill batch."""
    spread = ServingLayouts(**{item.name: getattr(layouts, item.name)[:, None, None] for item in fields(layouts)})
    requests, prompts = REQUESTS_PER_COPY[None, :, None], PROMPTS_PER_COPY[None, None, :]
    decode = decode_times(task, spread, operators, requests_per_copy_count=requests).pass_time_s
    prefill = prefill_times(task, spread, operators, prompts_per_copy_count=prompts).pass_time_s
    batch, prompts_per_pass = requests * spread.copies_count, prompts * spread.copies_count
    tpot = tpot_s(
        decode_s=decode,
        prefill_s_per_request=prefill / prompts_per_pass,
        requests_per_token=batch / task.output_tokens_count,
    )
    requests_per_s = batch / (task.output_tokens_count * tpot)
    tokens = task.input_tokens_count + task.output_tokens_count
    request_bytes = cache_bytes_per_request(task.model, spread, tokens_count=tokens, precision=task.cache_precision)
    memory = serving_memory_bytes(
        weight_bytes=serving_weight_bytes(task.model, spread, precision=task.weight_precision),
        request_bytes=request_bytes,
        requests_per_copy_count=requests,
    )
    return ServingRates(
        tokens_per_s=tokens * requests_per_s / spread.replica_count * spread.packed_fraction,
        ttft_s=(prompts_per_pass - 1.0) / (2.0 * requests_per_s) + decode + prefill,
        tpot_s=tpot,
        memory_bytes=np.broadcast_to(memory, tpot.shape),
        possible=np.broadcast_to(prompts <= requests, tpot.shape),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatingPoints:
    """The best concurrency and prefill batch of each layout, `(layout,)`; rates are NaN where none is allowed."""

    tokens_per_s: FloatArray
    ttft_s: FloatArray
    tpot_s: FloatArray
    requests_per_copy_count: FloatArray
    prompts_per_copy_count: FloatArray


def best_points(task: ServingTask, rates: ServingRates, *, usable_bytes: float) -> OperatingPoints:
    """For each layout the point with most tokens per second that fits memory and keeps the service level."""
    allowed = (
        rates.possible
        & (rates.memory_bytes <= usable_bytes)
        & (rates.ttft_s <= task.ttft_limit_s)
        & (rates.tpot_s <= task.tpot_limit_s)
    )
    layouts_count, requests_count, prompts_count = rates.tokens_per_s.shape
    scores = np.where(allowed, rates.tokens_per_s, 0.0).reshape(layouts_count, -1)
    at = np.argmax(scores, axis=1)
    rows = np.arange(layouts_count)
    none = scores[rows, at] == 0.0
    return OperatingPoints(
        tokens_per_s=_picked(rates.tokens_per_s, at, none),
        ttft_s=_picked(rates.ttft_s, at, none),
        tpot_s=_picked(rates.tpot_s, at, none),
        requests_per_copy_count=np.where(none, np.nan, np.repeat(REQUESTS_PER_COPY, prompts_count)[at]),
        prompts_per_copy_count=np.where(none, np.nan, np.tile(PROMPTS_PER_COPY, requests_count)[at]),
    )


def _picked(values: FloatArray, at: NDArray[np.intp], none: BoolArray) -> FloatArray:
    flat = values.reshape(len(at), -1)
    return np.where(none, np.nan, flat[np.arange(len(at)), at])


def refusal(task: ServingTask, rates: ServingRates, *, usable_bytes: float) -> str:
    """In words, why no layout and concurrency serves the task: memory, then TTFT, then TPOT, then all at once."""
    least = float(rates.memory_bytes.min())
    if least > usable_bytes:
        return (
            f"{task.model.id} does not fit a scale-up domain: at least {least:.3g} bytes per accelerator, "
            f"{usable_bytes:.3g} usable"
        )
    fits = rates.possible & (rates.memory_bytes <= usable_bytes)
    for name, times, limit in (
        ("TTFT", rates.ttft_s, task.ttft_limit_s),
        ("TPOT", rates.tpot_s, task.tpot_limit_s),
    ):
        shortest = float(times[fits].min())
        if shortest > limit:
            return f"misses the {name} limit of {limit:.3g} s: {shortest:.3g} s at best"
    return "no layout keeps the TTFT and the TPOT limit at the same time"
