"""The best plan without one of its major choices: a site, a platform, a contract, a target.

The scenario is planned again without the choice, in a time of its own. Neither plan is proved best, so what the choice
is worth lies between two bounds: the plan less what none without it can exceed, and what no plan can exceed less the
plan found without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gigawatt.entities.stages import BuildPlan, Inputs, Objective, Performance
from gigawatt.errors import GigawattError, InfeasibleError
from gigawatt.planning.plan import plan as best_plan
from gigawatt.planning.repeat import REPLANNED
from gigawatt.planning.search import Report, silent

_LESS_IS_BETTER = frozenset({Objective.EARLIEST_TARGET, Objective.COST_OF_TARGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something that the scenario could do without: `kind` is site, platform, contract or target."""

    kind: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """The best plan found without a choice, in the objective's unit; NaN figures and a `reason` where there is none.

    The choice is worth `least_worth` to `most_worth`. Where periods or costs are counted, less is better.
    """

    choice: Choice
    objective_value: float
    bound: float
    gap_fraction: float
    least_worth: float
    most_worth: float
    reason: str


def choices(inputs: Inputs, plan: BuildPlan) -> tuple[Choice, ...]:
    """Every major choice of a plan: sites and platforms with racks (not an only one), contracts, targets.

    None of a plan made anew on a later day, of which part could not have been chosen otherwise.
    """
    if REPLANNED in plan.decisions.attrs:
        return ()
    racks = plan.decisions["installed_racks"]
    used: Mapping[str, list[str]] = {
        dim: [str(label) for label in racks[dim].values if bool((racks.sel({dim: label}) > 0.0).any())]
        for dim in ("site", "platform")
    }
    sites = used["site"] if len(inputs.sites) > 1 else []
    platforms = used["platform"] if len(inputs.offers) > 1 else []
    optional = inputs.objective not in _LESS_IS_BETTER
    return (
        *(Choice(kind="site", label=site) for site in sites),
        *(Choice(kind="platform", label=platform) for platform in platforms),
        *(Choice(kind="contract", label=contract.id) for contract in inputs.contracts),
        *(Choice(kind="target", label=str(index)) for index in range(len(inputs.targets) if optional else 0)),
    )


def without(inputs: Inputs, choice: Choice) -> Inputs:
    """The scenario without one choice."""
    if choice.kind == "site":
        return replace(inputs, sites=tuple(site for site in inputs.sites if site.id != choice.label))
    if choice.kind == "platform":
        return replace(inputs, offers=tuple(item for item in inputs.offers if item.platform.id != choice.label))
    if choice.kind == "contract":
        return replace(inputs, contracts=tuple(item for item in inputs.contracts if item.id != choice.label))
    kept = tuple(target for index, target in enumerate(inputs.targets) if str(index) != choice.label)
    return replace(inputs, targets=kept)


def counterfactual(
    inputs: Inputs,
    performance: Performance,
    plan: BuildPlan,
    *,
    choice: Choice,
    time_limit_s: float,
    report: Report = silent,
) -> Counterfactual:
    """What `plan` would lose without `choice`, planned again within `time_limit_s`."""
    solver = replace(inputs.solver, time_limit_s=time_limit_s)
    try:
        other = best_plan(replace(without(inputs, choice), solver=solver), performance, report=report)
    except InfeasibleError as error:
        return _none(choice, reason=f"no plan is feasible without it: {'; '.join(error.conflicts)}")
    except GigawattError as error:
        return _none(choice, reason=str(error))
    sign = -1.0 if inputs.objective in _LESS_IS_BETTER else 1.0
    return Counterfactual(
        choice=choice,
        objective_value=other.objective_value,
        bound=other.bound,
        gap_fraction=other.gap_fraction,
        least_worth=sign * (plan.objective_value - other.bound),
        most_worth=sign * (plan.bound - other.objective_value),
        reason="",
    )


def _none(choice: Choice, *, reason: str) -> Counterfactual:
    missing = float("nan")
    return Counterfactual(
        choice=choice,
        objective_value=missing,
        bound=missing,
        gap_fraction=missing,
        least_worth=missing,
        most_worth=missing,
        reason=reason,
    )
