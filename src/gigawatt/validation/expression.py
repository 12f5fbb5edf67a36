"""A measured point as a configuration of the step model.

What a row leaves unstated (micro-batch, interleaving, recomputation, at worst the parallelism itself) becomes several
candidate layouts; the fastest that fits is taken, as whoever ran it would have.
"""

import math
import re
from dataclasses import dataclass, replace

import numpy as np

from gigawatt.catalog import Catalog, ranged
from gigawatt.catalog.step import step_figures
from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.performance.step.assumed import lean_assumptions
from gigawatt.performance.step.space import joined
from gigawatt.performance.step.task import FULLY_SHARDED, Schedule, StepAssumptions, StepLayouts, StepTask, layouts_of
from gigawatt.units import RATIO
from gigawatt.validation.architectures import architecture
from gigawatt.validation.metrics import Measured, MemoryBytes, measured
from gigawatt.validation.open_layouts import PARALLEL, possible_rows
from gigawatt.validation.practices import SourcePractice, number_format, packed, released, source_practice
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow
from gigawatt.validation.submissions import as_submitted
from gigawatt.validation.systems import system
from gigawatt.validation.to_target import TargetRun, measures_run, run_to_target
from gigawatt.validation.wording import is_no_decoder, recomputations, sharding

_MICRO_BATCHES = (1, 2, 4, 8, 16)
_CHUNKS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24)
_RECOMPUTED_LAYERS = re.compile(r"full:(\d+) layers")

