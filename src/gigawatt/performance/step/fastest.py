"""The one fastest layout that fits, by branch and bound over the blocks of the space.

Whatever a block varies inside, no layout of it is faster than all micro-batches through an even share of the model
with the least recomputation whose weights, states and activations can fit at all; a layer's time does not depend on
pipeline and data parallelism, so the bounds of all blocks cost little. Blocks are opened from the lowest bound on until
the next bound is no better than the best time found: the optimum is never lost, and only a few blocks are ever laid out
in full.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.search import bound_s
from gigawatt.performance.step.space import RECOMPUTE, ZERO, Block, block_layouts, blocks, divisors, joined
from gigawatt.performance.step.step import cell_times, cells, time_after_cells_s
from gigawatt.performance.step.task import StepLayouts, StepTask, chosen, layouts_of
from gigawatt.timeline import FloatArray

# Few layouts first, so that a good time is known early; then as many as make array arithmetic cheap.
_FIRST_BATCH, _BATCH = 1 << 13, 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Fastest:
    """The fastest layout that fits (`layout` has one entry) with its step time and memory.

    `layout` is `None` when nothing fits; then `least_memory_bytes` is the least that any layout needs, infinite when
    there is no layout at all.
    """

    layout: StepLayouts | None
    step_s: float
    memory_bytes: float
    least_memory_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Best:
    layout: StepLayouts | None
    step_s: float
    memory_bytes: float


def fastest(
    task: StepTask,
    platform: Platform,
    operators: OperatorModel,
    *,
    accelerators_count: int,
    beat_s: float = float("inf"),
) -> Fastest:
    """The fastest layout over exactly `accelerators_count` accelerators that fits the platform's memory.

    One that takes `beat_s` or longer is not worth finding: then there is none.
    """
    every = list(blocks(task, platform, accelerators_count=accelerators_count))
    best = _Best(layout=None, step_s=beat_s, memory_bytes=float("nan"))
    least = float("inf")
    if every:
        bounds = block_bounds(task, platform, every, operators)
        least = bounds.least_memory_bytes
        for layouts, bound in _opened(task, platform, every, bounds.step_s):
            if bound >= best.step_s:
                break
            memory = step_memory(task, layouts).total_bytes
            fits = memory <= platform.accelerator.memory_bytes
            if fits.any():
                best = _better(task, chosen(layouts, fits), memory[fits], operators, best)
    return Fastest(layout=best.layout, step_s=best.step_s, memory_bytes=best.memory_bytes, least_memory_bytes=least)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockBounds:
    """A time that no layout of a block beats that fits, `(block,)`, infinite where none does; the least memory."""

    step_s: FloatArray
    least_memory_bytes: float


def block_bounds(task: StepTask, platform: Platform, every: list[Block], operators: OperatorModel) -> BlockBounds:
    """The bounds of each block and the least memory of any layout."""
    rows = [
        (index, micro, sequence, level)
        for index, block in enumerate(every)
        for micro in divisors(int(np.ceil(task.batch_sequences_count / block.dp_count)))
        for sequence in ((0.0, 1.0) if block.tp_count > 1 else (0.0,))
        for level in RECOMPUTE
    ]
    index, micro, sequence, level = np.array(rows, dtype=np.float64).T
    at = index.astype(np.intp)
    columns = {
        field.name: np.array([float(getattr(block, field.name)) for block in every])[at] for field in fields(Block)
    }
    columns |= {"micro_batch_count": micro, "sequence_parallel": sequence, "recompute_level": level}
    memory = _least_memory_bytes(task, columns, size=at.size)
    fits = memory <= platform.accelerator.memory_bytes
    layouts = layouts_of({name: values[fits] for name, values in columns.items()}, size=int(fits.sum()))
    least = np.full(len(every), np.inf)
    if layouts.candidates_count:
        found = cells(layouts)
        bound = bound_s(task, layouts, found, cell_times(task, found.layouts, operators))
        np.minimum.at(least, at[fits], bound)
    return BlockBounds(step_s=least, least_memory_bytes=float(memory.min()))


def _least_memory_bytes(task: StepTask, columns: Mapping[str, FloatArray], *, size: int) -> FloatArray:
    """The least that each row needs, whatever is sharded over all its ranks; chunks only add to it."""
    ranks = columns["dp_count"] * columns["cp_count"] / task.sites_count
    sharded = (
        layouts_of({**columns, "zero_stage": np.full(size, stage), "shards_count": ranks}, size=size) for stage in ZERO
    )
    return np.asarray(np.min([step_memory(task, layouts).total_bytes for layouts in sharded], axis=0))


def _opened(
    task: StepTask, platform: Platform, every: list[Block], bounds: FloatArray
) -> Iterator[tuple[StepLayouts, float]]:
    """Layouts of the blocks in batches from the lowest bound on, each with the lowest bound in it."""
    waiting: list[StepLayouts] = []
    size, bound, most = 0, float("inf"), _FIRST_BATCH
    for index in np.argsort(bounds, kind="stable"):
        if bounds[index] == float("inf"):
            break
        waiting.append(block_layouts(task, platform, every[index]))
        size += waiting[-1].candidates_count
        bound = min(bound, float(bounds[index]))
        if size >= most:
            yield joined(waiting), bound
            waiting, size, bound, most = [], 0, float("inf"), _BATCH
    if waiting:
        yield joined(waiting), bound


def _better(task: StepTask, layouts: StepLayouts, memory: FloatArray, operators: OperatorModel, best: _Best) -> _Best:
    found = cells(layouts)
    per_cell = cell_times(task, found.layouts, operators)
    open_ = np.flatnonzero(bound_s(task, layouts, found, per_cell) < best.step_s)
    if not open_.size:
        return best
    some = chosen(layouts, open_)
    times = time_after_cells_s(task, some, operators, per_cell, found.cell[open_])
    first = int(np.argmin(times))
    if times[first] >= best.step_s:
        return best
    return _Best(
        layout=chosen(some, np.array([first])),
        step_s=float(times[first]),
        memory_bytes=float(memory[open_[first]]),
    )
