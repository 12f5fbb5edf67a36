import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.performance.serve.clients import Clients, bunched
from gigawatt.performance.serve.loop import aggregated, arriving_together
from gigawatt.performance.serve.pools import pooled
from gigawatt.performance.serve.task import NO_SPECULATION, Speculation, workers

from .samples import ENGINE, Counting, task

ONE = np.ones(1)
MUCH = 1e12
# A pass of the tiny dense model has eight kernels between products: 8 ms here, prompts or not.
EVEN = Counting(memory=1e-3)
PASS_S = 8e-3


def clients(count, *, spread=1.0, requests=1e6):
    return Clients(concurrency_count=count * ONE, length_spread_fraction=spread, requests_per_client_count=requests)


def seen(what, many, *, operators=EVEN, usable=MUCH, count=1.0):
    return aggregated(what, workers(tp=1), many, operators, workers_count=count * ONE, usable_bytes=usable)


def test_one_client_sees_its_own_prompt_and_steps():
    found = seen(task(), clients(1.0))
    # Fifty steps a life, one prompt a life: a step and a fiftieth of a pass.
    assert found.tpot_s[0] == pytest.approx(PASS_S * (1.0 + 1.0 / 50.0))
    # Half a step on average until the queue is looked at, the pass, and a step until its token is seen.
    assert found.ttft_s[0] == pytest.approx(PASS_S * (0.51 + 1.0 + 1.0), rel=1e-6)


def test_others_prompts_stop_decoding():
    # Twenty requests on 50 steps bring 0.4 prompts a step, in passes of 0.4 / (1 - exp(-0.4)) prompts.
    together = 0.4 / -math.expm1(-0.4)
    found = seen(task(), clients(20.0))
    assert found.tpot_s[0] == pytest.approx(PASS_S * (1.0 + 0.4 / together))


def test_mixed_passes_decode_as_well():
    found = seen(task(engine=replace(ENGINE, mixed=True)), clients(20.0))
    assert found.tpot_s[0] == pytest.approx(PASS_S)


def test_clients_that_start_at_once_queue_for_each_other():
    # Forty prompts of 100 tokens in chunks of 1,000: passes end after 1, 2, 3 and 4 of them, and a step to be seen.
    found = seen(task(), clients(40.0, requests=1.0))
    assert found.ttft_s[0] == pytest.approx(PASS_S * (1.0 + 2.5))


def test_equal_requests_return_together_unless_passes_set_them_apart():
    stopped = seen(task(), clients(40.0, spread=0.0, requests=1e6))
    mixed = seen(task(engine=replace(ENGINE, mixed=True)), clients(40.0, spread=0.0, requests=1e6))
    # All forty at once in four passes, against ten after each of four passes.
    assert stopped.ttft_s[0] > 2.0 * PASS_S
    assert mixed.ttft_s[0] == pytest.approx(PASS_S * 2.5, rel=0.01)


def test_prompts_wait_for_others_to_share_a_pass():
    # Twenty requests on 50 steps: 0.4 prompts a step, so five steps gather two more, which wait half of that.
    engine = replace(ENGINE, gather_steps_count=5.0, chunk_tokens_count=1e6)
    found = seen(task(engine=engine), clients(20.0))
    step = PASS_S * (1.0 + 0.4 / 3.0)
    assert found.tpot_s[0] == pytest.approx(step)
    assert found.ttft_s[0] == pytest.approx(5.0 * 2.0 / 3.0 * step + 2.0 * PASS_S)
    # Two hundred tokens are enough: the first waits 2.5 steps for one other.
    fewer = replace(engine, gather_tokens_count=200.0)
    step = PASS_S * (1.0 + 0.4 / 2.0)
    assert seen(task(engine=fewer), clients(20.0)).ttft_s[0] == pytest.approx(2.5 * 0.75 * step + 2.0 * PASS_S)


def test_later_requests_arrive_over_more_of_a_life():
    # Lengths spread over 0.4: later requests over 0.4 sqrt(m) of a life, all of it from the seventh on.
    shares = [min(0.4 * math.sqrt(m), 1.0) for m in range(1, 10)]
    assert clients(8.0, spread=0.4, requests=10.0).window_fraction == pytest.approx(sum(shares) / 9.0)
    assert clients(8.0, spread=0.0, requests=1e6).window_fraction == 0.0
    assert clients(8.0, spread=1.0, requests=1.0).window_fraction == 1.0
    assert clients(8.0, spread=0.1, requests=1e6).window_fraction == pytest.approx(1.0, abs=1e-4)


def test_bunched_clients_by_hand():
    # Twice as close: half the spread, and half as many requests after the first.
    twice = bunched(clients(8.0, spread=0.4, requests=10.0), 2.0)
    assert (twice.length_spread_fraction, twice.first_fraction) == (0.2, 0.2)
    loose = bunched(clients(8.0, spread=0.8, requests=1.0), 0.5)
    assert (loose.length_spread_fraction, loose.first_fraction) == (1.0, 0.5)


def test_bunched_requests_wait_longer():
    usual = task(engine=replace(ENGINE, mixed=True))
    many = clients(40.0, spread=0.4, requests=10.0)
    slow, fast = (replace(usual, bunching_ratio=ratio) for ratio in (2.0, 0.5))
    assert seen(fast, many).ttft_s[0] < seen(usual, many).ttft_s[0] < seen(slow, many).ttft_s[0]
    assert in_pools(fast, many).ttft_s[0] < in_pools(usual, many).ttft_s[0] < in_pools(slow, many).ttft_s[0]


