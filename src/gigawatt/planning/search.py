"""One call of the solver, repeatable: a fixed seed and one thread; what it found, how good, and why it stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from queue import SimpleQueue
from threading import Event, Thread

import highspy
import linopy
import numpy as np
import xarray as xr
from linopy.constants import Result, Solution, Status, TerminationCondition
from linopy.matrices import MatrixAccessor

from gigawatt.entities.stages import SolverSettings
from gigawatt.errors import GigawattError
from gigawatt.planning.stopping import stopped
from gigawatt.timeline import FloatArray, IntArray

Report = Callable[[str], None]
_AGREEMENT = 1e-9
_SEED = 1
_POLL_S = 0.05


def silent(message: str) -> None:
    """Progress that nobody asked for."""


class Ending(StrEnum):
    """How a search ended."""

    OPTIMAL = "optimal"
    TIME_LIMIT = "time limit"
    INFEASIBLE = "infeasible"
    TOO_LITTLE = "worth no more than was asked for"
    NOTHING = "nothing found in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What the solver returned: the incumbent's objective and the bound proved, in the model's own units.

    `values` of the variables and `duals` of the rows stand at their labels, NaN where there is none.
    """

    ending: Ending
    objective: float
    bound: float
    values: FloatArray
    duals: FloatArray

    @property
    def found(self) -> bool:
        """Whether there is a plan."""
        return self.ending in {Ending.OPTIMAL, Ending.TIME_LIMIT}

    @property
    def gap_fraction(self) -> float:
        """Distance of the bound from the incumbent, relative to the incumbent."""
        return gap_fraction(self.objective, self.bound)


def gap_fraction(objective: float, bound: float) -> float:
    """Distance of the bound from the objective, relative to the objective; 0 where they agree.

    >>> gap_fraction(200.0, 201.0)
    0.005
    """
    distance = abs(bound - objective)
    if distance <= _AGREEMENT * max(1.0, abs(objective)):
        return 0.0
    return distance / max(abs(objective), _AGREEMENT)


class _QuietHighs(highspy.Highs):
    """HiGHS without its banner: it is printed while callbacks are set up, before any option could be given."""

    def enableCallbacks(self) -> None:  # noqa: N802 - the solver's own name
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]  # the solver's own signature has no types


def search(model: linopy.Model, *, settings: SolverSettings, report: Report, start: FloatArray | None = None) -> Search:
    """The best solution of `model` that is found within the settings.

    `start` is a plan to begin from, the values of an earlier search, NaN where the solver shall complete it. Raises
    GigawattError when the solver fails; that nothing was found in time is an ending.
    """
    matrices = model.matrices
    engine = loaded(model, matrices, settings=settings)
    if start is not None:
        known = np.flatnonzero(np.isfinite(start[matrices.vlabels])).astype(np.int32)
        engine.setSolution(len(known), known, start[matrices.vlabels][known])
    run(engine, report=report)
    return outcome(engine, matrices)


def loaded(model: linopy.Model, matrices: MatrixAccessor, *, settings: SolverSettings) -> highspy.Highs:
    """The solver, loaded with a model and its matrices."""
    engine = _QuietHighs()  # type: ignore[no-untyped-call]  # the solver's own signature has no types
    for name, value in _options(settings).items():
        engine.setOptionValue(name, value)
    count = len(matrices.vlabels)
    positions = np.arange(count, dtype=np.int32)
    engine.addVars(count, matrices.lb, matrices.ub)
    engine.changeColsCost(count, positions, matrices.c)
    discrete = positions[matrices.vtypes != "C"]
    engine.changeColsIntegrality(len(discrete), discrete, np.ones(len(discrete), dtype=np.uint8))
    rows = matrices.A
    if rows is not None:
        lower = np.where(matrices.sense == "<", -np.inf, matrices.b)
        upper = np.where(matrices.sense == ">", np.inf, matrices.b)
        engine.addRows(rows.shape[0], lower, upper, rows.nnz, rows.indptr, rows.indices, rows.data)
    if model.sense == "max":
        engine.changeObjectiveSense(highspy.ObjSense.kMaximize)
    return engine


def _options(settings: SolverSettings) -> dict[str, str | int | float | bool]:
    return {
        "threads": 1,
        "parallel": "off",
        "random_seed": _SEED,
        "mip_rel_gap": settings.gap_fraction,
        "time_limit": settings.time_limit_s,
    }


