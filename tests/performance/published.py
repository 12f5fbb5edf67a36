"""Architectures and data sheets as published, for golden tests and laws. Rates are dense, links count one direction."""

from gigawatt.entities.hardware import Accelerator, Platform, Precision
from gigawatt.entities.workload import (
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    MixtureOfExperts,
    Model,
)

# Dubey et al. (2024), The Llama 3 Herd of Models, table 3.
LLAMA_405B = Model(
    id="llama-3.1-405b",
    layers_count=126,
    hidden_dim=16_384,
    vocabulary_count=128_256,
    tied_embeddings=False,
    attention=GroupedQueryAttention(heads_count=128, kv_heads_count=8, head_dim=128),
    feed_forward=DenseFeedForward(ffn_dim=53_248, gated=True),
    parameters_count=405.9e9,
    active_parameters_count=405.9e9,
)

# DeepSeek-AI (2024), DeepSeek-V3 technical report, section 4.2.
DEEPSEEK_V3 = Model(
    id="deepseek-v3",
    layers_count=61,
    hidden_dim=7168,
    vocabulary_count=129_280,
    tied_embeddings=False,
    attention=LatentAttention(
        heads_count=128,
        q_lora_rank=1536,
        kv_lora_rank=512,
        qk_nope_head_dim=128,
        qk_rope_head_dim=64,
        v_head_dim=128,
    ),
    feed_forward=MixtureOfExperts(
        routed_experts_count=256,
        top_k_count=8,
        expert_ffn_dim=2048,
        shared_experts_count=1,
        shared_ffn_dim=2048,
        first_dense_layers_count=3,
        dense_ffn_dim=18_432,
        moe_layer_interval=1,
        gated=True,
    ),
    parameters_count=671e9,
    active_parameters_count=37e9,
)

# Korthikanti et al. (2022), table 3: GPT-3 with a vocabulary of 51,200.
GPT3_175B = Model(
    id="gpt-3-175b",
    layers_count=96,
    hidden_dim=12_288,
    vocabulary_count=51_200,
    tied_embeddings=True,
    attention=GroupedQueryAttention(heads_count=96, kv_heads_count=96, head_dim=128),
    feed_forward=DenseFeedForward(ffn_dim=49_152, gated=False),
    parameters_count=175e9,
    active_parameters_count=175e9,
)

# NVIDIA H100 data sheet (SXM): 989 and 1,979 TFLOP/s dense, 80 GB, 3.35 TB/s, NVLink 450 GB/s each way, 400 Gb/s.
HGX_H100 = Platform(
    id="hgx-h100",
    name="HGX H100",
    vendor="nvidia",
    accelerator=Accelerator(
        peak_dense_flop_per_s={Precision.BF16: 989e12, Precision.FP8: 1979e12},
        memory_bytes=80e9,
        memory_bandwidth_bytes_per_s=3.35e12,
        scale_up_bandwidth_bytes_per_s=450e9,
        scale_out_bandwidth_bytes_per_s=50e9,
    ),
    accelerators_per_rack_count=8,
    scale_up_domain_count=8,
    rack_power_w=10_200.0,
    measured=True,
)

# A model small enough to check by hand: one head of 4, four layers.
TINY = Model(
    id="tiny",
    layers_count=4,
    hidden_dim=8,
    vocabulary_count=16,
    tied_embeddings=False,
    attention=GroupedQueryAttention(heads_count=2, kv_heads_count=1, head_dim=4),
    feed_forward=DenseFeedForward(ffn_dim=32, gated=True),
    parameters_count=4e3,
    active_parameters_count=4e3,
)

TINY_MOE = Model(
    id="tiny-moe",
    layers_count=4,
    hidden_dim=8,
    vocabulary_count=16,
    tied_embeddings=False,
    attention=GroupedQueryAttention(heads_count=2, kv_heads_count=1, head_dim=4),
    feed_forward=MixtureOfExperts(
        routed_experts_count=8,
        top_k_count=2,
        expert_ffn_dim=16,
        shared_experts_count=1,
        shared_ffn_dim=16,
        first_dense_layers_count=1,
        dense_ffn_dim=32,
        moe_layer_interval=1,
        gated=True,
    ),
    parameters_count=1e4,
    active_parameters_count=4e3,
)
