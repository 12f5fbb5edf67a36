"""Schedules, partial recomputation, offloading, imbalance, fabrics and sites: by hand, as laws, and switched off."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.entities.hardware import ScaleOutFabric
from gigawatt.performance.step import sharding
from gigawatt.performance.step.imbalance import busiest_ratio
from gigawatt.performance.step.memory import alive_count, state_bytes, step_memory
from gigawatt.performance.step.step import step_times, step_total_s
from gigawatt.performance.step.task import Recompute, Schedule, Sites, one_layout
from tests.performance.step.steps import dense_model, expert_model, operators, task

SITES = Sites(count=4, wan_bytes_per_s=1e11, one_way_s=0.005)


def spread(**changes):
    return one_layout(**{"tp_count": 2, "pp_count": 4, "dp_count": 4, "micro_batch_count": 1, **changes})


def total(of, layout, **changes):
    return float(step_total_s(of, layout, operators(**changes))[0])


def test_filling_the_bubble_is_faster_and_both_ends_take_memory():
    of = task(dense_model(layers=16))
    plain, put_off, both = (spread(schedule=schedule) for schedule in (0.0, Schedule.ZERO_BUBBLE, Schedule.DUAL_PIPE))
    idle = [step_times(of, layout, operators()).bubble_s[0] for layout in (plain, put_off, both)]
    assert idle[0] > idle[1] > idle[2] > 0.0
    assert total(of, put_off) < total(of, plain)
    # 4 stages hold 4 micro-batches in the first and 5 everywhere with both ends, and two stages' weights.
    assert [alive_count(of, layout, rank=0.0)[0] for layout in (plain, put_off, both)] == [4.0, 4.0, 5.0]
    assert step_memory(of, put_off).total_bytes == step_memory(of, plain).total_bytes
    assert step_memory(of, both).state_bytes[0] > step_memory(of, plain).state_bytes[0]


def test_recomputing_half_of_the_layers_lies_half_way():
    of = task(dense_model(layers=16))
    none = spread(recompute_level=Recompute.NONE)
    half, full = (spread(recompute_level=Recompute.FULL, recomputed_share=share) for share in (0.5, 1.0))
    assert total(of, half) == pytest.approx((total(of, none) + total(of, full)) / 2, rel=1e-9)
    kept = [step_memory(of, layout).activation_bytes[0] for layout in (none, half, full)]
    assert kept[0] > kept[1] > kept[2]
    parts = step_times(of, half, operators())
    assert parts.recompute_s[0] == pytest.approx(step_times(of, full, operators()).recompute_s[0] / 2)


def test_what_is_offloaded_leaves_the_device_and_waits_for_the_link():
    of = task(dense_model(layers=16, hidden=4096, heads=32))
    plain = step_memory(of, spread())
    for switch in ("optimizer_offload", "activation_offload", "weight_offload"):
        away = spread(**{switch: 1.0})
        used = step_memory(of, away)
        assert used.total_bytes[0] < plain.total_bytes[0]
        assert used.host_bytes[0] > 0.0
        narrow = replace(of, assumptions=replace(of.assumptions, host_link_bytes_per_s=1e6))
        assert total(narrow, away) > 2 * total(of, away) > 0.0
        assert total(of, away) >= total(of, spread())
    assert plain.host_bytes[0] == 0.0


def test_the_link_moves_the_optimizer_states_once_each_way():
    # One stage of one rank without sharding updates all it holds: 12 bytes each over 50 GB/s, which lasts longer than
    # the update in memory.
    of, layout = task(), one_layout(optimizer_offload=1.0)
    held = sharding.updated_count(of, layout)[0]
    assert step_times(of, layout, operators()).optimizer_s[0] == pytest.approx(12 * held / 5e10)


def test_a_busier_expert_slows_products_and_dispatch_in_proportion():
    of = task(expert_model(), sequence_tokens_count=8192)
    layout = one_layout(dp_count=8, ep_count=8)
    before, after = (step_times(replace(of, expert_load_ratio=ratio), layout, operators()) for ratio in (1.0, 1.5))
    assert after.expert_parallel_s[0] == pytest.approx(1.5 * before.expert_parallel_s[0])
    assert after.gemm_s[0] > before.gemm_s[0]
    # On a rank with all experts none is busier than another.
    alone = one_layout(dp_count=8)
    assert total(replace(of, expert_load_ratio=1.5), alone) == total(of, alone)


def test_measured_routing_says_how_busy_the_busiest_rank_is():
    # Experts 0 to 3 get 4, 0, 2, 2 of 8 tokens in one layer, 2 each in the other. Two ranks of two experts get 4 and 4,
    # and 4 and 4: even. Four ranks have a busiest one of 4 over a mean of 2, and of 2 over 2: 1.5 in the middle.
    tokens = np.array([[4.0, 0.0, 2.0, 2.0], [2.0, 2.0, 2.0, 2.0]])
    assert [busiest_ratio(tokens, ranks_count=ranks) for ranks in (1, 2, 4)] == [1.0, 1.0, 1.5]


def test_measured_routing_is_the_stated_ratio_of_each_layout():
    of = task(expert_model(), sequence_tokens_count=8192)
    experts = of.model.feed_forward.routed_experts_count
    # The first expert gets 3 shares, all others 1: with a rank for every eighth part of the experts the busiest one
    # has (experts / 8 + 2) shares where the mean is (experts + 2) / 8.
    measured = replace(of, expert_tokens=((3.0, *(1.0,) * (experts - 1)),))
    layout = one_layout(dp_count=8, ep_count=8)
    stated = replace(of, expert_load_ratio=8.0 * (experts / 8.0 + 2.0) / (experts + 2.0))
    assert total(measured, layout) == pytest.approx(total(stated, layout))
    assert step_memory(measured, layout).total_bytes[0] == pytest.approx(step_memory(stated, layout).total_bytes[0])
    alone = one_layout(dp_count=8)
    assert total(measured, alone) == total(of, alone)
    assert step_memory(measured, alone).total_bytes[0] == step_memory(of, alone).total_bytes[0]


def test_sites_sum_their_gradients_once_over_the_wide_area():
    # A rank of 16 holds all parameters N; with ZeRO each of the 4 ranks of a site sums a quarter: N x 4 bytes leave a
    # site, 3/4 of them twice at 100 GB/s, and a signal crosses 2 x lg 4 = 4 times 5 ms.
    of, layout = task(sites=SITES), one_layout(dp_count=16, zero_stage=1.0, shards_count=4)
    parameters = sharding.fullest_parameters(of, layout).shared_count[0]
    assert sharding.between_sites_s(of, layout)[0] == pytest.approx(2 * 0.75 * parameters * 4 / 1e11 + 4 * 0.005)
    one = replace(of, sites=Sites(count=1, wan_bytes_per_s=1.0, one_way_s=9.0))
    assert total(one, layout) == total(task(), layout)


def test_inside_a_site_fewer_ranks_share_the_state():
    layout = one_layout(dp_count=16, zero_stage=3.0, shards_count=16)
    assert state_bytes(task(sites=SITES), layout) == pytest.approx(4 * state_bytes(task(), layout))


LAYOUTS = st.fixed_dictionaries(
    {
        "tp_count": st.sampled_from([1, 2, 8]),
        "pp_count": st.sampled_from([1, 2, 4]),
        "dp_count": st.sampled_from([8, 16]),
        "micro_batch_count": st.sampled_from([1, 2]),
        "schedule": st.sampled_from([0.0, 1.0, 2.0]),
        "recompute_level": st.sampled_from([0.0, 1.0, 2.0]),
        "zero_stage": st.sampled_from([0.0, 1.0, 3.0]),
        "optimizer_offload": st.sampled_from([0.0, 1.0]),
        "activation_offload": st.sampled_from([0.0, 1.0]),
        "weight_offload": st.sampled_from([0.0, 1.0]),
    }
)


@given(choice=LAYOUTS, experts=st.booleans(), factor=st.floats(1.0, 8.0))
def test_more_of_a_network_or_a_link_is_never_slower(choice, experts, factor):
    layout = one_layout(**choice, shards_count=choice["dp_count"])
    of = task(expert_model() if experts else dense_model(), sites=SITES)
    base = total(of, layout)
    more = [
        replace(of, sites=replace(SITES, wan_bytes_per_s=factor * SITES.wan_bytes_per_s)),
        replace(of, sites=replace(SITES, one_way_s=SITES.one_way_s / factor)),
        replace(of, assumptions=replace(of.assumptions, host_link_bytes_per_s=factor * 5e10)),
    ]
    assert all(total(better, layout) <= base * (1 + 1e-12) for better in more)
    blocking = ScaleOutFabric(leaf_ports_count=4, rail_optimized=False, oversubscription_ratio=factor)
    wide = replace(blocking, rail_optimized=True)
    slow, railed, flat = (
        float(step_total_s(of, layout, replace(operators(), fabric=fabric))[0])
        for fabric in (blocking, wide, replace(blocking, oversubscription_ratio=1.0))
    )
    assert slow >= railed * (1 - 1e-12)
    assert railed >= base * (1 - 1e-12)
    assert flat == base


@given(choice=LAYOUTS, domain=st.sampled_from([8, 72, 144, 576]))
def test_a_wider_scale_up_domain_is_never_slower(choice, domain):
    layout = one_layout(**{**choice, "dp_count": 72, "shards_count": 72})
    of = task(expert_model(), scale_up_domain_count=domain)
    twice = replace(of, scale_up_domain_count=2 * domain)
    slower = float(step_total_s(of, layout, operators(domain=domain))[0])
    assert float(step_total_s(twice, layout, operators(domain=2 * domain))[0]) <= slower * (1 + 1e-12)


@given(choice=LAYOUTS)
def test_parts_add_up_and_memory_grows_with_the_micro_batch(choice):
    of = task(expert_model(), sites=SITES)
    layout = one_layout(**choice, shards_count=choice["dp_count"])
    parts = step_times(of, layout, operators())
    assert parts.total_s == pytest.approx(step_total_s(of, layout, operators()), rel=1e-12)
    assert np.all(parts.bubble_s >= -1e-12)
    twice = {**choice, "micro_batch_count": 2 * choice["micro_batch_count"]}
    larger = one_layout(**twice, shards_count=choice["dp_count"])
    # Half as many micro-batches of twice the size: no more alive than before, none smaller.
    if choice["pp_count"] == 1:
        assert step_memory(of, larger).total_bytes[0] >= step_memory(of, layout).total_bytes[0]
