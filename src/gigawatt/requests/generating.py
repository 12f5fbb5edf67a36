"""Generated traces: arrivals that are steady, bursty or switching, and lognormal lengths."""

from dataclasses import dataclass

import numpy as np

from gigawatt.requests.traces import Requests, requests_from
from gigawatt.timeline import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonArrivals:
    """Independent arrivals."""

    requests_per_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaArrivals:
    """Renewals with gamma gaps; the gaps' `variation` (standard deviation over mean) above 1 means bursts."""

    requests_per_s: float
    variation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchingArrivals:
    """A Markov-modulated Poisson process of two states, calm and busy, each left after an exponential time."""

    calm_requests_per_s: float
    busy_requests_per_s: float
    calm_mean_s: float
    busy_mean_s: float


Arrivals = PoissonArrivals | GammaArrivals | SwitchingArrivals


@dataclass(frozen=True, slots=True, kw_only=True)
class LognormalLengths:
    """Lengths with the median `median_tokens_count` and the log's standard deviation `spread`, cut off at `most`."""

    median_tokens_count: float
    spread: float
    most_tokens_count: int


def generated(
    arrivals: Arrivals,
    *,
    input_lengths: LognormalLengths,
    output_lengths: LognormalLengths,
    requests_count: int,
    rng: np.random.Generator,
) -> Requests:
    """`requests_count` requests; the same generator state gives the same requests."""
    times = arrival_times_s(arrivals, requests_count, rng=rng)
    return requests_from(
        arrival_s=times - times[0],
        input_tokens_count=lengths(input_lengths, requests_count, rng=rng),
        output_tokens_count=lengths(output_lengths, requests_count, rng=rng),
    )


def arrival_times_s(arrivals: Arrivals, count: int, *, rng: np.random.Generator) -> FloatArray:
    """Times of `count` arrivals from 0 on."""
    match arrivals:
        case PoissonArrivals(requests_per_s=rate):
            return np.cumsum(rng.exponential(1.0 / rate, count))
        case GammaArrivals(requests_per_s=rate, variation=variation):
            shape = variation**-2.0
            return np.cumsum(rng.gamma(shape, 1.0 / (shape * rate), count))
        case SwitchingArrivals():
            return _switching_s(arrivals, count, rng=rng)


def _switching_s(arrivals: SwitchingArrivals, count: int, *, rng: np.random.Generator) -> FloatArray:
    """Exponential work is spread over alternating periods in which a second is worth the period's rate."""
    work = np.cumsum(rng.exponential(1.0, count))
    spans: FloatArray = np.empty((0, 2))
    rates = np.array([arrivals.calm_requests_per_s, arrivals.busy_requests_per_s])
    means = np.array([arrivals.calm_mean_s, arrivals.busy_mean_s])
    while (spans @ rates).sum() < work[-1]:
        spans = np.concatenate([spans, rng.exponential(means, (count, 2))])
    lasted = spans.ravel()
    ends_s = np.concatenate([[0.0], np.cumsum(lasted)])
    done = np.concatenate([[0.0], np.cumsum(lasted * np.tile(rates, len(spans)))])
    return np.asarray(np.interp(work, done, ends_s), dtype=np.float64)


def lengths(wanted: LognormalLengths, count: int, *, rng: np.random.Generator) -> IntArray:
    """`count` lengths of at least one token."""
    drawn = np.ceil(wanted.median_tokens_count * np.exp(wanted.spread * rng.standard_normal(count)))
    return np.clip(drawn, 1, wanted.most_tokens_count).astype(np.int64)
