"""All rows of a truth file against the step model, and the errors by group."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gigawatt.catalog import Catalog
from gigawatt.catalog.step import step_figures
from gigawatt.entities.assumptions import Ranged
from gigawatt.entities.workload import MixtureOfExperts
from gigawatt.performance.laws import TrainingOperators
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.assumed import Ends, assumption_ends, best_assumptions
from gigawatt.performance.step.bands import assumed_variations, step_band_s
from gigawatt.performance.step.forward import forward_total_s
from gigawatt.performance.step.load import LoadedOperators
from gigawatt.performance.step.memory import StepMemory, step_memory
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import chosen
from gigawatt.validation.expression import Expression, expression
from gigawatt.validation.metrics import MemoryBytes
from gigawatt.validation.open_layouts import PARALLEL
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import TruthRow

_FULL = ("full", "full_recipe_from_HEAD", "full_mbs_unstated", "parallel_full_recompute_unstated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One row beside its prediction; `low` and `high` are the P10 and P90.

    `quantity` is "step_s", "run_s" (from the start until a quality target) or "memory_bytes". `chosen` names what the
    row left open.
    """

    row: TruthRow
    quantity: str
    platform: str
    model_class: str
    practice: str
    measured: float
    predicted: float
    low: float
    high: float
    layout: Mapping[str, float]
    chosen: tuple[str, ...]

    @property
    def error_fraction(self) -> float:
        """Predicted over measured, less one."""
        return self.predicted / self.measured - 1.0

    @property
    def layout_stated(self) -> bool:
        """Whether the row, or its submission, says how the model was cut."""
        return not set(PARALLEL) & set(self.chosen)

    @property
    def covered(self) -> bool:
        """Whether the band holds the measurement."""
        return self.low <= self.measured <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One row that has no prediction, with the reason."""

    row: TruthRow
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A truth file against the model."""

    compared: tuple[Compared, ...]
    refused: tuple[Refused, ...]

    @property
    def times(self) -> tuple[Compared, ...]:
        """Rows that measure the time of a step whose layout is stated."""
        return tuple(item for item in self.compared if item.quantity == "step_s" and item.layout_stated)

    @property
    def laid_out(self) -> tuple[Compared, ...]:
        """Rows that measure the time of a step whose layout is ours, as theirs is not stated."""
        return tuple(item for item in self.compared if item.quantity == "step_s" and not item.layout_stated)

    @property
    def runs(self) -> tuple[Compared, ...]:
        """Rows that measure the time of a run until its target."""
        return tuple(item for item in self.compared if item.quantity == "run_s")

    @property
    def every_time(self) -> tuple[Compared, ...]:
        """All rows that measure time."""
        return tuple(item for item in self.compared if item.quantity != "memory_bytes")

    @property
    def memories(self) -> tuple[Compared, ...]:
        """Rows that measure memory."""
        return tuple(item for item in self.compared if item.quantity == "memory_bytes")


def compare(rows: Iterable[TruthRow], catalog: Catalog, operators: TrainingOperators) -> Comparison:
    """Every row predicted or refused."""
    figures = step_figures(catalog)
    assumptions, ends = best_assumptions(figures), assumption_ends(figures)
    compared: list[Compared] = []
    refused: list[Refused] = []
    for row in rows:
        try:
            expressed = expression(row, catalog, assumptions)
        except Inexpressible as finding:
            refused.append(Refused(row=row, reason=finding.reason))
            continue
        found = predicted(expressed, operators, ends)
        if not (math.isfinite(found.predicted) and found.predicted > 0.0):
            refused.append(Refused(row=row, reason=f"{found.platform} lacks a figure that this layout needs"))
            continue
        compared.append(found)
    return Comparison(compared=tuple(compared), refused=tuple(refused))


def predicted(expressed: Expression, operators: TrainingOperators, ends: Ends) -> Compared:
    """One row's prediction with its band; open choices are the fastest that fits, or the leanest if nothing does.

    Someone ran it, so a choice is excluded only if it cannot fit with the least allowances for context and fragments.
    """
    task, layouts = expressed.task, expressed.layouts
    operators = _of_source(operators, expressed)
    memory = step_memory(replace(task, assumptions=expressed.lean), layouts)
    times = step_total_s(task, layouts, operators.middle(expressed.platform))
    fits = memory.total_bytes <= expressed.platform.accelerator.memory_bytes
    pick = int(np.argmin(np.where(fits, times, np.inf))) if np.any(fits) else int(np.argmin(memory.total_bytes))
    one = chosen(layouts, np.array([pick]))
    if isinstance(expressed.measured, MemoryBytes):
        value, quantity = _memory_part(step_memory(task, one), expressed.measured.part), "memory_bytes"
        band = (value, value)
    else:
        value, quantity = float(times[pick]), "step_s"
        band = _with_stragglers(value, band_s(replace(expressed, layouts=one), operators, ends), expressed.stragglers)
    if expressed.run is not None:
        value, band, quantity = *_whole_run(replace(expressed, layouts=one), operators, value, band), "run_s"
    return Compared(
        row=expressed.row,
        quantity=quantity,
        platform=expressed.platform.id,
        model_class=_model_class(expressed),
        practice=expressed.practice,
        measured=expressed.measured.value,
        predicted=value,
        low=band[0],
        high=band[1],
        layout={name: float(getattr(one, name)[0]) for name in one.__dataclass_fields__},
        chosen=expressed.chosen,
    )


