"""What data-parallel ranks exchange and update: gradients, weights and the optimizer.

ZeRO stages after Rajbhandari et al. (2020), section 5: 0 sums gradients everywhere, 1 and 2 scatter them and gather
the weights once per step, 3 (fully sharded data parallelism, Zhao et al., 2023) gathers every layer's weights for
each pass of each micro-batch and scatters its gradients.
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
from gigawatt.performance.step.task import StepLayouts, StepTask, micro_batches_count
from gigawatt.performance.step.times import exposed_s
from gigawatt.timeline import FloatArray

# FP32 copy, momentum and variance: Rajbhandari et al. (2020), section 3.1.
OPTIMIZER_BYTES_PER_PARAMETER = 12.0
_FP32_BYTES = 4.0
_FULLY_SHARDED = 3.0


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
    """One gather and one scatter (or sum) of all of a rank's parameters."""

    gather_s: FloatArray
    scatter_s: FloatArray


def exchanges(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> Exchanges:
    """Time of one gather of weights and one reduction of gradients over all ranks of a site that share them."""
    held = fullest_parameters(task, layouts).times(layouts.copies_count)
    replicas = layouts.replicas_count / task.sites_count
    gather, scatter = _exchange(task, layouts, operators, held.shared_count, ranks=replicas, stride=layouts.tp_count)
    if expert_layer(task.model) is not None:
        stride = layouts.ep_count * layouts.expert_tp_count
        replicas = layouts.expert_replicas_count / task.sites_count
        more = _exchange(task, layouts, operators, held.routed_count, ranks=replicas, stride=stride)
        gather, scatter = gather + more[0], scatter + more[1]
    return Exchanges(gather_s=gather, scatter_s=scatter)


def _exchange(
    task: StepTask,
    layouts: StepLayouts,
    operators: OperatorModel,
    parameters_count: FloatArray,
    *,
    ranks: FloatArray,
    stride: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Gather and scatter inside shards, sum between them (hybrid sharding, Zhao et al., 2023, section 3.2.2)."""
    shards = np.where(layouts.zero_stage > 0.0, np.minimum(layouts.shards_count, ranks), 1.0)
    copies = ranks / shards
    weights, gradients = parameters_count * task.practice.gathered_bytes, parameters_count * task.practice.reduced_bytes
    gather = operators.all_gather_s(weights, ranks_count=shards, stride_count=stride)
    scatter = operators.reduce_scatter_s(gradients, ranks_count=shards, stride_count=stride)
    between = operators.all_reduce_s(gradients / shards, ranks_count=copies, stride_count=stride * shards)
    return np.where(shards > 1.0, gather, 0.0), np.where(shards > 1.0, scatter, 0.0) + np.where(
        copies > 1.0, between, 0.0
    )


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
    once = _hidden(task, both.scatter_s + wide, layouts, windows.backward_s, windows) + _hidden(
        task, both.gather_s, layouts, windows.forward_s, windows
    )
    if not np.any(layouts.zero_stage == _FULLY_SHARDED):
        return once
    waves = micro_batches_count(task, layouts)
    every = waves * (
        _behind(task, both.gather_s, windows.forward_s, windows)
        + _behind(task, both.gather_s + both.scatter_s, windows.backward_s, windows)
    ) + _hidden(task, wide, layouts, windows.backward_s, windows)
    return np.where(layouts.zero_stage == _FULLY_SHARDED, every, once)


def _hidden(
    task: StepTask, exchange_s: FloatArray, layouts: StepLayouts, pass_s: FloatArray, windows: Windows
) -> FloatArray:
    """Once per step, behind the last backward (or first forward) passes of a rank.

    With interleaving the passes of one chunk for p micro-batches come before those of the next, so earlier chunks hide
    behind later ones.
    """
    if not task.practice.data_parallel_overlap:
        return exchange_s
    chunks = layouts.chunks_count
    window = pass_s * (1.0 + layouts.pp_count * (chunks - 1.0)) / chunks
    return _behind(task, exchange_s, window, windows)


def _behind(task: StepTask, exchange_s: FloatArray, window_s: FloatArray, windows: Windows) -> FloatArray:
    if not task.practice.data_parallel_overlap:
        return exchange_s
    return exposed_s(
        exchange_s,
        behind_s=window_s,
        parts_count=np.maximum(windows.layers_count, 1.0),
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
