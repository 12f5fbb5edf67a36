"""Planner and simulator for multi-gigawatt AI-compute build-outs."""

__version__ = "0.1.0"
