"""The time of forward passes alone, as when a model is evaluated in the layout that trains it."""

from dataclasses import replace

import numpy as np

from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step import pipeline
from gigawatt.performance.step.layer import issued_s
from gigawatt.performance.step.step import cell_times, cells, slowest_excess_fraction
from gigawatt.performance.step.task import StepLayouts, StepTask, micro_batches_count
from gigawatt.timeline import FloatArray


def forward_total_s(
    task: StepTask, layouts: StepLayouts, operators: OperatorModel, *, sequences_count: float
) -> FloatArray:
    """Time to run `sequences_count` sequences forward through each layout, `(candidate,)`.

    Micro-batches follow each other through the stages as in training, without backward passes, gradients or updates;
    each sends once per stage. Fully sharded weights are taken as gathered behind the computation. The slowest device
    sets the pace.
    """
    task = replace(task, batch_sequences_count=sequences_count)
    found = cells(layouts)
    per_cell = cell_times(task, found.layouts, operators)
    layer_s = per_cell.forward_s[found.cell]
    end_s = issued_s(task, per_cell.end.forward)[found.cell]
    held = pipeline.stage_layers(task, layouts)
    busy_s = pipeline.makespan_s(
        layouts,
        waves_count=micro_batches_count(task, layouts),
        most_s=held.most_count * layer_s,
        last_s=held.last_count * layer_s + end_s,
        whole_s=task.model.layers_count * layer_s + end_s,
    )
    sent_s = pipeline.transfers_s(task, layouts, operators) / 2.0
    inside, end = (
        np.broadcast_to(np.asarray(part.gemm_s + part.attention_s), per_cell.forward_s.shape)[found.cell]
        for part in (per_cell.layer.forward, per_cell.end.forward)
    )
    count = task.model.layers_count
    clocked = (count * inside + end) / (count * layer_s + end_s)
    waiting_s = busy_s * clocked * slowest_excess_fraction(task, layouts)
    return np.asarray(busy_s + waiting_s + sent_s, dtype=np.float64)
