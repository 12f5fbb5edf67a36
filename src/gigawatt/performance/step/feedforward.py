"""The feed-forward half of a layer: dense, or routed and shared experts with their dispatch.

Experts follow Shazeer et al. (2017) and Fedus et al. (2021): a router, an all-to-all that brings each token to its
experts, grouped products, and the way back. All wait for the rank with the busiest experts.
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import (
    ExpertLayer,
    Projection,
    Split,
    dense_projections,
    expert_layer,
    expert_side_projections,
    visited_ranks_count,
)
from gigawatt.performance.collectives import Reals
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step import linear, unfused
from gigawatt.performance.step.imbalance import expert_load_ratio
from gigawatt.performance.step.task import StepLayouts, StepTask, micro_tokens_count
from gigawatt.performance.step.times import PassTimes, exposed_s, for_weights, total
from gigawatt.timeline import FloatArray

_VALUE_BYTES = Precision.BF16.value_bytes
_ROUTER_BYTES = 4.0
# Softmax, top-k, scatter into the routing map and the auxiliary loss each pass over the router's scores.
_ROUTER_SWEEPS = 4


def _shared_width(matrices: tuple[Projection, ...], *, gated: bool) -> int:
    """Width after the activation of the blocks that widen, in values per token before tensor parallelism."""
    ups = [matrix.output_dim for matrix in matrices if matrix.split is Split.COLUMNS]
    return sum(ups) // (2 if gated else 1)


def _activation(
    task: StepTask, operators: OperatorModel, *, values_count: Reals, gated: bool, backward: bool
) -> PassTimes:
    """The activation function on `values_count` outputs: forward reads one or two and writes one.

    Backward reads these and the gradient, and writes one or two. Inputs kept in eight bits are cast there and back.
    """
    inputs = 2.0 if gated else 1.0
    moved = 2.0 * inputs + 1.0 if backward else inputs + 1.0
    sweeps = moved if task.practice.fused_elementwise else moved + 2.0
    volumes = [sweeps * _VALUE_BYTES * values_count]
    if task.practice.narrow_activation_inputs:
        volumes.append((_VALUE_BYTES + Precision.FP8.value_bytes) * inputs * values_count)
    return linear.elementwise(operators, *volumes)


def _plain_forward(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, matrices: tuple[Projection, ...]
) -> PassTimes:
    tokens, shards = micro_tokens_count(task, layouts), layouts.tp_count
    gated = task.model.feed_forward.gated
    linears = linear.forward_all(task, operators, matrices, tokens_count=tokens, shards_count=shards)
    width = tokens * _shared_width(matrices, gated=gated) / shards
    return linears.plus(_activation(task, operators, values_count=width, gated=gated, backward=False))


def _plain_backward(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, matrices: tuple[Projection, ...]
) -> PassTimes:
    tokens, shards = micro_tokens_count(task, layouts), layouts.tp_count
    gated = task.model.feed_forward.gated
    linears = linear.backward_all(task, operators, matrices, tokens_count=tokens, shards_count=shards)
    width = tokens * _shared_width(matrices, gated=gated) / shards
    return linears.plus(_activation(task, operators, values_count=width, gated=gated, backward=True))


def dense_forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch forward through a dense block."""
    return _plain_forward(task, layouts, operators, dense_projections(task.model))


def dense_in_forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """The part of `dense_forward` up to what the last product reads."""
    wide = tuple(matrix for matrix in dense_projections(task.model) if matrix.split is Split.COLUMNS)
    return _plain_forward(task, layouts, operators, wide)


