"""Collective times by hand: one byte per second inside a domain of four, a tenth between domains."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.entities.hardware import ScaleOutFabric
from gigawatt.performance.collectives import (
    Links,
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    joined_by,
    local_ranks_count,
    point_to_point_s,
    reduce_scatter_s,
)

LINKS = Links(scale_up_bytes_per_s=1.0, scale_out_bytes_per_s=0.1, startup_s=0.5, scale_up_domain_count=4)


@pytest.mark.parametrize(
    ("ranks", "stride", "local"), [(4, 1, 4), (8, 1, 4), (8, 2, 2), (8, 4, 1), (8, 16, 1), (2, 1, 2)]
)
def test_local_ranks(ranks, stride, local):
    assert local_ranks_count(LINKS, ranks_count=ranks, stride_count=stride) == local


def test_reduce_scatter_inside_a_domain():
    # 0.5 s + 8 bytes x 3/4.
    assert reduce_scatter_s(LINKS, 8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(6.5)


def test_reduce_scatter_over_two_domains():
    # Inside 6.5 s, then lg 2 = 1 start-up and half of the 2 bytes each rank holds at 0.1 byte/s: 0.5 + 10.
    assert reduce_scatter_s(LINKS, 8.0, ranks_count=8.0, stride_count=1.0) == pytest.approx(6.5 + 10.5)


def test_reduce_scatter_between_domains_only():
    # Stride 4: one rank per domain. lg 4 = 2 start-ups and 8 x 3/4 at 0.1 byte/s.
    assert reduce_scatter_s(LINKS, 8.0, ranks_count=4.0, stride_count=4.0) == pytest.approx(1.0 + 60.0)


def test_all_reduce_is_scatter_and_gather():
    assert all_gather_s(LINKS, 8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(6.5)
    assert all_reduce_s(LINKS, 8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(13.0)


def test_all_to_all_inside_and_across():
    # Inside: 0.5 + 8 x 3/4. Over two domains: two start-ups, 8 x 3/8 inside hides behind 8 x 4/8 at 0.1 byte/s.
    assert all_to_all_s(LINKS, 8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(6.5)
    assert all_to_all_s(LINKS, 8.0, ranks_count=8.0, stride_count=1.0) == pytest.approx(1.0 + 40.0)


def test_point_to_point_takes_the_slowest_link_of_the_chain():
    assert point_to_point_s(LINKS, 8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(8.5)
    assert point_to_point_s(LINKS, 8.0, ranks_count=4.0, stride_count=4.0) == pytest.approx(80.5)


def test_a_core_of_half_the_bandwidth_slows_what_leaves_a_pod():
    # Pods of two domains of 4. Over 16 accelerators 2 bytes a rank are left between 4 domains: 2 start-ups, half of
    # them (1 byte) inside the pod and a quarter (0.5 bytes) over the core at half of 0.1 byte/s: 1 + 10 + 10 s.
    halved = replace(LINKS, pod_accelerators_count=8.0, oversubscription_ratio=2.0)
    assert reduce_scatter_s(halved, 8.0, ranks_count=16.0, stride_count=1.0) == pytest.approx(6.5 + 21.0)
    # Inside a pod nothing changes. To all: 12 of 16 parts leave the domain, 8 the pod at half the rate: 8 bytes at 0.1.
    assert reduce_scatter_s(halved, 8.0, ranks_count=8.0, stride_count=1.0) == pytest.approx(17.0)
    assert all_to_all_s(halved, 8.0, ranks_count=16.0, stride_count=1.0) == pytest.approx(1.0 + 80.0)
    # A chain with a rank in every other domain shares its pod with a neighbour; with one per pod, all hops cross.
    assert point_to_point_s(halved, 8.0, ranks_count=4.0, stride_count=4.0) == pytest.approx(80.5)
    assert point_to_point_s(halved, 8.0, ranks_count=4.0, stride_count=8.0) == pytest.approx(160.5)


def test_rails_make_pods_wider_by_the_domain():
    fabric = ScaleOutFabric(leaf_ports_count=32, rail_optimized=True, oversubscription_ratio=3.0)
    assert fabric.pod_accelerators_count(8) == 256
    assert replace(fabric, rail_optimized=False).pod_accelerators_count(8) == 32
    assert joined_by(LINKS, fabric).pod_accelerators_count == 128.0
    assert joined_by(LINKS, None) == LINKS


@given(
    volume=st.floats(1.0, 1e12),
    ranks=st.integers(1, 4096),
    stride=st.integers(1, 64),
    pod=st.sampled_from([4.0, 16.0, 60.0, 512.0, math.inf]),
    ratio=st.floats(1.0, 8.0),
)
def test_a_core_as_wide_as_the_leaves_is_no_core_and_a_narrower_one_never_faster(volume, ranks, stride, pod, ratio):
    flat = replace(LINKS, pod_accelerators_count=pod)
    blocking = replace(flat, oversubscription_ratio=ratio)
    wider = replace(blocking, pod_accelerators_count=2.0 * pod)
    for collective in (reduce_scatter_s, all_gather_s, all_reduce_s, all_to_all_s, point_to_point_s):
        plain = collective(LINKS, volume, ranks_count=ranks, stride_count=stride)
        assert collective(flat, volume, ranks_count=ranks, stride_count=stride) == plain
        slower = collective(blocking, volume, ranks_count=ranks, stride_count=stride)
        assert slower >= plain
        assert collective(wider, volume, ranks_count=ranks, stride_count=stride) <= slower * (1 + 1e-12)


@pytest.mark.parametrize("collective", [reduce_scatter_s, all_gather_s, all_reduce_s, all_to_all_s, point_to_point_s])
def test_one_rank_waits_for_nobody(collective):
    assert collective(LINKS, 8.0, ranks_count=1.0, stride_count=1.0) == 0.0


@given(
    volume=st.floats(1.0, 1e12),
    ranks=st.integers(1, 4096),
    stride=st.integers(1, 64),
    gain=st.floats(1.0, 10.0),
)
def test_more_link_bandwidth_is_never_slower(volume, ranks, stride, gain):
    better_up = Links(scale_up_bytes_per_s=gain, scale_out_bytes_per_s=0.1, startup_s=0.5, scale_up_domain_count=4)
    better_out = Links(
        scale_up_bytes_per_s=1.0, scale_out_bytes_per_s=0.1 * gain, startup_s=0.5, scale_up_domain_count=4
    )
    for collective in (reduce_scatter_s, all_gather_s, all_reduce_s, all_to_all_s, point_to_point_s):
        base = collective(LINKS, volume, ranks_count=ranks, stride_count=stride)
        for better in (better_up, better_out):
            assert collective(better, volume, ranks_count=ranks, stride_count=stride) <= base * (1 + 1e-12)


def test_collectives_broadcast():
    times = all_reduce_s(LINKS, np.array([[8.0], [16.0]]), ranks_count=np.array([1.0, 4.0]), stride_count=1.0)
    np.testing.assert_allclose(times, [[0.0, 13.0], [0.0, 25.0]])
