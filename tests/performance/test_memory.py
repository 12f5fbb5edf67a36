"""Memory by hand on a tiny model, golden on published profiles."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.entities.hardware import Precision
from gigawatt.performance.layout import ServingLayouts, TrainingLayouts, TrainingTask
from gigawatt.performance.memory import (
    activation_bytes,
    activation_bytes_per_token,
    cache_bytes_per_request,
    last_stage_activation_bytes,
    logits_bytes,
    rank_parameters,
    serving_memory_bytes,
    serving_weight_bytes,
    state_bytes,
    training_memory_bytes,
)
from tests.performance.published import DEEPSEEK_V3, GPT3_175B, LLAMA_405B, TINY, TINY_MOE

GIBIBYTE = 2.0**30


def layouts(*, tp=1, pp=1, dp=1, ep=1, chunks=1, micro=1, recomputed=0.0):
    return TrainingLayouts(
        tp_count=np.array([float(tp)]),
        pp_count=np.array([float(pp)]),
        dp_count=np.array([float(dp)]),
        ep_count=np.array([float(ep)]),
        chunks_count=np.array([float(chunks)]),
        micro_batch_count=np.array([float(micro)]),
        recomputed_fraction=np.array([recomputed]),
    )


def task(model=TINY, *, sequence=10, batch=8, accelerators=8):
    return TrainingTask(
        model=model,
        precision=Precision.BF16,
        sequence_tokens_count=sequence,
        batch_sequences_count=batch,
        accelerators_count=accelerators,
    )


def test_tiny_state_by_hand():
    # Two stages of two layers of 976 and one vocabulary matrix of 128: 2,080 parameters; 6 + 12/2 bytes each.
    two = layouts(pp=2, dp=2)
    assert rank_parameters(TINY, two).shared_count == 2080
    assert state_bytes(TINY, two) == 2080 * 12


def test_routed_experts_are_spread_and_their_optimizer_shared_by_the_copies():
    # 3 layers x 8 experts x 384 = 9,216 over 4 ranks; 4 data-parallel ranks hold one copy: 6 + 12 bytes each.
    # Shared: 976 + 3 x (192 + 64 + 384 + 16) + 2 x 128 = 3,200 at 6 + 12/4 bytes.
    assert state_bytes(TINY_MOE, layouts(dp=4, ep=4)) == 2304 * 18 + 3200 * 9


def test_tiny_activations_by_hand():
    # Values per token: attention 8 + q 8 + kv 8 + 8, feed-forward 8 + 3 x 32, norms 16 = 152; 304 bytes.
    assert activation_bytes_per_token(TINY) == 304
    # Two stages keep two micro-batches of 10 tokens in two layers each.
    assert activation_bytes(task(), layouts(pp=2)) == 2 * 2 * 10 * 304
    # Recomputed: the inputs (16 bytes a token), and one whole layer while it is computed anew.
    assert activation_bytes(task(), layouts(pp=2, recomputed=1.0)) == 2 * 2 * 10 * 16 + 10 * 304
    # Half of the layers recomputed.
    assert activation_bytes(task(), layouts(pp=2, recomputed=0.5)) == 2 * 2 * 10 * 160 + 10 * 304


def test_a_step_of_one_micro_batch_keeps_one():
    assert activation_bytes(task(batch=1), layouts(pp=4)) == 10 * 304


def test_the_last_stage_has_the_logits():
    # One stage: all activations of four layers and 10 x 16 logits of 4 bytes.
    single = layouts()
    assert logits_bytes(task(), single) == 640
    assert training_memory_bytes(task(), single) == state_bytes(TINY, single) + 4 * 10 * 304 + 640


def test_last_stage_of_an_interleaved_pipeline():
    # Two stages, two chunks of a layer each: two micro-batches in the first chunk, one in the last: 3 x 10 x 304.
    assert last_stage_activation_bytes(task(), layouts(pp=2, chunks=2)) == 3 * 10 * 304


def test_gpt3_activations_per_token_are_34_h_with_dropout():
    """Korthikanti et al. (2022), table 2: 34 h bytes with two one-byte dropout masks, which the model lacks here."""
    hidden = GPT3_175B.hidden_dim
    assert activation_bytes_per_token(GPT3_175B) + 2 * hidden == 34 * hidden


@pytest.mark.parametrize(
    ("model", "pp", "published_gib"),
    [
        (GPT3_175B, 8, 12.352),
        # MT-NLG 530B: 105 layers of 20,480 with 128 heads.
        (
            replace(
                GPT3_175B,
                id="mt-nlg-530b",
                layers_count=105,
                hidden_dim=20_480,
                attention=replace(GPT3_175B.attention, heads_count=128, kv_heads_count=128, head_dim=160),
                feed_forward=replace(GPT3_175B.feed_forward, ffn_dim=81_920),
            ),
            35,
            23.076,
        ),
    ],
)
def test_activations_agree_with_korthikanti_figure_1(model, pp, published_gib):
    """Korthikanti et al. (2022), figure 1, present work: sequence-parallel, selective, interleaved with three chunks.

    Their models have dropout: 34/32 of ours.
    """
    ours = activation_bytes(task(model, sequence=2048, batch=280), layouts(tp=8, pp=pp, chunks=3))
    assert float(ours[0]) * 34 / 32 / GIBIBYTE == pytest.approx(published_gib, rel=1e-3)


def test_state_agrees_with_korthikanti_figure_1():
    """Figure 1 shows 45.56 GiB of parameters and optimizer for GPT-3 on 64 GPUs: 18 bytes per layer weight.

    Ours adds the vocabulary matrix of the first stage: 51,200 x 12,288 / 8 x 18 bytes = 1.32 GiB.
    """
    ours = float(state_bytes(GPT3_175B, layouts(tp=8, pp=8))[0]) / GIBIBYTE
    assert ours - 51_200 * 12_288 / 8 * 18 / GIBIBYTE == pytest.approx(45.5625, rel=1e-3)


def serving(*, replica, tp, ep=1.0):
    return ServingLayouts(
        replica_count=np.array([replica]),
        tp_count=np.array([tp]),
        ep_count=np.array([ep]),
        packed_fraction=np.array([1.0]),
    )


def test_serving_weights_by_hand():
    # FP8: 4 x 976 bytes of layers over two ranks, vocabulary 2 x 128 x 2 bytes over two ranks.
    assert serving_weight_bytes(TINY, serving(replica=2.0, tp=2.0), precision=Precision.FP8) == 1952 + 256
    # Expert parallel over three ranks: the fullest holds 3 of 8 experts in 3 layers.
    moe = serving(replica=3.0, tp=1.0, ep=3.0)
    shared = 976 + 3 * (192 + 64 + 384 + 16) + 512
    assert serving_weight_bytes(TINY_MOE, moe, precision=Precision.FP8) == shared + 3 * 3 * 384


def test_cache_is_cut_no_finer_than_key_value_heads():
    one = cache_bytes_per_request(
        LLAMA_405B, serving(replica=16.0, tp=16.0), tokens_count=100.0, precision=Precision.BF16
    )
    assert one == 516_096 * 100 / 8
    latent = cache_bytes_per_request(
        DEEPSEEK_V3, serving(replica=8.0, tp=8.0, ep=8.0), tokens_count=100.0, precision=Precision.BF16
    )
    assert latent == 70_272 * 100


@given(
    tp=st.sampled_from([1, 2]),
    pp=st.sampled_from([1, 2, 4]),
    chunks=st.sampled_from([1, 2]),
    micro=st.integers(1, 4),
    batch=st.integers(1, 512),
    more=st.integers(1, 512),
    recomputed=st.sampled_from([0.0, 0.25, 1.0]),
)
def test_training_memory_is_monotone_in_batch(tp, pp, chunks, micro, batch, more, recomputed):
    spread = layouts(tp=tp, pp=pp, chunks=chunks, micro=micro, recomputed=recomputed)
    bigger_micro = layouts(tp=tp, pp=pp, chunks=chunks, micro=micro + 1, recomputed=recomputed)
    base = training_memory_bytes(task(batch=batch), spread)
    assert training_memory_bytes(task(batch=batch + more), spread) >= base
    assert training_memory_bytes(task(batch=1024), bigger_micro) >= training_memory_bytes(task(batch=1024), spread)


@given(requests=st.floats(1.0, 1e4), more=st.floats(0.0, 1e4))
def test_serving_memory_is_monotone_in_batch(requests, more):
    weights, cache = np.array([1e9]), np.array([3e6])
    base = serving_memory_bytes(weight_bytes=weights, request_bytes=cache, requests_per_copy_count=requests)
    assert (
        serving_memory_bytes(weight_bytes=weights, request_bytes=cache, requests_per_copy_count=requests + more) >= base
    )
