"""Products under sustained load: sums by hand."""

import pytest

from gigawatt.catalog import load, platform
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import product_slowdowns, training_operators
from gigawatt.entities.hardware import Precision
from gigawatt.performance.kernels.gemm import GemmCoefficients
from gigawatt.performance.kernels.streaming import StreamingCoefficients
from gigawatt.performance.step.load import slowdown_ratio, sustained, without_quantization

FAMILY = "dense-gemm-bf16"


def test_a_platform_that_was_not_measured_gets_the_median() -> None:
    # 10, 20 and 60 per cent: the middle one is 20.
    known = {"a": 0.1, "b": 0.2, "c": 0.6}
    assert slowdown_ratio(known, "c") == 0.6
    assert slowdown_ratio(known, "elsewhere") == 0.2


def test_quantization_is_left_to_the_step_and_the_clock_is_low_from_the_first_moment() -> None:
    library = sustained(without_quantization(load_kernels()), {FAMILY: {"dgx-h100": 0.25}})
    fit = library.families[FAMILY].fit("dgx-h100").coefficients
    assert isinstance(fit, GemmCoefficients)
    assert (fit.throttle_fraction, fit.throttle_onset_s, fit.requantize_bytes) == (0.25, 0.0, 0.0)
    narrow = library.families["dense-gemm-fp8"].fit("dgx-h100").coefficients
    assert isinstance(narrow, GemmCoefficients)
    assert narrow.requantize_bytes == 0.0
    assert narrow.throttle_onset_s > 0.0


def test_passes_over_memory_get_no_more_bandwidth_than_large_products() -> None:
    before = load_kernels()
    after = sustained(before, {})
    product = before.families[FAMILY].fit("dgx-h100").coefficients
    cached, streamed = (library.families["streaming"].fit("dgx-h100").coefficients for library in (before, after))
    assert isinstance(product, GemmCoefficients)
    assert isinstance(cached, StreamingCoefficients)
    assert isinstance(streamed, StreamingCoefficients)
    assert streamed.bandwidth_fraction == product.bandwidth_fraction < cached.bandwidth_fraction


def test_large_products_sustain_what_the_longest_timings_of_random_values_show() -> None:
    # aiconfigurator-core 0.12.0, BF16 products of 4 ms and more with random values: 690 to 743 TFLOP/s on H100 and
    # 245 to 261 on A100; 5 per cent for the spread over shapes.
    catalog = load()
    for name, least, most in (("dgx-h100", 690e12, 743e12), ("dgx-a100", 245e12, 261e12)):
        operators = training_operators(catalog).middle(platform(catalog, name).item)
        side = 16384.0
        rate = 2.0 * side**3 / float(operators.gemm_s(side, side, side, precision=Precision.BF16))
        assert 0.95 * least < rate < 1.05 * most


@pytest.mark.parametrize("family", [FAMILY, "dense-gemm-fp8", "dense-gemm-fp8-block", "dense-gemm-nvfp4"])
def test_sustained_load_never_speeds_products_up(family: str) -> None:
    assert all(slowdown >= 0.0 for slowdown in product_slowdowns(load())[family].values())


def test_a_clock_that_is_hidden_is_the_others() -> None:
    catalog = load()
    hidden = training_operators(catalog, unmeasured=frozenset({"dgx-a100"}))
    for name, alike in (("dgx-a100", False), ("dgx-h100", True)):
        where = platform(catalog, name).item
        known, guessed = (
            float(operators.middle(where).gemm_s(16384, 16384, 16384, precision=Precision.BF16))
            for operators in (training_operators(catalog), hidden)
        )
        assert (guessed == known) == alike
