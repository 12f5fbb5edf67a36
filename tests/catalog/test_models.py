"""Models as workloads: weights recounted from the dimensions, and what cannot be expressed refused."""

import pytest

from gigawatt.catalog import counted_parameters, load, model
from gigawatt.entities.workload import GroupedQueryAttention, LatentAttention, MixtureOfExperts
from gigawatt.errors import CatalogError
from gigawatt.provenance import Grade

CATALOG = load()
REFUSED = {
    "deepseek-v4-pro": "compressed attention",
    "deepseek-v4-flash": "compressed attention",
    "kimi-k3": "linear-attention",
    "qwen3.5-397b-a17b": "linear-attention",
    "qwen3.5-122b-a10b": "linear-attention",
    "qwen3.5-35b-a3b": "linear-attention",
    "nemotron-3-nano-30b-a3b": "state-space",
    "nemotron-3-super-120b-a12b": "state-space",
    "nemotron-3-ultra-550b-a55b": "state-space",
    "mistral-large-4": "latent-attention.q-lora-rank, latent-attention.qk-nope-head-dim",
    "step-3.7-flash": "parameters-total",
}
EXPRESSIBLE = sorted(set(CATALOG.records["models"]) - set(REFUSED))


@pytest.mark.parametrize("model_id", EXPRESSIBLE)
def test_recounted_weights_match_the_published_total(model_id):
    # Published totals are rounded and leave out norms and biases, as we do; 3 % covers both, and MiMo's narrower
    # value heads, which its sources do not give.
    found = model(CATALOG, model_id).item
    assert counted_parameters(found) == pytest.approx(found.parameters_count, rel=0.03)


@pytest.mark.parametrize("model_id", EXPRESSIBLE)
def test_our_count_agrees_with_the_recount_of_the_sources(model_id):
    recount = CATALOG.record("models", model_id).figures["recount-total"]
    if recount.value is not None:
        assert counted_parameters(model(CATALOG, model_id).item) == pytest.approx(
            recount.value * 1e9,
            rel=0.002,
            abs=5.1e7,  # printed in tenths of a billion
        )


def test_llama_405b_by_hand():
    # The Llama 3 Herd of Models (2024), table 3: 126 layers, 16,384 wide, 128 heads, 8 key-value heads, 53,248.
    # Attention 2 x 16384 x 128 x (128 + 8) = 570,425,344; feed-forward 3 x 16384 x 53248 = 2,617,245,696;
    # 126 layers of both and 2 x 128256 x 16384 of embeddings: 405.85e9.
    found = model(CATALOG, "llama-3.1-405b").item
    assert counted_parameters(found) == 126 * (570_425_344 + 2_617_245_696) + 2 * 128_256 * 16_384


def test_deepseek_v3_is_latent_attention_with_experts():
    # DeepSeek-V3 technical report (2024), section 4.2.
    found = model(CATALOG, "deepseek-v3").item
    assert found.attention == LatentAttention(
        heads_count=128, q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128
    )
    assert isinstance(found.feed_forward, MixtureOfExperts)
    assert found.feed_forward.shared_ffn_dim == 2048  # one shared expert, as wide as a routed one
    assert (found.feed_forward.first_dense_layers_count, found.feed_forward.dense_ffn_dim) == (3, 18_432)
    assert (found.parameters_count, found.active_parameters_count) == (671e9, 37e9)


def test_maverick_has_experts_in_every_second_layer_and_wide_dense_blocks():
    found = model(CATALOG, "llama-4-maverick").item
    assert isinstance(found.feed_forward, MixtureOfExperts)
    assert (found.feed_forward.moe_layer_interval, found.feed_forward.dense_ffn_dim) == (2, 16_384)


def test_gpt_3_has_ungated_blocks_and_tied_embeddings():
    found = model(CATALOG, "gpt-3-175b").item
    assert not found.feed_forward.gated
    assert found.tied_embeddings
    assert found.attention == GroupedQueryAttention(heads_count=96, kv_heads_count=96, head_dim=128)


def test_windows_are_said_to_be_computed_as_full_attention():
    evidence = model(CATALOG, "gpt-oss-120b").evidence[0]
    assert evidence.key == "models/gpt-oss-120b/architecture"
    assert "upper bounds" in evidence.note


def test_a_derived_size_keeps_its_grade():
    keys = {entry.key: entry.grade for entry in model(CATALOG, "minimax-m3").evidence}
    assert keys["models/minimax-m3/parameters-total"] is Grade.DERIVED


@pytest.mark.parametrize(("model_id", "reason"), REFUSED.items())
def test_what_cannot_be_expressed_is_refused_but_visible(model_id, reason):
    assert CATALOG.record("models", model_id).figures
    with pytest.raises(CatalogError, match=reason):
        model(CATALOG, model_id)


def test_a_version_can_be_written_with_hyphens():
    assert CATALOG.record("models", "llama-3-1-405b").id == "llama-3.1-405b"
