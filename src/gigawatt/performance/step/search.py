"""The best layout for a step, and the front of time against memory, over the whole space.

Layouts stream through in batches. Memory is judged first; then a lower bound of the time, the slowest stage's share of
the work without any bubble, transfer, exchange or optimizer, drops every layout that a known one already beats at no
more memory. As the bound never exceeds the time, neither the optimum nor a point of the front is lost; a test compares
with plain enumeration.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.space import Block, block_layouts, blocks, joined
from gigawatt.performance.step.step import Cells, CellTimes, cell_times, cells, time_after_cells_s
from gigawatt.performance.step.task import StepLayouts, StepTask, chosen, micro_batches_count
from gigawatt.timeline import FloatArray

_BATCH = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Layouts with their step time and memory, `(candidate,)`."""

    layouts: StepLayouts
    step_s: FloatArray
    memory_bytes: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search saw and kept.

    `front` has, in the order of time, every layout that no other beats in time and memory at once; its first is the
    fastest. It is `None` when nothing fits. `timed_count` layouts needed a full time, the others a bound only.
    """

    front: Ranked | None
    evaluated_count: int
    feasible_count: int
    timed_count: int
    least_memory_bytes: float


def search(
    task: StepTask, platform: Platform, operators: OperatorModel, *, accelerators_count: int, prune: bool = True
) -> Found:
    """The front of step time and memory over all layouts that fit the platform's memory."""
    usable = platform.accelerator.memory_bytes
    front: Ranked | None = None
    evaluated = feasible = timed = 0
    least = float("inf")
    for layouts in _batches(task, platform, accelerators_count=accelerators_count):
        memory = step_memory(task, layouts).total_bytes
        fits = memory <= usable
        evaluated += layouts.candidates_count
        feasible += int(fits.sum())
        least = min(least, float(memory.min(initial=np.inf)))
        if not fits.any():
            continue
        kept = _promising(task, chosen(layouts, fits), memory[fits], operators, front if prune else None)
        timed += kept.step_s.size
        front = _front(kept if front is None else _both(front, kept)) if kept.step_s.size else front
    return Found(
        front=front,
        evaluated_count=evaluated,
        feasible_count=feasible,
        timed_count=timed,
        least_memory_bytes=least,
    )


def _batches(task: StepTask, platform: Platform, *, accelerators_count: int) -> Iterator[StepLayouts]:
    waiting: list[StepLayouts] = []
    size = 0
    for block in _likely_first(task, platform, accelerators_count=accelerators_count):
        layouts = block_layouts(task, platform, block)
        for start in range(0, layouts.candidates_count, _BATCH):
            waiting.append(chosen(layouts, np.arange(start, min(start + _BATCH, layouts.candidates_count))))
            size += waiting[-1].candidates_count
            if size >= _BATCH:
                yield joined(waiting)
                waiting, size = [], 0
    if waiting:
        yield joined(waiting)


def _likely_first(task: StepTask, platform: Platform, *, accelerators_count: int) -> list[Block]:
    """Blocks with little model parallelism first, so that good times are known early; the order changes no answer."""
    found = blocks(task, platform, accelerators_count=accelerators_count)
    return sorted(found, key=lambda block: (block.tp_count * block.cp_count * block.pp_count, block.tp_count))


def _promising(
    task: StepTask, layouts: StepLayouts, memory: FloatArray, operators: OperatorModel, front: Ranked | None
) -> Ranked:
    """Times of the layouts that a front does not already beat by their lower bound."""
    found = cells(layouts)
    per_cell = cell_times(task, found.layouts, operators)
    cell = found.cell
    if front is not None:
        open_ = ~beaten(bound_s(task, layouts, found, per_cell), memory, front)
        layouts, memory, cell = chosen(layouts, open_), memory[open_], cell[open_]
    times = time_after_cells_s(task, layouts, operators, per_cell, cell)
    return Ranked(layouts=layouts, step_s=times, memory_bytes=memory)


def bound_s(task: StepTask, layouts: StepLayouts, found: Cells, per_cell: CellTimes) -> FloatArray:
    """Never more than the step: all micro-batches through an even share of the model, and nothing else."""
    whole = task.model.layers_count * per_cell.layer_s + per_cell.end_s
    return np.asarray(
        micro_batches_count(task, layouts) * whole[found.cell] / layouts.pp_count * (1.0 - _ROUNDING), dtype=np.float64
    )


# The bound and the time add the same numbers in another order.
_ROUNDING = 1e-12


def beaten(bound: FloatArray, memory: FloatArray, front: Ranked) -> np.typing.NDArray[np.bool_]:
    """Whether a layout of the front is as fast as the bound with no more memory.

    The front is sorted by time, so its memory falls; the least memory among those as fast is that of the last.
    """
    last = np.searchsorted(front.step_s, bound, side="right") - 1
    known = np.where(last >= 0, front.memory_bytes[np.maximum(last, 0)], np.inf)
    return np.asarray(known <= memory, dtype=np.bool_)


def _both(first: Ranked, second: Ranked) -> Ranked:
    return Ranked(
        layouts=joined([first.layouts, second.layouts]),
        step_s=np.concatenate([first.step_s, second.step_s]),
        memory_bytes=np.concatenate([first.memory_bytes, second.memory_bytes]),
    )


def _front(ranked: Ranked) -> Ranked:
    """Those that need less memory than every faster one, fastest first."""
    order = np.lexsort((ranked.memory_bytes, ranked.step_s))
    memory = ranked.memory_bytes[order]
    before = np.concatenate([[np.inf], np.minimum.accumulate(memory)[:-1]])
    kept = order[memory < before]
    return Ranked(
        layouts=chosen(ranked.layouts, kept), step_s=ranked.step_s[kept], memory_bytes=ranked.memory_bytes[kept]
    )