_RATE = re.compile("(?i)flops|mfu|hfu|utilization|per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A row as a task, candidate layouts and what was measured; `chosen` names what the row left open.

    `attention_time` is the range of `Practice.attention_time_factor`, `product_time_factor` what the products of its
    software take over the platform's, `stragglers` what uneven work adds where it was no benchmark; `lean` has the
    least allowances of memory. `run` is how long the run was where a time to a target was measured.
    """

    row: TruthRow
    platform: Platform
    task: StepTask
    layouts: StepLayouts
    measured: Measured
    practice: str
    chosen: tuple[str, ...]
    attention_time: Ranged
    product_time_factor: float
    stragglers: Ranged
    lean: StepAssumptions
    run: TargetRun | None


def expression(row: TruthRow, catalog: Catalog, assumptions: StepAssumptions) -> Expression:
    """The configuration of a row; raises `Inexpressible` with the reason when there is none."""
    if row.fault:
        raise Inexpressible(row.fault)
    if is_no_decoder(row.model):
        raise Inexpressible(f"{row.model} is no decoder-only language model, and the step model knows no other")
    row = _shared_batch(_one_copy(released(as_submitted(row))))
    platform = system(row, catalog)
    built = architecture(row, catalog)
    found = measured(row, built.model, platform)
    source = source_practice(row)
    attention = _attention_time(source, platform, catalog)
    if row.seq_len is None or row.global_batch_seqs is None:
        raise Inexpressible("the batch or the sequence length is not stated")
    task = StepTask(
        model=built.model,
        variant=packed(row, built.variant),
        practice=replace(source.practice, attention_time_factor=attention.best),
        number_format=number_format(row, source, platform),
        sequence_tokens_count=row.seq_len,
        batch_sequences_count=float(row.global_batch_seqs),
        scale_up_domain_count=platform.scale_up_domain_count,
        assumptions=assumptions,
    )
    layouts, chosen = _layouts(row, task, source, platform)
    if isinstance(found, MemoryBytes) and set(PARALLEL) & set(chosen):
        raise Inexpressible("memory depends on the parallel layout, which is not stated")
    return Expression(
        row=row,
        platform=platform,
        task=task,
        layouts=layouts,
        measured=found,
        practice=source.id,
        chosen=chosen,
        attention_time=attention,
        product_time_factor=source.product_time_factor,
        stragglers=_stragglers(source, catalog),
        lean=lean_assumptions(step_figures(catalog)),
        run=run_to_target(row, catalog) if measures_run(row) else None,
    )


def _one_copy(row: TruthRow) -> TruthRow:
    """The row on as many accelerators as its printed layout takes, where it names a multiple and rates one of them.

    More copies of that layout could not share its batch; a rate per accelerator is the same for one.
    """
    if row.tp is None or row.pp is None or row.dp is None or not row.metric.endswith("per_gpu"):
        return row
    printed = row.tp * row.pp * row.dp * (row.cp or 1)
    if printed >= row.num_gpus or row.num_gpus % printed:
        return row
    return replace(row, num_gpus=printed)


def _shared_batch(row: TruthRow) -> TruthRow:
    """The row with a batch that its data-parallel ranks can share, where it rates what it does.

    A batch that they cannot share evenly is printed as rounded; a rate is that of the one that ran, the nearest.
    """
    if not _RATE.search(row.metric) or row.global_batch_seqs is None or row.tp is None or row.pp is None:
        return row
    ranks = row.num_gpus // (row.tp * row.pp * (row.cp or 1))
    share = max(ranks, 1) * (row.micro_batch or 1)
    even = round(row.global_batch_seqs / share) * share
    return replace(row, global_batch_seqs=even) if even else row


def _stragglers(source: SourcePractice, catalog: Catalog) -> Ranged:
    if not source.production:
        return Ranged(low=1.0, best=1.0, high=1.0)
    return ranged(catalog.figure("assumptions/training-step/production-stragglers"), RATIO)


def _attention_time(source: SourcePractice, platform: Platform, catalog: Catalog) -> Ranged:
    """What attention kernels of another age take over today's; those written for Ampere lose on devices with FP8."""
    at = "assumptions/training-step"
    own = source.practice.attention_time_factor
    factors = [Ranged(low=own, best=own, high=own)]
    if source.attention == "triton":
        factors.append(ranged(catalog.figure(f"{at}/flash-attention-in-triton"), RATIO))
    if source.attention != "current" and Precision.FP8 in platform.accelerator.peak_dense_flop_per_s:
        factors.append(ranged(catalog.figure(f"{at}/flash-attention-2-on-hopper"), RATIO))
    return Ranged(
        low=math.prod(factor.low for factor in factors),
        best=math.prod(factor.best for factor in factors),
        high=math.prod(factor.high for factor in factors),
    )


def _layouts(
    row: TruthRow, task: StepTask, source: SourcePractice, platform: Platform
) -> tuple[StepLayouts, tuple[str, ...]]:
    known = _laid_out(row)
    if known is not None:
        return _around(known, task, source)
    parts: list[StepLayouts] = []
    names: set[str] = set()
    for possible in possible_rows(row, task, platform):
        try:
            layouts, within = _around(possible, task, source)
        except Inexpressible:
            continue
        parts.append(layouts)
        names.update(within)
    if not parts:
        raise Inexpressible("no layout splits the accelerators and the batch as the row says")
    every = joined(parts)
    differing = [name for name in PARALLEL if np.unique(getattr(every, name)).size > 1]
    return every, (*differing, *sorted(names))


def _around(row: TruthRow, task: StepTask, source: SourcePractice) -> tuple[StepLayouts, tuple[str, ...]]:
    """All layouts of a row whose parallelism is known, and what varies among them."""
    fixed = _fixed(row, source)
    dp = fixed["dp_count"]
    choices = {
        "micro_batch_count": _micro_batches(row, dp),
        "chunks_count": _chunks(row, task),
        "recompute_level": recomputations(row.recompute),
    }
    open_names = tuple(name for name, values in choices.items() if len(values) > 1)
    grid = np.meshgrid(*(np.array(values, dtype=np.float64) for values in choices.values()), indexing="ij")
    columns = dict(zip(choices, (axis.ravel() for axis in grid), strict=True))
    size = columns["chunks_count"].size
    fixed["recomputed_share"] = _recomputed_share(row, task)
    every = {name: np.full(size, value) for name, value in fixed.items()} | columns
    return layouts_of(every, size=size), open_names


def _laid_out(row: TruthRow) -> TruthRow | None:
    """The row with tensor and pipeline parallelism, where what it states leaves one reading only, else `None`.

    All accelerators may be taken already; one of both may be what is left; whoever shards weights fully and names
    neither has neither.
    """
    if row.tp is not None and row.pp is not None:
        return row
    known = (row.tp or 1) * (row.pp or 1) * (row.cp or 1) * (row.dp or 1)
    left = row.num_gpus // known if row.dp and row.num_gpus % known == 0 else 0
    if left == 1 or (row.dp is None and sharding(row.zero, ranks=1.0)[0] == FULLY_SHARDED):
        return replace(row, tp=row.tp or 1, pp=row.pp or 1)
    if left > 1 and (row.tp or row.pp):
        return replace(row, tp=row.tp or left, pp=row.pp or left)
    return None


def _fixed(row: TruthRow, source: SourcePractice) -> dict[str, float]:
    tp, cp, pp, ep = row.tp or 1, row.cp or 1, row.pp or 1, row.ep or 1
    dp = row.num_gpus / (tp * cp * pp)
    if dp < 1.0 or dp != int(dp):
        raise Inexpressible(f"TP {tp} x CP {cp} x PP {pp} does not divide {row.num_gpus} accelerators")
    etp = row.etp or (tp if source.expert_tp_follows and ep * tp <= tp * cp * dp else 1)
    if row.experts is not None and ep > row.experts:
        raise Inexpressible(f"EP {ep} is more than {row.experts} experts")
    if ep * etp > tp * cp * dp:
        raise Inexpressible(f"EP {ep} does not fit on {tp * cp * dp:.0f} ranks of a stage")
    stage, shards = sharding(row.zero, ranks=dp * cp)
    stated = "+SP" in row.recompute
    unsharded = "no SP" in row.notes
    sequence = 1.0 if tp > 1 and (stated or (source.sequence_parallel and not unsharded)) else 0.0
    return {
        "tp_count": float(tp),
        "cp_count": float(cp),
        "pp_count": float(pp),
        "dp_count": dp,
        "ep_count": float(ep),
        "expert_tp_count": float(etp),
        "zero_stage": stage,
        "shards_count": shards,
        "sequence_parallel": sequence,
        "schedule": Schedule.DUAL_PIPE if "DualPipe" in row.notes else Schedule.ONE_FORWARD_ONE_BACKWARD,
    }


def _micro_batches(row: TruthRow, dp: float) -> tuple[int, ...]:
    if row.micro_batch is not None:
        return (row.micro_batch,)
    share = (row.global_batch_seqs or 1) / dp
    return tuple(size for size in _MICRO_BATCHES if size <= max(share, 1.0))


def _chunks(row: TruthRow, task: StepTask) -> tuple[int, ...]:
    if row.vpp is not None or "interleaved" not in row.notes.lower() or (row.pp or 1) == 1:
        return (row.vpp or 1,)
    per_stage = math.ceil(task.model.layers_count / (row.pp or 1))
    return tuple(chunks for chunks in _CHUNKS if chunks > 1 and per_stage % chunks == 0) or (1,)


def _recomputed_share(row: TruthRow, task: StepTask) -> float:
    """The part of the layers that is recomputed: all, or as many of each stage as the row says."""
    found = _RECOMPUTED_LAYERS.fullmatch(row.recompute)
    if found is None:
        return 1.0
    return min(int(found[1]) * (row.pp or 1) / task.model.layers_count, 1.0)
