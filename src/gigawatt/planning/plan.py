"""The planning stage: formulate, search, settle, explain."""

import linopy

from gigawatt.entities.stages import BuildPlan, Inputs, Objective, Performance, SolveStatus
from gigawatt.errors import InfeasibleError
from gigawatt.planning.conflicts import conflict
from gigawatt.planning.cooling import unhosted
from gigawatt.planning.decisions import decisions, settle
from gigawatt.planning.explain import binding
from gigawatt.planning.formulation import Formulation, earned_count, formulation, insist
from gigawatt.planning.goals import Bounded, achieved, pursue
from gigawatt.planning.marginals import Racks, marginal_values
from gigawatt.planning.placing import fix_starts
from gigawatt.planning.plants import planned_firm_mw
from gigawatt.planning.search import Report, adopt, gap_fraction, silent
from gigawatt.planning.stopping import Stop
from gigawatt.planning.terms import terms

_ROUNDING = 1e-9


def plan(inputs: Inputs, performance: Performance, *, report: Report = silent, stop: Stop | None = None) -> BuildPlan:
    """The build-out that achieves most of the objective within every limit, to the gap and time the inputs allow.

    `report` is told of progress in short sentences. Where `stop` is asked for, the best plan so far is the answer.
    Raises InfeasibleError, naming the statements that conflict, where no plan satisfies them all, and GigawattError
    where the time limit, or the wish to stop, comes before any plan is found.
    """
    with linopy.options as options:
        options(semantics="v1")
        return _plan(inputs, performance, report=report, stop=stop or Stop())


def _plan(inputs: Inputs, performance: Performance, *, report: Report, stop: Stop) -> BuildPlan:
    report("formulating the plan")
    known = terms(inputs, performance)
    built = formulation(inputs, terms=known)
    insist(built)
    report(f"searching among {built.model.nvars:,} decisions under {built.model.ncons:,} constraints")
    with stop.listening():
        proved = pursue(inputs, built=built, report=report)
    if proved is None:
        report("no plan satisfies every statement; looking for those that conflict")
        found = conflict(inputs, performance)
        raise InfeasibleError(found.words, remedy=found.remedy)
    return finished(inputs, built, proved, report=report, was_stopped=stop.heard)


def finished(
    inputs: Inputs, built: Formulation, proved: Bounded, *, report: Report, was_stopped: bool = False
) -> BuildPlan:
    """The plan that a search found: settled, judged by its bound, explained."""
    known = built.terms
    adopt(built.model, proved.values)
    settle(inputs, terms=known, built=built)
    values = achieved(inputs, built=built)
    value = values[0]
    least = inputs.objective in {Objective.EARLIEST_TARGET, Objective.COST_OF_TARGET}
    beyond = min if least else max
    bound = beyond(proved.bound, value)
    given_up = inputs.pursued[0].within_fraction * abs(bound)
    needed = bound + given_up if least else bound - given_up
    gap = max(gap_fraction(value, beyond(needed, value)), proved.later_gap_fraction)
    chosen = decisions(inputs, terms=known, built=built)
    report("what holds the plan back")
    if built.choose.starts is not None:
        fix_starts(built.choose.starts, built.choose.starts.place.solution)
    in_service = built.choose.in_service.solution
    racks = Racks(
        arrived_blocks=built.choose.arrivals.solution,
        installed_blocks=in_service,
        earned=earned_count(in_service, terms=known),
    )
    marginals = marginal_values(inputs, terms=known, built=built, racks=racks, firm_mw=planned_firm_mw(inputs, chosen))
    return BuildPlan(
        objective=inputs.objective,
        status=_status(inputs, gap=gap, was_stopped=was_stopped),
        gap_fraction=gap,
        objective_value=value,
        bound=bound,
        decisions=chosen,
        marginals=marginals,
        binding=(*binding(inputs, terms=known, marginals=marginals), *unhosted(inputs)),
        goal_values=values if inputs.goals else (),
    )


def _status(inputs: Inputs, *, gap: float, was_stopped: bool) -> SolveStatus:
    if gap <= inputs.solver.gap_fraction + _ROUNDING:
        return SolveStatus.OPTIMAL
    return SolveStatus.INTERRUPTED if was_stopped else SolveStatus.TIME_LIMIT
