"""A service on a platform: the cheapest deployment within its level, the front behind it, and refusals in words."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.hardware import Precision
from gigawatt.performance.laws import roofline_laws
from gigawatt.performance.refusal import Refused
from gigawatt.performance.serve.search import Configurations, Limits, serve_search
from gigawatt.performance.serve.task import workers
from gigawatt.performance.served import (
    INTERACTIVITY_PER_S,
    Served,
    ServingPhysics,
    packed_fraction,
    serve,
    serve_task,
)
from tests.performance.published import DEEPSEEK_V3, HGX_H100
from tests.samples import ENGINE, PLATFORM, exactly, service, small_inputs

LAWS = roofline_laws(small_inputs().efficiency)
PHYSICS = ServingPhysics(operators=LAWS.serving, engine=ENGINE, memory_usable=exactly(0.9))
CHAT = service()


@pytest.fixture(scope="module")
def sample() -> Served:
    answer = serve(CHAT, PLATFORM, PHYSICS)
    assert isinstance(answer, Served)
    return answer


def deployment(prefill, decode, *, counts) -> Configurations:
    one = np.ones(1)
    return Configurations(
        prefill=prefill,
        decode=decode,
        prefill_workers_count=counts[0] * one,
        decode_workers_count=counts[1] * one,
        requests_per_copy_count=one,
        chunk_tokens_count=one,
        ttft_s=one,
        tpot_s=one,
        tokens_per_s_per_accelerator=one,
    )


def test_the_deployment_is_the_best_of_the_search(sample):
    limits = Limits(
        ttft_s=CHAT.ttft_limit_s, tpot_s=CHAT.tpot_limit_s, accelerators_count=72, prefill_load_fraction=0.8
    )
    task = serve_task(CHAT, ENGINE, quantile=0.5)
    operators = LAWS.serving(PLATFORM, 0.5)
    front = serve_search(task, PLATFORM, operators, limits, usable_bytes=0.9 * 186e9).front
    assert front is not None
    best = float(np.max(front.tokens_per_s_per_accelerator * packed_fraction(front, PLATFORM)))
    # As many input as output tokens: twice the output tokens in all.
    assert sample.tokens_per_s[1] == pytest.approx(2.0 * best, rel=1e-12)


def test_every_quantile_keeps_the_level_and_more_performance_serves_more(sample):
    assert (sample.deployment.ttft_s <= CHAT.ttft_limit_s).all()
    assert (sample.deployment.tpot_s <= CHAT.tpot_limit_s).all()
    assert (np.diff(sample.tokens_per_s) > 0.0).all()


def test_the_front_falls_and_passes_above_the_chosen_point(sample):
    front = sample.front_output_tokens_per_s
    assert front.shape == (3, INTERACTIVITY_PER_S.size)
    for row in front:
        known = row[np.isfinite(row)]
        assert known.size > 3
        assert (np.diff(known) <= 0.0).all()
        assert np.isnan(row[known.size :]).all()
    within = 1.0 / CHAT.tpot_limit_s >= INTERACTIVITY_PER_S
    assert (front[:, within].min(axis=1) >= sample.tokens_per_s / 2.0 * (1 - 1e-12)).all()


def test_workers_that_do_not_divide_a_domain_leave_some_idle():
    """72 = 4 x 16 + 8: workers of 16 alone leave 8 of 72; one of 8 to four of 16 fills them, one to eight half of them.

    One of 8 to eight of 16 is 136 in all, of which 128 are in sixteens: 64 of 72 at most hold those, so
    136 / (128 x 72 / 64) = 17/18 are at work.
    """
    small, large = workers(tp=8.0), workers(tp=16.0)
    assert packed_fraction(deployment(large, large, counts=(0.0, 1.0)), PLATFORM) == pytest.approx(64 / 72)
    assert packed_fraction(deployment(small, small, counts=(0.0, 1.0)), PLATFORM) == pytest.approx(1.0)
    assert packed_fraction(deployment(small, large, counts=(1.0, 4.0)), PLATFORM) == pytest.approx(1.0)
    assert packed_fraction(deployment(small, large, counts=(1.0, 8.0)), PLATFORM) == pytest.approx(17 / 18)
    assert packed_fraction(deployment(large, large, counts=(0.0, 1.0)), HGX_H100) == pytest.approx(1.0)


def test_longer_contexts_and_tighter_levels_never_serve_more(sample):
    longer = serve(replace(CHAT, input_tokens_count=8000.0, output_tokens_count=8000.0), PLATFORM, PHYSICS)
    quicker = serve(replace(CHAT, tpot_limit_s=0.02), PLATFORM, PHYSICS)
    assert isinstance(longer, Served)
    assert isinstance(quicker, Served)
    assert (longer.tokens_per_s <= sample.tokens_per_s).all()
    assert (quicker.tokens_per_s <= sample.tokens_per_s).all()


def test_refusals_name_the_best_within_reach():
    def reason(asked, platform=PLATFORM, physics=PHYSICS):
        answer = serve(asked, platform, physics)
        assert isinstance(answer, Refused)
        return answer.reason

    hasty = reason(replace(CHAT, tpot_limit_s=1e-4))
    assert "keeps TPOT 0.0001 s at P10 of performance" in hasty
    assert "within TTFT 2 s the best is 0.00" in hasty
    impatient = reason(replace(CHAT, ttft_limit_s=0.01))
    assert "keeps TTFT 0.01 s at P10 of performance: the best is 0.0" in impatient
    huge = replace(CHAT, model=DEEPSEEK_V3, weight_precision=Precision.BF16, attention_precision=Precision.BF16)
    full = reason(huge, HGX_H100, replace(PHYSICS, memory_usable=exactly(0.2)))
    assert "does not fit 64 accelerators at P10 of performance: its weights take at least" in full
    bare = replace(PLATFORM, accelerator=replace(PLATFORM.accelerator, peak_dense_flop_per_s={}))
    assert "no published dense peak at fp8" in reason(CHAT, bare)


def test_formats_and_lengths_reach_the_worker():
    narrow = replace(CHAT, weight_precision=Precision.FP4, attention_precision=Precision.BF16)
    task = serve_task(narrow, ENGINE, quantile=0.5)
    assert (task.formats.attention, task.formats.experts, task.formats.cache) == ("bf16", "fp4", "fp8")
    assert (task.input_tokens_count, task.output_tokens_count) == (1000.0, 1000.0)
