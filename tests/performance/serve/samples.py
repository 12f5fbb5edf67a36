# ruff: noqa: ARG002  # these operators take the arguments of real ones and ignore most
"""A tiny dense model, a tiny mixture of experts, and operators whose times are easy to add up."""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.entities.workload import (
    AttentionPattern,
    DenseFeedForward,
    GroupedQueryAttention,
    LatentAttention,
    MixtureOfExperts,
    Model,
)
from gigawatt.performance.serve.task import Engine, Formats, ServeTask

DENSE = Model(
    id="tiny",
    layers_count=2,
    hidden_dim=64,
    vocabulary_count=100,
    tied_embeddings=False,
    attention=GroupedQueryAttention(heads_count=8, kv_heads_count=2, head_dim=8),
    feed_forward=DenseFeedForward(ffn_dim=128, gated=True),
    parameters_count=0.0,
    active_parameters_count=0.0,
)
EXPERTS = Model(
    id="tiny-experts",
    layers_count=3,
    hidden_dim=64,
    vocabulary_count=100,
    tied_embeddings=False,
    attention=LatentAttention(
        heads_count=8, q_lora_rank=16, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8
    ),
    feed_forward=MixtureOfExperts(
        routed_experts_count=16,
        top_k_count=2,
        expert_ffn_dim=32,
        shared_experts_count=1,
        shared_ffn_dim=32,
        first_dense_layers_count=1,
        dense_ffn_dim=128,
        moe_layer_interval=1,
        gated=True,
    ),
    parameters_count=0.0,
    active_parameters_count=0.0,
)
BF16 = Formats(
    attention=Precision.BF16,
    dense=Precision.BF16,
    experts=Precision.BF16,
    head=Precision.BF16,
    cache=Precision.BF16,
)
ENGINE = Engine(
    mixed=False,
    reserved=True,
    chunk_tokens_count=1000.0,
    admission_steps_count=1.0,
    step_host_s=0.0,
    issue_s=0.0,
    request_s=0.0,
    token_s=0.0,
    expert_skew_fraction=0.0,
    time_factor=1.0,
)


def task(model=DENSE, *, engine=ENGINE, pattern=None, isl=100.0, osl=50.0, formats=BF16, **more):
    return ServeTask(
        model=model,
        pattern=pattern or AttentionPattern(),
        formats=formats,
        engine=engine,
        input_tokens_count=isl,
        output_tokens_count=osl,
        **more,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting:
    """Each kind of operator takes a constant time, whatever its shape; single ranks exchange nothing."""

    gemm: float = 0.0
    grouped: float = 0.0
    prefill: float = 0.0
    decode: float = 0.0
    scan: float = 0.0
    memory: float = 0.0
    exchange: float = 0.0

    def gemm_s(self, m, n, k, *, precision):
        return self.gemm + 0.0 * np.asarray(m * n * k)

    def grouped_gemm_s(self, m, n, k, *, groups, precision):
        return self.grouped + 0.0 * np.asarray(m * n * k * groups)

    def attention_prefill_s(self, work):
        return self.prefill + 0.0 * np.asarray(work.sequences_count)

    def attention_backward_s(self, work):
        raise NotImplementedError

    def attention_decode_s(self, work):
        return self.decode + 0.0 * np.asarray(work.sequences_count)

    def scan_s(self, work):
        return self.scan + 0.0 * np.asarray(work.sequences_count)

    def memory_s(self, volume_bytes):
        return self.memory + 0.0 * np.asarray(volume_bytes)

    def all_reduce_s(self, volume_bytes, *, ranks_count, stride_count):
        return np.where(np.asarray(ranks_count) > 1.0, self.exchange, 0.0) + 0.0 * np.asarray(volume_bytes)

    all_gather_s = reduce_scatter_s = all_to_all_s = point_to_point_s = all_reduce_s
