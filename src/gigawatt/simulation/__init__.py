"""The plan as it plays out, month by month."""

from gigawatt.simulation.luck import expected_luck, sampled_luck
from gigawatt.simulation.run import simulate

__all__ = ["expected_luck", "sampled_luck", "simulate"]
