"""Bands: independent causes, and residuals that average over as many shapes as a step has."""

import math
from dataclasses import replace

import pytest

from gigawatt.catalog import load
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import training_operators
from gigawatt.performance.kernels.library import Band
from gigawatt.performance.laws import TrainingOperators
from gigawatt.performance.step.bands import step_band_s
from gigawatt.performance.step.kinds import Kind, with_kind
from gigawatt.performance.step.load import LoadedOperators, of_distinct_shapes
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import one_layout
from tests.performance.step.steps import operators, platform, task

LAYOUT = one_layout(micro_batch_count=64)


def slower(products: float = 1.0, passes: float = 1.0) -> LoadedOperators:
    return LoadedOperators(
        operators=operators(), product_factor=products, expert_factor=1.0, attention_factor=1.0, pass_factor=passes
    )


def test_independent_causes_combine_as_the_root_of_the_sum_of_squares():
    # Products and passes 1.2 times as long, or 1/1.2: each moves the step by a, b; together by sqrt(a^2 + b^2).
    def products(_platform, quantile):
        return slower(products={0.1: 1.2, 0.5: 1.0, 0.9: 1 / 1.2}[quantile])

    def passes(_platform, quantile):
        return slower(passes={0.1: 1.2, 0.5: 1.0, 0.9: 1 / 1.2}[quantile])

    value = step_total_s(task(), LAYOUT, operators())[0]
    ups = [math.log(step_total_s(task(), LAYOUT, slower(**{name: 1.2}))[0] / value) for name in ("products", "passes")]
    low, high = step_band_s(task(), LAYOUT, TrainingOperators(causes=(products, passes)), (), platform=platform())
    assert math.log(high / value) == pytest.approx(math.hypot(*ups))
    assert low < value < high < value * math.exp(sum(ups))


def test_one_kind_is_taken_from_the_other_model():
    mixed = with_kind(operators(), Kind.PASSES, slower(passes=3.0))
    assert mixed.memory_s(1e9) == pytest.approx(3.0 * operators().memory_s(1e9))
    assert mixed.all_gather_s(1e9, ranks_count=8.0, stride_count=1.0) == pytest.approx(
        operators().all_gather_s(1e9, ranks_count=8.0, stride_count=1.0)
    )


def test_residuals_average_over_the_shapes_of_a_step():
    """Sums over 32 operators 0.01 wide, single ones 0.08: over one shape sqrt(0.01^2 + 31/32 0.08^2), over 9 0.0245."""
    library = load_kernels()
    family = library.families["dense-gemm-bf16"]
    fit = replace(
        family.projected,
        step_band=Band(p10=-0.01, p50=0.0, p90=0.01),
        operator_band=Band(p10=-0.08, p50=0.0, p90=0.08),
    )
    changed = replace(
        library,
        families={
            name: replace(family, id=name, measured={}, projected=fit)
            for name in ("dense-gemm-bf16", "prefill-gqa-bf16")
        },
    )
    after = of_distinct_shapes(changed).families
    assert after["dense-gemm-bf16"].projected.step_band.p90 == pytest.approx(
        math.sqrt(0.01**2 + (1 / 9 - 1 / 32) * 0.08**2)
    )
    assert after["prefill-gqa-bf16"].projected.step_band.p10 == pytest.approx(-math.sqrt(0.01**2 + 31 / 32 * 0.08**2))


def test_every_kind_of_kernel_and_each_assumption_is_a_cause():
    # Six kinds, links, clock, passes, expert products.
    laws = training_operators(load())
    assert len(laws.causes) == len(Kind) + 4
    middle = laws.middle(platform())
    assert float(middle.memory_s(1e9)) > 0.0
