"""One platform, one task, one answer: the best layout, and what it does at each quantile of performance.

The layout that is best at the median is kept for all quantiles, among those that hold at every quantile: a layout
that would miss its service level or run out of memory in the P10 case is not planned with.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.assumptions import KernelEfficiency, Ranged
from gigawatt.entities.hardware import Platform, Precision
from gigawatt.entities.workload import Service, TrainingRun
from gigawatt.performance.flops import training_flop_per_token
from gigawatt.performance.layout import (
    ServingLayouts,
    TrainingLayouts,
    TrainingTask,
    selected,
    serving_layouts,
    training_layouts,
    whole_domains_count,
)
from gigawatt.performance.operators import (
    QUANTILES,
    OperatorFactory,
    OperatorModel,
    at_quantile,
    native_precision,
    peak_dense_flop_per_s,
    roofline_operators,
)
from gigawatt.performance.refusal import Refused
from gigawatt.performance.serving import (
    PassTimes,
    ServingTask,
    best_points,
    decode_times,
    prefill_times,
    refusal,
    serving_rates,
)
from gigawatt.performance.training import StepTimes, fitting_layouts, step_times
from gigawatt.timeline import FloatArray

MEDIAN = QUANTILES.index(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A platform with its operators at each quantile and the memory it leaves for the work, `(quantile,)`."""

    platform: Platform
    operators: tuple[OperatorModel, ...]
    usable_bytes: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingAnswer:
    """The replica chosen for a service, its operating point and rates at each quantile, `(quantile,)`.

    `layouts` has one entry. `tokens_per_s` counts input and output tokens per accelerator.
    """

    layouts: ServingLayouts
    tokens_per_s: FloatArray
    ttft_s: FloatArray
    tpot_s: FloatArray
    requests_per_copy_count: FloatArray
    prompts_per_copy_count: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingAnswer:
    """The layout chosen for a run, its memory, and what it does at each quantile, `(quantile,)`.

    `layouts` has one entry. `flop_per_s` is model FLOP per second and accelerator of the whole job, idle ones
    included.
    """

    layouts: TrainingLayouts
    memory_bytes: float
    accelerators_count: int
    flop_per_s: FloatArray
    mfu_fraction: FloatArray
    step_time_s: FloatArray
    times: tuple[StepTimes, ...]


def setting(
    platform: Platform,
    efficiency: KernelEfficiency,
    *,
    memory_usable: Ranged,
    operators: OperatorFactory = roofline_operators,
) -> Setting:
    """A platform made ready: its operators and usable memory at each quantile."""
    fractions = np.array([at_quantile(memory_usable, quantile) for quantile in QUANTILES])
    return Setting(
        platform=platform,
        operators=tuple(operators(platform, efficiency, quantile) for quantile in QUANTILES),
        usable_bytes=fractions * platform.accelerator.memory_bytes,
    )


def serving_task(service: Service) -> ServingTask:
    """What a service asks of a replica."""
    return ServingTask(
        model=service.model,
        input_tokens_count=service.input_tokens_count,
        output_tokens_count=service.output_tokens_count,
        ttft_limit_s=service.ttft_limit_s,
        tpot_limit_s=service.tpot_limit_s,
        weight_precision=service.weight_precision,
        cache_precision=service.cache_precision,
    )


def training_task(run: TrainingRun) -> TrainingTask:
    """One step of a run; its batch in whole sequences."""
    return TrainingTask(
        model=run.model,
        precision=run.precision,
        sequence_tokens_count=run.sequence_tokens_count,
        batch_sequences_count=max(round(run.batch_tokens_count / run.sequence_tokens_count), 1),
        accelerators_count=run.accelerators_count,
    )


