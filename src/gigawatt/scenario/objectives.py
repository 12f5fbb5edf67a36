"""What a plan is to be good at, as one line of text: goals in order, each an objective or a sum of objectives in USD.

`served-tokens within 1 percent, npv` seeks the most tokens, gives 1 percent of them up and takes the most valuable plan
of those left. `npv + 0.4 USD/Mtoken served-tokens` adds tokens to present value at a price.
"""

import re
from typing import Annotated

from pydantic import PlainValidator, WithJsonSchema

from gigawatt import units
from gigawatt.entities.stages import Goal, Objective, Weight
from gigawatt.errors import QuantityError
from gigawatt.scenario.refusals import RefusedError, quoted, suggestion
from gigawatt.units import Dimension

_LONGEST_TEXT = 400
_BETWEEN_GOALS = re.compile(r",(?!\d)")
_BETWEEN_TERMS = re.compile(r"\s\+\s")
_WITHIN = re.compile(r"\swithin\s")
_WEIGHTS: dict[Objective, tuple[Dimension, float]] = {
    Objective.SERVED_TOKENS: (units.TOKEN_PRICE, units.TOKENS_PER_MILLION),
    Objective.TRAINING_COMPUTE: (units.COMPUTE_PRICE, 1.0),
}
"""The dimension of a weight, and how many of the objective's units the weight's unit counts."""
_MONEY = frozenset({Objective.NPV, Objective.COST_OF_TARGET})
_NAMED = tuple(str(objective) for objective in Objective if objective is not Objective.WEIGHTED)
_SUM_EXAMPLE = 'Write it like "npv + 0.4 USD/Mtoken served-tokens".'
_LIST_EXAMPLE = 'Write it like "served-tokens within 1 percent, npv".'


def goals_of(value: object) -> tuple[Goal, ...]:
    """The goals that a text names, in order. Raises RefusedError where it names none, or nonsense."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise RefusedError(
            found=quoted(value), expected=f"one of {', '.join(_NAMED)}, or several in a text", fix=_LIST_EXAMPLE
        )
    goals = tuple(_goal(part.strip()) for part in _BETWEEN_GOALS.split(value))
    seen = [(goal.objective, {weight.objective for weight in goal.weights}) for goal in goals]
    for index, goal in enumerate(goals):
        if seen[index] in seen[:index]:
            raise RefusedError(found=f"{quoted(goal.text)} again", expected="each goal once", fix=_LIST_EXAMPLE)
    if goals[-1].objective is Objective.NPV and goals[-1].within_fraction > 0.0:
        raise RefusedError(
            found=f"{quoted(goals[-1].text)} with no goal after it",
            expected="a goal for which present value may be given up",
            fix='Name it after a comma, like "npv within 1 percent, served-tokens".',
        )
    return goals


def _objective_text(value: object) -> str:
    goals_of(value)
    return str(value).strip()


ObjectiveText = Annotated[
    str,
    PlainValidator(_objective_text),
    WithJsonSchema(
        {
            "type": "string",
            "description": f"{', '.join(_NAMED)}; several in order, or a sum with prices in USD",
            "examples": [*_NAMED, "served-tokens within 1 percent, npv", "npv + 0.4 USD/Mtoken served-tokens"],
        }
    ),
]
"""An objective as written, checked."""


def _goal(text: str) -> Goal:
    what, *within = _WITHIN.split(text, maxsplit=1)
    terms = _BETWEEN_TERMS.split(what)
    if len(terms) > 1:
        given_up = _within(within, Objective.WEIGHTED)
        return Goal(text=text, objective=Objective.WEIGHTED, weights=_weights(terms), within_fraction=given_up)
    weight, objective = _halves(what)
    if weight:
        raise RefusedError(found=quoted(what), expected="a weight only where objectives are added up", fix=_SUM_EXAMPLE)
    return Goal(text=text, objective=objective, within_fraction=_within(within, objective))


def _within(texts: list[str], objective: Objective) -> float:
    """The share of a goal that may be given up for the next ones."""
    if not texts:
        return 0.0
    if objective is Objective.EARLIEST_TARGET:
        raise RefusedError(
            found=f"{objective} within {quoted(texts[0])}",
            expected="no tolerance on a date",
            fix="Leave it out, or set the target's own date.",
        )
    share = _parsed(texts[0], units.FRACTION, fix=_LIST_EXAMPLE)
    if not 0.0 < share < 1.0:
        raise RefusedError(
            found=f"within {quoted(texts[0])}", expected="a share above 0 and below 100 percent", fix=_LIST_EXAMPLE
        )
    return share


def _weights(terms: list[str]) -> tuple[Weight, ...]:
    weights = tuple(_weight(term.strip()) for term in terms)
    named = [weight.objective for weight in weights]
    if len(set(named)) < len(named) or len(_MONEY & set(named)) > 1:
        raise RefusedError(
            found=" + ".join(named), expected="each objective once, and one of npv and cost-of-target", fix=_SUM_EXAMPLE
        )
    return weights


def _weight(term: str) -> Weight:
    text, objective = _halves(term)
    if objective is Objective.EARLIEST_TARGET:
        raise RefusedError(
            found=f"{objective} in a sum",
            expected="objectives that add up",
            fix='A date does not: name it as a goal of its own, like "earliest-target, npv".',
        )
    if objective in _MONEY:
        if text:
            raise RefusedError(
                found=quoted(term), expected=f"{objective} without a weight, for it is in USD", fix=_SUM_EXAMPLE
            )
        return Weight(objective=objective, usd_per_unit=1.0)
    dimension, count = _WEIGHTS[objective]
    if not text:
        raise RefusedError(
            found=f"{objective} without a weight",
            expected=f"a {dimension.name} in {dimension.canonical} before it",
            fix=f"Write the price like {dimension.example}, before the name.",
        )
    price = _parsed(text, dimension, fix=f"Write the price like {dimension.example}, before the name.")
    if price <= 0.0:
        raise RefusedError(found=quoted(term), expected="a weight above zero", fix="Leave the term out, or price it.")
    return Weight(objective=objective, usd_per_unit=units.round_trip(price / count))


def _halves(term: str) -> tuple[str, Objective]:
    """The weight's text, which may be empty, and the objective after it."""
    text, _, name = term.rpartition(" ")
    if name not in _NAMED:
        raise RefusedError(
            found=quoted(name or term), expected=f"one of {', '.join(_NAMED)}", fix=suggestion(name[:80], _NAMED)
        )
    return text.strip(), Objective(name)


def _parsed(text: str, dimension: Dimension, *, fix: str) -> float:
    try:
        return units.parse(text, dimension)
    except QuantityError as error:
        raise RefusedError(found=quoted(text), expected=error.expected, fix=fix, quantity=True) from error
