"""How requests fared: counts, percentiles and goodput, gathered as outcomes come and at bounded memory.

Percentiles come from a histogram of fixed ratio between bins, so they are off by at most half a bin.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.requests.engine.records import Ending, Records
from gigawatt.requests.fleet import NO_HOST, Fleet, Host, ServiceLevel
from gigawatt.requests.simulation import Course, PoolUse
from gigawatt.timeline import FloatArray, IntArray

BIN_RATIO = 1.0005
LEAST_S, MOST_S = 1e-6, 1e8
PERCENTILES = (50.0, 90.0, 95.0, 99.0)


class Histogram:
    """Counts of positive times in bins of a fixed ratio, with their exact count and sum."""

    def __init__(self) -> None:
        self._counts: IntArray = np.zeros(int(np.log(MOST_S / LEAST_S) / np.log(BIN_RATIO)) + 2, dtype=np.int64)
        self._sum_s = 0.0

    def add(self, times_s: FloatArray) -> None:
        """Count `times_s`."""
        if not len(times_s):
            return
        at = np.log(np.clip(times_s, LEAST_S, MOST_S) / LEAST_S) / np.log(BIN_RATIO)
        self._counts += np.bincount(at.astype(np.int64), minlength=len(self._counts))
        self._sum_s += float(times_s.sum())

    @property
    def count(self) -> int:
        """Times counted."""
        return int(self._counts.sum())

    @property
    def mean_s(self) -> float:
        """Mean time; NaN where there is none."""
        return self._sum_s / self.count if self.count else float("nan")

    def percentile_s(self, percent: float) -> float:
        """The time that `percent` of all times do not exceed; NaN where there is none."""
        if not self.count:
            return float("nan")
        wanted = np.ceil(percent / 100.0 * self.count)
        at = int(np.searchsorted(np.cumsum(self._counts), max(wanted, 1.0)))
        return float(LEAST_S * BIN_RATIO ** (at + 0.5))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Mean and percentiles of one latency, in s; `percentiles_s` follow `PERCENTILES`."""

    mean_s: float
    percentiles_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How a trace was served.

    Goodput is the share of all requests, dropped ones too, that completed within both limits. A request of one token
    has no TPOT and keeps every limit on it. Of the reused tokens `loaded_tokens_count` came from memory beside the
    device. Energy is that of the replicas, IT power times time.
    """

    requests_count: int
    requests_completed_count: int
    too_long_count: int
    queue_full_count: int
    goodput_fraction: float
    ttft: Times
    tpot: Times
    end_to_end: Times
    input_tokens_count: int
    output_tokens_count: int
    dropped_output_tokens_count: int
    reused_tokens_count: int
    loaded_tokens_count: int
    preemptions_count: int
    restarts_count: int
    span_s: float
    energy_j: float
    pools: tuple[PoolUse, ...]


class Tally:
    """Gathers outcomes as `simulate` hands them out."""

    def __init__(self, level: ServiceLevel, host: Host = NO_HOST) -> None:
        self._level, self._host = level, host
        self._ttft, self._tpot, self._whole = Histogram(), Histogram(), Histogram()
        self._endings: IntArray = np.zeros(len(Ending), dtype=np.int64)
        self._good = 0
        self._tokens: IntArray = np.zeros(7, dtype=np.int64)

    def __call__(self, rows: Records) -> None:
        """Count some outcomes."""
        self._endings += np.bincount(rows.ending, minlength=len(Ending))
        done = rows[rows.ending == Ending.COMPLETED]
        lost = rows[rows.ending != Ending.COMPLETED]
        before_s = self._host.request_s + self._host.token_s * done.input
        ttft_s = before_s + done.first_token_s - done.arrival_s
        several = done.output > 1
        tpot_s = (done.end_s - done.first_token_s) / np.maximum(done.output - 1, 1)
        self._ttft.add(ttft_s)
        self._tpot.add(tpot_s[several])
        self._whole.add(before_s + done.end_s - done.arrival_s)
        kept = (ttft_s <= self._level.ttft_limit_s) & (~several | (tpot_s <= self._level.tpot_limit_s))
        self._good += int(kept.sum())
        self._tokens += [
            done.input.sum(),
            done.output.sum(),
            lost.output.sum(),
            rows.reused.sum(),
            rows.loaded.sum(),
            rows.preemptions.sum(),
            rows.restarts.sum(),
        ]

    def summary(self, fleet: Fleet, course: Course) -> Summary:
        """Everything counted, with the course of the simulation."""
        inputs, outputs, lost, reused, loaded, preempted, restarted = (int(value) for value in self._tokens)
        return Summary(
            requests_count=course.requests_count,
            requests_completed_count=int(self._endings[Ending.COMPLETED]),
            too_long_count=int(self._endings[Ending.TOO_LONG]),
            queue_full_count=int(self._endings[Ending.QUEUE_FULL]),
            goodput_fraction=self._good / max(course.requests_count, 1),
            ttft=_times(self._ttft),
            tpot=_times(self._tpot),
            end_to_end=_times(self._whole),
            input_tokens_count=inputs,
            output_tokens_count=outputs,
            dropped_output_tokens_count=lost,
            reused_tokens_count=reused,
            loaded_tokens_count=loaded,
            preemptions_count=preempted,
            restarts_count=restarted,
            span_s=course.end_s,
            energy_j=energy_j(fleet, course),
            pools=course.pools,
        )


def _times(histogram: Histogram) -> Times:
    return Times(
        mean_s=histogram.mean_s,
        percentiles_s=tuple(histogram.percentile_s(percent) for percent in PERCENTILES),
    )


def energy_j(fleet: Fleet, course: Course) -> float:
    """Energy of all replicas: busy power while a step runs, idle power while on otherwise (failed ones too)."""
    return sum(
        pool.replica.busy_power_w * use.busy_s + pool.replica.idle_power_w * (use.on_s - use.busy_s)
        for pool, use in zip(fleet.pools, course.pools, strict=True)
    )