def serve(where: Setting, task: ServingTask) -> ServingAnswer | Refused:
    """The replica with most tokens per second and accelerator at the median, or why there is none."""
    missing = _missing_precision(where.platform, task.weight_precision)
    if missing:
        return Refused(reason=missing)
    layouts = serving_layouts(task.model, where.platform)
    rates = [serving_rates(task, layouts, operators) for operators in where.operators]
    usable = [float(usable) for usable in where.usable_bytes]
    points = [best_points(task, rate, usable_bytes=most) for rate, most in zip(rates, usable, strict=True)]
    tokens = np.array([point.tokens_per_s for point in points])
    holds = np.isfinite(tokens).all(axis=0)
    if not holds.any():
        return Refused(reason=refusal(task, rates[0], usable_bytes=usable[0]))
    best = int(np.argmax(np.where(holds, tokens[MEDIAN], -1.0)))
    return ServingAnswer(
        layouts=ServingLayouts(
            replica_count=layouts.replica_count[[best]],
            tp_count=layouts.tp_count[[best]],
            ep_count=layouts.ep_count[[best]],
            packed_fraction=layouts.packed_fraction[[best]],
        ),
        tokens_per_s=tokens[:, best],
        ttft_s=np.array([point.ttft_s[best] for point in points]),
        tpot_s=np.array([point.tpot_s[best] for point in points]),
        requests_per_copy_count=np.array([point.requests_per_copy_count[best] for point in points]),
        prompts_per_copy_count=np.array([point.prompts_per_copy_count[best] for point in points]),
    )


def serving_passes(where: Setting, task: ServingTask, answer: ServingAnswer) -> tuple[PassTimes, PassTimes]:
    """Where the time of a decode step and of a prefill pass goes, at the median operating point."""
    operators = where.operators[MEDIAN]
    requests, prompts = answer.requests_per_copy_count[[MEDIAN]], answer.prompts_per_copy_count[[MEDIAN]]
    return (
        decode_times(task, answer.layouts, operators, requests_per_copy_count=requests),
        prefill_times(task, answer.layouts, operators, prompts_per_copy_count=prompts),
    )


def train(where: Setting, task: TrainingTask) -> TrainingAnswer | Refused:
    """The layout with the shortest step at the median among those that fit, or why there is none."""
    missing = _missing_precision(where.platform, task.precision)
    if missing:
        return Refused(reason=missing)
    usable = float(where.usable_bytes.min())
    fitting = fitting_layouts(task, training_layouts(task, where.platform), usable_bytes=usable)
    if fitting.layouts.candidates_count == 0:
        return Refused(reason=_training_refusal(task, least_bytes=fitting.least_memory_bytes, usable_bytes=usable))
    median = step_times(task, fitting.layouts, where.operators[MEDIAN]).step_time_s
    best = int(np.argmin(median))
    chosen = selected(fitting.layouts, np.array([best]))
    times = tuple(step_times(task, chosen, operators) for operators in where.operators)
    steps = np.array([float(time.step_time_s[0]) for time in times])
    accelerators = whole_domains_count(
        task.accelerators_count, scale_up_domain_count=where.platform.scale_up_domain_count
    )
    per_token = training_flop_per_token(task.model, sequence_tokens_count=task.sequence_tokens_count)
    flop_per_s = per_token * task.batch_tokens_count / steps / accelerators
    return TrainingAnswer(
        layouts=chosen,
        memory_bytes=float(fitting.memory_bytes[best]),
        accelerators_count=accelerators,
        flop_per_s=flop_per_s,
        mfu_fraction=flop_per_s / peak_dense_flop_per_s(where.platform.accelerator, task.precision),
        step_time_s=steps,
        times=times,
    )


def _missing_precision(platform: Platform, precision: Precision) -> str:
    for needed in (precision, Precision.BF16):
        if native_precision(platform.accelerator, needed) is None:
            return f"{platform.id} has no published dense peak at {needed.value} or a wider precision"
    return ""


def _training_refusal(task: TrainingTask, *, least_bytes: float, usable_bytes: float) -> str:
    if np.isinf(least_bytes):
        return f"no layout of {task.model.id} spreads over {task.accelerators_count} accelerators"
    return (
        f"{task.model.id} does not fit {task.accelerators_count} accelerators: at least {least_bytes:.3g} bytes per "
        f"accelerator, {usable_bytes:.3g} usable"
    )
