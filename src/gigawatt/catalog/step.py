"""What a training step costs beside its kernels, from the catalogue's assumptions."""

from gigawatt.catalog.dimensions import MEMORY
from gigawatt.catalog.quantities import ranged
from gigawatt.catalog.records import Catalog
from gigawatt.entities.assumptions import StepFigures
from gigawatt.performance.step.assumed import best_assumptions
from gigawatt.performance.step.task import StepAssumptions
from gigawatt.units import DURATION_SECONDS, FRACTION, RATIO


def step_figures(catalog: Catalog) -> StepFigures:
    """The engineering figures of a step with their ranges."""
    at = "assumptions/training-step"
    return StepFigures(
        host_issue_s=ranged(catalog.figure(f"{at}/host-issue"), DURATION_SECONDS),
        contention=ranged(catalog.figure(f"{at}/contention"), FRACTION),
        attention_backward=ranged(catalog.figure(f"{at}/attention-backward"), RATIO),
        reserved_bytes=ranged(catalog.figure(f"{at}/reserved"), MEMORY),
        fragmentation=ranged(catalog.figure(f"{at}/fragmentation"), FRACTION),
    )


def step_assumptions(catalog: Catalog) -> StepAssumptions:
    """The engineering figures of a step at their best values."""
    return best_assumptions(step_figures(catalog))
