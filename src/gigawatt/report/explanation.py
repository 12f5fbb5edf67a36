"""What holds a plan and what its choices are worth, as JSON, as sentences and as tables for the terminal."""

import math
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from gigawatt.entities.stages import Objective, Study
from gigawatt.planning.counterfactual import Counterfactual
from gigawatt.planning.explain import Bound, statement
from gigawatt.planning.explanation import Explanation
from gigawatt.planning.families import Scarcity
from gigawatt.report.json_schema import closed
from gigawatt.report.wording import difference_words, money, month_key, percent, short_month

FORMAT = "gigawatt-explanation/1"
_NUMBER_OR_NULL = {"type": ["number", "null"]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of a plan is asked for: one site, one month, both, or (where empty) everything."""

    site: str = ""
    month: date | None = None


def selected(study: Study, explanation: Explanation, scope: Scope) -> tuple[Bound, ...]:
    """The limits that bind within the scope."""
    calendar = study.inputs.calendar
    period = None if scope.month is None else calendar.month_index(scope.month) // calendar.months_per_period
    return tuple(
        bound
        for bound in explanation.bounds
        if (period is None or bound.period == period) and (not scope.site or scope.site in bound.label.split("/"))
    )


def explanation_json(study: Study, explanation: Explanation, *, scope: Scope) -> dict[str, Any]:
    """The object that `gigawatt explain --json` prints; `explanation_schema` describes it."""
    periods = study.inputs.calendar.periods
    units = {name: values.attrs for name, values in study.plan.marginals.data_vars.items()}
    return {
        "format": FORMAT,
        "scenario": study.inputs.name,
        "objective": str(study.plan.objective),
        "objective_value": study.plan.objective_value,
        "bound": study.plan.bound,
        "sentences": list(study.plan.binding),
        "binding": [
            {
                "period": month_key(periods[bound.period]),
                "scarcity": str(bound.scarcity),
                "family": bound.family,
                "words": str(units[bound.family]["words"]),
                "key": str(units[bound.family]["key"]),
                "label": bound.label,
                "unit": bound.unit,
                "usd_per_unit": bound.usd_per_unit,
                "waits": bound.waits,
            }
            for bound in selected(study, explanation, scope)
        ],
        "sites": {
            site: {
                "usd_per_mw": _number(worth.usd_per_mw),
                "usd_per_month_earlier": _number(worth.usd_per_month_earlier),
            }
            for site, worth in explanation.sites.items()
            if scope.site in {"", site}
        },
        "counterfactuals": [_counterfactual(item) for item in explanation.counterfactuals],
        "not_planned": [f"{choice.kind}:{choice.label}" for choice in explanation.not_planned],
        "interrupted": explanation.was_stopped,
    }


def _counterfactual(item: Counterfactual) -> dict[str, Any]:
    return {
        "without": item.choice.kind,
        "label": item.choice.label,
        "objective_value": _number(item.objective_value),
        "bound": _number(item.bound),
        "gap_fraction": _number(item.gap_fraction),
        "least_worth": _number(item.least_worth),
        "most_worth": _number(item.most_worth),
        "reason": item.reason,
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def explanation_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the object that `gigawatt explain --json` prints."""
    bound = {
        "period": _text("First month of the planning period, YYYY-MM."),
        "scarcity": {"enum": [str(kind) for kind in Scarcity], "description": "What is scarce."},
        "family": _text("The family of constraints."),
        "words": _text("What one unit of the limit is."),
        "key": _text("Where the scenario states it."),
        "label": _text("What it is about: a site, a platform, a service, a run, a target's number."),
        "unit": _text("The unit of the limit."),
        "usd_per_unit": {"type": "number", "description": "Present value that one unit more in this period adds, USD."},
        "waits": {"type": "boolean", "description": "The site has no power in this period."},
    }
    site = {
        "usd_per_mw": _worth("Present value of one more MW from the site's first power on, USD."),
        "usd_per_month_earlier": _worth("Present value of all its power one month earlier, USD."),
    }
    other = {
        "without": {"enum": ["site", "platform", "contract", "target"], "description": "What is left out."},
        "label": _text("Which one."),
        "objective_value": _worth("What the best plan found without it reaches, in the objective's unit."),
        "bound": _worth("What no plan without it can exceed."),
        "gap_fraction": _worth("Gap of that plan (ratio)."),
        "least_worth": _worth("What it is worth at least, in the objective's unit."),
        "most_worth": _worth("What it is worth at most."),
        "reason": _text("Why there is no plan without it; empty where there is one."),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Explanation of a gigawatt plan",
        **closed(
            {
                "format": {"const": FORMAT},
                "scenario": _text("The scenario's name."),
                "objective": {"enum": [str(objective) for objective in Objective]},
                "objective_value": {"type": "number", "description": "What the plan reaches."},
                "bound": {"type": "number", "description": "What no plan can exceed."},
                "sentences": {"type": "array", "items": {"type": "string"}},
                "binding": {"type": "array", "items": closed(bound)},
                "sites": {"type": "object", "additionalProperties": closed(site)},
                "counterfactuals": {"type": "array", "items": closed(other)},
                "not_planned": {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Choices that an interrupt left without an answer.",
                },
                "interrupted": {"type": "boolean", "description": "Somebody stopped the command early."},
            }
        ),
    }


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


def _worth(description: str) -> dict[str, Any]:
    return {**_NUMBER_OR_NULL, "description": f"{description} Null where it is not known."}


def bound_words(study: Study, bound: Bound) -> str:
    """One limit in one period, as a sentence: `Jul 2027: power at milam; one MW more is worth $3.2 m`."""
    when = short_month(study.inputs.calendar.periods[bound.period])
    what = f"{bound.scarcity}: {bound.label or statement(bound.family, '')}"
    worth = f"is worth {money(bound.usd_per_unit)}"
    if bound.scarcity is Scarcity.DEADLINES:
        return f"{when}, {statement(bound.family, bound.label)}: one {bound.unit} less {worth}"
    waits = " (no power yet)" if bound.waits else ""
    return f"{when}, {what}{waits}: one {bound.unit} more {worth}"


def worth_words(study: Study, item: Counterfactual) -> str:
    """What one choice is worth, in the objective's unit."""
    if item.reason:
        return item.reason
    say = partial(difference_words, study.plan.objective, calendar=study.inputs.calendar)
    gap = percent(item.gap_fraction, decimals=2)
    if item.most_worth < 0.0:
        return f"gains {say(-item.most_worth)} to {say(-item.least_worth)} (gap {gap})"
    if item.least_worth < 0.0:
        return f"changes by less than the gaps: from {say(item.least_worth)} to {say(item.most_worth)} (gap {gap})"
    return f"loses {say(item.least_worth)} to {say(item.most_worth)} (gap {gap})"
