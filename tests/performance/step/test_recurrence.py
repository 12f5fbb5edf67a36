"""Layers that mix tokens by a recurrence: weights, work and time by hand; switched off they change nothing."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.catalog import load, training_model
from gigawatt.entities.workload import DeltaRuleMixer, HybridLayers, StateSpaceMixer
from gigawatt.performance.architecture import mixer_parameters_count, mixer_projections, parameters_count
from gigawatt.performance.flops import recurrence_flop_per_token, training_flop_per_token
from gigawatt.performance.kernels.device import Device
from gigawatt.performance.kernels.scan import (
    REFERENCE_CHUNK_FLOP,
    ScanCoefficients,
    ScanShapes,
    delta_rule_chunk_flop,
    scan_time_s,
    state_space_chunk_flop,
)
from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.step import step_times, step_total_s
from gigawatt.performance.step.task import Recompute, Variant, one_layout
from tests.performance.step.steps import dense_model, expert_model, operators, task

STATES = StateSpaceMixer(heads_count=16, head_dim=64, state_dim=128, groups_count=8, convolution_tokens_count=4)
DELTA = DeltaRuleMixer(
    key_heads_count=8, value_heads_count=16, key_dim=128, value_dim=128, convolution_tokens_count=4, channel_decay=False
)
CATALOG = load()
HYBRIDS = [
    *("nemotron-3-nano-30b-a3b", "nemotron-3-super-120b-a12b", "nemotron-3-ultra-550b-a55b"),
    *("qwen3.5-35b-a3b", "qwen3.5-122b-a10b", "qwen3.5-397b-a17b", "kimi-k3"),
]


def hybrid(mixer=STATES, *, linear=6, attention=2, feed_forward=8, model=None):
    layers = HybridLayers(
        mixer=mixer,
        linear_layers_count=linear,
        attention_layers_count=attention,
        feed_forward_layers_count=feed_forward,
    )
    return replace(model or dense_model(), hybrid=layers)


@pytest.mark.parametrize("name", HYBRIDS)
def test_weights_agree_with_the_published_recount(name):
    # Recounts are printed in tenths of a billion; of Kimi K3 the sources leave the gates' ranks open.
    recount = CATALOG.record("models", name).figures["recount-total"].value
    assert parameters_count(training_model(CATALOG, name).item) == pytest.approx(recount * 1e9, rel=0.003, abs=5.1e7)


def test_a_mamba_block_of_nemotron_nano_by_hand():
    # Nemotron 3 Nano: 64 heads of 64 are 4096 values; with a gate as wide, 2 x 8 groups x 128 states and one step per
    # head the projection has 2 x 4096 + 2048 + 64 = 10304 outputs of 2688; back from 4096. Convolution: 4 x 6144.
    model = training_model(CATALOG, "nemotron-3-nano-30b-a3b").item
    assert [(m.output_dim, m.input_dim) for m in mixer_projections(model)] == [(10304, 2688), (2688, 4096)]
    assert mixer_parameters_count(model) == 10304 * 2688 + 2688 * 4096 + 4 * 6144


def test_model_flop_are_those_that_the_measured_rates_are_published_with():
    # Megatron-Bridge prints 776 model TFLOP/s at 34,816 tokens/s of Nemotron 3 Nano: 22.29 GFLOP a token. Its count
    # takes the inner width as twice the hidden one, 5376 for 4096, in 23 layers: 3 x 23 x (2 x 2688 x 3 x 1280 +
    # 7 x 5376 x 128 - 4 x 4096 x 128) = 1.6 GFLOP more, and attention over half of the square, 3 x 6 x 4 x 4096 x 4096
    # = 1.2 GFLOP less.
    model = training_model(CATALOG, "nemotron-3-nano-30b-a3b").item
    ours = training_flop_per_token(model, sequence_tokens_count=8192)
    beyond = 3 * 23 * (2 * 2688 * 3 * 1280 + 7 * 5376 * 128 - 4 * 4096 * 128)
    assert ours + beyond - 3 * 6 * 4 * 4096 * 4096 == pytest.approx(776e12 / 34816, rel=0.01)


def test_the_recurrence_of_a_token_by_hand():
    # 16 heads of 64 x 128 written and read once in 6 layers: 2 x 6 x 2 x 131072 FLOP; the delta rule reads twice.
    assert recurrence_flop_per_token(hybrid()) == 2 * 6 * 2 * 131_072
    assert recurrence_flop_per_token(hybrid(DELTA)) == 2 * 6 * 3 * 16 * 128 * 128


def test_products_of_a_chunk_by_hand():
    # 64 tokens: each 3 x 128 x 128 with the state and 64 x 5 x 128 inside the chunk, two FLOP a product.
    assert delta_rule_chunk_flop(chunk_tokens_count=64, key_dim=128, value_dim=128) == REFERENCE_CHUNK_FLOP
    # 128 tokens: 2 x 128 x 64 with the state, 128 x (64 + 128/8) inside it.
    found = state_space_chunk_flop(chunk_tokens_count=128, state_dim=128, head_dim=64, heads_per_group=8)
    assert found == 2 * 128 * (16_384 + 10_240)


def test_a_scan_by_hand():
    # 2 sequences of 130 tokens are 3 chunks each; 10 heads make 60 tiles of half the reference's products: 60 x 10 us x
    # 0.5 over 100 processors is 3 us, the chain 3 x 2 us = 6 us: the longer counts with sharp overlap. 260 tokens x
    # 8 kB over 80 % of 4 TB/s are 0.65 us, the launch 20 us.
    coefficients = ScanCoefficients(
        launch_s=2e-5, turn_s=2e-6, chunk_s=1e-5, bandwidth_fraction=0.8, overlap_exponent=60
    )
    device = Device(
        peak_dense_flop_per_s=1e15,
        memory_bytes_per_s=4e12,
        link_bytes_per_s=1e12,
        processors_count=100.0,
        exponential_units_count=1600.0,
    )
    shapes = ScanShapes(
        sequences_count=2.0,
        tokens_count=130.0,
        heads_count=10.0,
        chunk_tokens_count=64.0,
        chunk_flop=REFERENCE_CHUNK_FLOP / 2,
        token_bytes=8000.0,
    )
    assert scan_time_s(shapes, device=device, coefficients=coefficients) == pytest.approx(26.65e-6)


@pytest.mark.parametrize("model", [dense_model(), expert_model()])
@pytest.mark.parametrize("level", [Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL])
def test_a_hybrid_without_recurrent_layers_is_the_transformer(model, level):
    # One stage: on several, the dense layers of a transformer lie in the first, those of a hybrid are spread.
    layout = one_layout(tp_count=2, dp_count=4, micro_batch_count=2, recompute_level=level)
    off = hybrid(model=model, linear=0, attention=8)
    plain, switched = task(model), task(off)
    assert step_total_s(switched, layout, operators()) == pytest.approx(step_total_s(plain, layout, operators()))
    if model.feed_forward == dense_model().feed_forward:
        assert step_memory(switched, layout).total_bytes == pytest.approx(step_memory(plain, layout).total_bytes)


def test_long_sequences_cost_a_hybrid_less_than_a_transformer():
    def ratio(model, sequence):
        layout = one_layout(tp_count=1)
        one = step_times(task(model, sequence_tokens_count=sequence, batch_sequences_count=8.0), layout, operators())
        return float(one.attention_s[0]) / sequence

    # Twice the sequence doubles attention per token; a recurrence's stays.
    pure = hybrid(linear=8, attention=0)
    assert ratio(dense_model(), 65_536) > 1.9 * ratio(dense_model(), 32_768)
    assert ratio(pure, 65_536) == pytest.approx(ratio(pure, 32_768), rel=0.01)


def test_experts_in_a_latent_space_get_narrow_tokens():
    # 1024 wide, experts in 256: what is sent falls fourfold.
    wide = expert_model()
    narrow = replace(wide, feed_forward=replace(wide.feed_forward, latent_dim=256))
    layout = one_layout(dp_count=8, ep_count=8)
    sent = [step_times(task(model), layout, operators()).expert_parallel_s[0] for model in (wide, narrow)]
    assert sent[0] == pytest.approx(4 * sent[1])


def test_shared_predictions_are_computed_twice_and_kept_once():
    layout = one_layout(dp_count=8)
    own = task(hybrid(), variant=Variant(predicted_tokens_count=2))
    shared = replace(own, variant=replace(own.variant, shared_prediction=True))
    same = step_times(shared, layout, operators()).gemm_s, step_times(own, layout, operators()).gemm_s
    assert same[0] == pytest.approx(same[1])
    assert step_memory(shared, layout).state_bytes[0] < step_memory(own, layout).state_bytes[0]


MIXERS = st.sampled_from([STATES, DELTA, replace(DELTA, channel_decay=True)])


@given(
    mixer=MIXERS,
    tp=st.sampled_from([1, 2, 4]),
    cp=st.sampled_from([1, 2]),
    micro=st.sampled_from([1, 2, 4]),
    resource=st.sampled_from(
        [
            *("memory_bandwidth_bytes_per_s", "scale_up_bandwidth_bytes_per_s", "scale_out_bandwidth_bytes_per_s"),
            "peak",
        ]
    ),
)
def test_more_of_any_resource_is_never_slower_for_a_hybrid(mixer, tp, cp, micro, resource):
    layout = one_layout(tp_count=tp, cp_count=cp, dp_count=8, micro_batch_count=micro)
    of = task(hybrid(mixer))
    plain = operators()
    device = plain.accelerator
    if resource == "peak":
        more = replace(device, peak_dense_flop_per_s={k: 2 * v for k, v in device.peak_dense_flop_per_s.items()})
    else:
        more = replace(device, **{resource: 2 * getattr(device, resource)})
    before, after = step_total_s(of, layout, plain), step_total_s(of, layout, replace(plain, accelerator=more))
    assert np.all(after <= before)
    larger = one_layout(tp_count=tp, cp_count=cp, dp_count=8, micro_batch_count=2 * micro)
    assert step_memory(of, larger).total_bytes[0] >= step_memory(of, layout).total_bytes[0]
