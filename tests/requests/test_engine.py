"""Sums that one can do by hand: every step takes one second."""

import dataclasses
import sys

import numpy as np
import pytest

from gigawatt.errors import InputError
from gigawatt.requests.fleet import Aggregated, Disaggregated, Failures, Fleet, Pool, Scaling, ServiceLevel, fixed_pool
from gigawatt.requests.outcomes import Histogram, Tally, energy_j
from gigawatt.requests.policies import Load, compiled_router, least_loaded, python_scaler, round_robin
from gigawatt.requests.traces import requests_from
from tests.requests.samples import aggregated, flat_costs, play, replica

ROUND_ROBIN, LEAST_LOADED = compiled_router(round_robin), compiled_router(least_loaded)


def some(arrival_s, inputs, outputs, **more):
    return requests_from(
        arrival_s=np.array(arrival_s, dtype=float),
        input_tokens_count=np.array(inputs),
        output_tokens_count=np.array(outputs),
        **more,
    )


def one_second(count=1, *, kv=640, reserve=0.0, **more):
    return aggregated(count, kv=kv, times=flat_costs(), reserve=reserve, **more)


def test_one_request_takes_one_step_for_its_prompt_and_one_for_each_further_token():
    rows, course = play(one_second(), some([0.0], [10], [3]), ROUND_ROBIN)
    assert rows.first_token_s.tolist() == [1.0]
    assert rows.end_s.tolist() == [3.0]  # 1 + (3 - 1) x 1
    assert course.pools[0].busy_s == 3.0
    assert course.pools[0].steps_count == 3
    assert course.pools[0].tokens_count == 10 + 2


def test_who_comes_during_a_step_joins_at_its_end():
    rows, _ = play(one_second(), some([0.0, 3.5], [10, 10], [9, 2]), ROUND_ROBIN)
    assert rows.first_token_s.tolist() == [1.0, 5.0]  # the step under way at 3.5 ends at 4
    assert rows.end_s.tolist() == [9.0, 6.0]


def test_a_long_prompt_is_cut_to_the_budget_of_a_step():
    rows, _ = play(one_second(), some([0.0], [100], [1]), ROUND_ROBIN)
    assert rows.first_token_s.tolist() == [2.0]  # 64 tokens, then 36


def test_the_request_served_last_is_preempted_and_computed_anew():
    """4 blocks of 16. Both hold 32 tokens at t = 17; the first goes on, the second waits until t = 20.

    Its prompt is then 16 + 17 tokens: one step, one token; two more make 20.
    """
    rows, course = play(one_second(kv=64), some([0.0, 0.0], [16, 16], [20, 20]), ROUND_ROBIN)
    assert rows.preemptions.tolist() == [0, 1]
    assert rows.end_s.tolist() == [20.0, 23.0]
    assert course.pools[0].peak_kv_fraction == 1.0


def test_a_known_prefix_is_not_computed_again():
    """Blocks of 32: the second prompt shares 64 of its 100 tokens and fits one step of 64."""
    prefixes = ((1, 2, 3), (1, 2, 4))
    rows, _ = play(one_second(), some([0.0, 10.0], [100, 100], [1, 1], prefixes=prefixes), ROUND_ROBIN, hash_tokens=32)
    assert rows.reused.tolist() == [0, 64]
    assert (rows.first_token_s - rows.arrival_s).tolist() == [2.0, 1.0]
    without = one_second(prefix_reuse=False)
    rows, _ = play(without, some([0.0, 10.0], [100, 100], [1, 1], prefixes=prefixes), ROUND_ROBIN, hash_tokens=32)
    assert rows.reused.tolist() == [0, 0]


def test_the_last_token_of_a_prompt_is_always_computed():
    rows, _ = play(
        one_second(), some([0.0, 10.0], [64, 64], [1, 1], prefixes=((1, 2), (1, 2))), ROUND_ROBIN, hash_tokens=32
    )
    assert rows.reused.tolist() == [0, 32]


def test_a_cache_moves_between_pools():
    """Prompt until 1, moved until 1 + 0.25 + 8 x 0.125 = 2.25, two more tokens until 4.25."""
    pool = fixed_pool(replica(kv=640, times=flat_costs()), 1)
    serving = Disaggregated(prefill=pool, decode=pool, move_start_s=0.25, move_s_per_token=0.125)
    fleet = Fleet(serving=serving, batching=one_second().batching)
    rows, course = play(fleet, some([0.0], [8], [3]), ROUND_ROBIN)
    assert rows.first_token_s.tolist() == [1.0]
    assert rows.end_s.tolist() == [4.25]
    assert [pool.busy_s for pool in course.pools] == [1.0, 2.0]


def test_what_never_fits_is_turned_away():
    rows, _ = play(one_second(kv=64), some([0.0, 0.0], [60, 10], [10, 2]), ROUND_ROBIN)
    assert rows.ending.tolist() == [1, 0]
    assert rows.end_s[0] == 0.0


def test_a_full_line_turns_away():
    fleet = one_second(kv=64, queue_limit_count=1)
    rows, _ = play(fleet, some([0.0, 0.5, 0.6, 0.7], [40] * 4, [20, 2, 2, 2]), ROUND_ROBIN)
    assert rows.ending.tolist() == [0, 0, 2, 2]


