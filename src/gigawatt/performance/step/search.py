"""The best layout for a step, and the front of time, memory and energy, over the whole space.

Layouts stream through in batches. Memory is judged first; then a lower bound of the time, the slowest stage's share of
the work without any bubble, transfer, exchange or optimizer, and the energy that would take, drop every layout that a
known one already beats at no more memory. As the bounds never exceed time and energy, neither the optimum nor a point
of the front is lost; a test compares with plain enumeration.

The third aim is energy rather than power: a layout that only waits longer draws less, and nobody wants it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.memory import step_memory
from gigawatt.performance.step.space import Block, Breadth, block_slices, blocks, joined
from gigawatt.performance.step.step import Cells, CellTimes, cell_times, cells, computing_s, time_after_cells_s
from gigawatt.performance.step.task import BoolArray, StepLayouts, StepTask, chosen, micro_batches_count
from gigawatt.timeline import FloatArray

_BATCH = 1 << 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Layouts with step time, memory, and the energy of a step per accelerator, `(candidate,)`.

    Energies are NaN where the platform's power is unknown.
    """

    layouts: StepLayouts
    step_s: FloatArray
    memory_bytes: FloatArray
    energy_j: FloatArray

    @property
    def power_w(self) -> FloatArray:
        """Mean power per accelerator."""
        return self.energy_j / self.step_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a search saw and kept.

    `front` has, in the order of time, every layout that no other beats in time, memory and energy at once; its first is
    the fastest. It is `None` when nothing fits. `timed_count` layouts needed a full time, the others a bound only.
    """

    front: Ranked | None
    evaluated_count: int
    feasible_count: int
    timed_count: int
    least_memory_bytes: float


def search(
    task: StepTask,
    platform: Platform,
    operators: OperatorModel,
    *,
    accelerators_count: int,
    breadth: Breadth = Breadth.USUAL,
    prune: bool = True,
    report: Callable[[int], None] = lambda _: None,
) -> Found:
    """The front of step time, memory and energy over all layouts that fit the memory of platform and host.

    `report` is told how many layouts have been judged, now and then.
    """
    usable = platform.accelerator.memory_bytes
    work = _Work(task=task, operators=operators)
    front: Ranked | None = None
    evaluated = feasible = timed = 0
    least = float("inf")
    for layouts in _batches(task, platform, accelerators_count=accelerators_count, breadth=breadth):
        used = step_memory(task, layouts)
        memory = used.total_bytes
        fits = (memory <= usable) & (used.host_bytes <= task.assumptions.host_memory_bytes)
        evaluated += layouts.candidates_count
        report(evaluated)
        feasible += int(fits.sum())
        least = min(least, float(memory.min(initial=np.inf)))
        if not fits.any():
            continue
        kept = _promising(work, chosen(layouts, fits), memory[fits], front if prune else None)
        timed += kept.step_s.size
        front = _front(kept if front is None else _both(front, kept)) if kept.step_s.size else front
    return Found(
        front=None if front is None else replace(front, energy_j=front.energy_j * greatest_power_w(platform)),
        evaluated_count=evaluated,
        feasible_count=feasible,
        timed_count=timed,
        least_memory_bytes=least,
    )


def greatest_power_w(platform: Platform) -> float:
    """An accelerator's share of the greatest power of its rack, NaN where that is unknown."""
    return platform.rack_power_w / platform.accelerators_per_rack_count


