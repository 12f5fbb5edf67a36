"""Time of a collective inside a scale-up domain: start-up, protocol ramp, and bytes over links.

t = launch + step lg n + sqrt(ramp w) + w / (bandwidth (1 - contention / n)),  w = factor (n - 1)/n volume / link

The first two terms and the last are the alpha-beta model (Thakur, Rabenseifner and Gropp, 2005, section 3) on a
switch; the third is what protocols for middle sizes lose: their cost lies between the two in the geometric mean.
With few ranks fewer channels are open, which `contention` says.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from gigawatt.performance.kernels.device import Device, Reals
from gigawatt.timeline import FloatArray

MIN_RANKS = 2.0


class Collective(StrEnum):
    """What ranks do together."""

    ALL_REDUCE = "all-reduce"
    ALL_GATHER = "all-gather"
    REDUCE_SCATTER = "reduce-scatter"
    ALL_TO_ALL = "all-to-all"

    @property
    def passes_count(self) -> float:
        """How often a rank's share of the volume crosses its link: twice when scattered and gathered."""
        return 2.0 if self is Collective.ALL_REDUCE else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectiveCoefficients:
    """What a fit finds: see the module."""

    launch_s: float
    step_s: float
    ramp_s: float
    bandwidth_fraction: float
    contention: float


def collective_time_s(
    volume_bytes: Reals,
    *,
    ranks_count: Reals,
    passes_count: Reals,
    device: Device,
    coefficients: CollectiveCoefficients,
) -> FloatArray:
    """Time of a collective of `ranks_count` ranks, each of which holds `volume_bytes` in full; 0 for a single rank."""
    c = coefficients
    ranks = np.maximum(np.asarray(ranks_count, dtype=np.float64), 1.0)
    wire = passes_count * volume_bytes * (1.0 - 1.0 / ranks) / device.link_bytes_per_s
    achieved = c.bandwidth_fraction * (1.0 - c.contention / np.maximum(ranks, MIN_RANKS))
    time = c.launch_s + c.step_s * np.log2(ranks) + np.sqrt(c.ramp_s * wire) + wire / achieved
    return np.where(ranks > 1.0, time, 0.0)
