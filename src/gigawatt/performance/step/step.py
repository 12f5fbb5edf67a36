"""The time of one optimizer step of each layout, by cause.

What a layer takes depends only on how the layer itself is cut (tensor, context, expert parallelism, micro-batch), so
it is computed once per such cell and shared by every pipeline, interleaving, sharding and recomputation around it.
"""

from dataclasses import dataclass, fields

import numpy as np
from scipy.special import ndtri

from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step import head, layer, memory, offload, pipeline, sharding
from gigawatt.performance.step.layer import LayerTimes, issued_s
from gigawatt.performance.step.task import (
    FULLY_SHARDED,
    IndexArray,
    StepLayouts,
    StepTask,
    chosen,
    micro_batches_count,
)
from gigawatt.performance.step.times import PassTimes, total
from gigawatt.timeline import FloatArray

_CELL = (
    "tp_count",
    "cp_count",
    "ep_count",
    "expert_tp_count",
    "micro_batch_count",
    "sequence_parallel",
    "recompute_level",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Time of one step by cause, `(candidate,)`; communication counts as far as it is exposed, host as far as it waits.

    The parts add up to the step.
    """

    gemm_s: FloatArray
    attention_s: FloatArray
    elementwise_s: FloatArray
    tensor_parallel_s: FloatArray
    context_parallel_s: FloatArray
    expert_parallel_s: FloatArray
    recompute_s: FloatArray
    host_s: FloatArray
    host_link_s: FloatArray
    bubble_s: FloatArray
    straggler_s: FloatArray
    pipeline_transfer_s: FloatArray
    data_parallel_s: FloatArray
    optimizer_s: FloatArray

    @property
    def total_s(self) -> FloatArray:
        """Time of the whole step."""
        parts = [getattr(self, field.name) for field in fields(self)]
        return np.asarray(np.sum(parts, axis=0), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The distinct cuts of a layer among layouts, and which of them each layout has, `(candidate,)`."""

    layouts: StepLayouts
    cell: IndexArray


def cells(layouts: StepLayouts) -> Cells:
    """The distinct cuts of a layer among layouts."""
    key = np.zeros(layouts.candidates_count, dtype=np.int64)
    for name in _CELL:
        values, digit = np.unique(getattr(layouts, name), return_inverse=True)
        key = key * values.size + digit
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return Cells(layouts=chosen(layouts, first), cell=inverse.astype(np.intp))


def taken(times: PassTimes, cell: IndexArray, *, size: int) -> PassTimes:
    """A cell's times for each layout."""
    every = {
        field.name: np.broadcast_to(np.asarray(getattr(times, field.name), dtype=np.float64), (size,))[cell]
        for field in fields(times)
    }
    return PassTimes(**every)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellTimes:
    """What a micro-batch takes in a mean layer and in the last stage's extras, per cell, host included, `(cell,)`.

    `heaviest_s` is the slower kind of layer, of which the fullest stage may hold nothing else, `heaviest_plain_s` the
    slower one without recomputation. `table_s` is the first stage's gradient of the embedding. Of the backward pass
    `weights_s` are for gradients of weights. `computing_s`,
    `recomputing_s` and `end_computing_s` count kernels that compute, without what waits for links or for the host.
    """

    forward_s: FloatArray
    backward_s: FloatArray
    recompute_s: FloatArray
    weights_s: FloatArray
    heaviest_s: FloatArray
    heaviest_plain_s: FloatArray
    end_s: FloatArray
    table_s: FloatArray
    computing_s: FloatArray
    recomputing_s: FloatArray
    end_computing_s: FloatArray
    layer: LayerTimes
    end: head.EndTimes

    def layer_s(self, layouts: StepLayouts, cell: IndexArray) -> FloatArray:
        """All passes through a mean layer of each layout."""
        return (self.forward_s + self.backward_s)[cell] + layouts.recomputed_share * self.recompute_s[cell]

    def heaviest_layer_s(self, layouts: StepLayouts, cell: IndexArray) -> FloatArray:
        """All passes through the slower kind of layer of each layout."""
        plain = self.heaviest_plain_s[cell]
        return plain + layouts.recomputed_share * (self.heaviest_s[cell] - plain)

    def summed_table_s(self, layouts: StepLayouts, cell: IndexArray) -> FloatArray:
        """The first stage's gradient of the embedding; shards add theirs when they are scattered, with the others."""
        return np.where(layouts.zero_stage < FULLY_SHARDED, self.table_s[cell], 0.0)

    def clocked_fraction(self, layouts: StepLayouts, cell: IndexArray, *, layers_count: int) -> FloatArray:
        """The part of all passes that runs at a device's own clock: products and attention."""
        whole = (
            total(self.layer.forward, self.layer.backward),
            self.layer.recompute,
            total(self.end.forward, self.end.backward),
        )
        size = self.forward_s.shape
        plain, again, end = (np.broadcast_to(part.gemm_s + part.attention_s, size)[cell] for part in whole)
        clocked = layers_count * (plain + layouts.recomputed_share * again) + end
        passes = layers_count * self.layer_s(layouts, cell) + self.end_s[cell] + self.summed_table_s(layouts, cell)
        return np.asarray(clocked / passes, dtype=np.float64)


def cell_times(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> CellTimes:
    """Times of each cell."""
    times = layer.layer_times(task, layouts, operators, mix=layer.mean_mix(task))
    end = head.end_times(task, layouts, operators, times)
    kinds = layer.kinds(task)
    each = [times]
    if len(kinds) > 1:
        each = [layer.layer_times(task, layouts, operators, mix=kind) for kind in kinds]
    return CellTimes(
        forward_s=issued_s(task, times.forward),
        backward_s=issued_s(task, times.backward),
        recompute_s=issued_s(task, times.recompute),
        weights_s=np.broadcast_to(np.asarray(times.backward.weights_s), layouts.tp_count.shape),
        heaviest_s=np.max([_both_passes_s(task, kind) + issued_s(task, kind.recompute) for kind in each], axis=0),
        heaviest_plain_s=np.max([_both_passes_s(task, kind) for kind in each], axis=0),
        end_s=issued_s(task, end.forward) + issued_s(task, end.backward),
        table_s=np.broadcast_to(issued_s(task, end.table), layouts.tp_count.shape),
        computing_s=times.forward.compute_s + times.backward.compute_s,
        recomputing_s=times.recompute.compute_s,
        end_computing_s=end.forward.compute_s + end.backward.compute_s,
        layer=times,
        end=end,
    )


def computing_s(task: StepTask, layouts: StepLayouts, per_cell: CellTimes, cell: IndexArray) -> FloatArray:
    """Time of a step in which a mean rank computes, `(candidate,)`."""
    per_layer = per_cell.computing_s[cell] + layouts.recomputed_share * per_cell.recomputing_s[cell]
    whole = task.model.layers_count * per_layer + per_cell.end_computing_s[cell]
    return np.asarray(micro_batches_count(task, layouts) * whole / layouts.pp_count, dtype=np.float64)


def _both_passes_s(task: StepTask, times: LayerTimes) -> FloatArray:
    return issued_s(task, times.forward) + issued_s(task, times.backward)


def step_total_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> FloatArray:
    """Time of one step of each layout, `(candidate,)`."""
    found = cells(layouts)
    per_cell = cell_times(task, found.layouts, operators)
    return time_after_cells_s(task, layouts, operators, per_cell, found.cell)


def time_after_cells_s(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, per_cell: CellTimes, cell: IndexArray
) -> FloatArray:
    """Time of one step of each layout, given its cell's."""
    outside = _outside(task, layouts, operators, per_cell, cell)
    busy_s = outside.pipeline_s + outside.straggler_s + outside.transfer_s
    return np.asarray(busy_s + outside.data_s + outside.optimizer_s, dtype=np.float64)


def slowest_excess_fraction(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """How much longer than the mean the slowest of the devices computes: the largest of n normal draws.

    Its expectation is about the quantile (n - 0.375)/(n + 0.25) (Blom, 1958, "Statistical estimates and transformed
    beta-variables", equation 6.10.3).
    """
    ranks = layouts.ranks_count
    return np.asarray(task.assumptions.device_spread_fraction * ndtri((ranks - 0.375) / (ranks + 0.25)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outside:
    pipeline_s: FloatArray
    straggler_s: FloatArray
    transfer_s: FloatArray
    data_s: FloatArray
    optimizer_s: FloatArray
    host_link_s: FloatArray


def _outside(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, per_cell: CellTimes, cell: IndexArray
) -> _Outside:
    held = pipeline.stage_layers(task, layouts)
    layer_s, end_s = per_cell.layer_s(layouts, cell), per_cell.end_s[cell]
    heaviest_s = np.where(layouts.pp_count > 1.0, per_cell.heaviest_layer_s(layouts, cell), layer_s)
    forward_s = per_cell.forward_s[cell]
    backward_s = layer_s - forward_s
    waiting_s = _host_waits_s(task, layouts, forward_s=forward_s, backward_s=backward_s)
    whole_layer_s, heaviest_s = layer_s + waiting_s, heaviest_s + waiting_s
    table_s = per_cell.summed_table_s(layouts, cell)
    windows = sharding.Windows(
        forward_s=held.most_count * forward_s,
        backward_s=held.most_count * backward_s,
        layers_count=held.most_count,
    )
    updated_s = sharding.optimizer_s(task, layouts, operators)
    pipeline_s = pipeline.makespan_s(
        layouts,
        waves_count=micro_batches_count(task, layouts),
        most_s=np.maximum(held.most_count * heaviest_s, held.first_count * heaviest_s + table_s),
        last_s=held.last_count * heaviest_s + end_s,
        whole_s=task.model.layers_count * whole_layer_s + end_s + table_s,
        unfilled=pipeline.unfilled_share(
            layouts, forward_s=forward_s, backward_s=backward_s, weights_s=per_cell.weights_s[cell]
        ),
    )
    clocked = per_cell.clocked_fraction(layouts, cell, layers_count=task.model.layers_count)
    return _Outside(
        pipeline_s=pipeline_s,
        straggler_s=pipeline_s * clocked * slowest_excess_fraction(task, layouts),
        transfer_s=pipeline.transfers_s(task, layouts, operators),
        data_s=sharding.data_parallel_s(task, layouts, operators, windows=windows),
        optimizer_s=np.maximum(updated_s, _optimizer_link_s(task, layouts)),
        host_link_s=waiting_s,
    )


def _host_waits_s(task: StepTask, layouts: StepLayouts, *, forward_s: FloatArray, backward_s: FloatArray) -> FloatArray:
    if not np.any(layouts.activation_offload + layouts.weight_offload > 0.0):
        return np.zeros_like(layouts.tp_count)
    kept = memory.kept_layer_bytes(task, layouts)
    return offload.exposed_layer_s(task, layouts, kept_bytes=kept, forward_s=forward_s, backward_s=backward_s)


def _optimizer_link_s(task: StepTask, layouts: StepLayouts) -> FloatArray:
    if not np.any(layouts.optimizer_offload > 0.0):
        return np.zeros_like(layouts.tp_count)
    return offload.optimizer_link_s(task, layouts, updated_count=sharding.updated_count(task, layouts))


def step_times(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> StepTimes:
    """Time of one step of each layout by cause; the parts are means over the pipeline ranks."""
    found = cells(layouts)
    per_cell = cell_times(task, found.layouts, operators)
    outside = _outside(task, layouts, operators, per_cell, found.cell)
    size = found.layouts.candidates_count
    stages, waves = layouts.pp_count, micro_batches_count(task, layouts)
    per_layer = total(per_cell.layer.forward, per_cell.layer.backward)
    ends = total(per_cell.end.forward, per_cell.end.backward)
    layers = waves * pipeline.stage_layers_mean_count(task, layouts)
    busy = (
        taken(per_layer, found.cell, size=size)
        .times(layers)
        .plus(taken(ends, found.cell, size=size).times(waves / stages))
    )
    recompute = layers * layouts.recomputed_share * per_cell.recompute_s[found.cell]
    table = waves / stages * per_cell.summed_table_s(layouts, found.cell)
    computing = layers * per_cell.layer_s(layouts, found.cell) + waves / stages * per_cell.end_s[found.cell]
    link = layers * outside.host_link_s
    return StepTimes(
        gemm_s=np.asarray(busy.gemm_s),
        attention_s=np.asarray(busy.attention_s),
        elementwise_s=np.asarray(busy.elementwise_s) + table,
        tensor_parallel_s=np.asarray(busy.tensor_parallel_s),
        context_parallel_s=np.asarray(busy.context_parallel_s),
        expert_parallel_s=np.asarray(busy.expert_parallel_s),
        recompute_s=recompute,
        host_s=computing - recompute - busy.device_s,
        host_link_s=link,
        bubble_s=outside.pipeline_s - computing - table - link,
        straggler_s=outside.straggler_s,
        pipeline_transfer_s=outside.transfer_s,
        data_parallel_s=outside.data_s,
        optimizer_s=outside.optimizer_s,
    )
