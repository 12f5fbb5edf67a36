"""How often a run of many accelerators fails, and how many spares keep it going."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc, gammaln

from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.hardware import Platform
from gigawatt.timeline import FloatArray

Reals = float | FloatArray

# Up to 8 accelerators share a server; wider scale-up domains have a backplane, switch trays and cooling in common.
_SERVER_ACCELERATORS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureRates:
    """Unplanned interruptions of a run: per accelerator by component, and per rack where scale-up spans one.

    `fleet_factor` is how much more often than these best estimates a fleet fails, good and bad ones.
    """

    per_accelerator_s: dict[str, float]
    per_rack_s: Ranged
    fleet_factor: Ranged

    @property
    def accelerator_per_s(self) -> float:
        """Interruptions per accelerator and second, all components."""
        return sum(self.per_accelerator_s.values())


def run_failures_per_s(
    rates: FailureRates, where: Platform, *, accelerators_count: float, fleet_factor: Reals = 1.0, rack_per_s: Reals
) -> FloatArray:
    """Failures of a run that stops whenever any part of it does."""
    parts = np.asarray(fleet_factor * rates.accelerator_per_s * accelerators_count, dtype=np.float64)
    return parts + np.asarray(rack_per_s) * racks_count(where, accelerators_count=accelerators_count)


def racks_count(where: Platform, *, accelerators_count: float) -> float:
    """Racks whose scale-up domain is more than a server, in use by the run; 0 for platforms of servers."""
    if where.scale_up_domain_count <= _SERVER_ACCELERATORS:
        return 0.0
    return accelerators_count / where.scale_up_domain_count


def waiting_fraction(*, failures_per_s: Reals, repair_s: Reals, spares_count: float) -> FloatArray:
    """Share of time in which a run waits because all spares are in repair.

    Units in repair are a birth and death process that ends at one more than the spares, where the run stops: Erlang's
    loss formula (1917) with `spares_count` + 1 servers and offered load failures times repair. As incomplete gamma
    functions, a^n exp(-a) / n! over Q(n + 1, a).
    """
    load = np.maximum(np.asarray(failures_per_s * np.asarray(repair_s), dtype=np.float64), np.finfo(float).tiny)
    servers = spares_count + 1.0
    density = np.exp(servers * np.log(load) - load - gammaln(servers + 1.0))
    return np.asarray(density / np.maximum(gammaincc(servers + 1.0, load), np.finfo(float).tiny), dtype=np.float64)


def spares_for(*, failures_per_s: float, repair_s: float, waiting_limit_fraction: float) -> int:
    """The fewest spare units with which a run waits no more than a share of its time."""
    low, high = 0, 1
    while _waits(failures_per_s, repair_s, high) > waiting_limit_fraction:
        low, high = high, 2 * high
    while low < high:
        middle = (low + high) // 2
        if _waits(failures_per_s, repair_s, middle) > waiting_limit_fraction:
            low = middle + 1
        else:
            high = middle
    return low


def _waits(failures_per_s: float, repair_s: float, spares: int) -> float:
    return float(waiting_fraction(failures_per_s=failures_per_s, repair_s=repair_s, spares_count=spares))


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """A share that grows with a run: `coefficient` (accelerators / `reference_count`) ^ `exponent`."""

    coefficient: Ranged
    exponent: float
    reference_count: float


def grown(law: PowerLaw, *, accelerators_count: float, coefficient: Reals) -> FloatArray:
    """The law at a number of accelerators."""
    return np.asarray(coefficient * (accelerators_count / law.reference_count) ** law.exponent, dtype=np.float64)
