"""The roofline by hand: a device of 100 FLOP/s and 10 byte/s that achieves half of each."""

import numpy as np
import pytest

from gigawatt.entities.assumptions import KernelEfficiency, Ranged
from gigawatt.entities.hardware import Accelerator, Precision
from gigawatt.performance.operators import (
    AttentionWork,
    RooflineOperators,
    achieved_fractions,
    native_precision,
    peak_dense_flop_per_s,
)
from tests.samples import exactly

DEVICE = Accelerator(
    peak_dense_flop_per_s={Precision.BF16: 100.0, Precision.FP8: 200.0},
    memory_bytes=1000.0,
    memory_bandwidth_bytes_per_s=10.0,
    scale_up_bandwidth_bytes_per_s=4.0,
    scale_out_bandwidth_bytes_per_s=2.0,
)
HALF = KernelEfficiency(
    gemm=exactly(0.5),
    attention=exactly(0.25),
    memory_bandwidth=exactly(0.5),
    scale_up_bandwidth=exactly(0.5),
    scale_out_bandwidth=exactly(0.5),
    launch_s=exactly(1.0),
)


def operators():
    return RooflineOperators(accelerator=DEVICE, scale_up_domain_count=4, achieved=achieved_fractions(HALF, 0.5))


def test_compute_bound_gemm():
    # 2 x 100 x 100 x 100 = 2e6 FLOP at 50 FLOP/s; 3 x 1e4 values x 2 bytes at 5 byte/s is less.
    assert operators().gemm_s(100.0, 100.0, 100.0, precision=Precision.BF16) == pytest.approx(1.0 + 40_000.0)


def test_memory_bound_gemm():
    # One row: (10 + 100 + 10) values x 2 bytes = 240 bytes at 5 byte/s; 200 FLOP at 50 FLOP/s is less.
    assert operators().gemm_s(1.0, 10.0, 10.0, precision=Precision.BF16) == pytest.approx(1.0 + 48.0)


def test_grouped_gemm_reads_every_group():
    # Rows 2 x 10 and outputs 2 x 10, weights 4 x 100 values at one byte, outputs at two: 20 + 400 + 40 = 460 bytes.
    time = operators().grouped_gemm_s(2.0, 10.0, 10.0, groups=4.0, precision=Precision.FP8)
    assert time == pytest.approx(1.0 + 92.0)


def test_missing_precision_computes_in_the_next_wider():
    assert native_precision(DEVICE, Precision.FP4) is Precision.FP8
    assert native_precision(DEVICE, Precision.BF16) is Precision.BF16
    assert peak_dense_flop_per_s(DEVICE, Precision.FP4) == 200.0
    only_bf16 = Accelerator(
        peak_dense_flop_per_s={Precision.BF16: 100.0},
        memory_bytes=1.0,
        memory_bandwidth_bytes_per_s=1.0,
        scale_up_bandwidth_bytes_per_s=1.0,
        scale_out_bandwidth_bytes_per_s=1.0,
    )
    assert peak_dense_flop_per_s(only_bf16, Precision.FP4) == 100.0


def test_no_wider_precision_is_none_and_not_a_guess():
    narrow = Accelerator(
        peak_dense_flop_per_s={Precision.FP4: 100.0},
        memory_bytes=1.0,
        memory_bandwidth_bytes_per_s=1.0,
        scale_up_bandwidth_bytes_per_s=1.0,
        scale_out_bandwidth_bytes_per_s=1.0,
    )
    assert native_precision(narrow, Precision.FP8) is None


def work(**changes):
    base = {
        "sequences_count": 1.0,
        "query_tokens_count": 100.0,
        "context_tokens_count": 50.0,
        "heads_count": 2.0,
        "score_dim": 10,
        "value_dim": 10,
        "cached_values_count": 20.0,
        "cache_precision": Precision.BF16,
    }
    return AttentionWork(**(base | changes))


def test_attention_over_a_sequence():
    # 2 x 100 x 50 x 2 heads x 20 = 400,000 FLOP at 25 FLOP/s.
    assert operators().attention_prefill_s(work()) == pytest.approx(1.0 + 16_000.0)
    assert operators().attention_backward_s(work()) == pytest.approx(1.0 + 40_000.0)


def test_decode_attention_reads_the_cache():
    # Context 50 x 20 values x 1 byte + queries 40 x 2 bytes = 1,080 bytes at 5 byte/s; 4,000 FLOP at 25 take 160 s.
    decode = work(query_tokens_count=1.0, cache_precision=Precision.FP8)
    assert operators().attention_decode_s(decode) == pytest.approx(1.0 + 216.0)


def test_memory_bound_operator():
    np.testing.assert_allclose(operators().memory_s(np.array([0.0, 50.0])), [1.0, 11.0])


def test_collectives_use_achieved_bandwidth():
    # 8 bytes over 4 ranks at 2 byte/s inside the domain: 1 + 3; over 4 ranks in 4 domains at 1 byte/s: 2 + 6.
    assert operators().all_gather_s(8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(4.0)
    assert operators().reduce_scatter_s(8.0, ranks_count=4.0, stride_count=4.0) == pytest.approx(8.0)
    assert operators().all_reduce_s(8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(8.0)
    assert operators().all_to_all_s(8.0, ranks_count=4.0, stride_count=1.0) == pytest.approx(4.0)
    assert operators().point_to_point_s(8.0, ranks_count=2.0, stride_count=1.0) == pytest.approx(5.0)


def test_p10_has_low_efficiencies_and_a_long_launch():
    efficiency = KernelEfficiency(
        gemm=Ranged(low=0.1, best=0.2, high=0.3),
        attention=exactly(0.25),
        memory_bandwidth=exactly(0.5),
        scale_up_bandwidth=exactly(0.5),
        scale_out_bandwidth=exactly(0.5),
        launch_s=Ranged(low=1.0, best=2.0, high=3.0),
    )
    p10, p90 = achieved_fractions(efficiency, 0.1), achieved_fractions(efficiency, 0.9)
    assert (p10.gemm_fraction, p10.launch_s) == (0.1, 3.0)
    assert (p90.gemm_fraction, p90.launch_s) == (0.3, 1.0)