def run(engine: highspy.Highs, *, report: Report) -> None:
    """Runs the solver beside the calling thread, so that an interrupt reaches us, stops it and goes on its way.

    A wish to stop (`stopping`) ends the solver too, but is no exception: what was found so far is the answer.
    """
    stop, done, news = Event(), Event(), SimpleQueue[str]()

    def may_stop(event: highspy.HighsCallbackEvent) -> None:
        if stop.is_set():
            event.interrupt()

    def solve() -> None:
        try:
            if not stop.is_set():
                engine.run()
        finally:
            done.set()

    engine.cbMipInterrupt.subscribe(may_stop)
    engine.cbSimplexInterrupt.subscribe(may_stop)
    engine.cbMipImprovingSolution.subscribe(lambda event: news.put(_improvement(event)))
    worker = Thread(target=solve, name="solver", daemon=True)
    try:
        if not stopped():
            worker.start()
            _attend(done, stop=stop, news=news, report=report)
    finally:
        stop.set()
        if worker.ident is not None:
            done.wait()  # an interrupted `join` takes a thread that still runs for ended (Python before 3.13)
            worker.join()
        for event in (engine.cbMipInterrupt, engine.cbSimplexInterrupt, engine.cbMipImprovingSolution):
            event.clear()  # type: ignore[no-untyped-call]  # the solver's own signature has no types


def _attend(done: Event, *, stop: Event, news: SimpleQueue[str], report: Report) -> None:
    """Tells the news until the solver is done, and passes on the wish to stop."""
    at_work = True
    while at_work:
        at_work = not done.wait(_POLL_S)
        if stopped():
            stop.set()
        while not news.empty():
            report(news.get())


def _improvement(event: highspy.HighsCallbackEvent) -> str:
    found = event.data_out
    return f"better plan after {found.running_time:.0f} s, at most {found.mip_gap:.1%} from the best"


def outcome(engine: highspy.Highs, matrices: MatrixAccessor) -> Search:
    """What the solver found. Raises GigawattError where it stopped without an answer."""
    status, numbers = engine.getModelStatus(), engine.getInfo()
    ending = _ENDINGS.get(status)
    if ending is None:
        raise GigawattError(f"the solver stopped without an answer: {engine.modelStatusToString(status)}")
    feasible = numbers.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    is_mixed = numbers.mip_node_count >= 0  # a linear programme cut short has no bound, so its answer is none
    if ending is Ending.TIME_LIMIT and not (feasible and is_mixed):
        ending = Ending.NOTHING
    discrete = bool((matrices.vtypes != "C").any())
    objective = float(numbers.objective_function_value)
    solution = engine.getSolution()
    return Search(
        ending=ending,
        objective=objective,
        bound=float(numbers.mip_dual_bound) if discrete else objective,
        values=_by_label(solution.col_value, matrices.vlabels),
        duals=_by_label(solution.row_dual if solution.dual_valid else [], matrices.clabels),
    )


_ENDINGS = {
    highspy.HighsModelStatus.kOptimal: Ending.OPTIMAL,
    highspy.HighsModelStatus.kModelEmpty: Ending.OPTIMAL,
    highspy.HighsModelStatus.kTimeLimit: Ending.TIME_LIMIT,
    highspy.HighsModelStatus.kInterrupt: Ending.TIME_LIMIT,
    highspy.HighsModelStatus.kNotset: Ending.NOTHING,
    highspy.HighsModelStatus.kInfeasible: Ending.INFEASIBLE,
    highspy.HighsModelStatus.kObjectiveBound: Ending.TOO_LITTLE,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Ending.INFEASIBLE,
}


def _by_label(values: list[float], labels: IntArray) -> FloatArray:
    by_label = np.full(int(labels.max(initial=-1)) + 1, np.nan)
    if len(values) == len(labels):
        by_label[labels] = np.asarray(values, dtype=np.float64)
    return by_label


def values_of(variable: linopy.Variable, values: FloatArray) -> xr.DataArray:
    """The variable's values out of those of a search, with its own labels."""
    return variable.labels.copy(data=values[variable.labels.values]).astype(np.float64)


def duals_of(constraint: linopy.constraints.ConstraintBase, duals: FloatArray) -> xr.DataArray:
    """Marginal value of each row of a constraint, without sign."""
    return constraint.labels.copy(data=np.abs(duals[constraint.labels.values]))


def adopt(model: linopy.Model, values: FloatArray) -> None:
    """Puts the values of a search on the variables of `model`, so that its expressions can be evaluated."""
    status = Status.from_termination_condition(TerminationCondition.optimal)
    model.assign_result(Result(status, Solution(values, np.array([]), float("nan"))))
