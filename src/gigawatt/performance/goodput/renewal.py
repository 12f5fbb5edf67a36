"""The effective training time of a run that fails, restarts and writes checkpoints, as a renewal process.

Daly (2006), "A higher order estimate of the optimum checkpoint interval for restart dumps", complete model: failures
are exponential with rate lambda, also while restarting. Here a failure is first detected (nothing more can fail then),
and a checkpoint may become durable only some time after training has gone on. With interval t, blocking write w,
detection D, restart R and lag L <= t + w, one interval of progress takes

    E = exp(lambda (R + L)) (1 / lambda + D) (exp(lambda (t + w)) - 1)

which is Daly's equation 13 for D = L = 0. The interval that makes t / E largest depends on neither D, R nor L.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from gigawatt.timeline import FloatArray

Reals = float | FloatArray

_STEPS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What failures and checkpoints cost a run; scalars or arrays that broadcast.

    `failures_per_s` of the whole run while it works; `detection_s` from a failure until the restart begins;
    `restart_s` until steps are taken again; `blocking_s` that a checkpoint stops training; `lag_s` from then until it
    is durable.
    """

    failures_per_s: Reals
    detection_s: Reals
    restart_s: Reals
    blocking_s: Reals
    lag_s: Reals


def interval_time_s(recovery: Recovery, interval_s: Reals) -> FloatArray:
    """Expected time of `interval_s` of progress with its checkpoint, failures and repeated work.

    Without failures it is the interval and the blocking write. Lags beyond the interval hold the next write back.
    """
    rate = np.asarray(recovery.failures_per_s, dtype=np.float64)
    cycle = np.maximum(np.asarray(interval_s) + recovery.blocking_s, recovery.lag_s)
    # (1 / lambda + D) (exp(lambda c) - 1) = (1 + lambda D) (exp(lambda c) - 1) / lambda, whose limit at 0 is c.
    exponent = rate * cycle
    with np.errstate(over="ignore"):  # a run that practically never gets through a restart takes for ever
        growth = np.where(exponent > 0.0, np.expm1(exponent) / np.where(exponent > 0.0, exponent, 1.0), 1.0)
        repeated = np.exp(rate * (np.asarray(recovery.restart_s) + recovery.lag_s))
        return np.asarray(repeated * (1.0 + rate * recovery.detection_s) * growth * cycle, dtype=np.float64)


def ettr_fraction(recovery: Recovery, interval_s: Reals) -> FloatArray:
    """Effective training time ratio: progress over elapsed time, in the long run."""
    return np.asarray(np.asarray(interval_s) / interval_time_s(recovery, interval_s), dtype=np.float64)


def first_order_ettr_fraction(recovery: Recovery, interval_s: Reals) -> FloatArray:
    """The usual approximation (1 - lambda (D + R + t / 2)) / (1 + w / t), for comparison; negative where it fails.

    Kokolis et al. (2025), "Revisiting reliability in large-scale machine learning research clusters".
    """
    interval = np.asarray(interval_s, dtype=np.float64)
    lost = recovery.failures_per_s * (recovery.detection_s + np.asarray(recovery.restart_s) + interval / 2.0)
    return np.asarray((1.0 - lost) / (1.0 + recovery.blocking_s / interval), dtype=np.float64)


def young_interval_s(recovery: Recovery) -> FloatArray:
    """Young (1974), "A first order approximation to the optimum checkpoint interval": sqrt(2 w / lambda)."""
    return np.asarray(np.sqrt(2.0 * np.asarray(recovery.blocking_s) / recovery.failures_per_s), dtype=np.float64)


def daly_interval_s(recovery: Recovery) -> FloatArray:
    """Daly (2006), equation 37: the higher-order estimate, or 1 / lambda where the write takes twice that."""
    mean_s = 1.0 / np.asarray(recovery.failures_per_s, dtype=np.float64)
    share = np.asarray(recovery.blocking_s) / (2.0 * mean_s)
    estimate = np.sqrt(2.0 * np.asarray(recovery.blocking_s) * mean_s) * (1.0 + np.sqrt(share) / 3.0 + share / 9.0)
    return np.asarray(np.where(share < 1.0, estimate - recovery.blocking_s, mean_s), dtype=np.float64)


def optimal_interval_s(recovery: Recovery, *, shortest_s: float) -> float:
    """The interval with the greatest ETTR, at least `shortest_s` and no shorter than a write takes to become durable.

    The root of 1 - lambda t = exp(-lambda (t + w)) by bisection; it lies between 0 and 1 / lambda.
    """
    rate, blocking = float(recovery.failures_per_s), float(recovery.blocking_s)
    least = max(shortest_s, float(recovery.lag_s) - blocking)
    low, high = 0.0, 1.0 / rate
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        if -np.expm1(-rate * (middle + blocking)) > rate * middle:
            low = middle
        else:
            high = middle
    return max((low + high) / 2.0, least)
