"""Step times against the passes of the performance stage that they stand for."""

import numpy as np
import pytest

from gigawatt.catalog import load, platform
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.entities.hardware import Precision
from gigawatt.errors import InputError
from gigawatt.performance.serve.engine import standard_engine
from gigawatt.performance.serve.memory import worker_memory
from gigawatt.performance.serve.passes import pass_times
from gigawatt.performance.serve.task import Batch, Formats, ServeTask, workers
from gigawatt.requests.costs import decode_time_s, prefill_time_s
from gigawatt.requests.pricing import (
    Beside,
    PowerShares,
    StepLimits,
    kv_tokens_count,
    move_s_per_token,
    replica_of,
    step_costs,
    with_memory_beside,
)

CATALOG = load()
PLATFORM = platform(CATALOG, "dgx-h100").item
OPERATORS = serving_operators(CATALOG, blocks=False)(PLATFORM, 0.5)
LIMITS = StepLimits(batch_count=64, tokens_count=4096)


def task():
    model, pattern = published_model(CATALOG, "llama-3.1-70b")
    fp8 = Precision.FP8
    return ServeTask(
        model=model,
        pattern=pattern,
        formats=Formats(attention=fp8, dense=fp8, experts=fp8, head=Precision.BF16, cache=fp8),
        engine=standard_engine(engine_figures(CATALOG), quantile=0.5),
        input_tokens_count=1000.0,
        output_tokens_count=200.0,
    )


TASK, LAYOUT = task(), workers(tp=8, expert_tp=8)
COSTS = step_costs(TASK, LAYOUT, OPERATORS, limits=LIMITS)


def pass_s(*, tokens=0.0, seen=0.0, requests=0.0, context=0.0):
    batch = Batch(
        prompt_tokens_count=np.array([tokens]),
        prompts_count=np.array([1.0 if tokens else 0.0]),
        prompt_context_count=np.array([seen]),
        requests_count=np.array([requests]),
        context_count=np.array([context]),
    )
    return float(pass_times(TASK, LAYOUT, batch, OPERATORS).device_s[0])


@pytest.mark.parametrize(("requests", "context"), [(1, 1.0), (7, 900.0), (40, 5000.0), (64, 120_000.0)])
def test_decode_steps_are_those_of_the_performance_stage(requests, context):
    """The table is exact in requests; between knots of the context attention is nearly linear."""
    ours = decode_time_s(COSTS, requests_count=requests, context_tokens_count=context)
    assert ours == pytest.approx(pass_s(requests=requests, context=context) + TASK.engine.step_host_s, rel=0.01)


@pytest.mark.parametrize(("new", "cached"), [(4096, 0), (2500, 0), (4000, 9000), (3000, 100_000)])
def test_prefill_steps_are_those_of_the_performance_stage(new, cached):
    theirs = pass_s(tokens=float(new), seen=cached + (new + 1.0) / 2.0) + TASK.engine.step_host_s
    ours = prefill_time_s(COSTS, new_tokens_count=new, cached_tokens_count=cached)
    assert ours == pytest.approx(max(theirs, COSTS.fill_least_s), rel=0.03)


def test_more_work_never_takes_less_time():
    assert (np.diff(COSTS.pass_s) >= 0.0).all()
    assert (np.diff(COSTS.decode_attention_s[1:], axis=1) >= 0.0).all()
    assert (COSTS.decode_extra_s + COSTS.pass_s[: LIMITS.batch_count + 1] > 0.0).all()


def test_memory_beside_the_accelerators():
    """A rank of eight holds one of eight heads: 80 layers x 2 x 128 bytes of a token."""
    accelerator = PLATFORM.accelerator
    power = PowerShares(busy_fraction=1.0, idle_fraction=0.3)
    usable = 0.9 * accelerator.memory_bytes
    bare = replica_of(PLATFORM, TASK, LAYOUT, OPERATORS, usable_bytes=usable, limits=LIMITS, power=power)
    assert (bare.beside_tokens_count, bare.beside_s_per_token) == (0, 0.0)
    found = with_memory_beside(bare, TASK, LAYOUT, Beside(memory_bytes=480e9, bytes_per_s=50e9))
    assert found.beside_tokens_count == int(480e9 / 20_480)
    assert found.beside_s_per_token == pytest.approx(20_480 / 50e9)
    assert found.reads_sooner
    assert not with_memory_beside(bare, TASK, LAYOUT, Beside(memory_bytes=480e9, bytes_per_s=1e6)).reads_sooner


def test_cache_takes_what_weights_leave():
    """Eight accelerators hold 8 heads, one each: 80 layers x 2 x 128 bytes = 20,480 bytes per token."""
    weights = float(worker_memory(TASK, LAYOUT).weight_bytes[0])
    assert kv_tokens_count(TASK, LAYOUT, batch_count=64, usable_bytes=weights + 20_480 * 1000 + 5) == 1000
    with pytest.raises(InputError, match="room for cache"):
        kv_tokens_count(TASK, LAYOUT, batch_count=64, usable_bytes=weights)


def test_a_cache_moves_over_all_links_of_a_group():
    """163,840 bytes per token over eight links."""
    rate = PLATFORM.accelerator.scale_out_bandwidth_bytes_per_s
    assert move_s_per_token(PLATFORM, TASK, LAYOUT, LAYOUT) == pytest.approx(163_840 / (8 * rate))


def test_stages_and_impossible_steps_are_refused():
    with pytest.raises(InputError, match="stage"):
        step_costs(TASK, workers(tp=4, expert_tp=4, pp=2), OPERATORS, limits=LIMITS)
    with pytest.raises(InputError, match="step-tokens"):
        step_costs(TASK, LAYOUT, OPERATORS, limits=StepLimits(batch_count=64, tokens_count=64))
