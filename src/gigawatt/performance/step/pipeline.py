"""The schedule of micro-batches over pipeline stages: 1F1B, interleaved where a rank holds several chunks.

n micro-batches over stages of time t_i with v chunks each take n max(t) + (sum(t) - max(t)) / v: the slowest stage
works without pause once the others have filled the pipeline (Narayanan et al., 2021, sections 2.2.1 and 2.2.2,
generalized to uneven stages). Other schedules fill part of that bubble; see `unfilled_share`.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.task import Schedule, StepLayouts, StepTask, micro_batches_count, micro_tokens_count
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StageLayers:
    """Layers of the fullest pipeline rank, of the first and of the last one, `(candidate,)`."""

    most_count: FloatArray
    first_count: FloatArray
    last_count: FloatArray


def stage_layers(task: StepTask, layouts: StepLayouts) -> StageLayers:
    """How the layers fall on the ranks; see `dealt_layers`."""
    return dealt_layers(layouts, layers_count=task.model.layers_count, extra=task.variant.predicted_tokens_count)


@lru_cache(maxsize=4)
def dealt_layers(layouts: StepLayouts, *, layers_count: int, extra: int) -> StageLayers:
    """How `layers_count` layers fall on the ranks, the last of which predicts `extra` tokens more.

    They are dealt evenly to all chunks. Where that does not come out, the last rank, which has the head, gets the
    smaller chunks first, as many as it has extra layers and at least one, then the others get them evenly from the
    first rank on, which has the embedding.
    """
    stages, chunks = layouts.pp_count, layouts.pp_count * layouts.chunks_count
    per_chunk = np.ceil(layers_count / chunks)
    missing = per_chunk * chunks - layers_count
    wanted = np.maximum(np.ceil(missing / stages), 1.0 + extra)
    held = per_chunk * layouts.chunks_count
    last = np.minimum(np.minimum(wanted, missing), held)
    others = np.floor((missing - last) / np.maximum(stages - 1.0, 1.0))
    first = others + np.where(missing - last > others * (stages - 1.0), 1.0, 0.0)
    only = stages == 1.0
    return StageLayers(
        first_count=np.where(only, float(layers_count), held - first),
        most_count=np.where(only, float(layers_count), held - others),
        last_count=np.where(only, float(layers_count), held - last),
    )


def stage_layers_mean_count(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Layers per rank on average."""
    return np.asarray(task.model.layers_count / layouts.pp_count, dtype=np.float64)


def makespan_s(
    layouts: StepLayouts,
    *,
    waves_count: FloatArray,
    most_s: FloatArray,
    last_s: FloatArray,
    whole_s: FloatArray,
    unfilled: FloatArray | float = 1.0,
) -> FloatArray:
    """Time of all micro-batches: `whole_s` through all stages once, at most `most_s` or, in the last, `last_s` each.

    Of the bubble `unfilled` is left.
    """
    slowest = np.where(layouts.pp_count > 1.0, np.maximum(most_s, last_s), whole_s)
    others = np.maximum(whole_s - slowest, 0.0)
    return np.asarray(waves_count * slowest + unfilled * others / layouts.chunks_count, dtype=np.float64)


def unfilled_share(
    layouts: StepLayouts, *, forward_s: FloatArray, backward_s: FloatArray, weights_s: FloatArray
) -> FloatArray:
    """The share of the bubble of one forward and one backward in turn that a schedule leaves.

    Of p stages with passes F, B and, in it, W for the weights, (p - 1)(F + B) is idle; with weight gradients put off
    (p - 1)(F + B - 2 W), with micro-batches from both ends (p/2 - 1)(F + 2 B - 3 W), where the passes that overlap take
    as long as both (DeepSeek-V3, 2024, table 2).
    """
    if not np.any(layouts.schedule > Schedule.ONE_FORWARD_ONE_BACKWARD):
        return np.ones_like(layouts.tp_count)
    both = forward_s + backward_s
    weights = np.minimum(weights_s, backward_s)
    put_off = np.maximum(both - 2.0 * weights, 0.0) / both
    stages = np.maximum(layouts.pp_count, 2.0)
    two_ended = np.maximum(forward_s + 2.0 * backward_s - 3.0 * weights, 0.0) / both
    dual = (stages / 2.0 - 1.0) / (stages - 1.0) * two_ended
    filled = np.where(layouts.schedule == Schedule.DUAL_PIPE, dual, put_off)
    return np.where(layouts.schedule > Schedule.ONE_FORWARD_ONE_BACKWARD, filled, 1.0)


def transfers_s(task: StepTask, layouts: StepLayouts, operators: OperatorModel) -> FloatArray:
    """Exposed transfers between stages of a step.

    Plain 1F1B waits for its neighbours twice per micro-batch, the interleaved schedule twice per chunk unless the
    software sends behind other chunks, or behind micro-batches from the other end; filling and emptying the pipeline
    always waits. Tensor-parallel ranks each send their share (Narayanan et al., 2021, section 4.1).
    """
    volume = micro_tokens_count(task, layouts) / layouts.tp_count * task.model.hidden_dim * Precision.BF16.value_bytes
    stride = layouts.tp_count * layouts.cp_count * layouts.dp_count / task.sites_count
    one = operators.point_to_point_s(volume, ranks_count=layouts.pp_count, stride_count=stride)
    behind = np.logical_or(layouts.chunks_count > 1.0, layouts.schedule == Schedule.DUAL_PIPE)
    hidden = np.logical_and(task.practice.pipeline_overlap, behind)
    steady = np.where(hidden, 0.0, 2.0 * layouts.chunks_count * micro_batches_count(task, layouts))
    return np.where(layouts.pp_count > 1.0, (steady + 2.0 * (layouts.pp_count - 1.0)) * one, 0.0)
