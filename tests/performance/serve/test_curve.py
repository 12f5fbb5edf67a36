"""The curve of a deployment against load: laws, and the simulation of its requests one by one."""

import numpy as np
import pytest

from gigawatt.catalog import load, platform
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.performance.serve.curve import capacity_requests_per_s, load_curve
from gigawatt.performance.serve.search import Limits, chosen_configurations, serve_search
from gigawatt.requests.fleet import Aggregated, Batching, Fleet, fixed_pool
from gigawatt.requests.generating import PoissonArrivals, arrival_times_s
from gigawatt.requests.policies import first_come, router
from gigawatt.requests.pricing import PowerShares, StepLimits, replica_of
from gigawatt.requests.simulation import Policies, simulate
from gigawatt.requests.traces import one_piece, requests_from
from tests.performance.serve.test_search import real_task

WHERE = platform(load(), "dgx-h100").item
OPERATORS = serving_operators(load(), blocks=False)(WHERE, 0.5)
TASK = real_task()
USABLE = 0.9 * WHERE.accelerator.memory_bytes
LOADS = np.array([0.25, 0.5, 0.8, 0.95])


@pytest.fixture(scope="module")
def deployment():
    limits = Limits(ttft_s=2.0, tpot_s=0.02, accelerators_count=1, prefill_load_fraction=0.8)
    front = serve_search(TASK, WHERE, OPERATORS, limits, usable_bytes=USABLE).aggregated_front
    assert front is not None
    return chosen_configurations(front, np.array([0]))


@pytest.fixture(scope="module")
def curve(deployment):
    return load_curve(TASK, deployment, WHERE, OPERATORS, loads=LOADS, usable_bytes=USABLE)


def test_latencies_rise_with_load_up_to_those_of_the_search(deployment, curve):
    assert (np.diff(curve.tpot_s) > 0.0).all()
    assert (np.diff(curve.ttft_s) >= 0.0).all()
    full = load_curve(TASK, deployment, WHERE, OPERATORS, loads=np.array([1.0]), usable_bytes=USABLE)
    assert full.tpot_s == pytest.approx(deployment.tpot_s, rel=0.01)
    assert full.ttft_s == pytest.approx(deployment.ttft_s, rel=0.01)


def test_a_load_beyond_what_more_clients_can_send_is_nan(deployment):
    beyond = load_curve(TASK, deployment, WHERE, OPERATORS, loads=np.array([50.0]), usable_bytes=USABLE)
    assert np.isnan(beyond.tpot_s).all()
    assert np.isnan(beyond.ttft_s).all()


def simulated(deployment, load_fraction):
    """Mean TTFT and TPOT of two replicas under Poisson arrivals, output lengths even over twice their mean.

    The first and the last third of all requests are left out: the fleet fills and empties in them.
    """
    held = int(np.ceil(1.5 * deployment.requests_per_copy_count[0]))
    limits = StepLimits(batch_count=held, tokens_count=int(deployment.chunk_tokens_count[0]) + held)
    power = PowerShares(busy_fraction=0.8, idle_fraction=0.3)
    replica = replica_of(WHERE, TASK, deployment.decode, OPERATORS, usable_bytes=USABLE, limits=limits, power=power)
    fleet = Fleet(
        serving=Aggregated(pool=fixed_pool(replica, 2)), batching=Batching(block_tokens_count=16, reserve_fraction=0.01)
    )
    count, rng = 6000, np.random.default_rng(3)
    rate = 2.0 * load_fraction * float(capacity_requests_per_s(TASK, deployment)[0])
    arrivals = arrival_times_s(PoissonArrivals(requests_per_s=rate), count, rng=rng)
    outputs = rng.integers(1, 2 * int(TASK.output_tokens_count), count)
    requests = requests_from(
        arrival_s=arrivals - arrivals[0],
        input_tokens_count=np.full(count, int(TASK.input_tokens_count)),
        output_tokens_count=outputs,
    )
    rows = []
    simulate(
        fleet,
        one_piece(requests, name="poisson"),
        Policies(router=router("least-loaded"), order=first_come),
        sink=rows.append,
        rng=np.random.default_rng(1),
    )
    ended = np.concatenate([np.asarray(part) for part in rows])
    middle = ended[np.argsort(ended["arrival_s"], kind="stable")][count // 3 : 2 * count // 3]
    host_s = TASK.engine.request_s + TASK.engine.token_s * TASK.input_tokens_count
    ttft_s = float(np.mean(host_s + middle["first_token_s"] - middle["arrival_s"]))
    decoded = np.sum(middle["output"] - 1)
    return ttft_s, float(np.sum(middle["end_s"] - middle["first_token_s"]) / decoded)


@pytest.mark.parametrize("at", range(LOADS.size))
def test_the_curve_agrees_with_the_simulation_of_requests(deployment, curve, at):
    """TPOT within 10 %, TTFT within 20 %: the curve knows mean queues, the simulation the requests themselves."""
    ttft_s, tpot_s = simulated(deployment, float(LOADS[at]))
    assert curve.tpot_s[at] == pytest.approx(tpot_s, rel=0.10)
    assert curve.ttft_s[at] == pytest.approx(ttft_s, rel=0.20)