def test_routing_spreads_requests():
    requests = some([0.0, 0.1, 0.2, 0.3], [10] * 4, [4] * 4)
    assert play(one_second(2), requests, ROUND_ROBIN)[0].replica.tolist() == [0, 1, 0, 1]
    assert play(one_second(4), requests, LEAST_LOADED)[0].replica.tolist() == [0, 1, 2, 3]


def test_a_scaler_starts_and_empties_replicas():
    """Two wanted from t = 10 on, ready at 15; one from t = 30 on; an idle replica goes off at once."""
    pool = Pool(replica=replica(kv=640, times=flat_costs()), start_count=1, least_count=1, most_count=2)
    fleet = dataclasses.replace(
        one_second(), serving=Aggregated(pool=pool), scaling=Scaling(interval_s=10.0, startup_s=5.0)
    )
    seen = []

    def wanted(load: Load) -> int:
        seen.append((load.now_s, load.replicas))
        return 2 if load.now_s < 25.0 else 1

    requests = some([0.0, 16.0, 16.1, 45.0], [10] * 4, [2] * 4)
    rows, course = play(fleet, requests, LEAST_LOADED, scaler=python_scaler(wanted))
    assert seen == [(10.0, 1), (20.0, 2), (30.0, 2), (40.0, 1)]
    assert rows.replica.tolist() == [0, 0, 1, 0]
    assert course.end_s == 47.0
    assert course.pools[0].on_s == pytest.approx(47.0 + (30.0 - 10.0))
    assert course.pools[0].busy_s == 8.0
    assert energy_j(fleet, course) == pytest.approx(8.0 * 1000.0 + 59.0 * 300.0)


def test_failures_restart_requests_and_repairs_bring_replicas_back():
    from_failures = dataclasses.replace(one_second(2), failures=Failures(between_failures_s=40.0, repair_s=5.0))
    requests = some(np.arange(40.0), [10] * 40, [12] * 40)
    rows, _ = play(from_failures, requests, LEAST_LOADED)
    assert rows.restarts.sum() > 0
    assert (rows.generated == 12).all()


def test_decode_failures_free_the_cache_held_for_transfer():
    """The decode replica fails while a cache waits to move; the prompt's replica gets its memory back and goes on."""
    times = flat_costs(pass_s=0.25)
    pool = fixed_pool(replica(kv=160, times=times), 1)
    serving = Disaggregated(prefill=pool, decode=pool, move_start_s=3.0, move_s_per_token=0.0)
    fleet = Fleet(
        serving=serving,
        batching=one_second().batching,
        failures=Failures(between_failures_s=6.0, repair_s=1.0),
    )
    requests = some(np.arange(60) * 0.2, [40] * 60, [3] * 60)
    for seed in range(20):
        rows, course = play(fleet, requests, LEAST_LOADED, seed=seed)
        assert (rows.generated == 3).all()
        assert rows.restarts.sum() > 0
        assert all(pool.peak_kv_fraction <= 1.0 for pool in course.pools)


def test_a_tally_counts_goodput_over_all_requests():
    fleet = one_second(kv=64)
    requests = some([0.0, 0.0, 0.2], [60, 10, 10], [10, 3, 1])
    rows, course = play(fleet, requests, ROUND_ROBIN)
    tally = Tally(ServiceLevel(ttft_limit_s=1.5, tpot_limit_s=1.0))
    tally(rows)
    summary = tally.summary(fleet, course)
    assert (summary.requests_completed_count, summary.too_long_count) == (2, 1)
    assert summary.goodput_fraction == pytest.approx(1 / 3)  # the second waits 0.8 s for the step under way
    assert summary.output_tokens_count + summary.dropped_output_tokens_count == 14
    assert summary.ttft.mean_s == pytest.approx((1.0 + 1.8) / 2)
    assert summary.tpot.mean_s == pytest.approx(1.0)


def test_histogram_percentiles_are_within_half_a_bin():
    times = np.random.default_rng(1).lognormal(0.0, 1.0, 5001)
    histogram = Histogram()
    histogram.add(times[:1000])
    histogram.add(times[1000:])
    assert histogram.percentile_s(50.0) == pytest.approx(np.median(times), rel=5e-4)
    assert histogram.mean_s == pytest.approx(times.mean())
    assert np.isnan(Histogram().percentile_s(50.0))


@pytest.mark.parametrize(("least", "start", "most"), [(0, 1, 1), (2, 1, 2), (1, 3, 2)])
def test_impossible_fleets_are_refused(least, start, most):
    pool = Pool(replica=replica(), start_count=start, least_count=least, most_count=most)
    fleet = dataclasses.replace(one_second(), serving=Aggregated(pool=pool))
    with pytest.raises(InputError, match="replicas"):
        play(fleet, some([0.0], [1], [1]), ROUND_ROBIN)


def test_blocks_must_divide_prefix_blocks():
    with pytest.raises(InputError, match="divisor"):
        play(one_second(), some([0.0], [1], [1], prefixes=((1,),)), ROUND_ROBIN, hash_tokens=40)


def test_the_engine_keeps_no_hold_on_its_arrays():
    """Compiled code does not count references: what it is handed must be free again afterwards."""
    fleet, requests = one_second(), some([0.0], [10], [3])
    play(fleet, requests, ROUND_ROBIN)
    tables_before = sys.getrefcount(requests.arrival_s), sys.getrefcount(ROUND_ROBIN)
    for _ in range(50):
        play(fleet, requests, ROUND_ROBIN)
    assert (sys.getrefcount(requests.arrival_s), sys.getrefcount(ROUND_ROBIN)) == tables_before
