"""A linear programme that stays in the solver, so that its limits can be restated one after the other.

Each solve begins from the last one's basis, which makes it a matter of a few steps.
"""

from dataclasses import dataclass

import highspy
import linopy
import numpy as np
import xarray as xr
from linopy.matrices import MatrixAccessor

from gigawatt.entities.stages import SolverSettings
from gigawatt.planning.search import Search, loaded, outcome, run, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A relaxed model in the solver: `row` gives the position of each constraint label."""

    model: linopy.Model
    matrices: MatrixAccessor
    engine: highspy.Highs
    settings: SolverSettings
    row: dict[int, int]


def standing(model: linopy.Model, *, settings: SolverSettings) -> Standing:
    """`model`, whose whole numbers are relaxed and whose objective is set, loaded once."""
    matrices = model.matrices
    return Standing(
        model=model,
        matrices=matrices,
        engine=loaded(model, matrices, settings=settings),
        settings=settings,
        row={int(label): position for position, label in enumerate(matrices.clabels)},
    )


def solved(standing: Standing, **levels: xr.DataArray) -> Search:
    """The best solution with the right-hand sides of some families restated; the next call begins as stated again."""
    for name, level in levels.items():
        _set_rows(standing, name, level)
    standing.engine.setOptionValue("time_limit", standing.engine.getRunTime() + standing.settings.time_limit_s)
    run(standing.engine, report=silent)
    found = outcome(standing.engine, standing.matrices)
    for name in levels:
        _set_rows(standing, name, standing.model.constraints[name].rhs)
    return found


def _set_rows(standing: Standing, name: str, level: xr.DataArray) -> None:
    family = standing.model.constraints[name]
    values = level.broadcast_like(family.labels).transpose(*family.labels.dims).values.ravel()
    signs = family.sign.broadcast_like(family.labels).transpose(*family.labels.dims).values.ravel()
    for label, value, sign in zip(family.labels.values.ravel(), values, signs, strict=True):
        if label >= 0:
            lower = -np.inf if sign == "<=" else float(value)
            upper = np.inf if sign == ">=" else float(value)
            standing.engine.changeRowBounds(standing.row[int(label)], lower, upper)
