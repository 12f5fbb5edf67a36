"""A programme that stays in the solver, so that its limits can be restated one after the other.

Each solve begins from the last one's basis, which makes it a matter of a few steps.
"""

from dataclasses import dataclass

import highspy
import linopy
import numpy as np
import xarray as xr
from linopy.matrices import MatrixAccessor
from numpy.typing import NDArray

from gigawatt.entities.stages import SolverSettings
from gigawatt.planning.search import Search, loaded, outcome, run, silent
from gigawatt.timeline import IntArray

_MANY_DECISIONS = 50_000
"""From here on the first solve is by interior points, several times as fast; later ones begin from its basis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A model in the solver; `row` and `column` give the position of each label, -1 where there is none."""

    model: linopy.Model
    matrices: MatrixAccessor
    engine: highspy.Highs
    settings: SolverSettings
    row: IntArray
    column: IntArray


def standing(model: linopy.Model, *, settings: SolverSettings) -> Standing:
    """`model`, whose objective is set, loaded once with the whole numbers it has."""
    matrices = model.matrices
    return Standing(
        model=model,
        matrices=matrices,
        engine=loaded(model, matrices, settings=settings),
        settings=settings,
        row=_positions(matrices.clabels),
        column=_positions(matrices.vlabels),
    )


def _positions(labels: IntArray) -> IntArray:
    positions = np.full(int(labels.max(initial=-1)) + 1, -1, dtype=np.int64)
    positions[labels] = np.arange(len(labels))
    return positions


def solved(standing: Standing, **levels: xr.DataArray) -> Search:
    """The best solution with the right-hand sides of some families restated; the next call begins as stated again."""
    for name, level in levels.items():
        set_rows(standing, name, level)
    found = solved_again(standing)
    for name in levels:
        set_rows(standing, name, standing.model.constraints[name].rhs)
    return found


def solved_again(standing: Standing, *, stalls_after_s: float = np.inf) -> Search:
    """The best solution of the programme as it stands in the solver now.

    The last basis can lead astray: then, and where it has led nowhere within `stalls_after_s`, once more from the
    beginning.
    """
    engine, limit_s = standing.engine, standing.settings.time_limit_s
    from_basis = engine.getBasis().valid
    status = _run(standing, time_s=min(limit_s, stalls_after_s) if from_basis else limit_s)
    stalled = from_basis and stalls_after_s < limit_s and status == highspy.HighsModelStatus.kTimeLimit
    if stalled or status == highspy.HighsModelStatus.kUnknown:
        engine.clearSolver()
        _run(standing, time_s=limit_s)
    return outcome(engine, standing.matrices)


def _run(standing: Standing, *, time_s: float) -> highspy.HighsModelStatus:
    """Runs the solver for so long at most, a large programme that has no basis by interior points."""
    engine = standing.engine
    begins = not engine.getBasis().valid and len(standing.matrices.vlabels) > _MANY_DECISIONS
    engine.setOptionValue("solver", "ipm" if begins else "choose")
    engine.setOptionValue("time_limit", engine.getRunTime() + time_s)
    run(engine, report=silent)
    return engine.getModelStatus()


def run_again(standing: Standing, *, time_s: float) -> Search | None:
    """The best solution from the last basis on, None where none is found in time or the basis leads astray."""
    if _run(standing, time_s=time_s) != highspy.HighsModelStatus.kOptimal:
        return None
    return outcome(standing.engine, standing.matrices)


def set_rows(standing: Standing, name: str, level: xr.DataArray) -> None:
    """Restates the right-hand side of a family of rows, in the model's own unit, until it is restated again."""
    family = standing.model.constraints[name]
    values = level.broadcast_like(family.labels).transpose(*family.labels.dims).values.ravel()
    signs = family.sign.broadcast_like(family.labels).transpose(*family.labels.dims).values.ravel()
    for label, value, sign in zip(family.labels.values.ravel(), values, signs, strict=True):
        if label >= 0:
            lower = -np.inf if sign == "<=" else float(value)
            upper = np.inf if sign == ">=" else float(value)
            standing.engine.changeRowBounds(int(standing.row[label]), lower, upper)


def set_bounds(standing: Standing, variable: linopy.Variable, *, upper: xr.DataArray) -> None:
    """Restates the upper bounds of a variable, 0 being the lower ones."""
    labels = variable.labels
    most = upper.broadcast_like(labels).transpose(*labels.dims).values.ravel().astype(np.float64)
    columns = standing.column[labels.values.ravel()].astype(np.int32)
    standing.engine.changeColsBounds(len(columns), columns, np.zeros(len(columns)), most)


def set_costs(standing: Standing, variable: linopy.Variable, *, costs: xr.DataArray) -> None:
    """Makes a variable's weighted sum, and nothing else, what is minimized."""
    count = len(standing.matrices.vlabels)
    standing.engine.changeColsCost(count, np.arange(count, dtype=np.int32), np.zeros(count))
    columns = standing.column[variable.labels.values.ravel()].astype(np.int32)
    standing.engine.changeColsCost(len(columns), columns, costs.transpose(*variable.dims).values.ravel().astype(float))
    standing.engine.changeObjectiveSense(highspy.ObjSense.kMinimize)


def set_whole(standing: Standing, *, whole: bool, divisible: frozenset[str] = frozenset()) -> None:
    """Asks for whole numbers where the model does, but for the variables that are to stay divisible, or for none."""
    discrete = _discrete(standing)
    kinds = np.full(len(discrete), int(highspy.HighsVarType.kContinuous), dtype=np.uint8)
    if whole:
        kinds[~np.isin(discrete, _columns(standing, divisible))] = int(highspy.HighsVarType.kInteger)
    standing.engine.changeColsIntegrality(len(discrete), discrete, kinds)


def any_whole(standing: Standing, *, divisible: frozenset[str]) -> bool:
    """Whether the model asks for whole numbers of anything but the variables that are to stay divisible."""
    return bool((~np.isin(_discrete(standing), _columns(standing, divisible))).any())


def _discrete(standing: Standing) -> NDArray[np.int32]:
    return np.flatnonzero(standing.matrices.vtypes != "C").astype(np.int32)


def _columns(standing: Standing, names: frozenset[str]) -> IntArray:
    """Positions of all variables of some names."""
    labels = [
        standing.model.variables[name].labels.values.ravel() for name in names if name in standing.model.variables
    ]
    return np.asarray(standing.column[np.concatenate([np.zeros(0, dtype=np.int64), *labels])], dtype=np.int64)
