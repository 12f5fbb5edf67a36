"""What data-parallel ranks exchange and update: gradients, weights and the optimizer.

ZeRO stages after Rajbhandari et al. (2020), section 5: 0 sums gradients everywhere, 1 and 2 scatter them and gather
the weights once per step, 3 (fully sharded data parallelism, Zhao et al., 2023) gathers every layer's weights for
each pass of each micro-batch and scatters its gradients. All of that goes in messages: a layer's weights when they are
fully sharded, otherwise buckets that grow with the ranks, as every message takes the hops of a ring through them.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.architecture import (
    attention_projections,
    dense_projections,
    embedding_parameters_count,
    expert_layer,
    expert_layers_count,
    expert_side_projections,
    routed_parameters_count,
    shared_parameters_count,
)
from gigawatt.performance.collectives import Reals
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.head import merging_parameters_count
from gigawatt.performance.step.pipeline import StageLayers, stage_layers
from gigawatt.performance.step.task import FULLY_SHARDED, Recompute, StepLayouts, StepTask, micro_batches_count
from gigawatt.performance.step.times import exposed_s
from gigawatt.timeline import FloatArray

# FP32 copy, momentum and variance: Rajbhandari et al. (2020), section 3.1.
OPTIMIZER_BYTES_PER_PARAMETER = 12.0
_FP32_BYTES = 4.0
# Parameters of a bucket, at least and for each rank: Megatron-Core, DistributedDataParallel, bucket_size.
_BUCKET_PARAMETERS_COUNT, _BUCKET_PARAMETERS_PER_RANK_COUNT = 4e7, 1e6
# Views and copies of lists of tensors that the host issues for each rank of a gather or scatter: DeepSpeed v0.3.16,
# partition_parameters.py, and what torch.distributed does with such lists.
_VIEWS_PER_RANK, _COPIES_PER_RANK = 1.0, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldParameters:
    """Parameters of one rank by how many ranks share them, `(candidate,)`."""

    shared_count: FloatArray
    routed_count: FloatArray

    @property
    def total_count(self) -> FloatArray:
        """All of them."""
        return self.shared_count + self.routed_count

    def times(self, factor: FloatArray) -> "HeldParameters":
        """As many as `factor` such ranks hold."""
        return HeldParameters(shared_count=self.shared_count * factor, routed_count=self.routed_count * factor)


def held_parameters(
    task: StepTask, layouts: StepLayouts, *, layers_count: FloatArray, matrices_count: Reals
) -> HeldParameters:
    """Parameters of a rank with `layers_count` layers and `matrices_count` vocabulary matrices.

    Its layers have experts, as far as there are that many: dense layers lie together at the start. Layers of a hybrid
    alternate, so that each rank has its share of every kind.
    """
    model = task.model
    share = layers_count / model.layers_count
    whole = shared_parameters_count(model) * share + embedding_parameters_count(model) * matrices_count
    experts = float(max(expert_layers_count(model), 1))
    routed_share = np.minimum(layers_count, experts) / experts if model.hybrid is None else share
    routed = routed_parameters_count(model) * routed_share / (layouts.ep_count * layouts.expert_tp_count)
    return HeldParameters(
        shared_count=np.asarray(whole / layouts.tp_count, dtype=np.float64),
        routed_count=np.asarray(routed, dtype=np.float64),
    )


def fullest_parameters(task: StepTask, layouts: StepLayouts) -> HeldParameters:
    """Parameters of the first rank, or of the only one with both vocabulary matrices and the extra predictions."""
    held: StageLayers = stage_layers(task, layouts)
    only = layouts.pp_count == 1.0
    both = 1.0 if task.variant.tied_head else 2.0
    found = held_parameters(
        task,
        layouts,
        layers_count=held.first_count,
        matrices_count=np.where(only, both, 1.0),
    )
    extra = prediction_parameters(task)
    merging = np.where(only, merging_parameters_count(task) + extra.shared_count, 0.0) / layouts.tp_count
    experts = np.where(only, extra.routed_count, 0.0) / (layouts.ep_count * layouts.expert_tp_count)
    return HeldParameters(shared_count=found.shared_count + merging, routed_count=found.routed_count + experts)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionParameters:
    """Parameters of all extra layers that predict further tokens, before any parallelism."""

    shared_count: float
    routed_count: float


def prediction_parameters(task: StepTask) -> PredictionParameters:
    """A mean layer for each distinct extra prediction; of a hybrid one with attention and its feed-forward block."""
    model, extra = task.model, float(task.variant.prediction_layers_count)
    experts = expert_layer(model)
    if model.hybrid is None:
        shared = shared_parameters_count(model) / model.layers_count
        routed = routed_parameters_count(model) / max(expert_layers_count(model), 1)
    else:
        beside = expert_side_projections(model) if experts else dense_projections(model)
        matrices = (*attention_projections(model), *beside)
        shared = float(sum(matrix.parameters_count for matrix in matrices) + 2 * model.hidden_dim)
        routed = float(experts.experts_count * experts.expert_parameters_count) if experts else 0.0
    return PredictionParameters(shared_count=extra * shared, routed_count=extra * routed)


def middle_parameters(task: StepTask, layouts: StepLayouts) -> HeldParameters:
    """Parameters of the fullest rank without a vocabulary matrix; where there is none, of the first."""
    held = stage_layers(task, layouts)
    between = layouts.pp_count > 2.0
    layers = np.where(between, held.most_count, held.first_count)
    return held_parameters(task, layouts, layers_count=layers, matrices_count=np.where(between, 0.0, 1.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """One micro-batch of the fullest rank, forward and backward: what communication can hide behind."""

    forward_s: FloatArray
    backward_s: FloatArray
    layers_count: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchanges:
    """One gather and one scatter (or sum) of all of a rank's parameters, in how many messages."""

    gather_s: FloatArray
    scatter_s: FloatArray
    messages_count: FloatArray


