"""The best plan without one of its major choices: a site, a platform, a contract, a target.

The scenario is planned again without the choice, in a time of its own. Neither plan is proved best, so what the choice
is worth lies between two bounds: the plan less what none without it can exceed, and what no plan can exceed less the
plan found without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import linopy

from gigawatt.entities.stages import BuildPlan, Inputs, Objective, Performance
from gigawatt.errors import GigawattError, InfeasibleError
from gigawatt.planning.commitments import Commitments
from gigawatt.planning.decisions import settle
from gigawatt.planning.formulation import Formulation, formulation, insist
from gigawatt.planning.goals import achieved, pursue
from gigawatt.planning.holding import KEPT, REPLANNED, hold, is_made_anew, planned_terms, stands
from gigawatt.planning.plan import plan as best_plan
from gigawatt.planning.search import Report, adopt, gap_fraction, silent
from gigawatt.planning.stopping import Stop

_LESS_IS_BETTER = frozenset({Objective.EARLIEST_TARGET, Objective.COST_OF_TARGET})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something that the scenario could do without: `kind` is site, platform, contract, run, placement or target."""

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
    """Every major choice of a plan: sites and platforms with racks (not an only one), contracts, runs and where these
    are held to one job, targets.

    Of a plan made anew on a later day only what was still open then: sites and platforms of which more racks come than
    stood or were on order, and targets.
    """
    anew = is_made_anew(plan)
    racks = plan.decisions["arrived_racks"]
    racks = (racks - plan.decisions[KEPT]).clip(0.0) if anew else racks
    used: Mapping[str, list[str]] = {
        dim: [str(label) for label in racks[dim].values if bool((racks.sel({dim: label}) > 0.0).any())]
        for dim in ("site", "platform")
    }
    sites = used["site"] if anew or len(inputs.sites) > 1 else []
    platforms = used["platform"] if anew or len(inputs.offers) > 1 else []
    contracts = () if anew else inputs.contracts
    runs = () if anew else inputs.runs
    optional = inputs.objective not in _LESS_IS_BETTER
    return (
        *(Choice(kind="site", label=site) for site in sites),
        *(Choice(kind="platform", label=platform) for platform in platforms),
        *(Choice(kind="contract", label=contract.id) for contract in contracts),
        *(Choice(kind="run", label=run.id) for run in runs),
        *(Choice(kind="placement", label=run.id) for run in runs if run.placement is not None),
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
    if choice.kind == "run":
        return replace(inputs, runs=tuple(run for run in inputs.runs if run.id != choice.label))
    if choice.kind == "placement":
        free = (replace(run, placement=None) if run.id == choice.label else run for run in inputs.runs)
        return replace(inputs, runs=tuple(free))
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
    stop: Stop | None = None,
) -> Counterfactual:
    """What `plan` would lose without `choice`, planned again within `time_limit_s`.

    Of a plan made anew everything that stood then stands here too. Where `stop` is asked for, the best plan so far
    counts, if there is one.
    """
    timed = replace(inputs, solver=replace(inputs.solver, time_limit_s=time_limit_s))
    stop = stop or Stop()
    try:
        if is_made_anew(plan):
            value, bound = _from_there(timed, performance, plan, choice=choice, report=report, stop=stop)
        else:
            other = best_plan(without(timed, choice), performance, report=report, stop=stop)
            value, bound = other.objective_value, other.bound
    except InfeasibleError as error:
        return _none(choice, reason=f"no plan is feasible without it: {'; '.join(error.conflicts)}")
    except GigawattError as error:
        return _none(choice, reason=str(error))
    sign = -1.0 if inputs.objective in _LESS_IS_BETTER else 1.0
    return Counterfactual(
        choice=choice,
        objective_value=value,
        bound=bound,
        gap_fraction=gap_fraction(value, bound),
        least_worth=sign * (plan.objective_value - bound),
        most_worth=sign * (plan.bound - value),
        reason="",
    )


def _from_there(
    inputs: Inputs, performance: Performance, plan: BuildPlan, *, choice: Choice, report: Report, stop: Stop
) -> tuple[float, float]:
    """Value and bound of the best plan without a choice from the day on which `plan` was made anew."""
    asked = without(inputs, choice) if choice.kind == "target" else inputs
    with linopy.options as options:
        options(semantics="v1")
        known = planned_terms(asked, performance, plan)
        built = formulation(asked, terms=known)
        insist(built)
        stand = stands(asked, plan, known=known)
        if stand is not None:
            hold(asked, plan, built=built, stand=stand)
            _order_no_more(built, stand, choice=choice)
        with stop.listening():
            found = pursue(asked, built=built, report=report)
        if found is None:
            raise InfeasibleError((f"what stood in {plan.decisions.attrs[REPLANNED]} asks for it",))
        adopt(built.model, found.values)
        settle(asked, terms=known, built=built)
        value = achieved(asked, built=built)[0]
    beyond = min if inputs.objective in _LESS_IS_BETTER else max
    return value, beyond(found.bound, value)


def _order_no_more(built: Formulation, stand: Commitments, *, choice: Choice) -> None:
    """No racks at a site, or of a platform, but those that stand or are on order."""
    model, arrivals = built.model, built.choose.arrivals
    if choice.kind == "site":
        most = stand.kept.where(stand.kept.site == choice.label, arrivals.upper)
        arrivals.update(upper=most.transpose(*arrivals.dims))
    if choice.kind == "platform":
        own = {"platform": choice.label}
        total = float(stand.kept.sel(own).sum() + stand.waiting.sel(own).sum())
        model.add_constraints(built.choose.delivered.sel(own).sum("period") <= total, name="ordered_no_more")


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
