"""What a plan can be good at, as a linear expression that is maximized, and its value in its own unit."""

from dataclasses import dataclass

import linopy

from gigawatt.entities.stages import Goal, Inputs, Objective
from gigawatt.errors import ScenarioError
from gigawatt.planning.flows import present_revenue
from gigawatt.planning.formulation import Formulation
from gigawatt.planning.terms import MONEY_UNIT_USD, TOKEN_UNIT

KEPT_TOLERANCE = 1e-7
"""A goal may give way by the solver's own accuracy, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """An expression to maximize; one of it is `unit` of the objective, negative where less is better."""

    words: str
    expression: linopy.LinearExpression
    unit: float

    def value(self) -> float:
        """The value of the plan that stands on the model, in the objective's own unit."""
        return float(self.expression.solution) * self.unit


def aim(inputs: Inputs, objective: Objective, *, built: Formulation) -> Aim:
    """What an objective maximizes. Raises ScenarioError where the scenario has nothing to aim at.

    Training counts all model FLOP that runs are given within their windows, beyond what they ask for too. The cost of
    targets is the discounted cost of the whole plan, revenue left out, while every target and run is kept.
    """
    if objective is Objective.SERVED_TOKENS:
        return Aim(words="output of tokens", expression=built.tokens, unit=TOKEN_UNIT)
    if objective is Objective.TRAINING_COMPUTE:
        _require(bool(inputs.runs), objective, "a training run")
        largest_flop = max(run.compute_flop for run in inputs.runs)
        flop = (built.terms.work.compute_flop / largest_flop * built.demands.progress).sum()
        return Aim(words="training compute", expression=flop, unit=largest_flop)
    if objective is Objective.COST_OF_TARGET:
        _require(bool(inputs.targets), objective, "a target")
        revenue = present_revenue(inputs, terms=built.terms, choose=built.choose)
        return Aim(words="cost of the targets", expression=built.npv - revenue, unit=-MONEY_UNIT_USD)
    if objective in {Objective.EARLIEST_TARGET, Objective.WEIGHTED}:
        raise ScenarioError(
            where="objective",
            found=str(objective),
            expected="an objective that is a sum over the plan",
            fix="A date is sought by itself; a sum is stated by its terms.",
        )
    return Aim(words="present value", expression=built.npv, unit=MONEY_UNIT_USD)


def goal_aim(inputs: Inputs, goal: Goal, *, built: Formulation) -> Aim:
    """What a goal maximizes: an objective, or a weighted sum in USD, in which the cost of targets counts as a loss."""
    if not goal.weights:
        return aim(inputs, goal.objective, built=built)
    parts = [(weight.usd_per_unit, aim(inputs, weight.objective, built=built)) for weight in goal.weights]
    (usd, first), *others = parts
    total = (usd * abs(first.unit) / MONEY_UNIT_USD) * first.expression
    for price, part in others:
        total = total + (price * abs(part.unit) / MONEY_UNIT_USD) * part.expression
    return Aim(words="weighted sum", expression=total, unit=MONEY_UNIT_USD)


def _require(present: bool, objective: Objective, what: str) -> None:
    if not present:
        raise ScenarioError(
            where="programme.objective",
            found=f'"{objective}" without {what}',
            expected=f"{what} to aim at",
            fix=f"Add {what} to the scenario, or choose another objective.",
        )


def hold_aim(built: Formulation, goal: Aim, *, reached: float, name: str, within_fraction: float = 0.0) -> None:
    """Keeps the model at what was reached of an aim, in its expression's own unit, less what may be given up of it."""
    if name in built.model.constraints:
        built.model.remove_constraints(name)
    given_up = max(within_fraction, KEPT_TOLERANCE) * abs(reached)
    built.model.add_constraints(goal.expression >= reached - given_up, name=name)
