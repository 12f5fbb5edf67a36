"""All ways to spread a step over a number of accelerators, as blocks of struct of arrays.

A block fixes tensor, context, pipeline and expert parallelism; inside it micro-batch, interleaving, recomputation,
sharding and sequence parallelism vary freely. No layout is left out by judgement: only what cannot run is missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.entities.workload import Model
from gigawatt.performance.architecture import expert_layer
from gigawatt.performance.step.task import Recompute, StepLayouts, StepTask

# Shorter shares of a sequence than this make no sense: one tile of the attention kernel (Dao, 2023, section 3.3).
_LEAST_TOKENS_PER_RANK = 128
_RECOMPUTE = (Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL)
_ZERO = (0.0, 1.0, 2.0, 3.0)


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
    """Every way to factor the accelerators; tensor parallelism divides the heads and stays inside a domain."""
    model, domain = task.model, platform.scale_up_domain_count
    heads = model.attention.heads_count
    for tp in (d for d in divisors(accelerators_count) if d <= domain and heads % d == 0):
        for cp in _context_counts(task, accelerators_count // tp):
            for pp in (d for d in divisors(accelerators_count // (tp * cp)) if d <= model.layers_count):
                dp = accelerators_count // (tp * cp * pp)
                if dp > task.batch_sequences_count:
                    continue
                for ep, expert_tp in _expert_counts(model, tp=tp, ranks=tp * cp * dp):
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


def block_layouts(task: StepTask, platform: Platform, block: Block) -> StepLayouts:
    """All layouts of a block."""
    ranks = float(block.dp_count * block.cp_count)
    share = int(np.ceil(task.batch_sequences_count / block.dp_count))
    grid = np.meshgrid(
        np.array(divisors(share), dtype=np.float64),
        np.array(_chunk_counts(task.model, block.pp_count), dtype=np.float64),
        np.array(_RECOMPUTE),
        np.array([number for number, _, _ in _sharding_choices(platform, block, ranks)]),
        np.array([0.0, 1.0]) if block.tp_count > 1 else np.array([0.0]),
        indexing="ij",
    )
    micro, chunks, recompute, choice, sequence = (axis.ravel() for axis in grid)
    schedulable = (chunks == 1.0) | (np.ceil(share / micro) >= block.pp_count)
    micro, chunks, recompute, choice, sequence = (
        axis[schedulable] for axis in (micro, chunks, recompute, choice, sequence)
    )
    sharding = np.array(_sharding_choices(platform, block, ranks))[choice.astype(np.intp)]
    fixed = {
        "tp_count": block.tp_count,
        "cp_count": block.cp_count,
        "pp_count": block.pp_count,
        "dp_count": block.dp_count,
        "ep_count": block.ep_count,
        "expert_tp_count": block.expert_tp_count,
    }
    return StepLayouts(
        **{name: np.full(micro.size, float(value)) for name, value in fixed.items()},
        chunks_count=chunks,
        micro_batch_count=micro,
        recompute_level=recompute,
        zero_stage=sharding[:, 1],
        shards_count=sharding[:, 2],
        sequence_parallel=sequence,
    )


def _chunk_counts(model: Model, stages: int) -> tuple[int, ...]:
    """Interleaving: any number of chunks that leaves none empty (Narayanan et al., 2021, section 2.2.2)."""
    if stages == 1:
        return (1,)
    return tuple(range(1, max(model.layers_count // stages, 1) + 1))


def _sharding_choices(platform: Platform, block: Block, ranks: float) -> tuple[tuple[float, float, float], ...]:
    """Number, ZeRO stage and shards: over all ranks, or inside a domain with copies between domains."""
    inside = max(platform.scale_up_domain_count // block.tp_count, 1)
    sizes = sorted({float(ranks), float(inside)} if ranks % inside == 0 and inside < ranks else {float(ranks)})
    pairs = [(stage, size) for stage in _ZERO for size in sizes if stage > 0.0 or size == ranks]
    return tuple((float(number), stage, size) for number, (stage, size) in enumerate(pairs))


def joined(parts: list[StepLayouts]) -> StepLayouts:
    """Layouts of several blocks one after the other."""
    names = parts[0].__dataclass_fields__
    return StepLayouts(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})
