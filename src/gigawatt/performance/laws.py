"""The operator laws that the stage computes with: one seam for fitted laws, the roofline, or whatever else answers."""

from collections.abc import Callable
from dataclasses import dataclass

from gigawatt.entities.assumptions import KernelEfficiency
from gigawatt.entities.hardware import Platform
from gigawatt.performance.operators import OperatorModel, roofline_operators

BandOperators = Callable[[Platform, float], OperatorModel]
"""Gives a platform's operators at a quantile of performance: 0.1 is slow, 0.9 fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorLaws:
    """Operators of training steps, and of serving with one scale per tensor or per block of FP8 weights."""

    training: BandOperators
    serving: BandOperators
    block_scaled_serving: BandOperators


LawFactory = Callable[[KernelEfficiency], OperatorLaws]
"""Gives the laws for what a scenario assumes of kernels and links."""


def roofline_laws(efficiency: KernelEfficiency) -> OperatorLaws:
    """The data sheet and achieved fractions for everything."""

    def operators(platform: Platform, quantile: float) -> OperatorModel:
        return roofline_operators(platform, efficiency, quantile)

    return OperatorLaws(training=operators, serving=operators, block_scaled_serving=operators)