def test_what_does_not_fit_waits():
    usable = 164_864.0 + 10 * 150 * 128.0
    held, most = seen(task(), clients(20.0), usable=usable), seen(task(), clients(10.0))
    assert held.requests_per_copy_count[0] == pytest.approx(10.0)
    assert held.tpot_s[0] == pytest.approx(most.tpot_s[0])
    assert held.requests_per_s[0] == pytest.approx(most.requests_per_s[0])
    # Little's law with the waiting: twenty clients.
    assert held.requests_per_s[0] * held.request_s(50.0)[0] == pytest.approx(20.0)


def test_cached_prefixes_save_prefill_and_cost_reloading():
    long = task(isl=2000.0)
    plain = seen(long, clients(1.0)).ttft_s[0]
    hit = seen(replace(long, hit_fraction=0.9), clients(1.0)).ttft_s[0]
    slow = seen(replace(long, hit_fraction=0.9, reload_bytes_per_s=1e6), clients(1.0)).ttft_s[0]
    # Two chunks against one; 0.9 x 2,000 tokens x 128 bytes over 1 MB/s.
    assert plain - hit == pytest.approx(PASS_S, rel=0.05)
    assert slow - hit == pytest.approx(0.9 * 2000.0 * 128.0 / 1e6)


def test_no_guesses_change_nothing():
    none = Speculation(draft_tokens_count=0.0, acceptance_fraction=0.7, draft_layers_count=1.0)
    plain, guessed = (
        seen(task(engine=replace(ENGINE, speculation=kind)), clients(8.0)) for kind in (NO_SPECULATION, none)
    )
    assert plain.tpot_s == guessed.tpot_s
    assert plain.ttft_s == guessed.ttft_s


def test_arrivals_at_a_look():
    assert arriving_together(np.array([0.0]))[0] == pytest.approx(1.0)
    assert arriving_together(np.array([50.0]))[0] == pytest.approx(50.0)


def in_pools(what, many, *, prefill=1.0, decode=1.0, link=1e9):
    return pooled(
        what,
        (workers(tp=1), workers(tp=1)),
        many,
        EVEN,
        workers_count=(prefill * ONE, decode * ONE),
        usable_bytes=MUCH,
        link_bytes_per_s=link,
    )


def test_decoding_in_a_pool_of_its_own_is_undisturbed():
    found = in_pools(task(), clients(1.0))
    assert found.tpot_s[0] == pytest.approx(PASS_S)
    # Its pass, 100 tokens of 128 bytes over the link, and the first step.
    assert found.ttft_s[0] == pytest.approx(2.0 * PASS_S + 100 * 128.0 / 1e9, rel=0.02)


def test_pools_reload_prefixes_too():
    hit = task(isl=2000.0, hit_fraction=0.9)
    slow = replace(hit, reload_bytes_per_s=1e6)
    extra = in_pools(slow, clients(1.0)).ttft_s[0] - in_pools(hit, clients(1.0)).ttft_s[0]
    assert extra == pytest.approx(0.9 * 2000.0 * 128.0 / 1e6, rel=1e-3)


def test_a_full_prefill_pool_sets_the_rate():
    # Passes carry ten prompts each: 10 / 8 ms = 1,250 requests per second at most.
    found = in_pools(task(), clients(5000.0))
    assert found.requests_per_s[0] == pytest.approx(1250.0, rel=1e-6)


@settings(deadline=None, max_examples=40)
@given(
    count=st.floats(1.0, 500.0),
    osl=st.floats(2.0, 2000.0),
    isl=st.floats(1.0, 5000.0),
    mixed=st.booleans(),
    requests=st.sampled_from((1.0, 10.0, 1e6)),
)
def test_littles_law_holds(count, osl, isl, mixed, requests):
    what = task(engine=replace(ENGINE, mixed=mixed), isl=isl, osl=osl)
    many = clients(count, requests=requests)
    for found in (seen(what, many), in_pools(what, many)):
        assert found.requests_per_s[0] * found.request_s(osl)[0] == pytest.approx(count, rel=1e-3)


@settings(deadline=None, max_examples=40)
@given(count=st.floats(1.0, 400.0), factor=st.floats(1.0, 10.0), mixed=st.booleans())
def test_slower_kernels_never_answer_sooner(count, factor, mixed):
    what = task(engine=replace(ENGINE, mixed=mixed))
    slow = Counting(memory=1e-3 * factor)
    fast_found, slow_found = seen(what, clients(count)), seen(what, clients(count), operators=slow)
    assert slow_found.ttft_s[0] >= fast_found.ttft_s[0]
    assert slow_found.tpot_s[0] >= fast_found.tpot_s[0]


@settings(deadline=None, max_examples=30)
@given(count=st.floats(1.0, 400.0), more=st.integers(1, 8))
def test_more_workers_never_make_anyone_wait_longer(count, more):
    one, several = seen(task(), clients(count)), seen(task(), clients(count), count=float(more))
    assert several.ttft_s[0] <= one.ttft_s[0] * (1.0 + 1e-9)
    assert several.requests_per_s[0] >= one.requests_per_s[0] * (1.0 - 1e-9)
