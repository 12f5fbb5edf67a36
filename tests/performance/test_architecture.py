"""Shapes, parameters and FLOP: by hand on a tiny model, golden on published ones."""

import numpy as np
import pytest

from gigawatt.performance.architecture import (
    decode_core,
    dense_layers_count,
    embedding_parameters_count,
    expert_layer,
    expert_layers_count,
    parameters_count,
    visited_ranks_count,
)
from gigawatt.performance.flops import (
    active_matrix_parameters_count,
    forward_flop_per_token,
    training_flop_per_token,
)
from tests.performance.published import DEEPSEEK_V3, GPT3_175B, LLAMA_405B, TINY, TINY_MOE


def test_tiny_parameters_by_hand():
    # Attention 8 x (2 + 2 x 1) x 4 + 8 x 8 = 192, feed-forward 3 x 8 x 32 = 768, norms 16: 976 a layer; 2 x 16 x 8.
    assert parameters_count(TINY) == 4 * 976 + 256


def test_tiny_moe_parameters_by_hand():
    # Layer 1: 192 + 768 + 16. Layers 2 to 4: 192 + router 64 + (8 + 1) experts of 3 x 8 x 16 = 384, + 16.
    assert expert_layers_count(TINY_MOE) == 3
    assert dense_layers_count(TINY_MOE) == 1
    assert parameters_count(TINY_MOE) == 976 + 3 * (192 + 64 + 9 * 384 + 16) + 256


def test_tiny_flop_by_hand():
    # Weights a token meets: 4 x 960 + head 128 = 3,968. Attention over 10 tokens: 4 layers x 2 heads x (4 + 4) x 10.
    assert active_matrix_parameters_count(TINY) == 3968
    assert forward_flop_per_token(TINY, context_tokens_count=10.0) == 2 * 3968 + 2 * 640
    assert training_flop_per_token(TINY, sequence_tokens_count=10.0) == 3 * (2 * 3968 + 2 * 640)


def test_moe_token_meets_only_its_experts():
    # Layer 1: 960. Layers 2 to 4: 192 + 64 + (2 + 1) x 384 = 1,408. Head 128.
    assert active_matrix_parameters_count(TINY_MOE) == 960 + 3 * 1408 + 128


def test_visited_ranks_by_hand():
    # Two draws from four ranks: 4 (1 - (3/4)^2) = 1.75; from one rank: 1.
    experts = expert_layer(TINY_MOE)
    assert experts is not None
    np.testing.assert_allclose(visited_ranks_count(experts, ep_count=np.array([1.0, 4.0])), [1.0, 1.75])


@pytest.mark.parametrize(
    ("model", "published", "tolerance"),
    [
        # Printed to four digits: Hugging Face model card, 405.9 bn (405.85).
        (LLAMA_405B, 405.9e9, 2e-4),
        # DeepSeek-V3 technical report, section 4.2: 671 bn without the extra prediction layer.
        (DEEPSEEK_V3, 671e9, 1e-3),
        # Brown et al. (2020), table 2.1: 175.0 bn with 50,257 words and 2,048 positions, which we do not count.
        (GPT3_175B, 174.6e9, 1e-3),
    ],
)
def test_parameters_agree_with_published(model, published, tolerance):
    assert parameters_count(model) == pytest.approx(published, rel=tolerance)


def test_deepseek_active_parameters_agree_with_published():
    # DeepSeek-V3 technical report, section 4.2: 37 bn active, printed to two digits, embeddings counted once or twice.
    active = active_matrix_parameters_count(DEEPSEEK_V3)
    assert 36.5e9 < active < 37.5e9
    assert active + embedding_parameters_count(DEEPSEEK_V3) == pytest.approx(37.6e9, rel=2e-3)


@pytest.mark.parametrize(
    ("model", "bytes_per_token"),
    [
        # 2 x 126 layers x 8 heads x 128 x 2 bytes.
        (LLAMA_405B, 516_096),
        # DeepSeek-V3: 61 layers x (512 + 64) x 2 bytes.
        (DEEPSEEK_V3, 70_272),
        # 2 x 96 layers x 96 heads x 128 x 2 bytes.
        (GPT3_175B, 4_718_592),
    ],
)
def test_cache_per_token_agrees_with_published(model, bytes_per_token):
    """Two bytes per cached value and layer in BF16, whatever serves the model."""
    assert 2 * model.layers_count * decode_core(model).cached_values_count == bytes_per_token


def test_latent_cache_is_one_vector_for_all_heads():
    assert decode_core(DEEPSEEK_V3).cache_shards_limit_count == 1
    assert decode_core(LLAMA_405B).cache_shards_limit_count == 8


def test_gpt3_training_flop_is_korthikanti_equation_7():
    """Korthikanti et al. (2022), equation 7, per token: 72 L h^2 (1 + s/(6 h) + v/(12 h L))."""
    layers, hidden, sequence, vocabulary = 96, 12_288, 2048, 51_200
    expected = 72 * layers * hidden**2 * (1 + sequence / (6 * hidden) + vocabulary / (12 * hidden * layers))
    assert training_flop_per_token(GPT3_175B, sequence_tokens_count=sequence) == pytest.approx(expected, rel=1e-12)


def test_llama_training_flop_per_token_agrees_with_its_compute_budget():
    """Dubey et al. (2024), section 3.2: 3.8e25 FLOP on 15.6e12 tokens, two digits, counted as 6 N D.

    Ours adds attention over the whole square of 8,192 tokens: 12 x 126 x 16,384 x 8,192 = 2.0e11 or 8 %.
    """
    attention = 12 * 126 * 16_384 * 8192
    without = training_flop_per_token(LLAMA_405B, sequence_tokens_count=8192) - attention
    assert without * 15.6e12 == pytest.approx(3.8e25, rel=0.02)
