"""Contracts of a scenario with every name in them checked and every silence filled from the catalogue."""

from gigawatt.scenario.agreements.setting import Setting

__all__ = ["Setting"]