def energy_j(task: StepTask, *, step_s: FloatArray, busy_s: FloatArray, power_w: float) -> FloatArray:
    """Energy of a step per accelerator: all of its power while it computes, a fraction while it waits."""
    waiting = task.assumptions.waiting_power_fraction
    return np.asarray(power_w * (waiting * step_s + (1.0 - waiting) * busy_s), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What is searched for; energies are compared per watt of greatest power, which is the same for all layouts."""

    task: StepTask
    operators: OperatorModel


def _batches(task: StepTask, platform: Platform, *, accelerators_count: int, breadth: Breadth) -> Iterator[StepLayouts]:
    waiting: list[StepLayouts] = []
    size = 0
    for block in _likely_first(task, platform, accelerators_count=accelerators_count):
        for layouts in block_slices(task, platform, block, breadth=breadth, most_count=_BATCH):
            waiting.append(layouts)
            size += layouts.candidates_count
            if size >= _BATCH:
                yield joined(waiting)
                waiting, size = [], 0
    if waiting:
        yield joined(waiting)


def _likely_first(task: StepTask, platform: Platform, *, accelerators_count: int) -> list[Block]:
    """Blocks with little model parallelism first, so that good times are known early; the order changes no answer."""
    found = blocks(task, platform, accelerators_count=accelerators_count)
    return sorted(found, key=lambda block: (block.tp_count * block.cp_count * block.pp_count, block.tp_count))


def _promising(work: _Work, layouts: StepLayouts, memory: FloatArray, front: Ranked | None) -> Ranked:
    """Times and energies of the layouts that a front does not already beat by their lower bounds."""
    task = work.task
    found = cells(layouts)
    per_cell = cell_times(task, found.layouts, work.operators)
    cell = found.cell
    busy = computing_s(task, layouts, per_cell, cell)
    if front is not None:
        bound = bound_s(task, layouts, found, per_cell)
        least = energy_j(task, step_s=bound, busy_s=busy, power_w=1.0) * (1.0 - _ROUNDING)
        open_ = ~beaten(bound, memory, least, front)
        layouts, memory, busy, cell = chosen(layouts, open_), memory[open_], busy[open_], cell[open_]
    times = time_after_cells_s(task, layouts, work.operators, per_cell, cell)
    return Ranked(
        layouts=layouts,
        step_s=times,
        memory_bytes=memory,
        energy_j=energy_j(task, step_s=times, busy_s=busy, power_w=1.0),
    )


def bound_s(task: StepTask, layouts: StepLayouts, found: Cells, per_cell: CellTimes) -> FloatArray:
    """Never more than the step: all micro-batches through an even share of the model, and nothing else."""
    layers = task.model.layers_count * per_cell.layer_s(layouts, found.cell)
    share = (layers + per_cell.end_s[found.cell]) / layouts.pp_count
    return np.asarray(micro_batches_count(task, layouts) * share * (1.0 - _ROUNDING), dtype=np.float64)


# The bound and the time add the same numbers in another order.
_ROUNDING = 1e-12


def beaten(bound: FloatArray, memory: FloatArray, energy: FloatArray, front: Ranked) -> BoolArray:
    """Whether a layout of the front is as fast as the bound with no more memory and energy, `(candidate,)`."""
    lost = np.zeros(bound.size, dtype=np.bool_)
    left = np.argsort(bound)
    for step_s, bytes_, joules in zip(front.step_s, front.memory_bytes, front.energy_j, strict=True):
        # The front is sorted by time: those with a bound below this point's are beaten by no later one either.
        left = left[np.searchsorted(bound[left], step_s) :]
        gone = (memory[left] >= bytes_) & (energy[left] >= joules)
        lost[left[gone]] = True
        left = left[~gone]
    return lost


def _both(first: Ranked, second: Ranked) -> Ranked:
    return Ranked(
        layouts=joined([first.layouts, second.layouts]),
        step_s=np.concatenate([first.step_s, second.step_s]),
        memory_bytes=np.concatenate([first.memory_bytes, second.memory_bytes]),
        energy_j=np.concatenate([first.energy_j, second.energy_j]),
    )


def _front(ranked: Ranked) -> Ranked:
    """Those that no other beats in all three, fastest first; of equals the first."""
    left = np.lexsort((ranked.energy_j, ranked.memory_bytes, ranked.step_s))
    kept = []
    while left.size:
        best = left[0]
        kept.append(best)
        better = ranked.memory_bytes[left] < ranked.memory_bytes[best]
        left = left[better | (ranked.energy_j[left] < ranked.energy_j[best])]
    picked = np.array(kept, dtype=np.intp)
    return Ranked(
        layouts=chosen(ranked.layouts, picked),
        step_s=ranked.step_s[picked],
        memory_bytes=ranked.memory_bytes[picked],
        energy_j=ranked.energy_j[picked],
    )
