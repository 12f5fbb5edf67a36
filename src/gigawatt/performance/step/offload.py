"""What waits in the host's memory and comes over its link when it is needed.

Optimizer states (Ren et al., 2021, ZeRO-Offload; here the accelerator still updates them), weights and activations
(Rajbhandari et al., 2021, ZeRO-Infinity). Of whatever is offloaded two layers stay on the device: the one at work and
the one on its way. Transfers hide behind the layer at work, as far as that lasts.
"""

import numpy as np

from gigawatt.entities.hardware import Precision
from gigawatt.performance.step import sharding
from gigawatt.performance.step.pipeline import stage_layers
from gigawatt.performance.step.task import FULLY_SHARDED, StepLayouts, StepTask
from gigawatt.performance.step.times import exposed_s
from gigawatt.timeline import FloatArray

_LAYERS_AT_HAND = 2.0


def at_hand_fraction(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """The share of a rank's layers whose tensors stay on the device when the others are offloaded."""
    held = np.maximum(stage_layers(task, layouts).most_count, 1.0)
    return np.minimum(_LAYERS_AT_HAND / held, 1.0)


def weights_layer_bytes(task: StepTask, layouts: StepLayouts) -> FloatArray:
    """Weights of one mean layer on one rank, its shard where they are sharded."""
    held = sharding.fullest_parameters(task, layouts)
    per_layer = held.total_count / np.maximum(stage_layers(task, layouts).most_count, 1.0)
    shards = np.where(layouts.zero_stage >= FULLY_SHARDED, layouts.shards_count, 1.0)
    return np.asarray(per_layer / shards * Precision.BF16.value_bytes, dtype=np.float64)


def exposed_layer_s(
    task: StepTask, layouts: StepLayouts, *, kept_bytes: FloatArray, forward_s: FloatArray, backward_s: FloatArray
) -> FloatArray:
    """What one micro-batch waits for the host's link in a mean layer, there and back, `(candidate,)`.

    Forward activations leave and weights come; backward both come.
    """
    moved = layouts.activation_offload * kept_bytes
    if np.any(layouts.weight_offload > 0.0):
        moved = moved + layouts.weight_offload * weights_layer_bytes(task, layouts)
    link_s = moved / task.assumptions.host_link_bytes_per_s
    layers = np.maximum(stage_layers(task, layouts).most_count, 1.0)
    contention = task.assumptions.contention_fraction
    there, back = (
        exposed_s(link_s, behind_s=behind, parts_count=layers, contention_fraction=contention)
        for behind in (forward_s, backward_s)
    )
    return there + back


def optimizer_link_s(task: StepTask, layouts: StepLayouts, *, updated_count: FloatArray) -> FloatArray:
    """Time in which the states of a rank's share come over the link while those before go back."""
    volume = updated_count * sharding.OPTIMIZER_BYTES_PER_PARAMETER
    return layouts.optimizer_offload * volume / task.assumptions.host_link_bytes_per_s
