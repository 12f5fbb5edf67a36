"""The stage keeps its contract: names, dimensions, units, refusals, bands, and it is quick."""

import time
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.workload import Placement, WideArea
from gigawatt.performance import evaluate
from gigawatt.performance.laws import OperatorLaws, TrainingOperators, roofline_laws
from gigawatt.performance.operators import roofline_operators
from tests.performance.published import DEEPSEEK_V3, HGX_H100, LLAMA_405B
from tests.samples import PLATFORM, offer, run, service, small_inputs, small_performance


@pytest.fixture(scope="module")
def small():
    return evaluate(small_inputs())


def test_same_shape_as_the_hand_made_sample(small):
    sample = small_performance()
    for mine, theirs in ((small.serving, sample.serving), (small.training, sample.training)):
        assert set(mine.data_vars) == set(theirs.data_vars)
        for name in mine.data_vars:
            assert mine[name].dims == theirs[name].dims, name
            assert mine[name].attrs["units"], name


def test_bands_are_ordered_and_finite(small):
    assert small.refusals == {}
    for values in (small.serving.tokens_per_s_per_rack, small.training.flop_per_s_per_rack):
        assert np.isfinite(values).all()
        assert (values.diff("quantile") > 0).all()
    assert list(small.serving.coords["quantile"].values) == [0.1, 0.5, 0.9]


def test_output_tokens_are_their_share(small):
    ratio = small.serving.output_tokens_per_s_per_rack / small.serving.tokens_per_s_per_rack
    np.testing.assert_allclose(ratio, 0.5)


def test_rack_rate_is_accelerators_times_mfu_times_peak(small):
    expected = small.training.mfu_fraction * 72 * 5e15
    np.testing.assert_allclose(small.training.flop_per_s_per_rack, expected)


def test_a_rack_of_half_a_domain_does_half(small):
    halved = replace(PLATFORM, accelerators_per_rack_count=36)
    half = evaluate(small_inputs(offers=(offer(platform=halved),)))
    np.testing.assert_allclose(half.serving.tokens_per_s_per_rack * 2, small.serving.tokens_per_s_per_rack)
    np.testing.assert_allclose(half.training.flop_per_s_per_rack * 2, small.training.flop_per_s_per_rack)


def test_a_refused_pair_is_nan_with_its_reason_and_leaves_others_alone(small):
    hasty = replace(service(), id="hasty", tpot_limit_s=1e-4)
    lone = replace(run(), id="lone", model=LLAMA_405B, accelerators_count=1)
    inputs = small_inputs(offers=(offer(), offer(platform=HGX_H100)), services=(service(), hasty), runs=(run(), lone))
    both = evaluate(inputs)
    for name in ("tokens_per_s_per_rack", "deployment_accelerators_count", "front_output_tokens_per_s_per_rack"):
        assert np.isnan(both.serving[name].sel(service="hasty")).all()
    assert np.isnan(both.training.flop_per_s_per_rack.sel(run="lone")).all()
    assert "keeps TPOT" in both.refusals["hgx-h100/hasty"]
    assert "does not fit 1 accelerators" in both.refusals["test-nvl72/lone"]
    assert set(both.refusals) == {
        f"{where}/{what}" for where in ("test-nvl72", "hgx-h100") for what in ("hasty", "lone")
    }
    same = both.serving.sel(platform=["test-nvl72"], service=["chat"])
    np.testing.assert_array_equal(same.tokens_per_s_per_rack, small.serving.tokens_per_s_per_rack)


def test_fp8_scaled_by_blocks_takes_laws_of_its_own():
    def twice_as_slow_in_blocks(efficiency):
        plain = roofline_laws(efficiency)
        slower = roofline_laws(replace(efficiency, gemm=Ranged(low=0.2, best=0.25, high=0.3)))
        return replace(plain, block_scaled_serving=slower.serving)

    both = (service(), replace(service(), id="blocks", block_scaled=True))
    rates = evaluate(small_inputs(services=both), operators=twice_as_slow_in_blocks).serving.tokens_per_s_per_rack
    assert (rates.sel(service="blocks") < rates.sel(service="chat")).all()


def test_no_services_and_no_runs_is_an_empty_answer():
    empty = evaluate(small_inputs(services=(), runs=()))
    assert empty.serving.tokens_per_s_per_rack.shape == (1, 0, 3)
    assert empty.training.flop_per_s_per_rack.shape == (1, 0, 3)


def test_operators_can_be_replaced():
    """The seam: laws that always answer their best case give three equal quantiles where nothing else has a range."""

    def best_case(efficiency):
        def operators(platform, _quantile):
            return roofline_operators(platform, efficiency, 0.9)

        return OperatorLaws(
            training=TrainingOperators(causes=(operators,)), serving=operators, block_scaled_serving=operators
        )

    best = evaluate(small_inputs(), operators=best_case)
    for rates in (best.serving.tokens_per_s_per_rack, best.training.flop_per_s_per_rack):
        np.testing.assert_allclose(rates.std("quantile") / rates.mean("quantile"), 0.0, atol=1e-12)


def test_runs_with_the_same_steps_are_answered_alike(small):
    later = replace(run(), id="later", compute_flop=9e25, deadline=date(2029, 12, 1))
    both = evaluate(small_inputs(runs=(run(), later)))
    for name in ("mfu_fraction", "step_time_s", "memory_bytes"):
        np.testing.assert_array_equal(both.training[name].sel(run="later"), small.training[name].sel(run="run-1"))


def test_two_services_and_four_runs_take_seconds():
    platforms = tuple(replace(PLATFORM, id=f"platform-{number}") for number in range(1))
    models = (LLAMA_405B, DEEPSEEK_V3)
    inputs = small_inputs(
        offers=tuple(offer(platform=platform) for platform in platforms),
        services=tuple(replace(service(), id=model.id, model=model) for model in models),
        runs=tuple(
            replace(run(), id=f"{model.id}-{count}", model=model, accelerators_count=count)
            for model in models
            for count in (2304, 72_000)
        ),
    )
    started = time.process_time()
    evaluate(inputs)
    assert time.process_time() - started < 10.0


def test_a_job_over_several_sites_pays_for_its_line():
    """Two sites of a fast line do nearly what one does, a slow line costs more; a run for one site has no such rate."""

    def spread(wan_bytes_per_s: float):
        joined = WideArea(wan_bytes_per_s=wan_bytes_per_s, one_way_s=0.005)
        placed = replace(run(), placement=Placement(sites=("alpha", "beta"), most_sites_count=2, wide_area=joined))
        lone = replace(placed, id="lone", placement=Placement(sites=("alpha",), most_sites_count=1, wide_area=None))
        return evaluate(small_inputs(services=(), runs=(placed, lone))).training

    fast, slow = spread(1e13), spread(1e10)
    one = fast.flop_per_s_per_rack.sel(run="run-1")
    rates = [rates.spread_flop_per_s_per_rack.sel(run="run-1", site_count=2) for rates in (fast, slow)]
    assert (rates[0] <= one).all()
    assert float((rates[0] / one).min()) > 0.9
    assert float((rates[1] / one).max()) < 0.5
    assert fast.spread_flop_per_s_per_rack.sel(run="lone").isnull().all()
    assert fast.spread_flop_per_s_per_rack.attrs["units"] == "FLOP/s/rack"
