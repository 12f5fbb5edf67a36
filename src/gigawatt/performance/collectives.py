"""Time of collective operations from link bandwidth and start-up time.

The alpha-beta model of Thakur, Rabenseifner and Gropp (2005), "Optimization of collective communication operations in
MPICH", sections 3 and 4, on a machine of two levels: inside a scale-up domain every peer is one hop away over a
switch, between domains every accelerator has its own link. Ranks of a group lie `stride_count` accelerators apart;
the part of a group inside one domain works first, then each of its members exchanges its own share with its peers in
the other domains. Where leaf switches are oversubscribed, peers behind the same leaf exchange at full rate before what
is left crosses the core, whose bandwidth per accelerator is the link's over the oversubscription (Leiserson, 1985,
"Fat-trees", for trees; Al-Fares et al., 2008, for Clos networks). All functions broadcast over arrays.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import ScaleOutFabric
from gigawatt.timeline import FloatArray

Reals = FloatArray | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What connects accelerators: achieved bandwidth of one accelerator in one direction, and start-up time.

    Pods of `pod_accelerators_count` exchange at full rate; beyond, an accelerator has `oversubscription_ratio` less.
    """

    scale_up_bytes_per_s: float
    scale_out_bytes_per_s: float
    startup_s: float
    scale_up_domain_count: int
    pod_accelerators_count: float = math.inf
    oversubscription_ratio: float = 1.0


def joined_by(links: Links, fabric: ScaleOutFabric | None) -> Links:
    """The links with the pods and the core of a fabric; without one the network between domains is non-blocking."""
    if fabric is None:
        return links
    return replace(
        links,
        pod_accelerators_count=float(fabric.pod_accelerators_count(links.scale_up_domain_count)),
        oversubscription_ratio=fabric.oversubscription_ratio,
    )


def local_ranks_count(links: Links, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Ranks of a group that share one scale-up domain."""
    inside = np.maximum(np.floor(links.scale_up_domain_count / np.asarray(stride_count, dtype=np.float64)), 1.0)
    return np.minimum(inside, ranks_count)


def pod_ranks_count(links: Links, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Ranks of a group that share one pod, at least those that share a domain."""
    local = local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    if math.isinf(links.pod_accelerators_count):
        return np.maximum(local, ranks_count)
    inside = np.floor(links.pod_accelerators_count / np.asarray(stride_count, dtype=np.float64))
    return np.maximum(np.minimum(inside, ranks_count), local)


def reduce_scatter_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time after which each of p ranks holds its p-th of the sum of `volume_bytes`.

    Direct exchange inside a domain of g ranks: one start-up and (g - 1)/g of the volume. Recursive halving between
    p/g domains: lg(p/g) start-ups and (p/g - 1)/(p/g) of the g-th that each rank holds by then, of which the last
    1/d - 1/(p/g) crosses the core where d domains share a pod.
    """
    local = local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    inside = links.startup_s + volume_bytes * (1.0 - 1.0 / local) / links.scale_up_bytes_per_s
    between = between_domains_s(links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
    return np.where(local > 1.0, inside, 0.0) + between


def between_domains_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """The part of `reduce_scatter_s` that leaves the domains."""
    domains = ranks_count / local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    moved = leaving_s(links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
    return np.where(domains > 1.0, links.startup_s * np.ceil(np.log2(domains)) + moved, 0.0)


def leaving_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time in which links carry what leaves the domains in a reduce-scatter, 0 within one."""
    local = local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    domains = ranks_count / local
    in_pod = pod_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count) / local
    beyond = (links.oversubscription_ratio - 1.0) * (1.0 / in_pod - 1.0 / domains)
    moved = volume_bytes / local * (1.0 - 1.0 / domains + beyond)
    return np.asarray(moved / links.scale_out_bytes_per_s, dtype=np.float64)


def all_gather_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time after which every rank holds all of `volume_bytes`, of which each brought its share.

    A reduce-scatter backwards (Thakur et al., 2005, section 4.1).
    """
    return reduce_scatter_s(links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)


def all_reduce_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time after which every rank holds the sum of `volume_bytes`: reduce-scatter, then all-gather (Rabenseifner)."""
    scatter = reduce_scatter_s(links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
    gather = all_gather_s(links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
    return scatter + gather


def all_to_all_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time in which each rank sends `volume_bytes` in equal parts to all ranks, itself included.

    Both kinds of link carry their part at the same time; each kind in use costs one start-up.
    """
    local = local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    inside = volume_bytes * (local - 1.0) / ranks_count / links.scale_up_bytes_per_s
    between = outward_s(links, volume_bytes, ranks_count=ranks_count, stride_count=stride_count)
    kinds = np.where(local > 1.0, 1.0, 0.0) + np.where(ranks_count > local, 1.0, 0.0)
    return np.asarray(links.startup_s * kinds + np.maximum(inside, between), dtype=np.float64)


def outward_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time in which links carry the part of an all-to-all that leaves a domain, or the core what leaves a pod.

    On a rail-optimized fabric messages first move inside the domain to the rail of their destination.
    """
    local = local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    pod = pod_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    crossing = links.oversubscription_ratio * (ranks_count - pod)
    most = np.maximum(ranks_count - local, crossing)
    return np.asarray(volume_bytes * most / ranks_count / links.scale_out_bytes_per_s, dtype=np.float64)


def hop_bytes_per_s(links: Links, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """What a rank of a chain beyond domains sends at; all chains share the core where each hop leaves the pod."""
    pod = pod_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    shared = np.where(pod > 1.0, 1.0, links.oversubscription_ratio)
    return np.asarray(links.scale_out_bytes_per_s / shared, dtype=np.float64)


def point_to_point_s(links: Links, volume_bytes: Reals, *, ranks_count: Reals, stride_count: Reals) -> FloatArray:
    """Time in which a rank of a chain sends `volume_bytes` to the next, over the slowest link of the chain."""
    local = local_ranks_count(links, ranks_count=ranks_count, stride_count=stride_count)
    outside = hop_bytes_per_s(links, ranks_count=ranks_count, stride_count=stride_count)
    bandwidth = np.where(np.asarray(ranks_count) > local, outside, links.scale_up_bytes_per_s)
    return np.where(np.asarray(ranks_count) > 1.0, links.startup_s + volume_bytes / bandwidth, 0.0)
