"""What a replica's steps cost, from the performance stage: its operators, its layout, its memory.

Work is spread evenly over the copies of attention in a replica, and a copy computes at least one token.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.performance.answers import Setting
from gigawatt.performance.architecture import prefill_core
from gigawatt.performance.layout import ServingLayouts
from gigawatt.performance.memory import cache_bytes_per_request, cache_bytes_per_token, serving_weight_bytes
from gigawatt.performance.operators import AttentionWork, OperatorModel
from gigawatt.performance.serving import ServingTask, decode_times, prefill_times
from gigawatt.requests.costs import StepCosts
from gigawatt.requests.fleet import Replica
from gigawatt.timeline import FloatArray

KNOTS_PER_DOUBLING = 4
MOST_CONTEXT_TOKENS = 1 << 20


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


def _knots(most: int, *, per_doubling: int) -> FloatArray:
    """Whole numbers from 1 to at least `most`, evenly spaced by ratio."""
    count = int(np.ceil(np.log2(most) * per_doubling)) + 1
    return np.unique(np.ceil(2.0 ** (np.arange(count) / per_doubling)))


def step_costs(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, limits: StepLimits
) -> StepCosts:
    """The step times of one layout (`layouts` has one entry)."""
    copies = float(layouts.copies_count[0])
    pass_s = _pass_s(task, layouts, operators, most=limits.tokens_count + 1)
    batches = np.maximum(np.ceil(np.arange(limits.batch_count + 1) / copies), 1.0)
    context = np.concatenate([[0.0], _knots(MOST_CONTEXT_TOKENS, per_doubling=2)])
    decode = [_decode(task, layouts, operators, batches=batches, context=max(knot, 1.0)) for knot in context]
    head_s = np.maximum(decode[0][0] - pass_s[: limits.batch_count + 1], 0.0)
    head_s[0] = 0.0
    attention_s = np.stack([attention for _, attention in decode], axis=1)
    new = np.concatenate([[0.0], _knots(limits.tokens_count, per_doubling=KNOTS_PER_DOUBLING)])
    cached = np.concatenate([[0.0], _knots(MOST_CONTEXT_TOKENS, per_doubling=1)])
    filled_s = _fill_s(task, layouts, operators, new=np.maximum(new, 1.0)[:, None], cached=cached[None, :])
    floor_s = float(_fill_s(task, layouts, operators, new=np.array([[1.0]]), cached=np.array([[0.0]]))[0, 0])
    work_s = np.maximum(filled_s - floor_s, 0.0)
    work_s[0, :] = 0.0
    return StepCosts(
        pass_s=pass_s[: limits.tokens_count + 1],
        head_s=head_s,
        decode_attention_s=attention_s,
        decode_context_tokens_count=context,
        fill_attention_s=work_s,
        fill_floor_s=floor_s,
        fill_new_tokens_count=new,
        fill_cached_tokens_count=cached,
    )


def _pass_s(task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, most: int) -> FloatArray:
    """Everything but attention for 0, 1, ... tokens of a step, with one row of the vocabulary's product."""
    knots = _knots(most, per_doubling=KNOTS_PER_DOUBLING)
    copies = float(layouts.copies_count[0])
    values = [
        _without_attention_s(task, layouts, operators, tokens=max(float(np.ceil(knot / copies)), 1.0)) for knot in knots
    ]
    return np.asarray(np.interp(np.arange(most + 1, dtype=np.float64), knots, np.array(values)), dtype=np.float64)


def _without_attention_s(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, tokens: float
) -> float:
    times = prefill_times(
        replace(task, input_tokens_count=tokens), layouts, operators, prompts_per_copy_count=np.array([1.0])
    )
    return float((times.pass_time_s - times.attention_s)[0])


def _decode(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, batches: FloatArray, context: float
) -> tuple[FloatArray, FloatArray]:
    """A decode step without its attention, and its attention, `(requests,)`, at one context."""
    shaped = replace(task, input_tokens_count=context - 1.0, output_tokens_count=1.0)
    times = decode_times(shaped, layouts, operators, requests_per_copy_count=batches)
    return times.pass_time_s - times.attention_s, np.broadcast_to(times.attention_s, batches.shape)


def _fill_s(
    task: ServingTask, layouts: ServingLayouts, operators: OperatorModel, *, new: FloatArray, cached: FloatArray
) -> FloatArray:
    """Attention of a chunk of `new` tokens behind `cached` ones: token j sees cached + j."""
    core, tensor = prefill_core(task.model), layouts.tp_count[0]
    work = AttentionWork(
        sequences_count=1.0,
        query_tokens_count=np.maximum(new / layouts.copies_count[0], 1.0),
        context_tokens_count=cached + (new + 1.0) / 2.0,
        heads_count=core.heads_count / tensor,
        score_dim=core.score_dim,
        value_dim=core.value_dim,
        cached_values_count=core.cached_values_count / np.minimum(tensor, core.cache_shards_limit_count),
        cache_precision=task.cache_precision,
    )
    return task.model.layers_count * operators.attention_prefill_s(work)


def kv_tokens_count(task: ServingTask, layouts: ServingLayouts, *, usable_bytes: float) -> int:
    """Tokens of key-value cache that fit a replica beside its weights; 0 or less where the weights do not fit."""
    weights = serving_weight_bytes(task.model, layouts, precision=task.weight_precision)
    token = cache_bytes_per_request(task.model, layouts, tokens_count=1.0, precision=task.cache_precision)
    return int(np.floor((usable_bytes - weights[0]) / token[0]) * layouts.copies_count[0])


def replica_of(
    where: Setting,
    task: ServingTask,
    layouts: ServingLayouts,
    *,
    quantile_index: int,
    limits: StepLimits,
    power: PowerShares,
) -> Replica:
    """A replica on a platform, ready to be simulated, at one quantile of performance."""
    accelerators = int(layouts.replica_count[0])
    share_w = where.platform.rack_power_w / where.platform.accelerators_per_rack_count * accelerators
    usable = float(where.usable_bytes[quantile_index])
    return Replica(
        costs=step_costs(task, layouts, where.operators[quantile_index], limits=limits),
        kv_tokens_count=kv_tokens_count(task, layouts, usable_bytes=usable),
        accelerators_count=accelerators,
        busy_power_w=share_w * power.busy_fraction,
        idle_power_w=share_w * power.idle_fraction,
    )


def move_s_per_token(where: Setting, task: ServingTask, layouts: ServingLayouts) -> float:
    """Time to move one token's cache to another replica, over the scale-out links of all of its accelerators."""
    one_link = where.platform.accelerator.scale_out_bandwidth_bytes_per_s
    return cache_bytes_per_token(task.model, task.cache_precision) / (one_link * float(layouts.tp_count[0]))
