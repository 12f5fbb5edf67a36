"""Each law: a sum by hand, the roofline as its floor, and more of any resource never slower."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.entities.hardware import Precision
from gigawatt.performance.kernels.attention import (
    AttentionShapes,
    DecodeCoefficients,
    PrefillCoefficients,
    decode_time_s,
    prefill_time_s,
)
from gigawatt.performance.kernels.collective import CollectiveCoefficients, collective_time_s
from gigawatt.performance.kernels.device import Device, fed_peak_flop_per_s, smooth_max, throttled_s, waves_count
from gigawatt.performance.kernels.gemm import GemmCoefficients, gemm_time_s
from gigawatt.performance.kernels.grouped import (
    ExpertShapes,
    GroupedCoefficients,
    expert_layer_time_s,
    grouped_gemm_time_s,
)
from gigawatt.performance.kernels.scan import ScanCoefficients, ScanShapes, scan_time_s
from gigawatt.performance.kernels.streaming import StreamingCoefficients, streaming_time_s
from tests.laws.test_homogeneity import factor, rescaled

DEVICE = Device(
    peak_dense_flop_per_s=1e15,
    memory_bytes_per_s=4e12,
    link_bytes_per_s=4e11,
    processors_count=100.0,
    exponential_units_count=1600.0,
)
GEMM = GemmCoefficients(
    launch_s=2e-6,
    depth_s=1e-6,
    sustained_fraction=0.8,
    throttle_fraction=0.1,
    throttle_onset_s=1e-3,
    ramp_depth=100.0,
    quantization_fraction=0.3,
    tile_penalty=1.2,
    bandwidth_fraction=0.9,
    overlap_exponent=3.0,
    requantize_bytes=2.0,
)
GROUPED = GroupedCoefficients(
    launch_s=2e-5,
    expert_s=1e-8,
    sustained_fraction=0.8,
    ramp_depth=100.0,
    padding_fraction=0.2,
    idle_exponent=0.8,
    bandwidth_fraction=0.9,
    overlap_exponent=2.0,
    dispatch_bytes=10.0,
    row_bytes=2.0,
    skew_weak=0.5,
    skew_strong=1.0,
)
PREFILL = PrefillCoefficients(
    launch_s=8e-6,
    growth_s=1e-6,
    sustained_fraction=0.8,
    throttle_fraction=0.1,
    throttle_onset_s=1e-3,
    ramp_keys=50.0,
    exponential_s=2e-10,
    quantization_fraction=0.3,
    bandwidth_fraction=0.6,
    overlap_exponent=2.0,
)
DECODE = DecodeCoefficients(
    launch_s=8e-6,
    split_s=1e-6,
    head_s=1e-9,
    sustained_fraction=0.5,
    exponential_s=2e-10,
    least_tokens=50.0,
    walk_s=1e-10,
    bandwidth_fraction=0.9,
    overlap_exponent=2.0,
)
STREAMING = StreamingCoefficients(launch_s=2e-6, crossing_s=5e-7, ramp_s=1e-6, bandwidth_fraction=0.8)
COLLECTIVE = CollectiveCoefficients(launch_s=5e-6, step_s=2e-6, ramp_s=1e-5, bandwidth_fraction=0.9, contention=0.5)
SHAPES = AttentionShapes(
    sequences_count=2.0,
    query_tokens_count=4096.0,
    context_tokens_count=2048.5,
    heads_count=32.0,
    score_dim=128.0,
    value_dim=128.0,
    cached_values_count=2048.0,
    cache_value_bytes=2.0,
)
EXPERTS = ExpertShapes(
    tokens_count=1024.0,
    hidden_dim=4096.0,
    inter_dim=1536.0,
    top_k_count=8.0,
    experts_count=128.0,
    tp_count=1.0,
    ep_count=8.0,
    skew_fraction=0.0,
)

dims = st.integers(1, 40_000).map(float)
counts = st.integers(1, 512).map(float)


def gemm(m, n, k, device=DEVICE):
    return gemm_time_s(m, n, k, value_bytes=2.0, device=device, coefficients=GEMM)


def layer(shapes, device=DEVICE):
    return expert_layer_time_s(shapes, value_bytes=1.0, device=device, coefficients=GROUPED)


def collective(volume_bytes, ranks_count, device=DEVICE, passes_count=1.0):
    return collective_time_s(
        volume_bytes, ranks_count=ranks_count, passes_count=passes_count, device=device, coefficients=COLLECTIVE
    )


SCAN = ScanCoefficients(launch_s=2e-5, turn_s=2e-6, chunk_s=8e-6, bandwidth_fraction=0.8, overlap_exponent=3.0)
SCANNED = ScanShapes(
    sequences_count=4.0,
    tokens_count=8192.0,
    heads_count=32.0,
    chunk_tokens_count=64.0,
    chunk_flop=1.15e7,
    token_bytes=2e5,
)
LAWS = {
    "gemm": lambda device: gemm(3000.0, 4096.0, 4096.0, device),
    "experts": lambda device: layer(EXPERTS, device),
    "prefill": lambda device: prefill_time_s(SHAPES, device=device, coefficients=PREFILL),
    "decode": lambda device: decode_time_s(replace(SHAPES, query_tokens_count=1.0), device=device, coefficients=DECODE),
    "scan": lambda device: scan_time_s(SCANNED, device=device, coefficients=SCAN),
    "streaming": lambda device: streaming_time_s(1e8, device=device, coefficients=STREAMING),
    "collective": lambda device: collective(1e8, 8.0, device),
}


def test_smooth_max_is_the_p_norm():
    """(3^2 + 4^2)^(1/2) = 5; with p = 1 it is the sum, with large p the greater."""
    assert smooth_max(3.0, 4.0, exponent=2.0) == pytest.approx(5.0)
    assert smooth_max(3.0, 4.0, exponent=1.0) == pytest.approx(7.0)
    assert smooth_max(3.0, 4.0, exponent=200.0) == pytest.approx(4.0)


def test_waves_lie_between_even_and_whole():
    """2.5 tiles per processor: 2.5 spread evenly, 3 in whole rounds, 2.75 half way."""
    assert [float(waves_count(2.5, quantization_fraction=q)) for q in (0.0, 0.5, 1.0)] == [2.5, 2.75, 3.0]


def test_throttling_is_half_there_at_its_onset():
    """1 ms x (1 + 0.2 x 1/2) = 1.1 ms."""
    assert throttled_s(1e-3, throttle_fraction=0.2, onset_s=1e-3) == pytest.approx(1.1e-3)


def test_a_large_product_by_hand():
    """25 600 x 1024 = 200 x 4 tiles of 128 x 256, 8 rounds on 100 processors; one tile costs 2 x 128 x 256 FLOP per k.

    (8 rounds x 65 536 x (4096 + 0)) / (1e15 / 100) = 0.2147 ms; traffic 2 B x 4096 x 26 624 + 2 B x 26.2 M = 270.5 MB
    in 67.6 us hides behind it, as the exponent is large; launch 2 us.
    """
    plain = replace(
        GEMM,
        depth_s=0.0,
        sustained_fraction=1.0,
        throttle_fraction=0.0,
        ramp_depth=0.0,
        quantization_fraction=1.0,
        bandwidth_fraction=1.0,
        overlap_exponent=50.0,
        requantize_bytes=0.0,
    )
    time = gemm_time_s(25_600.0, 1024.0, 4096.0, value_bytes=2.0, device=DEVICE, coefficients=plain)
    assert time == pytest.approx(2e-6 + 8 * 65_536 * 4096 / 1e13, rel=1e-9)


def test_an_expert_layer_by_hand():
    """1024 tokens x 8 / 8 ranks = 1024 rows on 16 experts, all touched; a skew of 0.5 makes 1024 x (1 + 0.5 x 7/8)."""
    assert EXPERTS.rows_count == pytest.approx(1024.0)
    assert EXPERTS.touched_experts_count == pytest.approx(16.0)
    skewed = replace(EXPERTS, skew_fraction=0.5)
    assert skewed.rows_count == pytest.approx(1472.0)
    few = replace(EXPERTS, tokens_count=4.0, skew_fraction=1e-9)
    assert few.touched_experts_count == pytest.approx(16 * (1 - math.exp(-4 / 16)), rel=1e-6)


def test_an_expert_layer_is_its_two_products_and_the_dispatch():
    up = grouped_gemm_time_s(1024.0, 3072.0, 4096.0, groups=16.0, value_bytes=1.0, device=DEVICE, coefficients=GROUPED)
    down = grouped_gemm_time_s(
        1024.0, 4096.0, 1536.0, groups=16.0, value_bytes=1.0, device=DEVICE, coefficients=GROUPED
    )
    dispatch = 10.0 * 1024 * 4096 / 4e12
    assert layer(EXPERTS) == pytest.approx(float(up + down) + dispatch)


def test_a_collective_by_hand():
    """100 MB on 4 ranks: 75 MB over 400 GB/s is 187.5 us; at 0.9 (1 - 0.5/4) 238.1 us.

    Ramp sqrt(1e-5 x 1.875e-4) = 43.3 us, launch 5 us, two steps of 2 us.
    """
    assert collective(1e8, 4.0) == pytest.approx(5e-6 + 4e-6 + 43.301e-6 + 238.095e-6, rel=1e-4)
    assert collective(1e8, 1.0) == 0.0
    assert collective(5e7, 4.0, passes_count=2.0) == pytest.approx(float(collective(1e8, 4.0)))


def test_a_pass_over_memory_by_hand():
    """400 MB at 4 TB/s is 100 us, at 0.8 of it 125 us; ramp sqrt(1e-6 x 1e-4) = 10 us; launch 2 us."""
    assert streaming_time_s(4e8, device=DEVICE, coefficients=STREAMING) == pytest.approx(137e-6)
    # Four dies are two doublings of one: 2 x 0.5 us more.
    four = replace(DEVICE, dies_count=4.0)
    assert streaming_time_s(4e8, device=four, coefficients=STREAMING) == pytest.approx(138e-6)


def test_decode_of_a_long_cache_by_hand():
    """64 sequences x 32 768 tokens x 2048 values x 2 B = 8.59 GB: at 3.6 TB/s 2.39 ms, which dominates all the rest."""
    shapes = replace(SHAPES, sequences_count=64.0, query_tokens_count=1.0, context_tokens_count=32_768.0)
    time = decode_time_s(shapes, device=DEVICE, coefficients=replace(DECODE, overlap_exponent=8.0))
    assert time == pytest.approx(64 * 32_768 * 2048 * 2 / 3.6e12, rel=0.02)


def test_an_unsplit_cache_is_walked_by_one_processor_per_sequence():
    """16 384 tokens at 0.1 us are 1638.4 us, for 1 sequence of one cached head as for 100 on 100 processors.

    300 sequences take 3 rounds. Launch 8 us, split lg(1 + 16 384/128) = lg 129 = 7.01 us, 1 ns per cached head.
    """
    lone = replace(SHAPES, query_tokens_count=1.0, context_tokens_count=16_384.0, cached_values_count=256.0)
    walking = replace(DECODE, walk_s=1e-7, overlap_exponent=50.0)
    for sequences, rounds in ((1.0, 1), (100.0, 1), (300.0, 3)):
        shapes = replace(lone, sequences_count=sequences)
        time = decode_time_s(shapes, device=DEVICE, coefficients=walking)
        assert time == pytest.approx(8e-6 + 7.011e-6 + sequences * 1e-9 + rounds * 1638.4e-6, rel=1e-6)


def test_a_context_shorter_than_a_tile_costs_a_tile():
    """1 and 50 tokens cost the same but for the split: lg(1 + 50/128) - lg(1 + 1/128) = 0.4646 us."""
    one, tile = (replace(SHAPES, query_tokens_count=1.0, context_tokens_count=count) for count in (1.0, 50.0))
    times = [decode_time_s(shapes, device=DEVICE, coefficients=DECODE) for shapes in (one, tile)]
    assert times[1] - times[0] == pytest.approx(1e-6 * math.log2((1 + 50 / 128) / (1 + 1 / 128)), rel=1e-6)


def test_fp4_operands_arrive_at_the_rate_of_bytes():
    """5 PFLOP/s of FP8 bring bytes for 5/0.5625 = 8.89 PFLOP/s of FP4: 15 is out of reach, 8 is not; BF16 is apart."""
    peaks = {Precision.BF16: 2.5e15, Precision.FP8: 5e15, Precision.FP4: 15e15}
    assert fed_peak_flop_per_s(peaks, Precision.FP4) == pytest.approx(8.8889e15, rel=1e-4)
    assert fed_peak_flop_per_s(peaks | {Precision.FP4: 8e15}, Precision.FP4) == 8e15
    assert fed_peak_flop_per_s(peaks, Precision.BF16) == 2.5e15
    assert fed_peak_flop_per_s({Precision.FP4: 15e15}, Precision.FP4) == 15e15
    assert math.isnan(fed_peak_flop_per_s({}, Precision.FP8))


def test_latent_attention_has_one_cached_head():
    latent = replace(SHAPES, score_dim=576.0, value_dim=512.0, cached_values_count=576.0)
    assert latent.cached_heads_count == 1.0
    assert SHAPES.cached_heads_count == 8.0


@settings(max_examples=200, deadline=None)
@given(m=dims, n=dims, k=dims)
def test_a_product_never_beats_the_roofline(m, n, k):
    compute = 2.0 * m * n * k / DEVICE.peak_dense_flop_per_s
    traffic = 2.0 * (m * k + n * k + m * n) / DEVICE.memory_bytes_per_s
    assert gemm(m, n, k) >= max(compute, traffic)


@settings(max_examples=200, deadline=None)
@given(m=dims, n=dims, k=dims, more=st.integers(1, 1000))
def test_a_larger_product_is_never_faster(m, n, k, more):
    time = gemm(m, n, k)
    assert gemm(m + more, n, k) >= time
    assert gemm(m, n + more, k) >= time
    assert gemm(m, n, k + more) >= time


@settings(max_examples=100, deadline=None)
@given(queries=dims, sequences=counts, heads=counts)
def test_prefill_never_beats_the_roofline_and_grows(queries, sequences, heads):
    shapes = replace(
        SHAPES,
        query_tokens_count=queries,
        context_tokens_count=(queries + 1) / 2,
        sequences_count=sequences,
        heads_count=heads,
    )
    time = prefill_time_s(shapes, device=DEVICE, coefficients=PREFILL)
    work = 2.0 * sequences * queries * heads * (queries + 1) / 2 * 256
    assert time >= work / DEVICE.peak_dense_flop_per_s
    more = replace(shapes, sequences_count=sequences + 1, context_tokens_count=shapes.context_tokens_count + 1)
    assert prefill_time_s(more, device=DEVICE, coefficients=PREFILL) >= time


@settings(max_examples=100, deadline=None)
@given(context=dims, sequences=counts)
def test_decode_never_beats_the_cache_over_the_bandwidth_and_grows(context, sequences):
    shapes = replace(SHAPES, query_tokens_count=1.0, context_tokens_count=context, sequences_count=sequences)
    time = decode_time_s(shapes, device=DEVICE, coefficients=DECODE)
    assert time >= sequences * context * 2048 * 2.0 / DEVICE.memory_bytes_per_s
    longer = replace(shapes, context_tokens_count=context + 1)
    assert decode_time_s(longer, device=DEVICE, coefficients=DECODE) >= time
    wider = replace(shapes, sequences_count=sequences + 1)
    assert decode_time_s(wider, device=DEVICE, coefficients=DECODE) >= time


@settings(max_examples=100, deadline=None)
@given(volume=st.floats(1.0, 1e12), ranks=st.integers(2, 1024))
def test_a_collective_never_beats_its_links_and_grows(volume, ranks):
    time = collective(volume, float(ranks))
    assert time >= volume * (1 - 1 / ranks) / DEVICE.link_bytes_per_s
    assert collective(2 * volume, float(ranks)) >= time


@settings(max_examples=100, deadline=None)
@given(tokens=dims, more=counts)
def test_more_tokens_never_make_an_expert_layer_faster(tokens, more):
    fewer, many = (replace(EXPERTS, tokens_count=count) for count in (tokens, tokens + more))
    assert layer(many) >= layer(fewer)


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
@pytest.mark.parametrize("resource", ["peak_dense_flop_per_s", "memory_bytes_per_s", "link_bytes_per_s"])
def test_more_of_any_resource_is_never_slower(law, resource):
    times = [float(law(replace(DEVICE, **{resource: getattr(DEVICE, resource) * gain}))) for gain in (1, 1.1, 2, 10)]
    assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("name", LAWS)
@given(second=st.floats(1e-3, 1e3))
@settings(max_examples=20, deadline=None)
def test_laws_do_not_know_how_long_a_second_is(name, second):
    """The laws coin byte and FLOP (2 FLOP per multiply and add, 2 bytes per BF16 value); seconds stay free."""
    seconds = {"second": second}
    shrunk = {
        key: rescaled(value, "", seconds) for key, value in globals().items() if isinstance(value, COEFFICIENT_TYPES)
    }
    device = rescaled(DEVICE, "", seconds)
    expected = float(LAWS[name](DEVICE)) * factor("time_s", seconds)
    assert float(_law_with(name, shrunk, device)) == pytest.approx(expected, rel=1e-9)


COEFFICIENT_TYPES = (
    GemmCoefficients,
    GroupedCoefficients,
    PrefillCoefficients,
    DecodeCoefficients,
    ScanCoefficients,
    StreamingCoefficients,
    CollectiveCoefficients,
)


def _law_with(name, coefficients, device):
    """The laws of `LAWS` with other coefficients."""
    decode = replace(SHAPES, query_tokens_count=1.0)
    gemm_args = {"value_bytes": 2.0, "device": device, "coefficients": coefficients["GEMM"]}
    return {
        "gemm": lambda: gemm_time_s(3000.0, 4096.0, 4096.0, **gemm_args),
        "experts": lambda: expert_layer_time_s(
            EXPERTS, value_bytes=1.0, device=device, coefficients=coefficients["GROUPED"]
        ),
        "prefill": lambda: prefill_time_s(SHAPES, device=device, coefficients=coefficients["PREFILL"]),
        "decode": lambda: decode_time_s(decode, device=device, coefficients=coefficients["DECODE"]),
        "scan": lambda: scan_time_s(SCANNED, device=device, coefficients=coefficients["SCAN"]),
        "streaming": lambda: streaming_time_s(1e8, device=device, coefficients=coefficients["STREAMING"]),
        "collective": lambda: collective_time_s(
            1e8, ranks_count=8.0, passes_count=1.0, device=device, coefficients=coefficients["COLLECTIVE"]
        ),
    }[name]()


def test_laws_broadcast_over_arrays():
    m = np.array([1.0, 128.0, 4096.0])[:, None]
    n = np.array([64.0, 8192.0])
    times = gemm(m, n, 4096.0)
    assert times.shape == (3, 2)
    assert times[2, 1] == pytest.approx(float(gemm(4096.0, 8192.0, 4096.0)))
