"""Every way to spread a model over a worker, and the batches it may run."""

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.entities.workload import DenseFeedForward, MixtureOfExperts, Model
from gigawatt.performance.serve.task import WorkerLayouts
from gigawatt.timeline import FloatArray

BATCHES = np.array(sorted({float(round(2.0 ** (power / 3.0))) for power in range(34)}))
CHUNKS = (2048.0, 8192.0, 32768.0)
_MOST_STAGES = 4


def worker_layouts(model: Model, platform: Platform, *, accelerators_limit: int) -> WorkerLayouts:
    """Layouts of at most `accelerators_limit` accelerators; tensor parallelism stays inside a scale-up domain."""
    rows = [
        (tp, copies, world / ep, ep, stages)
        for world in _sizes(accelerators_limit)
        for tp in _sizes(min(world, platform.scale_up_domain_count))
        if model.attention.heads_count % tp == 0
        for copies in [world // tp]
        for ep in _expert_groups(model, world, copies)
        for stages in _sizes(_MOST_STAGES)
        if world * stages <= accelerators_limit
    ]
    tp, copies, expert_tp, ep, stages = np.array(rows, dtype=np.float64).T
    return WorkerLayouts(tp_count=tp, copies_count=copies, expert_tp_count=expert_tp, ep_count=ep, pp_count=stages)


def _sizes(limit: int) -> list[int]:
    return [2**power for power in range(limit.bit_length()) if 2**power <= limit]


def _expert_groups(model: Model, world: int, copies: int) -> list[int]:
    """Groups that experts may be spread over; a dense model is neither copied inside a worker nor spread."""
    block = model.feed_forward
    if isinstance(block, DenseFeedForward):
        return [1] if copies == 1 else []
    return [ep for ep in _sizes(min(world, block.routed_experts_count)) if _divides(block, world // ep)]


def _divides(block: MixtureOfExperts, expert_tp: int) -> bool:
    return block.expert_ffn_dim % expert_tp == 0


def crossed(layouts: WorkerLayouts, values: FloatArray) -> tuple[WorkerLayouts, FloatArray]:
    """Every layout with every value."""
    count = layouts.tp_count.size
    index = np.repeat(np.arange(count), values.size)
    return (
        WorkerLayouts(
            tp_count=layouts.tp_count[index],
            copies_count=layouts.copies_count[index],
            expert_tp_count=layouts.expert_tp_count[index],
            ep_count=layouts.ep_count[index],
            pp_count=layouts.pp_count[index],
        ),
        np.tile(values, count),
    )
