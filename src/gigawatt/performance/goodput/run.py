"""A whole training run: expected wall-clock and cost, and how far good and bad luck and assumptions move them."""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.hardware import Platform
from gigawatt.performance.goodput.failures import (
    FailureRates,
    PowerLaw,
    grown,
    run_failures_per_s,
    spares_for,
    waiting_fraction,
)
from gigawatt.performance.goodput.renewal import Recovery, ettr_fraction, optimal_interval_s
from gigawatt.timeline import FloatArray

# Standard score of the 90th percentile of the normal distribution.
_P90_SCORE = 1.2815515655446004
_BAND = (0.1, 0.5, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """What the goodput of a run depends on beside the platform; ranges are P10 to P90.

    Checkpoints take `checkpoint_bytes_per_parameter`; each accelerator writes its share to storage, or first copies it
    to the memory of its host. `repair_s` is how long a failed unit is away; `hardware_fraction` of failures need one.
    `planned_stops_per_s` restart the run without loss of work. `straggler_excess` is what the mean step takes over the
    median one; `straggler_tail` what the slowest step of a hundred does.
    """

    failures: FailureRates
    detection_s: Ranged
    restart_s: Ranged
    repair_s: Ranged
    hardware_fraction: float
    planned_stops_per_s: float
    checkpoint_bytes_per_parameter: float
    storage_bytes_per_s_per_accelerator: Ranged
    host_copy_bytes_per_s_per_accelerator: Ranged
    straggler_excess: PowerLaw
    straggler_tail: PowerLaw
    waiting_limit_fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run to take: `progress_s` of undisturbed steps at the median step time, P10 fast to P90 slow.

    `interval_s` is the time between checkpoints, or none to take the best; `asynchronous` ones block only while they
    are copied to the host. `step_s` is the shortest interval there can be. `spares_count` units of `unit_count`
    accelerators stand by.
    """

    where: Platform
    accelerators_count: float
    parameters_count: float
    progress_s: Ranged
    step_s: float
    interval_s: float | None
    asynchronous: bool
    spares_count: int
    unit_count: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Goodput:
    """What comes of a run; arrays are P10, P50 and P90 of the outcome itself."""

    interval_s: float
    recovery: Recovery
    checkpoint_bytes: float
    failures_per_s: float
    waiting_fraction: float
    straggler_excess_fraction: float
    straggler_tail_fraction: float
    ettr_best_fraction: float
    ettr_fraction: FloatArray
    wall_s: FloatArray
    accelerator_s: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    """Best estimates or draws of everything uncertain, scalars or `(draw,)`."""

    failures_per_s: FloatArray
    detection_s: FloatArray
    restart_s: FloatArray
    repair_s: FloatArray
    storage: FloatArray
    host_copy: FloatArray
    straggler: FloatArray
    progress_s: FloatArray


def goodput(run: Run, reliability: Reliability, *, draws_count: int, rng: np.random.Generator) -> Goodput:
    """The goodput of a run with its band.

    The interval is the best for best estimates, as whoever runs it would choose beforehand, and stays for all draws.
    """
    best = _world(run, reliability, scores=np.zeros((8, 1)))
    recovery = _recovery(run, reliability, best)
    interval = run.interval_s or optimal_interval_s(_scalar(recovery), shortest_s=run.step_s)
    drawn = _world(run, reliability, scores=rng.standard_normal((8, draws_count)))
    ettr = _ettr(run, reliability, drawn, interval)
    lucky = _lucky_wall_s(drawn, _recovery(run, reliability, drawn), ettr, interval, rng=rng)
    waits = _waiting(run, reliability, best)
    tail = reliability.straggler_tail
    return Goodput(
        interval_s=interval,
        recovery=_scalar(recovery),
        checkpoint_bytes=checkpoint_bytes(run, reliability),
        failures_per_s=float(best.failures_per_s[0]),
        waiting_fraction=float(waits[0]),
        straggler_excess_fraction=float(best.straggler[0]),
        straggler_tail_fraction=float(
            grown(tail, accelerators_count=run.accelerators_count, coefficient=tail.coefficient.best)
        ),
        ettr_best_fraction=float(_ettr(run, reliability, best, interval)[0]),
        ettr_fraction=_quantiles(ettr),
        wall_s=_quantiles(lucky),
        accelerator_s=_quantiles(lucky) * (run.accelerators_count + run.spares_count * run.unit_count),
    )


def _quantiles(values: FloatArray) -> FloatArray:
    """P10, P50 and P90, each one of the draws, as some may be infinite."""
    return np.asarray(np.quantile(values, _BAND, method="inverted_cdf"), dtype=np.float64)


def checkpoint_bytes(run: Run, reliability: Reliability) -> float:
    """Size of one checkpoint: weights and optimizer, once."""
    return run.parameters_count * reliability.checkpoint_bytes_per_parameter


def _world(run: Run, reliability: Reliability, *, scores: FloatArray) -> _World:
    """Everything uncertain at standard scores, `(8, draw)`; 0 is the best estimate."""
    rates = reliability.failures
    excess = reliability.straggler_excess
    return _World(
        failures_per_s=run_failures_per_s(
            rates,
            run.where,
            accelerators_count=run.accelerators_count,
            fleet_factor=spread(rates.fleet_factor, scores[0]),
            rack_per_s=spread(rates.per_rack_s, scores[1]),
        ),
        detection_s=spread(reliability.detection_s, scores[2]),
        restart_s=spread(reliability.restart_s, scores[3]),
        repair_s=spread(reliability.repair_s, scores[4]),
        storage=spread(reliability.storage_bytes_per_s_per_accelerator, scores[5]),
        host_copy=spread(reliability.host_copy_bytes_per_s_per_accelerator, scores[5]),
        straggler=grown(
            excess, accelerators_count=run.accelerators_count, coefficient=spread(excess.coefficient, scores[6])
        ),
        progress_s=spread(run.progress_s, scores[7]),
    )


def spread(value: Ranged, scores: FloatArray) -> FloatArray:
    """Two-piece lognormal: the best estimate at score 0, P10 and P90 at the ends of the range; exact zeros stay."""
    if value.low <= 0.0 or value.best <= 0.0:
        ends = np.asarray(np.where(scores < 0.0, value.best - value.low, value.high - value.best), dtype=np.float64)
        return np.asarray(np.maximum(value.best + ends * scores / _P90_SCORE, 0.0), dtype=np.float64)
    down, up = float(np.log(value.best / value.low)), float(np.log(value.high / value.best))
    ends = np.asarray(np.where(scores < 0.0, down, up), dtype=np.float64)
    return np.asarray(value.best * np.exp(ends * scores / _P90_SCORE), dtype=np.float64)


def _recovery(run: Run, reliability: Reliability, world: _World) -> Recovery:
    share = checkpoint_bytes(run, reliability) / run.accelerators_count
    stored, copied = share / world.storage, share / world.host_copy
    return Recovery(
        failures_per_s=world.failures_per_s,
        detection_s=world.detection_s,
        restart_s=world.restart_s,
        blocking_s=copied if run.asynchronous else stored,
        lag_s=stored if run.asynchronous else np.zeros_like(stored),
    )


def _scalar(recovery: Recovery) -> Recovery:
    return Recovery(
        failures_per_s=float(np.ravel(recovery.failures_per_s)[0]),
        detection_s=float(np.ravel(recovery.detection_s)[0]),
        restart_s=float(np.ravel(recovery.restart_s)[0]),
        blocking_s=float(np.ravel(recovery.blocking_s)[0]),
        lag_s=float(np.ravel(recovery.lag_s)[0]),
    )


def _waiting(run: Run, reliability: Reliability, world: _World) -> FloatArray:
    broken = world.failures_per_s * reliability.hardware_fraction
    return waiting_fraction(failures_per_s=broken, repair_s=world.repair_s, spares_count=run.spares_count)


def _ettr(run: Run, reliability: Reliability, world: _World, interval_s: float) -> FloatArray:
    """Progress over elapsed time, with planned stops and waiting for repair."""
    recovery = _recovery(run, reliability, world)
    planned = 1.0 + reliability.planned_stops_per_s * (recovery.restart_s + np.asarray(recovery.blocking_s))
    available = 1.0 - _waiting(run, reliability, world)
    return np.asarray(ettr_fraction(recovery, interval_s) * available / planned, dtype=np.float64)


def _lucky_wall_s(
    world: _World, recovery: Recovery, ettr: FloatArray, interval_s: float, *, rng: np.random.Generator
) -> FloatArray:
    """Wall-clock of each draw with the luck of its failures.

    Each failure costs detection, restart and up to an interval of work; over many of them the sum is normal with the
    mean that `ettr` holds and, to first order, the number of failures times the mean square of one loss as variance.
    """
    fixed = recovery.detection_s + np.asarray(recovery.restart_s) + recovery.lag_s
    square = fixed**2 + fixed * interval_s + interval_s**2 / 3.0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # a hopeless draw takes for ever
        expected = world.progress_s * (1.0 + world.straggler) / ettr
        deviation = np.sqrt(world.failures_per_s * expected * square)
        lucky = expected + deviation * rng.standard_normal(expected.shape)
    return np.asarray(np.where(np.isfinite(lucky), np.maximum(lucky, world.progress_s), np.inf), dtype=np.float64)


def spares_needed(where: Platform, reliability: Reliability, *, accelerators_count: float) -> int:
    """Spare units that keep the run from waiting for repair even in a bad fleet with slow repair (P90 of both)."""
    rates = reliability.failures
    failures = run_failures_per_s(
        rates,
        where,
        accelerators_count=accelerators_count,
        fleet_factor=rates.fleet_factor.high,
        rack_per_s=rates.per_rack_s.high,
    )
    return spares_for(
        failures_per_s=float(failures) * reliability.hardware_fraction,
        repair_s=reliability.repair_s.high,
        waiting_limit_fraction=reliability.waiting_limit_fraction,
    )
