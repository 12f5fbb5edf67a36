"""Serving: the steady state by hand with operators of one's own, laws, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.entities.hardware import Precision
from gigawatt.performance.answers import serve, setting
from gigawatt.performance.layout import ServingLayouts, serving_layouts
from gigawatt.performance.refusal import Refused
from gigawatt.performance.serving import (
    PROMPTS_PER_COPY,
    REQUESTS_PER_COPY,
    ServingTask,
    best_points,
    decode_times,
    prefill_times,
    serving_rates,
    touched_experts_count,
    tpot_s,
)
from tests.performance.published import DEEPSEEK_V3, HGX_H100, LLAMA_405B, TINY, TINY_MOE
from tests.performance.test_memory import serving
from tests.performance.test_training import UnitOperators
from tests.samples import MODEL, PLATFORM, exactly, small_inputs

INPUTS = small_inputs()


def task(model=TINY, **changes):
    base = ServingTask(
        model=model,
        input_tokens_count=100.0,
        output_tokens_count=50.0,
        ttft_limit_s=1e9,
        tpot_limit_s=1e9,
        weight_precision=Precision.FP8,
        cache_precision=Precision.FP8,
    )
    return replace(base, **changes)


def where(platform=PLATFORM, efficiency=INPUTS.efficiency, memory=0.9):
    return setting(platform, efficiency, memory_usable=exactly(memory))


def test_a_decode_step_by_hand():
    # Four layers of four matrices and the head: 17 products; four attentions of 2 s; two sums per layer of 3 s.
    one = np.array([1.0])
    operators = UnitOperators(gemm=1.0, attention=2.0, exchange=3.0)
    step = decode_times(task(), serving(replica=2.0, tp=2.0), operators, requests_per_copy_count=one)
    assert (step.gemm_s, step.attention_s, step.tensor_parallel_s) == (17.0, 8.0, 24.0)
    assert step.pass_time_s == 49.0


def test_an_expert_pass_by_hand():
    # Attention 2 x 4, dense 2, router and shared expert 3 x 3, head 1: 20; experts 2 x 3; dispatch, combine 2 x 3.
    one = np.array([1.0])
    operators = UnitOperators(gemm=1.0, exchange=1.0)
    step = prefill_times(task(TINY_MOE), serving(replica=4.0, tp=1.0, ep=4.0), operators, prompts_per_copy_count=one)
    assert (step.gemm_s, step.expert_gemm_s, step.expert_parallel_s) == (20.0, 6.0, 6.0)


def test_touched_experts_by_hand():
    # Two tokens that visit each of 8 experts with probability 1/4: 8 (1 - (3/4)^2) = 3.5; a thousand touch all.
    touched = touched_experts_count(
        local_count=np.array(8.0), chosen_fraction=0.25, tokens_count=np.array([2.0, 1000.0])
    )
    np.testing.assert_allclose(touched, [3.5, 8.0])


def test_prefills_stretch_the_time_between_tokens():
    # 10 requests of 50 tokens: one prefill of 0.5 s every five decode steps of 0.1 s.
    tpot = tpot_s(decode_s=np.array(0.1), prefill_s_per_request=np.array(0.5), requests_per_token=np.array(10 / 50))
    assert tpot == pytest.approx(0.2)


def test_steady_state_by_hand():
    """Attention alone costs time: 1 s per pass in each of four layers, so 4 s per decode step and per prefill pass.

    Two requests at once, prompts one by one: TPOT 4 + 2/50 x 4 = 4.16 s, 2 / (50 x 4.16) requests/s of 150 tokens;
    TTFT 4 + 4 s.
    """
    layouts = serving(replica=1.0, tp=1.0)
    rates = serving_rates(task(), layouts, UnitOperators(attention=1.0))
    two = int(np.flatnonzero(REQUESTS_PER_COPY == 2.0)[0])
    assert rates.tpot_s[0, two, 0] == pytest.approx(4.16)
    assert rates.tokens_per_s[0, two, 0] == pytest.approx(150 * 2 / (50 * 4.16))
    assert rates.ttft_s[0, two, 0] == pytest.approx(8.0)
    # Two prompts per pass: TPOT 4.08 s, and half of the other's arrival interval of 102 s is waited for.
    assert rates.ttft_s[0, two, 1] == pytest.approx(8.0 + 1 / (2 * 2 / (50 * 4.08)))
    assert not rates.possible[0, two, 2]


def test_replica_and_machine_time_agree():
    """Little's law backwards: requests/s x (prefill + its share of decode steps) fills all of a replica's time."""
    operators = where().operators[1]
    layouts = serving_layouts(DEEPSEEK_V3, PLATFORM)
    asked = task(DEEPSEEK_V3)
    at, requests, prompts = 10, 5, 1
    rates = serving_rates(asked, layouts, operators)
    one = ServingLayouts(
        replica_count=layouts.replica_count[[at]],
        tp_count=layouts.tp_count[[at]],
        ep_count=layouts.ep_count[[at]],
        packed_fraction=layouts.packed_fraction[[at]],
    )
    batch = REQUESTS_PER_COPY[requests] * one.copies_count
    decode = decode_times(asked, one, operators, requests_per_copy_count=REQUESTS_PER_COPY[[requests]]).pass_time_s
    prefill = prefill_times(asked, one, operators, prompts_per_copy_count=PROMPTS_PER_COPY[[prompts]]).pass_time_s
    per_s = rates.tokens_per_s[at, requests, prompts] * one.replica_count / one.packed_fraction / 150.0
    busy = per_s * (prefill / (PROMPTS_PER_COPY[prompts] * one.copies_count) + 50.0 * decode / batch)
    np.testing.assert_allclose(busy, 1.0)


def test_best_point_keeps_limits_or_says_nan():
    operators = where().operators[1]
    layouts = serving_layouts(MODEL, PLATFORM)
    asked = task(MODEL, ttft_limit_s=0.5, tpot_limit_s=0.02)
    points = best_points(asked, serving_rates(asked, layouts, operators), usable_bytes=150e9)
    held = np.isfinite(points.tokens_per_s)
    assert held.any()
    assert (points.ttft_s[held] <= 0.5).all()
    assert (points.tpot_s[held] <= 0.02).all()
    nothing = best_points(asked, serving_rates(asked, layouts, operators), usable_bytes=1.0)
    assert np.isnan(nothing.tokens_per_s).all()


def test_candidates_stay_in_a_domain_and_divide_heads():
    dense, experts = serving_layouts(LLAMA_405B, PLATFORM), serving_layouts(DEEPSEEK_V3, PLATFORM)
    assert (dense.replica_count == dense.tp_count).all()
    assert (dense.ep_count == 1.0).all()
    assert (experts.ep_count == experts.replica_count).all()
    assert experts.replica_count.max() == 72
    assert (128 % experts.tp_count == 0).all()
    # Sixteen of 72: four replicas and eight accelerators idle.
    assert dense.packed_fraction[dense.replica_count == 16.0] == pytest.approx(64 / 72)


def test_refusals_say_why():
    cramped = serve(where(HGX_H100), task(DEEPSEEK_V3))
    assert isinstance(cramped, Refused)
    assert "deepseek-v3 does not fit a scale-up domain" in cramped.reason
    late = serve(where(), task(LLAMA_405B, input_tokens_count=8192.0, ttft_limit_s=0.001))
    assert isinstance(late, Refused)
    assert "misses the TTFT limit of 0.001 s" in late.reason
    slow = serve(where(), task(LLAMA_405B, tpot_limit_s=1e-5))
    assert isinstance(slow, Refused)
    assert "misses the TPOT limit of 1e-05 s" in slow.reason


def test_llama_70b_decode_is_bounded_by_memory_bandwidth():
    """An upper bound that needs no model: a token of a lone request reads all weights once.

    70.6 GB of FP8 weights over one accelerator of 8 TB/s: at least 8.8 ms.
    """
    step = decode_times(
        task(MODEL), serving(replica=1.0, tp=1.0), where().operators[2], requests_per_copy_count=np.array([1.0])
    )
    assert 70.6e9 / 8e12 < step.pass_time_s < 2 * 70.6e9 / (8e12 * 0.9)


RESOURCES = (
    "memory_bytes",
    "memory_bandwidth_bytes_per_s",
    "scale_up_bandwidth_bytes_per_s",
    "scale_out_bandwidth_bytes_per_s",
)


@settings(max_examples=40, deadline=None)
@given(
    resource=st.sampled_from([*RESOURCES, "peak"]),
    gain=st.floats(1.0, 8.0),
    model=st.sampled_from([MODEL, LLAMA_405B, DEEPSEEK_V3]),
    ttft=st.floats(0.05, 5.0),
    tpot=st.floats(0.005, 0.1),
)
def test_more_of_any_resource_never_serves_less(resource, gain, model, ttft, tpot):
    asked = task(model, input_tokens_count=2000.0, ttft_limit_s=ttft, tpot_limit_s=tpot)
    device = PLATFORM.accelerator
    if resource == "peak":
        peaks = {precision: peak * gain for precision, peak in device.peak_dense_flop_per_s.items()}
        better = replace(device, peak_dense_flop_per_s=peaks)
    else:
        better = replace(device, **{resource: getattr(device, resource) * gain})
    base = _median_tokens_per_s(serve(where(), asked))
    improved = _median_tokens_per_s(serve(where(replace(PLATFORM, accelerator=better)), asked))
    assert improved >= base * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(
    resource=st.sampled_from(["gemm", "attention", "memory_bandwidth", "scale_up_bandwidth", "scale_out_bandwidth"]),
    low=st.floats(0.1, 1.0),
    gain=st.floats(1.0, 4.0),
)
def test_higher_efficiency_never_serves_less(resource, low, gain):
    asked = task(DEEPSEEK_V3, input_tokens_count=2000.0, ttft_limit_s=2.0, tpot_limit_s=0.05)
    worse = replace(INPUTS.efficiency, **{resource: exactly(low)})
    better = replace(INPUTS.efficiency, **{resource: exactly(low * gain)})
    base = _median_tokens_per_s(serve(where(efficiency=worse), asked))
    assert _median_tokens_per_s(serve(where(efficiency=better), asked)) >= base * (1 - 1e-12)


@settings(max_examples=30, deadline=None)
@given(ttft=st.floats(0.1, 5.0), tpot=st.floats(0.01, 0.1), slack=st.floats(1.0, 3.0))
def test_a_looser_service_level_never_serves_less(ttft, tpot, slack):
    tight = task(DEEPSEEK_V3, input_tokens_count=2000.0, ttft_limit_s=ttft, tpot_limit_s=tpot)
    loose = replace(tight, ttft_limit_s=ttft * slack, tpot_limit_s=tpot * slack)
    assert _median_tokens_per_s(serve(where(), loose)) >= _median_tokens_per_s(serve(where(), tight))


def _median_tokens_per_s(answer):
    return 0.0 if isinstance(answer, Refused) else answer.tokens_per_s[1]