def dense_backward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch back through a dense block."""
    return _plain_backward(task, layouts, operators, dense_projections(task.model))


def _shared_projections(task: StepTask) -> tuple[Projection, ...]:
    """What every token passes besides the router: shared experts, and projections into and out of a latent space."""
    return tuple(matrix for matrix in expert_side_projections(task.model) if matrix.name != "router")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Routed:
    """Tokens on their way through the experts of one rank: its own, and the copies that its experts get."""

    experts: ExpertLayer
    own_count: FloatArray
    copies_count: FloatArray
    local_experts_count: FloatArray


def _routed(task: StepTask, layouts: StepLayouts, experts: ExpertLayer) -> _Routed:
    own = micro_tokens_count(task, layouts) / layouts.tp_count
    loaded = expert_load_ratio(task, layouts)
    return _Routed(
        experts=experts,
        own_count=own,
        copies_count=own * experts.top_k_count * layouts.expert_tp_count * loaded,
        local_experts_count=experts.experts_count / layouts.ep_count,
    )


def _grouped(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, routed: _Routed, *, backward: bool
) -> PassTimes:
    pieces = []
    for matrix in routed.experts.projections:
        n, k = matrix.local_output_dim(layouts.expert_tp_count), matrix.local_input_dim(layouts.expert_tp_count)
        pieces.append(_grouped_products(task, operators, routed, n=n, k=k, backward=backward))
    return total(*pieces)


def _grouped_products(
    task: StepTask, operators: OperatorModel, routed: _Routed, *, n: FloatArray, k: FloatArray, backward: bool
) -> PassTimes:
    """Forward one grouped product; backward the gradient of the input, and of each expert's weight from its tokens.

    The law of experts is fitted where weights and idle processors count; the same multipliers at the same clock do
    the rest, so that no grouped product is faster than one dense product of all its rows.
    """
    rows, groups = routed.copies_count, routed.local_experts_count
    issued = 1.0 if task.practice.grouped_products else groups * task.number_format.kernels_per_product
    precision = task.number_format.precision
    if not backward:
        product = _no_faster_than_dense_s(operators, rows, n, k, groups=groups, precision=precision)
        return linear.cast(operators, rows * k, task.number_format).plus(
            PassTimes(gemm_s=product, kernels_count=issued)
        )
    inputs = _no_faster_than_dense_s(operators, rows, k, n, groups=groups, precision=precision)
    casts = linear.cast(operators, rows * n, task.number_format).plus(PassTimes(gemm_s=inputs, kernels_count=issued))
    if task.variant.frozen_weights:
        return casts
    weights = _no_faster_than_dense_s(operators, n * groups, k, rows / groups, groups=groups, precision=precision)
    summed = linear.accumulation(task, operators, groups * n * k)
    return total(casts, for_weights(PassTimes(gemm_s=weights, kernels_count=issued).plus(summed)))


def _biased_gradient(task: StepTask, layouts: StepLayouts, operators: OperatorModel, routed: _Routed) -> PassTimes:
    """What the product that takes gradients of the activation and of its bias along takes beyond one of its size."""
    excess = task.practice.biased_gradient_factor - 1.0
    if excess == 0.0 or not task.variant.limited_biased_experts:
        return PassTimes()
    down = routed.experts.projections[-1]
    own = _no_faster_than_dense_s(
        operators,
        routed.copies_count,
        down.local_input_dim(layouts.expert_tp_count),
        down.local_output_dim(layouts.expert_tp_count),
        groups=routed.local_experts_count,
        precision=task.number_format.precision,
    )
    return PassTimes(gemm_s=excess * own)


def _no_faster_than_dense_s(
    operators: OperatorModel, m: Reals, n: Reals, k: Reals, *, groups: Reals, precision: Precision
) -> FloatArray:
    grouped = operators.grouped_gemm_s(m, n, k, groups=groups, precision=precision)
    return np.maximum(grouped, operators.gemm_s(m, n, k, precision=precision))


def _router(task: StepTask, operators: OperatorModel, routed: _Routed, *, backward: bool) -> PassTimes:
    experts = float(routed.experts.experts_count)
    tokens, hidden = routed.own_count, float(task.model.hidden_dim)
    product = operators.gemm_s(tokens, experts, hidden, precision=Precision.BF16)
    if backward:
        product = operators.gemm_s(tokens, hidden, experts, precision=Precision.BF16) + operators.gemm_s(
            experts, hidden, tokens, precision=Precision.BF16
        )
    sweeps = [2.0 * _ROUTER_BYTES * tokens * experts] * _ROUTER_SWEEPS
    return linear.elementwise(operators, *sweeps).plus(
        PassTimes(gemm_s=product, kernels_count=2.0 if backward else 1.0)
    )


def _permutations(task: StepTask, operators: OperatorModel, routed: _Routed) -> PassTimes:
    """Sorting copies by destination, by local expert, and back twice; one pass each way when fused with dispatch."""
    passes = 2 if task.practice.fused_dispatch else 4
    moved = 2.0 * _VALUE_BYTES * routed.copies_count * routed.experts.token_dim
    return linear.slow_pass(operators, moved, factor=task.assumptions.permutation_factor).times(passes)


def _dispatch_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, routed: _Routed) -> FloatArray:
    """One way between tokens and experts: the all-to-all, and the exchange between ranks that split an expert."""
    send = _deduplicated_s if task.practice.deduplicated_dispatch else _copies_s
    sent = send(task, layouts, operators, routed)
    split = operators.all_gather_s(
        routed.copies_count * routed.experts.token_dim * _VALUE_BYTES,
        ranks_count=layouts.expert_tp_count,
        stride_count=1.0,
    )
    busiest = expert_load_ratio(task, layouts) * sent
    return np.where(layouts.ep_count > 1.0, busiest, 0.0) + np.where(layouts.expert_tp_count > 1.0, split, 0.0)


def _copies_s(
    task: StepTask,  # noqa: ARG001  # the two ways of sending are called alike
    layouts: StepLayouts,
    operators: OperatorModel,
    routed: _Routed,
) -> FloatArray:
    """Every copy of a token goes to its expert's rank."""
    volume = routed.own_count * routed.experts.top_k_count * routed.experts.token_dim * _VALUE_BYTES
    return operators.all_to_all_s(volume, ranks_count=layouts.ep_count, stride_count=layouts.expert_tp_count)


