"""The operator laws that the stage computes with: one seam for fitted laws, the roofline, or whatever else answers."""

from collections.abc import Callable
from dataclasses import dataclass

from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import QUANTILES, OperatorModel, roofline_operators

BandOperators = Callable[[Platform, float], OperatorModel]
"""Gives a platform's operators at a quantile of performance: 0.1 is slow, 0.9 fast."""

Change = Callable[[OperatorModel], OperatorModel]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOperators:
    """Operators of a training step at the median, and what they are uncertain by.

    Each of `causes` takes one thing to a quantile of performance, independent of the others, and leaves the rest at the
    median. `changes` are applied to whatever they give.
    """

    causes: tuple[BandOperators, ...]
    changes: tuple[Change, ...] = ()

    def middle(self, platform: Platform) -> OperatorModel:
        """The operators of a platform at the median of everything."""
        return self._changed(self.causes[0](platform, QUANTILES[1]))

    def ends(self, platform: Platform) -> tuple[tuple[OperatorModel, OperatorModel], ...]:
        """The operators with each cause at its quick and at its slow end."""
        return tuple(
            (self._changed(cause(platform, QUANTILES[2])), self._changed(cause(platform, QUANTILES[0])))
            for cause in self.causes
        )

    def _changed(self, operators: OperatorModel) -> OperatorModel:
        for change in self.changes:
            operators = change(operators)
        return operators


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLaws:
    """Operators of training steps, and of serving with one scale per tensor or per block of FP8 weights."""

    training: TrainingOperators
    serving: BandOperators
    block_scaled_serving: BandOperators


LawFactory = Callable[[KernelEfficiency], OperatorLaws]
"""Gives the laws for what a scenario assumes of kernels and links."""


def roofline_laws(efficiency: KernelEfficiency) -> OperatorLaws:
    """The data sheet and achieved fractions for everything."""

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        return roofline_operators(platform, efficiency, quantile)

    return OperatorLaws(
        training=TrainingOperators(causes=(operators,)), serving=operators, block_scaled_serving=operators
    )
