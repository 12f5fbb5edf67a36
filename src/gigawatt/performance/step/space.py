"""All ways to spread a step over a number of accelerators, as blocks of struct of arrays.

A block fixes tensor, context, pipeline and expert parallelism; inside it micro-batch, interleaving, recomputation,
sharding and sequence parallelism vary freely. No layout is left out by judgement: only what cannot run is missing.
The usual space is what common frameworks offer; the full one adds schedules that fill the bubble, recomputation of
some of a stage's layers, and offloading to the host's memory.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import product

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.entities.workload import Model
from gigawatt.performance.architecture import expert_layer
from gigawatt.performance.step.task import Recompute, Schedule, StepLayouts, StepTask, layouts_of
from gigawatt.timeline import FloatArray

# Shorter shares of a sequence than this make no sense: one tile of the attention kernel (Dao, 2023, section 3.3).
_LEAST_TOKENS_PER_RANK = 128
RECOMPUTE = (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
ZERO = (0.0, 1.0, 2.0, 3.0)
# Optimizer states, activations, weights.
_OFFLOADS = tuple(product((0.0, 1.0), repeat=3))


class Breadth(StrEnum):
    """How much of the space to go through."""

    USUAL = "usual"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The outer dimensions of some layouts."""

    tp_count: int
    cp_count: int
    pp_count: int
    dp_count: int
    ep_count: int
    expert_tp_count: int


