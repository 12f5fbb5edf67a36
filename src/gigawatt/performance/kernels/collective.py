"""Time of a collective: inside a scale-up domain by start-up, protocol ramp and bytes over links; beyond by rings.

t = launch + step lg n + sqrt(ramp w) + w / (bandwidth (1 - contention / n)),  w = factor (n - 1)/n volume / link

The first two terms and the last are the alpha-beta model (Thakur, Rabenseifner and Gropp, 2005, section 3) on a
switch; the third is what protocols for middle sizes lose: their cost lies between the two in the geometric mean.
With few ranks fewer channels are open, which `contention` says.

Between domains a gather or scatter runs along rings through all ranks, one hop after the other, with as many rings as a
domain has ranks, so that links of both kinds work at once; a sum may run along trees instead. Of a library's protocols
some hop faster and some carry more; it takes the fastest (NCCL, src/graph/tuning.cc).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RingProtocol:
    """How long a hop takes between domains and inside one, and the share of the bandwidth that carries payload."""

    hop_between_s: float
    hop_inside_s: float
    bandwidth_fraction: float


# What trees reach of the bandwidth of rings: NCCL, src/graph/tuning.cc, ncclTopoTuneModel.
_TREE_BANDWIDTH_FRACTION = 0.92


def ring_time_s(
    protocols: tuple[RingProtocol, ...],
    *,
    inside_s: FloatArray,
    leaving_s: FloatArray,
    startup_s: float,
    ranks_count: Reals,
    domains_count: Reals,
) -> FloatArray:
    """Time of a gather or scatter over several domains by the fastest protocol.

    n ranks in d domains take d - 1 hops between and n - d inside domains; then the slower of `inside_s`, what it takes
    inside a domain, and a start-up with `leaving_s`, what links between domains take at their full rate.
    """
    hops = (domains_count - 1.0, ranks_count - domains_count)
    return _spanning_s(protocols, hops, inside_s=inside_s, leaving_s=leaving_s, startup_s=startup_s)


def tree_time_s(
    protocols: tuple[RingProtocol, ...],
    *,
    inside_s: FloatArray,
    leaving_s: FloatArray,
    startup_s: float,
    ranks_count: Reals,
    domains_count: Reals,
) -> FloatArray:
    """Time of a sum over several domains by double binary trees: up and down lg d hops between domains.

    Inside a domain of g ranks g - 1 hops follow each other. `inside_s` and `leaving_s` are those of rings, both ways.
    """
    hops = (2.0 * np.ceil(np.log2(domains_count)), 2.0 * (ranks_count / domains_count - 1.0))
    carried_s = leaving_s / _TREE_BANDWIDTH_FRACTION
    return _spanning_s(protocols, hops, inside_s=inside_s, leaving_s=carried_s, startup_s=startup_s)


def _spanning_s(
    protocols: tuple[RingProtocol, ...],
    hops_count: tuple[Reals, Reals],
    *,
    inside_s: FloatArray,
    leaving_s: FloatArray,
    startup_s: float,
) -> FloatArray:
    """The least over protocols of `hops_count` between domains and inside them, then the slower of both links."""
    between, within = hops_count
    times = [
        between * protocol.hop_between_s
        + within * protocol.hop_inside_s
        + np.maximum(inside_s, startup_s + leaving_s / protocol.bandwidth_fraction)
        for protocol in protocols
    ]
    return np.asarray(np.min(np.broadcast_arrays(*times), axis=0), dtype=np.float64)
