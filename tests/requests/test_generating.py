"""Generated traces have the rate, burstiness and lengths that were asked for, and repeat."""

import numpy as np
import pytest

from gigawatt.requests.generating import (
    GammaArrivals,
    LognormalLengths,
    PoissonArrivals,
    SwitchingArrivals,
    arrival_times_s,
    generated,
    lengths,
)
from gigawatt.requests.traces import split, tiled

LENGTHS = LognormalLengths(median_tokens_count=500.0, spread=0.9, most_tokens_count=8000)


def made(seed, count=50, arrivals=PoissonArrivals(requests_per_s=2.0)):  # noqa: B008  # frozen
    rng = np.random.default_rng(seed)
    return generated(arrivals, input_lengths=LENGTHS, output_lengths=LENGTHS, requests_count=count, rng=rng)


def test_the_same_seed_gives_the_same_trace():
    assert made(1).arrival_s.tolist() == made(1).arrival_s.tolist()
    assert made(1).input_tokens_count.tolist() != made(2).input_tokens_count.tolist()


@pytest.mark.parametrize(
    ("arrivals", "rate", "variation"),
    [
        (PoissonArrivals(requests_per_s=5.0), 5.0, 1.0),
        (GammaArrivals(requests_per_s=5.0, variation=2.5), 5.0, 2.5),
        # Half the time at 2, half at 18 per second.
        (SwitchingArrivals(calm_requests_per_s=2, busy_requests_per_s=18, calm_mean_s=3, busy_mean_s=3), 10.0, None),
    ],
)
def test_arrivals_have_their_rate_and_burstiness(arrivals, rate, variation):
    times = arrival_times_s(arrivals, 100_000, rng=np.random.default_rng(3))
    gaps = np.diff(times)
    assert (gaps >= 0.0).all()
    assert 1.0 / gaps.mean() == pytest.approx(rate, rel=0.05)
    if variation is not None:
        assert gaps.std() / gaps.mean() == pytest.approx(variation, rel=0.03)
    else:
        assert gaps.std() / gaps.mean() > 1.2


def test_lengths_have_their_median_and_bounds():
    found = lengths(LENGTHS, 100_000, rng=np.random.default_rng(3))
    assert np.median(found) == pytest.approx(500.0, rel=0.02)
    assert found.min() >= 1
    assert found.max() == 8000


def test_a_tiled_trace_goes_on_in_its_own_rhythm():
    once = made(1)
    twice = tiled(once, count=2)
    assert len(twice) == 100
    assert (np.diff(twice.arrival_s) >= 0.0).all()
    assert twice.arrival_s[50] - twice.arrival_s[49] == pytest.approx(once.arrival_s[-1] / 49)
    assert sum(len(part) for part in split(twice, most=33)) == 100