def _whole_run(
    expressed: Expression, operators: TrainingOperators, step_s: float, band: tuple[float, float]
) -> tuple[float, tuple[float, float]]:
    """Time until the target, and its band: steps, and the evaluations between them, which vary as steps do.

    How many steps it takes varies independently of what one takes.
    """
    run, task = expressed.run, expressed.task
    if run is None:
        return step_s, band
    forward_s = forward_total_s(
        task,
        expressed.layouts,
        operators.middle(expressed.platform),
        sequences_count=run.evaluated_sequences_count,
    )
    value = run.steps_count * step_s + run.evaluations_count * float(forward_s[0])
    early = math.hypot(math.log(band[0] / step_s), run.early_log)
    late = math.hypot(math.log(band[1] / step_s), run.late_log)
    return value, (value * math.exp(-early), value * math.exp(late))


def band_s(expressed: Expression, operators: TrainingOperators, ends: Ends) -> tuple[float, float]:
    """P10 and P90 of the step time: the band of operators and links and the ranges of the assumptions."""
    task, attention = expressed.task, expressed.attention_time
    variations = assumed_variations(task, ends)
    if attention.high > attention.low:
        low, high = (
            replace(task, practice=replace(task.practice, attention_time_factor=factor))
            for factor in (attention.low, attention.high)
        )
        variations = (*variations, (low, high))
    return step_band_s(task, expressed.layouts, operators, variations, platform=expressed.platform)


def _with_stragglers(value: float, band: tuple[float, float], stragglers: Ranged) -> tuple[float, float]:
    """The band with what uneven work may add, independent of the rest."""
    later = math.hypot(math.log(band[1] / value), math.log(stragglers.high))
    return band[0], value * math.exp(later)


def _of_source(operators: TrainingOperators, expressed: Expression) -> TrainingOperators:
    """The platform's operators with the products of the row's software, where its own timings are published."""
    factor = expressed.product_time_factor
    if factor == 1.0:
        return operators

    def own(kernels: OperatorModel) -> OperatorModel:
        return LoadedOperators(
            operators=kernels, product_factor=factor, expert_factor=factor, attention_factor=1.0, pass_factor=1.0
        )

    return replace(operators, changes=(*operators.changes, own))


def _memory_part(memory: StepMemory, part: str) -> float:
    parts = {"peak": memory.tensors_bytes, "activations": memory.activation_bytes, "state": memory.state_bytes}
    return float(parts[part][0])


def _model_class(expressed: Expression) -> str:
    if expressed.task.variant.frozen_weights:
        return "adapters"
    return "experts" if isinstance(expressed.task.model.feed_forward, MixtureOfExperts) else "dense"


def scale(count: int) -> str:
    """The size class of a run."""
    bounds = ((8, "1 to 8"), (64, "9 to 64"), (512, "65 to 512"), (2048, "513 to 2,048"))
    return next((name for most, name in bounds if count <= most), "more than 2,048")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSummary:
    """Errors of a group of rows."""

    group: str
    name: str
    cases_count: int
    median_abs_error_fraction: float
    mean_abs_error_fraction: float
    median_error_fraction: float
    band_coverage_fraction: float


def summary(items: tuple[Compared, ...], *, group: str, name: str) -> ErrorSummary:
    """The errors of some rows."""
    errors = np.array([item.error_fraction for item in items])
    return ErrorSummary(
        group=group,
        name=name,
        cases_count=len(items),
        median_abs_error_fraction=float(np.median(np.abs(errors))),
        mean_abs_error_fraction=float(np.mean(np.abs(errors))),
        median_error_fraction=float(np.median(errors)),
        band_coverage_fraction=float(np.mean([item.covered for item in items])),
    )


def summaries(items: tuple[Compared, ...]) -> tuple[ErrorSummary, ...]:
    """Errors by platform, scale, model class, number format, software and completeness of the configuration."""
    keys: dict[str, Callable[[Compared], str]] = {
        "platform": lambda item: item.platform,
        "scale": lambda item: scale(item.row.num_gpus),
        "model class": lambda item: item.model_class,
        "precision": lambda item: re.sub("^amp_", "", item.row.precision.lower()),
        "software": lambda item: item.practice,
        "configuration": lambda item: item.row.full_config,
    }
    found: list[ErrorSummary] = []
    for group, key in keys.items():
        names = sorted({key(item) for item in items})
        found += [summary(tuple(i for i in items if key(i) == name), group=group, name=name) for name in names]
    return tuple(found)


def full_share(comparison: Comparison) -> tuple[int, int]:
    """Rows with a full configuration that are expressed, and all of them."""
    expressed = sum(item.row.full_config in _FULL for item in comparison.compared)
    refused = sum(item.row.full_config in _FULL for item in comparison.refused)
    return expressed, expressed + refused
