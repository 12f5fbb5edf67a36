"""Effective training time against sums by hand, a simulation of the process, and laws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.performance.goodput.renewal import (
    Recovery,
    daly_interval_s,
    ettr_fraction,
    first_order_ettr_fraction,
    interval_time_s,
    optimal_interval_s,
    young_interval_s,
)


def recovery(rate=1e-4, *, detection=0.0, restart=0.0, blocking=0.0, lag=0.0):
    return Recovery(failures_per_s=rate, detection_s=detection, restart_s=restart, blocking_s=blocking, lag_s=lag)


def test_daly_complete_model_by_hand():
    # Daly (2006), equation 13 per interval: M exp(R/M) (exp((t + w)/M) - 1); M = 1000, R = 100, t = 90, w = 10:
    # 1000 x 1.1051709 x 0.1051709 = 116.2318.
    found = interval_time_s(recovery(1e-3, restart=100.0, blocking=10.0), 90.0)
    assert float(found) == pytest.approx(116.2318, rel=1e-6)


def test_detection_and_lag_by_hand():
    # 1 + lambda D = 1.05 for D = 50; a lag of 100 repeats exp(0.1): 1000 x 1.05 x 1.1051709 x 0.1051709 = 122.0434.
    found = interval_time_s(recovery(1e-3, detection=50.0, lag=100.0, blocking=10.0), 90.0)
    assert float(found) == pytest.approx(122.0434, rel=1e-6)


def test_without_failures_only_writing_costs():
    # 90 s of progress and 10 s of writing: 90 %.
    assert float(ettr_fraction(recovery(0.0, blocking=10.0, restart=1e5, detection=1e5), 90.0)) == 0.9


def simulated_ettr(found: Recovery, interval_s: float, *, progress_count: int, rng: np.random.Generator) -> float:
    """Progress over time of a run played event by event: failures strike work, writing and restarts."""
    cycle = interval_s + found.blocking_s
    clock, durable, worked = 0.0, 0, 0.0  # worked: time since the last durable state was left behind
    until = rng.exponential(1.0 / found.failures_per_s)
    while durable < progress_count:
        need = cycle + found.lag_s - worked
        if until > need:  # the next checkpoint becomes durable; by then training is `lag` into the next interval
            clock, until, worked, durable = clock + need, until - need, found.lag_s, durable + 1
            continue
        clock += until + found.detection_s
        until = rng.exponential(1.0 / found.failures_per_s)
        while until < found.restart_s:
            clock += until + found.detection_s
            until = rng.exponential(1.0 / found.failures_per_s)
        clock, until, worked = clock + found.restart_s, until - found.restart_s, 0.0
    return durable * interval_s / clock


@pytest.mark.parametrize(
    ("found", "interval"),
    [
        (recovery(1e-3, detection=60.0, restart=120.0, blocking=5.0), 100.0),  # mild
        (recovery(1e-2, detection=60.0, restart=120.0, blocking=5.0), 40.0),  # restarts mostly fail
        (recovery(5e-3, detection=30.0, restart=60.0, blocking=1.0, lag=50.0), 60.0),  # durable long after the copy
    ],
)
def test_the_formula_is_the_mean_of_the_process(found, interval):
    rng = np.random.default_rng(7)
    # 40,000 intervals; one interval's time spreads by less than four times its mean here, so the standard error is
    # below 4 / sqrt(40000) = 2 %, and 3 % is one and a half of it.
    assert simulated_ettr(found, interval, progress_count=40_000, rng=rng) == pytest.approx(
        float(ettr_fraction(found, interval)), rel=0.03
    )


def test_first_order_agrees_where_failures_are_rare_and_fails_where_they_are_not():
    rare = recovery(1e-6, detection=60.0, restart=600.0, blocking=5.0)
    assert float(first_order_ettr_fraction(rare, 3000.0)) == pytest.approx(float(ettr_fraction(rare, 3000.0)), rel=1e-4)
    # At a failure every 15 minutes with 11 of recovery the first order is off by a quarter: 1 - 0.78 = 0.22.
    often = recovery(1.0 / 900.0, detection=60.0, restart=600.0, blocking=1.0)
    exact, first = float(ettr_fraction(often, 60.0)), float(first_order_ettr_fraction(often, 60.0))
    assert exact > 1.5 * first


def test_published_optimal_intervals():
    # Young (1974): sqrt(2 x 10 x 10000) = 447.21 s.
    found = recovery(1e-4, blocking=10.0)
    assert float(young_interval_s(found)) == pytest.approx(447.2136, rel=1e-6)
    # Daly (2006), equation 37: 447.2136 (1 + sqrt(0.0005) / 3 + 0.0005 / 9) - 10 = 440.5718.
    assert float(daly_interval_s(found)) == pytest.approx(440.5718, rel=1e-6)
    # His estimate is within 0.2 % of the optimum where the write is short (section 5).
    assert optimal_interval_s(found, shortest_s=0.0) == pytest.approx(440.5718, rel=2e-3)
    assert float(daly_interval_s(recovery(1e-2, blocking=300.0))) == 100.0  # w > 2 M: the interval is M


def test_the_shortest_interval_is_a_step_or_what_becomes_durable():
    assert optimal_interval_s(recovery(1e-4, blocking=0.0), shortest_s=12.0) == 12.0
    assert optimal_interval_s(recovery(1e-4, blocking=1e-6, lag=30.0), shortest_s=0.0) == pytest.approx(30.0)


RATES = st.floats(1e-8, 1e-2)
TIMES = st.floats(0.0, 1000.0)


@given(rate=RATES, detection=TIMES, restart=st.floats(0.0, 300.0), blocking=st.floats(0.01, 300.0))
def test_no_interval_beats_the_optimal_one(rate, detection, restart, blocking):
    found = recovery(rate, detection=detection, restart=restart, blocking=blocking)
    best = optimal_interval_s(found, shortest_s=0.0)
    others = best * np.geomspace(0.2, 5.0, 41)
    assert np.all(ettr_fraction(found, others) <= float(ettr_fraction(found, best)) * (1.0 + 1e-9))


@given(rate=RATES, detection=TIMES, restart=TIMES, blocking=TIMES, lag=TIMES, interval=st.floats(1.0, 1e4))
def test_more_trouble_is_never_better(rate, detection, restart, blocking, lag, interval):
    base = {"detection": detection, "restart": restart, "blocking": blocking, "lag": lag}
    ettr = float(ettr_fraction(recovery(rate, **base), interval))
    assert 0.0 <= ettr <= 1.0
    assert float(ettr_fraction(recovery(2.0 * rate, **base), interval)) <= ettr
    for name, value in base.items():
        assert float(ettr_fraction(recovery(rate, **(base | {name: value + 10.0})), interval)) <= ettr


@given(rate=RATES, restart=TIMES, interval=st.floats(1.0, 1e4), scale=st.floats(0.01, 100.0))
def test_the_unit_of_time_does_not_matter(rate, restart, interval, scale):
    found = float(ettr_fraction(recovery(rate, restart=restart, blocking=1.0), interval))
    scaled = recovery(rate / scale, restart=restart * scale, blocking=scale)
    assert math.isclose(found, float(ettr_fraction(scaled, interval * scale)), rel_tol=1e-9)
