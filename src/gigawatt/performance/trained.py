"""One platform, one run: the fastest layout of a step, what it does, and its band.

The layout is the best one at the median; its band is that of the step (`performance.step.bands`).
"""

from dataclasses import dataclass, replace

import numpy as np

from gigawatt.entities.assumptions import StepFigures
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import TrainingRun
from gigawatt.performance.flops import training_flop_per_token
from gigawatt.performance.laws import TrainingOperators
from gigawatt.performance.operators import native_precision, peak_dense_flop_per_s
from gigawatt.performance.refusal import Refused
from gigawatt.performance.step.assumed import assumption_ends, best_assumptions
from gigawatt.performance.step.bands import assumed_variations, step_band_s
from gigawatt.performance.step.fastest import Fastest, fastest
from gigawatt.performance.step.formats import NumberFormat, usual_format
from gigawatt.performance.step.task import Sites, StepLayouts, StepTask, Variant, current_practice
from gigawatt.timeline import FloatArray

_EASY_FACTORS = (2, 3, 5)
_BYTES_PER_GB = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The layout of a run (`layout` has one entry), its memory, and what it does at P10, P50 and P90, `(quantile,)`.

    `flop_per_s` is model FLOP per second and accelerator of the whole job, idle ones included.
    """

    layout: StepLayouts
    memory_bytes: float
    flop_per_s: FloatArray
    mfu_fraction: FloatArray
    step_time_s: FloatArray


def train(
    run: TrainingRun, platform: Platform, operators: TrainingOperators, figures: StepFigures, *, sites_count: int = 1
) -> Trained | Refused:
    """The fastest layout among those that fit, or why there is none.

    Over several sites, joined as the run's placement says, each has an equal part of the job.
    """
    computed = native_precision(platform.accelerator, run.precision)
    if computed is None or native_precision(platform.accelerator, Precision.BF16) is None:
        return Refused(
            reason=f"{platform.id} has no published dense peak at {run.precision.value} or a wider precision"
        )
    alone = step_task(run, platform, figures, number_format=usual_format(platform.accelerator, computed))
    task = replace(alone, sites=joined_sites(run, sites_count=sites_count))
    whole = job_accelerators_count(run, platform, sites_count=sites_count)
    tried = [
        fastest(task, platform, operators.middle(platform), accelerators_count=count * sites_count)
        for count in job_sizes(whole // sites_count, scale_up_domain_count=platform.scale_up_domain_count)
    ]
    best = min(tried, key=lambda found: found.step_s)
    if best.layout is None:
        return Refused(reason=_refusal(task, platform, tried, accelerators_count=whole))
    quick, slow = step_band_s(
        task, best.layout, operators, assumed_variations(task, assumption_ends(figures)), platform=platform
    )
    steps = np.array([slow, best.step_s, quick])
    per_token = training_flop_per_token(run.model, sequence_tokens_count=run.sequence_tokens_count)
    flop_per_s = per_token * task.batch_tokens_count / steps / whole
    return Trained(
        layout=best.layout,
        memory_bytes=best.memory_bytes,
        flop_per_s=flop_per_s,
        mfu_fraction=flop_per_s / peak_dense_flop_per_s(platform.accelerator, run.precision),
        step_time_s=steps,
    )


def step_task(run: TrainingRun, platform: Platform, figures: StepFigures, *, number_format: NumberFormat) -> StepTask:
    """One step of a run under an up-to-date framework; its batch in whole sequences."""
    return StepTask(
        model=run.model,
        variant=Variant(
            windowed_layers_count=run.windowed_layers_count,
            window_tokens_count=run.window_tokens_count,
            predicted_tokens_count=run.predicted_tokens_count,
            tied_head=run.model.tied_embeddings,
        ),
        practice=current_practice(),
        number_format=number_format,
        sequence_tokens_count=run.sequence_tokens_count,
        batch_sequences_count=float(max(round(run.batch_tokens_count / run.sequence_tokens_count), 1)),
        scale_up_domain_count=platform.scale_up_domain_count,
        assumptions=best_assumptions(figures),
    )


def joined_sites(run: TrainingRun, *, sites_count: int) -> Sites | None:
    """The sites of a job as its step sees them; None for one site."""
    joined = None if run.placement is None else run.placement.wide_area
    if sites_count == 1 or joined is None:
        return None
    return Sites(count=sites_count, wan_bytes_per_s=joined.wan_bytes_per_s, one_way_s=joined.one_way_s)


def job_accelerators_count(run: TrainingRun, platform: Platform, *, sites_count: int = 1) -> int:
    """Accelerators that a job takes in all: as many at each site, in whole scale-up domains."""
    each = run.accelerators_count // sites_count
    return sites_count * whole_domains_count(each, scale_up_domain_count=platform.scale_up_domain_count)


def whole_domains_count(accelerators_count: int, *, scale_up_domain_count: int) -> int:
    """The largest number of accelerators that fills whole scale-up domains; all of them below one domain."""
    if accelerators_count < scale_up_domain_count:
        return accelerators_count
    return accelerators_count // scale_up_domain_count * scale_up_domain_count


def job_sizes(whole_count: int, *, scale_up_domain_count: int) -> tuple[int, ...]:
    """How many of a job's accelerators may work: all of them, or fewer that divide well, the rest idle.

    A count with a large prime factor leaves hardly any layout; the next one below with factors 2, 3 and 5 leaves many.
    """
    unit = scale_up_domain_count if whole_count >= scale_up_domain_count else 1
    units = whole_count // unit
    smooth = next(count for count in range(units, 0, -1) if _is_easy(count))
    return tuple(dict.fromkeys((whole_count, smooth * unit)))


def _is_easy(count: int) -> bool:
    for factor in _EASY_FACTORS:
        while count % factor == 0:
            count //= factor
    return count == 1


def _refusal(task: StepTask, platform: Platform, tried: list[Fastest], *, accelerators_count: int) -> str:
    least = min(found.least_memory_bytes for found in tried)
    if np.isinf(least):
        return (
            f"no layout of {task.model.id} spreads {task.batch_sequences_count:,.0f} sequences over "
            f"{accelerators_count:,} accelerators"
        )
    need, have = least / _BYTES_PER_GB, platform.accelerator.memory_bytes / _BYTES_PER_GB
    return (
        f"{task.model.id} does not fit {accelerators_count:,} accelerators: at least {need:,.0f} GB per accelerator, "
        f"{have:,.0f} GB in all"
    )