def _deduplicated_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, routed: _Routed) -> FloatArray:
    """A token crosses to each domain once and is copied there once per rank (DeepSeek-V3, 2024, section 3.2.2).

    Both legs are pipelined, so the slower one counts; the kernel handles each token of the rank besides.
    """
    stride, domain = layouts.expert_tp_count, float(task.scale_up_domain_count)
    local = np.minimum(np.maximum(np.floor(domain / stride), 1.0), layouts.ep_count)
    domains = np.maximum(layouts.ep_count / local, 1.0)
    token_bytes = routed.own_count * routed.experts.token_dim * _VALUE_BYTES
    crossing = token_bytes * visited_ranks_count(routed.experts, ep_count=domains)
    copied = token_bytes * visited_ranks_count(routed.experts, ep_count=layouts.ep_count)
    between = operators.all_to_all_s(crossing, ranks_count=domains, stride_count=stride * local)
    inside = operators.all_to_all_s(copied, ranks_count=local, stride_count=stride)
    legs = np.maximum(np.where(domains > 1.0, between, 0.0), np.where(local > 1.0, inside, 0.0))
    return np.asarray(legs + task.assumptions.token_exchange_s * routed.own_count, dtype=np.float64)


def _expert_pass(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, experts: ExpertLayer, *, backward: bool
) -> PassTimes:
    routed = _routed(task, layouts, experts)
    gated = task.model.feed_forward.gated
    width = routed.copies_count * _shared_width(experts.projections, gated=gated) / layouts.expert_tp_count
    plain = _plain_backward if backward else _plain_forward
    shared = _shared_projections(task)
    products = total(
        _grouped(task, layouts, operators, routed, backward=backward),
        _activation(task, operators, values_count=width, gated=gated, backward=backward),
        _limited_and_biased(task, operators, routed, values_count=width, backward=backward),
        _biased_gradient(task, layouts, operators, routed) if backward else PassTimes(),
    )
    computed = total(
        _router(task, operators, routed, backward=backward),
        _permutations(task, operators, routed),
        products if backward else _after_counting(task, products),
        plain(task, layouts, operators, shared) if shared else PassTimes(),
    )
    both_ways = 2.0 * _dispatch_s(task, layouts, operators, routed)
    return computed.plus(PassTimes(expert_parallel_s=both_ways, kernels_count=2.0))