def exchanges(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> Exchanges:
    """Time of one gather of weights and one reduction of gradients over all ranks of a site that share them."""
    held = fullest_parameters(task, layouts).times(layouts.copies_count)
    replicas = layouts.replicas_count / task.sites_count
    messages = messages_count(task, layouts, held.shared_count, ranks_count=replicas)
    shared = _Exchanged(
        parameters_count=held.shared_count,
        messages_count=messages,
        ranks_count=replicas,
        stride_count=layouts.tp_count,
    )
    gather, scatter = _exchange(task, layouts, operators, shared)
    if expert_layer(task.model) is not None:
        replicas = layouts.expert_replicas_count / task.sites_count
        routed = _Exchanged(
            parameters_count=held.routed_count,
            messages_count=messages_count(task, layouts, held.routed_count, ranks_count=replicas),
            ranks_count=replicas,
            stride_count=layouts.ep_count * layouts.expert_tp_count,
        )
        more = _exchange(task, layouts, operators, routed)
        gather, scatter = gather + more[0], scatter + more[1]
    return Exchanges(gather_s=gather, scatter_s=scatter, messages_count=messages)


def messages_count(
    task: StepTask, layouts: StepLayouts, parameters_count: FloatArray, *, ranks_count: FloatArray
) -> FloatArray:
    """Messages in which a rank's parameters are exchanged: layers, their matrices, buckets, or all at once."""
    bucket = np.maximum(_BUCKET_PARAMETERS_COUNT, _BUCKET_PARAMETERS_PER_RANK_COUNT * ranks_count)
    buckets = np.maximum(parameters_count / bucket, 1.0) if task.practice.data_parallel_overlap else 1.0
    if not np.any(layouts.zero_stage == FULLY_SHARDED):
        return np.broadcast_to(np.asarray(buckets, dtype=np.float64), layouts.tp_count.shape)
    layers = np.maximum(stage_layers(task, layouts).first_count, 1.0)
    if task.practice.listed_exchanges:
        layers = layers * (len(attention_projections(task.model)) + len(dense_projections(task.model)))
    return np.where(layouts.zero_stage == FULLY_SHARDED, layers, buckets)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchanged:
    """Parameters that ranks share, `stride_count` accelerators apart, and the messages they go in."""

    parameters_count: FloatArray
    messages_count: FloatArray
    ranks_count: FloatArray
    stride_count: FloatArray


def _exchange(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, shared: _Exchanged
) -> tuple[FloatArray, FloatArray]:
    """Gather and scatter inside shards, sum between them (hybrid sharding, Zhao et al., 2023, section 3.2.2)."""
    shards = np.where(layouts.zero_stage > 0.0, np.minimum(layouts.shards_count, shared.ranks_count), 1.0)
    copies, messages = shared.ranks_count / shards, shared.messages_count
    each = shared.parameters_count / messages
    weights, gradients = each * task.practice.gathered_bytes, each * task.practice.reduced_bytes
    gather = operators.all_gather_s(weights, ranks_count=shards, stride_count=shared.stride_count)
    scatter = operators.reduce_scatter_s(gradients, ranks_count=shards, stride_count=shared.stride_count)
    if task.practice.listed_exchanges:
        gather = _listed_s(task, operators, gather, weights, ranks_count=shards, copied_behind=True)
        scatter = _listed_s(task, operators, scatter, gradients, ranks_count=shards, copied_behind=False)
    between = operators.all_reduce_s(gradients / shards, ranks_count=copies, stride_count=shared.stride_count * shards)
    inside = np.where(shards > 1.0, scatter, 0.0) + np.where(copies > 1.0, between, 0.0)
    return messages * np.where(shards > 1.0, gather, 0.0), messages * inside


def _listed_s(
    task: StepTask,
    operators: OperatorModel,
    exchange_s: FloatArray,
    volume_bytes: FloatArray,
    *,
    ranks_count: FloatArray,
    copied_behind: bool,
) -> FloatArray:
    """An exchange through a list with a tensor for each rank, all before it and after it at rest.

    The host makes a view of each and issues a copy of each, of a gather while it runs; the device makes the copies.
    """
    host = task.assumptions.host_issue_s * ranks_count
    copying = ranks_count * operators.memory_s(2.0 * volume_bytes / ranks_count)
    issued = _COPIES_PER_RANK * host
    moved = np.maximum(exchange_s, issued) if copied_behind else exchange_s + issued
    return np.asarray(_VIEWS_PER_RANK * host + moved + copying, dtype=np.float64)


def between_sites_s(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Time in which sites sum their gradients, once per step: each rank sums its share with its peers elsewhere.

    Scattered and gathered over the wide-area network (Thakur et al., 2005, section 4.5), (s - 1)/s of all gradients
    leave a site twice, and a signal travels 2 lg s times; all ranks of a site share its line.
    """
    if task.sites is None or task.sites.count == 1:
        return np.zeros_like(layouts.tp_count)
    held = fullest_parameters(task, layouts).times(layouts.copies_count)
    sites = float(task.sites.count)
    per_rank = held.shared_count / layouts.replicas_count + held.routed_count / layouts.expert_replicas_count
    leaving = per_rank * sites * task.practice.reduced_bytes * layouts.ranks_count / sites * (1.0 - 1.0 / sites)
    signals = 2.0 * np.ceil(np.log2(sites)) * task.sites.one_way_s
    return np.asarray(signals + 2.0 * leaving / task.sites.wan_bytes_per_s, dtype=np.float64)


def data_parallel_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, windows: Windows) -> FloatArray:
    """Exposed communication of data parallelism in a step, `(candidate,)`."""
    if task.variant.frozen_weights:
        return np.zeros_like(layouts.tp_count)
    both, wide = exchanges(task, layouts, operators), between_sites_s(task, layouts)
    parts = np.maximum(both.messages_count, layouts.chunks_count)
    once = _hidden(task, both.scatter_s + wide, layouts, windows.backward_s, parts) + _hidden(
        task, both.gather_s, layouts, windows.forward_s, parts
    )
    if not np.any(layouts.zero_stage == FULLY_SHARDED):
        return once
    waves = micro_batches_count(task, layouts)
    again = _gathers_before_backward_count(task, layouts) * both.gather_s
    every = waves * (
        _behind(task, both.gather_s, windows.forward_s, parts)
        + _behind(task, again + both.scatter_s, windows.backward_s, parts)
    ) + _hidden(task, wide, layouts, windows.backward_s, parts)
    return np.where(layouts.zero_stage == FULLY_SHARDED, every, once)


# Parameters that a gathered one may be apart from its next use to be kept: DeepSpeed v0.3.16, max_reuse_distance.
_KEPT_PARAMETERS_COUNT = 1e9


def _gathers_before_backward_count(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """How often weights are gathered for a backward pass: for what is computed anew too where each goes by itself.

    Software that gathers matrices one by one lets go of them after each use, unless the next one is near.
    """
    layer = shared_parameters_count(task.model) / task.model.layers_count / layouts.tp_count
    twice = task.practice.listed_exchanges and layer > _KEPT_PARAMETERS_COUNT
    return np.where(np.logical_and(twice, layouts.recompute_level == Recompute.FULL), 2.0, 1.0)


def _hidden(
    task: StepTask, exchange_s: FloatArray, layouts: StepLayouts, pass_s: FloatArray, parts_count: FloatArray
) -> FloatArray:
    """Once per step, behind the last backward (or first forward) passes of a rank.

    With interleaving the passes of one chunk for p micro-batches come before those of the next, so earlier chunks hide
    behind later ones.
    """
    if not task.practice.data_parallel_overlap:
        return exchange_s
    chunks = layouts.chunks_count
    window = pass_s * (1.0 + layouts.pp_count * (chunks - 1.0)) / chunks
    return _behind(task, exchange_s, window, parts_count)


def _behind(task: StepTask, exchange_s: FloatArray, window_s: FloatArray, parts_count: FloatArray) -> FloatArray:
    if not task.practice.data_parallel_overlap:
        return exchange_s
    return exposed_s(
        exchange_s,
        behind_s=window_s,
        parts_count=parts_count,
        contention_fraction=task.assumptions.contention_fraction,
    )


def optimizer_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> FloatArray:
    """Clear and measure gradients, update state and weights, all bound by memory.

    Each parameter's gradient is written (cleared) and read (its norm); each rank then reads gradients and reads and
    writes the state of its share, and writes weights.
    """
    if task.variant.frozen_weights:
        return np.zeros_like(layouts.tp_count)
    held = fullest_parameters(task, layouts)
    count = updated_count(task, layouts)
    updated = 2.0 * OPTIMIZER_BYTES_PER_PARAMETER + 2.0 * _FP32_BYTES + Precision.BF16.value_bytes
    cleared = operators.memory_s(layouts.copies_count * held.total_count * task.practice.gradient_bytes)
    return cleared + operators.memory_s(count * updated) + _tied_s(task, layouts, operators)


def updated_count(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Parameters that one rank updates: its share, or all it holds where nothing is sharded."""
    held = fullest_parameters(task, layouts)
    shared = _sharded(layouts, held.shared_count, layouts.replicas_count / task.sites_count)
    return shared + _sharded(layouts, held.routed_count, layouts.expert_replicas_count / task.sites_count)


def _sharded(layouts: StepLayouts, parameters_count: FloatArray, ranks_count: FloatArray) -> FloatArray:
    """Both holders of a stage share its update, where updates are shared at all."""
    shards = np.minimum(layouts.shards_count, ranks_count)
    return np.where(layouts.zero_stage > 0.0, parameters_count / shards, layouts.copies_count * parameters_count)


def _tied_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> FloatArray:
    """First and last stage sum the gradients of a vocabulary matrix that they share."""
    if not task.variant.tied_head:
        return np.zeros_like(layouts.tp_count)
    volume = embedding_parameters_count(task.model) / layouts.tp_count * task.practice.gradient_bytes
    replicas = layouts.replicas_count / task.sites_count
    stride = layouts.tp_count * replicas * np.maximum(layouts.pp_count - 1.0, 1.0)
    summed = operators.all_reduce_s(volume, ranks_count=np.minimum(layouts.pp_count, 2.0), stride_count=stride)
    return np.where(layouts.pp_count > 1.0, summed, 0.0)
