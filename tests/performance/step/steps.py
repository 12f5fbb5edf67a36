"""Small models, ideal devices and plain practices for the tests of the training step."""

from dataclasses import replace

from gigawatt.entities.hardware import Accelerator, Platform, Precision
from gigawatt.entities.workload import DenseFeedForward, GroupedQueryAttention, MixtureOfExperts, Model
from gigawatt.performance.operators import AchievedFractions, RooflineOperators
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import StepAssumptions, StepTask, Variant, current_practice

ASSUMPTIONS = StepAssumptions(
    host_issue_s=0.0,
    contention_fraction=0.0,
    attention_backward_factor=1.0,
    scan_backward_factor=2.0,
    accumulation_fraction=1.0,
    permutation_factor=1.0,
    fused_loss_factor=1.0,
    token_exchange_s=0.0,
    device_spread_fraction=0.0,
    reserved_bytes=0.0,
    fragmentation_fraction=0.0,
    host_link_bytes_per_s=5e10,
    host_memory_bytes=1e12,
    waiting_power_fraction=0.5,
)
PLAIN = replace(
    current_practice(),
    data_parallel_overlap=False,
    tensor_parallel_overlap=False,
    pipeline_overlap=False,
)


def dense_model(*, layers: int = 8, hidden: int = 1024, heads: int = 8, vocabulary: int = 32000) -> Model:
    return Model(
        id="tiny",
        layers_count=layers,
        hidden_dim=hidden,
        vocabulary_count=vocabulary,
        tied_embeddings=False,
        attention=GroupedQueryAttention(heads_count=heads, kv_heads_count=heads, head_dim=hidden // heads),
        feed_forward=DenseFeedForward(ffn_dim=4 * hidden, gated=False),
        parameters_count=0.0,
        active_parameters_count=0.0,
    )


def expert_model(*, layers: int = 8, hidden: int = 1024) -> Model:
    experts = MixtureOfExperts(
        routed_experts_count=16,
        top_k_count=2,
        expert_ffn_dim=hidden,
        shared_experts_count=1,
        shared_ffn_dim=hidden,
        first_dense_layers_count=1,
        dense_ffn_dim=4 * hidden,
        moe_layer_interval=1,
        gated=True,
    )
    return replace(dense_model(layers=layers, hidden=hidden), id="tiny-experts", feed_forward=experts)


def task(model: Model | None = None, **changes: object) -> StepTask:
    plain = StepTask(
        model=model or dense_model(),
        variant=Variant(),
        practice=PLAIN,
        number_format=NumberFormat.BF16,
        sequence_tokens_count=1024,
        batch_sequences_count=64.0,
        scale_up_domain_count=8,
        assumptions=ASSUMPTIONS,
    )
    return replace(plain, **changes)


def accelerator(**changes: float) -> Accelerator:
    device = Accelerator(
        peak_dense_flop_per_s={Precision.BF16: 1e15, Precision.FP8: 2e15},
        memory_bytes=8e10,
        memory_bandwidth_bytes_per_s=4e12,
        scale_up_bandwidth_bytes_per_s=4e11,
        scale_out_bandwidth_bytes_per_s=5e10,
    )
    return replace(device, **changes)


def platform(**changes: float) -> Platform:
    return Platform(
        id="ideal",
        name="Ideal",
        vendor="nobody",
        accelerator=accelerator(**changes),
        accelerators_per_rack_count=8,
        scale_up_domain_count=8,
        rack_power_w=1e4,
        measured=False,
    )


def operators(*, domain: int = 8, launch_s: float = 0.0, **changes: float) -> RooflineOperators:
    return RooflineOperators(
        accelerator=accelerator(**changes),
        scale_up_domain_count=domain,
        achieved=AchievedFractions(
            gemm_fraction=1.0,
            attention_fraction=1.0,
            memory_bandwidth_fraction=1.0,
            scale_up_bandwidth_fraction=1.0,
            scale_out_bandwidth_fraction=1.0,
            launch_s=launch_s,
        ),
    )
