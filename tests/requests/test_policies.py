"""Policies in Python: compiled or not, the bundled ones and a user's own."""

import re
from pathlib import Path

import numpy as np
import pytest

from gigawatt.errors import InputError
from gigawatt.requests.fleet import Aggregated, Fleet, Pool, Scaling
from gigawatt.requests.policies import (
    ROUTER_NAMES,
    Load,
    Replicas,
    Request,
    compiled_router,
    power_of_two,
    prefix_affinity,
    python_router,
    python_scaler,
    requests_per_replica,
    router,
)
from tests.requests.samples import aggregated, play, replica
from tests.requests.test_reference import crowd

PAGE = Path(__file__).resolve().parents[2] / "docs" / "requests.md"


def test_the_example_of_the_page_runs_compiled_and_as_it_is():
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    made: dict = {}
    exec(example, made)
    fast, _ = play(aggregated(3), crowd(), made["fast"])
    same, _ = play(aggregated(3), crowd(), made["same"])
    assert fast.tobytes() == same.tobytes()
    assert set(fast.replica.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("name", ROUTER_NAMES)
def test_bundled_routers_serve_everybody(name):
    rows, _ = play(aggregated(3), crowd(80, shared=True), router(name), hash_tokens=64)
    assert (rows.ending == 0).all()


def test_choices_by_hand():
    replicas = Replicas(np.array([3, 1, 2]), np.array([50, 900, 0]), np.array([0, 0, 64]))
    assert power_of_two(replicas, Request(100, 7, np.array([0.1, 0.9]))) == 2  # replicas 0 and 2: 3 against 2 requests
    assert prefix_affinity(replicas, Request(100, 7, np.zeros(2))) == 2  # 150, 1000 and 36 tokens before the answer


def test_an_exception_of_a_policy_is_raised():
    def broken(_replicas, _request):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        play(aggregated(2), crowd(5), python_router(broken))


def test_an_answer_that_is_no_replica_is_refused():
    with pytest.raises(InputError, match="index"):
        play(aggregated(2), crowd(5), python_router(lambda _replicas, _request: 2))


def test_an_exception_of_a_scaler_is_raised():
    def broken(_load):
        raise ZeroDivisionError("mine")

    pool = Pool(replica=replica(), start_count=1, least_count=1, most_count=2)
    fleet = Fleet(
        serving=Aggregated(pool=pool),
        batching=aggregated().batching,
        scaling=Scaling(interval_s=0.5, startup_s=1.0),
    )
    with pytest.raises(ZeroDivisionError, match="mine"):
        play(fleet, crowd(50), router("least-loaded"), scaler=python_scaler(broken))


def test_a_scaler_for_a_target():
    scaler = requests_per_replica(8.0)
    assert scaler.callback(0, 1, 17, 0, 0.0) == 3  # 17 / 8, rounded up
    assert Load(0, 1, 17, 0, 0.0).requests == 17


def test_unknown_names_are_refused():
    with pytest.raises(InputError, match="one of"):
        router("best")


def test_a_compiled_router_may_loop():
    def last(replicas, _request):
        chosen = 0
        for at in range(replicas.requests.size):
            if replicas.requests[at] <= replicas.requests[chosen]:
                chosen = at
        return chosen

    rows, _ = play(aggregated(2), crowd(2), compiled_router(last))
    assert rows.replica[0] == 1
