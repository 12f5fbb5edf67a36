"""The band of a step: what its operators and the ranges of its assumptions leave open."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from gigawatt.entities.hardware import Platform
from gigawatt.performance.laws import TrainingOperators
from gigawatt.performance.operators import OperatorModel
from gigawatt.performance.step.assumed import Ends
from gigawatt.performance.step.step import step_total_s
from gigawatt.performance.step.task import StepLayouts, StepTask

Variation = tuple[StepTask, StepTask]
"""The task with something at its quick and at its slow end."""


def assumed_variations(task: StepTask, ends: Ends) -> tuple[Variation, ...]:
    """The task with each figure at the ends of its range."""
    return tuple((replace(task, assumptions=low), replace(task, assumptions=high)) for low, high in ends)


def step_band_s(
    task: StepTask,
    layout: StepLayouts,
    operators: TrainingOperators,
    variations: Iterable[Variation],
    *,
    platform: Platform,
) -> tuple[float, float]:
    """P10 and P90 of the time of a step with one layout on a platform.

    Whatever the operators are uncertain by and the variations are independent: their logarithms combine as the root of
    the sum of squares, up and down apart.
    """
    middle = operators.middle(platform)

    def time_s(varied: StepTask, model: OperatorModel) -> float:
        return float(step_total_s(varied, layout, model)[0])

    value = time_s(task, middle)
    pairs = [(time_s(task, quick), time_s(task, slow)) for quick, slow in operators.ends(platform)]
    pairs += [(time_s(low, middle), time_s(high, middle)) for low, high in variations]
    logs = np.log(np.array(pairs) / value)
    down = float(np.sqrt(np.sum(np.minimum(logs[:, 0], 0.0) ** 2)))
    up = float(np.sqrt(np.sum(np.maximum(logs[:, 1], 0.0) ** 2)))
    return value * float(np.exp(-down)), value * float(np.exp(up))
