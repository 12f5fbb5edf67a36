"""The seam to the performance stage: how long a replica's steps take, as tables that compiled code can read.

A step over `n` decoding requests of mean context `c` and chunks of prompts (new tokens f_i behind cached g_i) takes

    pass(n + sum f_i) + extra(n) + decode_attention(n, c) + [floor + sum fill_attention(f_i, g_i)]

and, with prompts, at least `fill_least_s`: no graph replays such a step, so the host issues its kernels one by one.
Matrix products, element-wise work, exchanges and the host see all tokens of the step at once (`pass`, one token
sampled); `extra` is what decoding requests add to that, or save. Attention is apart for decoding, linear between the
knots of the context, and for prompts, bilinear between knots of new and cached tokens; `floor` is the fixed part of its
kernels.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.requests.engine.costs import decode_span_s, fill_attention_s
from gigawatt.requests.engine.records import Costs
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCosts:
    """Times of a replica's steps, in s.

    `pass_s` `(tokens,)` from 0 to the step's token budget; `decode_extra_s` `(requests,)` from 0 to the batch limit;
    `decode_attention_s` `(requests, context)`; `fill_attention_s` `(new, cached)` without `fill_floor_s`. Knots ascend.
    """

    pass_s: FloatArray
    decode_extra_s: FloatArray
    decode_attention_s: FloatArray
    decode_context_tokens_count: FloatArray
    fill_attention_s: FloatArray
    fill_floor_s: float
    fill_least_s: float
    fill_new_tokens_count: FloatArray
    fill_cached_tokens_count: FloatArray

    @property
    def step_tokens_limit_count(self) -> int:
        """Most tokens of a step."""
        return len(self.pass_s) - 1

    @property
    def batch_limit_count(self) -> int:
        """Most requests of a step."""
        return len(self.decode_extra_s) - 1


def tables(costs: StepCosts, decode_costs: StepCosts) -> Costs:
    """The tables of the entry and the decode pool as the engine reads them, `(pool, ...)`."""
    both = (costs, decode_costs)
    return Costs(
        pass_s=np.stack([each.pass_s for each in both]),
        extra_s=np.stack([each.decode_extra_s for each in both]),
        decode_s=np.stack([each.decode_attention_s for each in both]),
        decode_context=np.stack([each.decode_context_tokens_count for each in both]),
        fill_s=np.stack([each.fill_attention_s for each in both]),
        fill_floor_s=np.array([each.fill_floor_s for each in both]),
        fill_least_s=np.array([each.fill_least_s for each in both]),
        fill_new=np.stack([each.fill_new_tokens_count for each in both]),
        fill_cached=np.stack([each.fill_cached_tokens_count for each in both]),
    )


def decode_time_s(costs: StepCosts, *, requests_count: int, context_tokens_count: float) -> float:
    """Time of one decode step over `requests_count` requests of `context_tokens_count` tokens in the mean."""
    return decode_span_s(tables(costs, costs), 0, requests_count, context_tokens_count, 1)


def prefill_time_s(costs: StepCosts, *, new_tokens_count: int, cached_tokens_count: int) -> float:
    """Time of one step that computes `new_tokens_count` tokens of one prompt behind `cached_tokens_count`."""
    work_s = fill_attention_s(tables(costs, costs), 0, new_tokens_count, cached_tokens_count)
    return max(float(costs.pass_s[new_tokens_count] + costs.fill_floor_s + work_s), costs.fill_least_s)