def _limited_and_biased(
    task: StepTask, operators: OperatorModel, routed: _Routed, *, values_count: FloatArray, backward: bool
) -> PassTimes:
    """Limits of the experts' activations and biases after their last product, where these are no part of kernels.

    The bias after the first product and its gradient come out of the products themselves.
    """
    if not task.variant.limited_biased_experts or task.practice.fused_expert_epilogue:
        return PassTimes()
    results = routed.copies_count * routed.experts.token_dim
    return total(
        unfused.clamped(operators, values_count=values_count, backward=backward),
        unfused.biased(
            operators,
            values_count=results,
            experts_count=routed.local_experts_count,
            wide=task.practice.fused_dispatch,
            backward=backward,
        ),
    )


def _after_counting(task: StepTask, products: PassTimes) -> PassTimes:
    """The experts' products once the host knows how many rows each gets: it issues them while the device waits.

    Software that groups the products or graphs the step has the counts on the device only; behind another micro-batch's
    computation nothing waits.
    """
    if task.practice.grouped_products or task.practice.graphed or task.practice.expert_overlap:
        return products
    issued_s = task.assumptions.host_issue_s * np.asarray(products.kernels_count, dtype=np.float64)
    return products.plus(PassTimes(waiting_s=np.maximum(issued_s - products.device_s, 0.0)))


def expert_forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch forward through router, dispatch, experts and back; nothing for a dense model."""
    experts = expert_layer(task.model)
    return PassTimes() if experts is None else _expert_pass(task, layouts, operators, experts, backward=False)


def expert_backward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """One micro-batch back through a mixture-of-experts block."""
    experts = expert_layer(task.model)
    return PassTimes() if experts is None else _expert_pass(task, layouts, operators, experts, backward=True)


def overlapped(
    task: StepTask, layouts: StepLayouts, *, forward: PassTimes, backward: PassTimes
) -> tuple[PassTimes, PassTimes]:
    """Both passes of a layer with their dispatch behind another micro-batch's computation, if the software does that.

    One micro-batch goes forward while another goes back, so that what both exchange hides behind what both compute
    (DeepSeek-V3, 2024, section 3.2.1); what shows is spread over them as they exchange.
    """
    if not task.practice.expert_overlap:
        return forward, backward
    both = forward.plus(backward)
    shown = exposed_s(
        both.expert_parallel_s,
        behind_s=both.compute_s,
        parts_count=np.maximum(micro_tokens_count(task, layouts), 1.0),
        contention_fraction=task.assumptions.contention_fraction,
    )
    exchanged = np.asarray(both.expert_parallel_s, dtype=np.float64)
    share = np.divide(shown, exchanged, out=np.ones_like(shown), where=exchanged > 0.0)
    return (
        replace(forward, expert_parallel_s=forward.expert_parallel_s * share),
        replace(backward, expert_parallel_s=backward.expert_parallel_s * share),
    )


def activation_forward(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> PassTimes:
    """The activation function alone, for its recomputation, on what a token passes in a mean layer."""
    gated, tokens = task.model.feed_forward.gated, micro_tokens_count(task, layouts)
    experts = expert_layer(task.model)
    if experts is None:
        width = tokens * _shared_width(dense_projections(task.model), gated=gated) / layouts.tp_count
        return _activation(task, operators, values_count=width, gated=gated, backward=False)
    routed = _routed(task, layouts, experts)
    width = routed.copies_count * _shared_width(experts.projections, gated=gated) / layouts.expert_tp_count
    activated = _activation(task, operators, values_count=width, gated=gated, backward=False)
    if task.variant.limited_biased_experts and not task.practice.fused_expert_epilogue:
        return activated.plus(unfused.clamped(operators, values_count=width, backward=False))
    return activated
