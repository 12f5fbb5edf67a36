"""Models of one family at other sizes."""

from dataclasses import replace

import pytest

from gigawatt.catalog import load, training_model
from gigawatt.entities.workload import LatentAttention, MixtureOfExperts
from gigawatt.performance.architecture import parameters_count
from gigawatt.performance.flops import active_matrix_parameters_count
from gigawatt.performance.scaling import scaled


@pytest.fixture(scope="module")
def kimi():
    return training_model(load(), "kimi-k2").item


@pytest.mark.parametrize("name", ["kimi-k2", "llama-3.1-405b", "qwen3-235b-a22b", "gpt-oss-120b"])
@pytest.mark.parametrize("active", [1e10, 1e12, 1e13])
def test_a_size_is_met_within_a_twentieth_and_recounted(name, active):
    model = scaled(training_model(load(), name).item, active_parameters_count=active)
    assert model is not None
    assert active_matrix_parameters_count(model) == pytest.approx(active, rel=0.05)
    assert model.active_parameters_count == active_matrix_parameters_count(model)
    assert model.parameters_count == parameters_count(model)


def test_eight_times_the_weights_are_twice_as_wide_and_deep(kimi):
    # Weights go with depth and the square of width, 2 x 2² = 8; embedding and head grow with the width alone.
    larger = scaled(kimi, active_parameters_count=8.0 * active_matrix_parameters_count(kimi))
    assert larger is not None
    assert larger.layers_count == pytest.approx(2 * kimi.layers_count, rel=0.05)
    assert larger.hidden_dim == pytest.approx(2 * kimi.hidden_dim, rel=0.05)
    assert isinstance(larger.feed_forward, MixtureOfExperts)
    assert isinstance(larger.attention, LatentAttention)
    kept = ("routed_experts_count", "top_k_count", "shared_experts_count", "first_dense_layers_count")
    assert all(getattr(larger.feed_forward, name) == getattr(kimi.feed_forward, name) for name in kept)
    assert larger.attention.v_head_dim == kimi.attention.v_head_dim
    assert larger.vocabulary_count == kimi.vocabulary_count


def test_no_size_is_made_up_where_rounding_or_recurrence_forbids_it(kimi):
    assert scaled(kimi, active_parameters_count=1e8) is None
    hybrid = training_model(load(), "nemotron-3-super-120b-a12b").item
    assert scaled(hybrid, active_parameters_count=1e12) is None
    assert scaled(replace(hybrid, hybrid=None), active_parameters_count=1e12) is not None