def divisors(count: int) -> tuple[int, ...]:
    """The numbers that divide `count`, ascending."""
    small = [d for d in range(1, int(count**0.5) + 1) if count % d == 0]
    return tuple(sorted({*small, *(count // d for d in small)}))


def blocks(task: StepTask, platform: Platform, *, accelerators_count: int) -> Iterator[Block]:
    """Every way to factor the accelerators; tensor parallelism divides the heads and stays inside a domain.

    Each site has as many data-parallel ranks, and experts stay inside it.
    """
    model, domain = task.model, platform.scale_up_domain_count
    heads = model.attention.heads_count
    for tp in (d for d in divisors(accelerators_count) if d <= domain and heads % d == 0):
        for cp in _context_counts(task, accelerators_count // tp):
            for pp in (d for d in divisors(accelerators_count // (tp * cp)) if d <= model.layers_count):
                dp = accelerators_count // (tp * cp * pp)
                if dp > task.batch_sequences_count or dp % task.sites_count:
                    continue
                for ep, expert_tp in _expert_counts(model, tp=tp, ranks=tp * cp * dp // task.sites_count):
                    yield Block(
                        tp_count=tp, cp_count=cp, pp_count=pp, dp_count=dp, ep_count=ep, expert_tp_count=expert_tp
                    )


def _context_counts(task: StepTask, ranks: int) -> tuple[int, ...]:
    """Powers of two that leave each rank at least two tiles, one for each end of its zig-zag share."""
    most = task.sequence_tokens_count / (2 * _LEAST_TOKENS_PER_RANK)
    return tuple(d for d in divisors(ranks) if d <= max(most, 1) and d & (d - 1) == 0)


def _expert_counts(model: Model, *, tp: int, ranks: int) -> tuple[tuple[int, int], ...]:
    experts = expert_layer(model)
    if experts is None:
        return ((1, 1),)
    sizes = product(divisors(experts.experts_count), sorted({1, tp}))
    return tuple((ep, etp) for ep, etp in sizes if ranks % (ep * etp) == 0)


def block_layouts(task: StepTask, platform: Platform, block: Block, *, breadth: Breadth = Breadth.USUAL) -> StepLayouts:
    """All layouts of a block."""
    return joined(list(block_slices(task, platform, block, breadth=breadth, most_count=None)))


def block_slices(
    task: StepTask, platform: Platform, block: Block, *, breadth: Breadth, most_count: int | None
) -> Iterator[StepLayouts]:
    """The layouts of a block, about `most_count` at a time, or all at once."""
    axes = _axes(task, platform, block, breadth)
    outer = _outer(axes.micro_batches, axes.orders, batch=task.batch_sequences_count, block=block)
    inner = _inner(axes)
    size = len(inner["sequence_parallel"])
    step = len(outer["chunks_count"]) if most_count is None else max(most_count // size, 1)
    fixed = {field.name: float(getattr(block, field.name)) for field in fields(Block)}
    for start in range(0, len(outer["chunks_count"]), step):
        taken = {name: values[start : start + step] for name, values in outer.items()}
        count = len(taken["chunks_count"])
        columns = {name: np.repeat(values, size) for name, values in taken.items()}
        columns |= {name: np.tile(values, count) for name, values in inner.items()}
        columns |= {name: np.full(size * count, value) for name, value in fixed.items()}
        yield layouts_of(columns, size=size * count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """What varies inside a block: micro-batches; chunks and schedule; recomputation; sharding; the rest."""

    micro_batches: tuple[int, ...]
    orders: tuple[tuple[float, float], ...]
    recomputations: tuple[tuple[float, float], ...]
    shardings: tuple[tuple[float, float], ...]
    sequences: tuple[float, ...]
    offloads: tuple[tuple[float, ...], ...]

    @property
    def count(self) -> int:
        """Layouts, those included whose micro-batches do not suit their schedule."""
        return math.prod(len(getattr(self, field.name)) for field in fields(self))


def _axes(task: StepTask, platform: Platform, block: Block, breadth: Breadth) -> _Axes:
    ranks = float(block.dp_count * block.cp_count) / task.sites_count
    return _Axes(
        micro_batches=divisors(int(np.ceil(task.batch_sequences_count / block.dp_count))),
        orders=_orders(task.model, block.pp_count, breadth),
        recomputations=_recomputations(task.model, block.pp_count, breadth),
        shardings=_sharding_choices(platform, block, ranks),
        sequences=(0.0, 1.0) if block.tp_count > 1 else (0.0,),
        offloads=_OFFLOADS if breadth is Breadth.FULL else _OFFLOADS[:1],
    )


def layouts_count(task: StepTask, platform: Platform, *, accelerators_count: int, breadth: Breadth) -> int:
    """How many layouts the space has at most, those included whose micro-batches do not suit their schedule."""
    found = blocks(task, platform, accelerators_count=accelerators_count)
    return sum(_axes(task, platform, block, breadth).count for block in found)


def _outer(
    micro_batches: tuple[int, ...], orders: tuple[tuple[float, float], ...], *, batch: float, block: Block
) -> dict[str, FloatArray]:
    """Micro-batch, chunks and schedule that suit each other.

    Chunks need as many micro-batches as stages, micro-batches from both ends an even number of twice as many.
    """
    pairs = np.array([(float(micro), *order) for micro, order in product(micro_batches, orders)])
    micro, chunks, schedule = pairs.T
    waves = np.ceil(np.ceil(batch / block.dp_count) / micro)
    interleaved = (chunks == 1.0) | (waves >= block.pp_count)
    two_ended = (schedule != Schedule.DUAL_PIPE) | ((waves >= 2 * block.pp_count) & (waves % 2 == 0))
    keep = interleaved & two_ended
    return {"micro_batch_count": micro[keep], "chunks_count": chunks[keep], "schedule": schedule[keep]}


def _inner(axes: _Axes) -> dict[str, FloatArray]:
    """Everything else, each with each."""
    combined = product(axes.recomputations, axes.shardings, axes.sequences, axes.offloads)
    rows = np.array([(*recompute, *sharding, sequence, *away) for recompute, sharding, sequence, away in combined])
    names = (
        *("recompute_level", "recomputed_share", "zero_stage", "shards_count", "sequence_parallel"),
        *("optimizer_offload", "activation_offload", "weight_offload"),
    )
    return dict(zip(names, rows.T.copy(), strict=True))


def _orders(model: Model, stages: int, breadth: Breadth) -> tuple[tuple[float, float], ...]:
    """Chunks with one forward and one backward in turn, then the schedules of one chunk that fill the bubble.

    Interleaving takes any number of chunks that leaves none empty (Narayanan et al., 2021, section 2.2.2).
    """
    if stages == 1:
        return ((1.0, Schedule.ONE_FORWARD_ONE_BACKWARD),)
    most = max(model.layers_count // stages, 1)
    plain = tuple((float(chunks), Schedule.ONE_FORWARD_ONE_BACKWARD) for chunks in range(1, most + 1))
    if breadth is Breadth.USUAL:
        return plain
    two_ended = ((1.0, Schedule.DUAL_PIPE),) if stages % 2 == 0 else ()
    return (*plain, (1.0, Schedule.ZERO_BUBBLE), *two_ended)


def _recomputations(model: Model, stages: int, breadth: Breadth) -> tuple[tuple[float, float], ...]:
    """Level and share of the layers: none, parts of every layer, and whole layers, of a stage any number."""
    if breadth is Breadth.USUAL:
        return tuple((level, 1.0) for level in RECOMPUTE)
    held = int(np.ceil(model.layers_count / stages))
    whole = tuple((Recompute.FULL, layers / held) for layers in range(1, held + 1))
    return ((Recompute.NONE, 1.0), (Recompute.SELECTIVE, 1.0), *whole)


def _sharding_choices(platform: Platform, block: Block, ranks: float) -> tuple[tuple[float, float], ...]:
    """ZeRO stage and shards: over all ranks, or inside a domain with copies between domains."""
    inside = max(platform.scale_up_domain_count // block.tp_count, 1)
    sizes = sorted({float(ranks), float(inside)} if ranks % inside == 0 and inside < ranks else {float(ranks)})
    return tuple((stage, size) for stage in ZERO for size in sizes if stage > 0.0 or size == ranks)


def joined(parts: list[StepLayouts]) -> StepLayouts:
    """Layouts of several blocks one after the other."""
    names = parts[0].__dataclass_fields__
    return StepLayouts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
