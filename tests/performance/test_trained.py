"""A run on a platform: its fastest layout, its band, its idle accelerators, and refusals in words."""

from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.hardware import Precision
from gigawatt.performance.flops import training_flop_per_token
from gigawatt.performance.laws import roofline_laws
from gigawatt.performance.refusal import Refused
from gigawatt.performance.step.fastest import fastest
from gigawatt.performance.step.formats import NumberFormat, usual_format
from gigawatt.performance.step.task import Variant
from gigawatt.performance.trained import Trained, job_sizes, step_task, train, whole_domains_count
from tests.performance.published import LLAMA_405B
from tests.samples import PLATFORM, exactly, run, small_inputs

INPUTS = small_inputs()
LAWS = roofline_laws(INPUTS.efficiency)
NO_RANGE = INPUTS.step


def trained(asked=None, figures=NO_RANGE, **changes) -> Trained:
    answer = train(replace(asked or run(), **changes), PLATFORM, LAWS.training, figures)
    assert isinstance(answer, Trained)
    return answer


@pytest.fixture(scope="module")
def sample() -> Trained:
    return trained()


def test_the_layout_is_the_fastest_of_the_step_model(sample):
    task = step_task(run(), PLATFORM, NO_RANGE, number_format=NumberFormat.MXFP8)
    found = fastest(task, PLATFORM, LAWS.training.middle(PLATFORM), accelerators_count=2304)
    assert sample.step_time_s[1] == found.step_s
    assert float(sample.layout.ranks_count[0]) == 2304.0


def test_rates_are_model_flop_over_time_and_accelerators(sample):
    """1,953 sequences of 8,192 tokens; peak FP8 of the sample platform 5e15."""
    flop = training_flop_per_token(run().model, sequence_tokens_count=8192) * 1953 * 8192
    np.testing.assert_allclose(sample.flop_per_s, flop / sample.step_time_s / 2304)
    np.testing.assert_allclose(sample.mfu_fraction, sample.flop_per_s / 5e15)


def test_the_band_is_that_of_the_step_and_widens_with_the_figures(sample):
    assert sample.step_time_s[0] > sample.step_time_s[1] > sample.step_time_s[2]
    wider = trained(figures=replace(NO_RANGE, attention_backward=replace(exactly(1.25), low=1.0, high=2.0)))
    assert wider.step_time_s[1] == sample.step_time_s[1]
    assert wider.step_time_s[0] > sample.step_time_s[0]
    assert wider.step_time_s[2] < sample.step_time_s[2]


def test_a_job_fills_whole_domains():
    assert whole_domains_count(2375, scale_up_domain_count=72) == 2304
    assert whole_domains_count(71, scale_up_domain_count=72) == 71
    assert trained(accelerators_count=2375).flop_per_s == pytest.approx(trained().flop_per_s)


def test_counts_that_divide_badly_leave_some_idle():
    """101 domains: 100 = 2 x 2 x 5 x 5 divide well. Below one domain accelerators are counted one by one."""
    assert job_sizes(101 * 72, scale_up_domain_count=72) == (7272, 7200)
    assert job_sizes(2304, scale_up_domain_count=72) == (2304,)
    assert job_sizes(71, scale_up_domain_count=72) == (71, 64)
    odd = trained(accelerators_count=101 * 72)
    even = trained(accelerators_count=100 * 72)
    assert odd.flop_per_s[1] * 7272 >= even.flop_per_s[1] * 7200 * (1 - 1e-12)


def test_refusals_say_what_is_missing():
    def reason(asked, platform=PLATFORM):
        answer = train(asked, platform, LAWS.training, NO_RANGE)
        assert isinstance(answer, Refused)
        return answer.reason

    lone = replace(run(), model=LLAMA_405B, accelerators_count=1)
    assert "does not fit 1 accelerators" in reason(lone)
    few = replace(run(), batch_tokens_count=8192.0, accelerators_count=1009 * 72)
    assert "no layout of test-70b spreads 1 sequences over 72,648 accelerators" in reason(few)
    bare = replace(PLATFORM, accelerator=replace(PLATFORM.accelerator, peak_dense_flop_per_s={}))
    assert "no published dense peak at fp8" in reason(run(), bare)


def test_a_run_takes_the_variant_of_its_architecture():
    """Half of the 80 layers see 128 tokens of 8,192: the step is quicker. An extra predicted token costs a layer."""
    windowed = replace(run(), windowed_layers_count=40, window_tokens_count=128)
    task = step_task(windowed, PLATFORM, NO_RANGE, number_format=NumberFormat.MXFP8)
    assert (task.variant.windowed_layers_count, task.variant.window_tokens_count) == (40, 128)
    assert step_task(run(), PLATFORM, NO_RANGE, number_format=NumberFormat.MXFP8).variant == Variant()
    plain = trained().step_time_s[1]
    assert trained(windowed).step_time_s[1] < plain
    assert trained(predicted_tokens_count=1).step_time_s[1] > plain
    tied = replace(run(), model=replace(run().model, tied_embeddings=True))
    assert step_task(tied, PLATFORM, NO_RANGE, number_format=NumberFormat.MXFP8).variant.tied_head


def test_matrix_units_without_fp4_have_one_scale_per_tensor():
    """Blackwell's matrix units scale blocks of 32 or 16 values, Hopper's whole tensors (NVIDIA, data sheets)."""
    blackwell = PLATFORM.accelerator
    hopper = replace(
        blackwell,
        peak_dense_flop_per_s={k: v for k, v in blackwell.peak_dense_flop_per_s.items() if k != Precision.FP4},
    )
    told = [usual_format(device, Precision.FP8) for device in (blackwell, hopper)]
    assert told == [NumberFormat.MXFP8, NumberFormat.FP8_TENSOR]
    assert usual_format(hopper, Precision.BF16) is NumberFormat.BF16
    assert usual_format(blackwell, Precision.FP4) is NumberFormat.NVFP4
