"""What planning anew has changed, and why: as sentences, as Markdown and as JSON."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from gigawatt.entities.actuals import Actuals
from gigawatt.entities.stages import Objective, Study
from gigawatt.planning.replan import Replanned
from gigawatt.report.json_schema import closed
from gigawatt.report.wording import counted, money, month_key, objective_words, percent, short_month

FORMAT = "gigawatt-replan/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Racks of a platform that arrive at a site in a period: before, now, and why they differ."""

    site: str
    platform: str
    period: date
    before_racks: float
    now_racks: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Two plans of one programme, `before` and `now`, and what came between them."""

    before: Study
    now: Study
    anew: Replanned
    actuals: Actuals


def changes(revision: Revision) -> tuple[Change, ...]:
    """Every arrival that differs, by site, platform and period."""
    first, second = (
        study.plan.decisions["arrived_racks"].transpose("site", "platform", "period")
        for study in (revision.before, revision.now)
    )
    periods = revision.now.inputs.calendar.periods
    return tuple(
        Change(
            site=str(first.site.values[s]),
            platform=str(first.platform.values[p]),
            period=periods[t],
            before_racks=float(first.values[s, p, t]),
            now_racks=float(second.values[s, p, t]),
            reason=_reason(revision.actuals, str(first.site.values[s]), str(first.platform.values[p])),
        )
        for s, p, t in zip(*np.nonzero(first.values != second.values), strict=True)
    )


def _reason(actuals: Actuals, site: str, platform: str) -> str:
    """The news that concerns a site and a platform; else what happens elsewhere."""
    news = next((item for item in actuals.sites if item.site == site), None)
    pairs = {(racks.site, racks.platform) for racks in actuals.racks}
    pairs |= {(order.site, order.platform) for order in actuals.orders}
    if news is not None and news.slip_months:
        return f"its power comes {counted(news.slip_months, 'month')} later than was expected"
    if news is not None:
        return "its power is not what was expected"
    late = next((item for item in actuals.plants if item.site == site and item.slip_months), None)
    if late is not None:
        return f"its plant {late.plant} comes {counted(late.slip_months, 'month')} later than was expected"
    if (site, platform) in pairs:
        return "racks in service or on order are not those planned"
    if platform in {item.platform for item in actuals.quotes}:
        return "its vendor quotes anew"
    if actuals.cash_usd is not None:
        return "cash is not what was planned"
    return "it takes, or leaves, what changed elsewhere"


def sentences(revision: Revision) -> Iterator[str]:
    """What a planner reads first, then a line for each site and platform that changes."""
    anew, as_of = revision.anew, short_month(revision.actuals.as_of)
    say = partial(objective_words, revision.now.plan.objective, calendar=revision.now.inputs.calendar)
    if anew.is_unchanged:
        yield (
            f"As of {as_of} the plan goes on unchanged: {say(anew.earlier_value)}, within "
            f"{percent(revision.now.plan.gap_fraction, decimals=2)} of the best."
        )
        return
    before, now = revision.before.plan.objective_value, revision.now.plan.objective_value
    yield f"As of {as_of} the plan reaches {say(now)}; it was to reach {say(before)}."
    if math.isfinite(anew.earlier_value):
        yield f"Unchanged it would reach {say(anew.earlier_value)}."
    else:
        yield "Unchanged it is no longer possible."
    if anew.churn_usd:
        yield f"The changes were charged {money(anew.churn_usd)} so that only what pays moves."
    grouped: dict[tuple[str, str, str], list[Change]] = {}
    for change in changes(revision):
        grouped.setdefault((change.site, change.platform, change.reason), []).append(change)
    for (site, platform, reason), own in grouped.items():
        moves = ", ".join(f"{item.now_racks - item.before_racks:+,.0f} in {short_month(item.period)}" for item in own)
        yield f"{site}, racks of {platform}: {moves} ({reason})."


def changes_markdown(revision: Revision) -> str:
    """The same as Markdown, for the study's folder."""
    lines = "\n".join(f"- {line}" for line in sentences(revision))
    return f"# What changed\n\n{lines}\n"


def replan_json(revision: Revision, *, report: str) -> dict[str, Any]:
    """The object that `gigawatt replan --json` prints; `replan_schema` describes it."""
    anew = revision.anew
    return {
        "format": FORMAT,
        "scenario": revision.now.inputs.name,
        "as_of": month_key(revision.actuals.as_of),
        "objective": str(revision.now.plan.objective),
        "value_before": revision.before.plan.objective_value,
        "value_unchanged": anew.earlier_value if math.isfinite(anew.earlier_value) else None,
        "value_now": revision.now.plan.objective_value,
        "gap_fraction": revision.now.plan.gap_fraction,
        "churn_usd": anew.churn_usd,
        "unchanged": anew.is_unchanged,
        "changes": [
            {
                "site": item.site,
                "platform": item.platform,
                "period": month_key(item.period),
                "before_racks": item.before_racks,
                "now_racks": item.now_racks,
                "reason": item.reason,
            }
            for item in changes(revision)
        ],
        "sentences": list(sentences(revision)),
        "report": report,
    }


def replan_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the object that `gigawatt replan --json` prints."""
    text, number = {"type": "string"}, {"type": "number"}
    change = {
        "site": text,
        "platform": text,
        "period": {**text, "description": "First month of the planning period, YYYY-MM."},
        "before_racks": {**number, "description": "Racks that were to arrive."},
        "now_racks": {**number, "description": "Racks that arrive now."},
        "reason": text,
    }
    properties = {
        "format": {"const": FORMAT},
        "scenario": text,
        "as_of": {**text, "description": "The month up to which the actuals tell, YYYY-MM."},
        "objective": {"enum": [str(objective) for objective in Objective]},
        "value_before": {**number, "description": "What the earlier plan was to reach, in the objective's unit."},
        "value_unchanged": {
            "type": ["number", "null"],
            "description": "What it would reach unchanged under what is now known; null where it is not possible.",
        },
        "value_now": {**number, "description": "What the new plan reaches."},
        "gap_fraction": {**number, "description": "Gap of the new plan (ratio)."},
        "churn_usd": {**number, "description": "What the changes were charged while planning, USD; nobody pays it."},
        "unchanged": {"type": "boolean", "description": "The earlier plan goes on."},
        "changes": {"type": "array", "items": closed(change)},
        "sentences": {"type": "array", "items": text},
        "report": text,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A gigawatt plan made anew",
        **closed(properties),
    }
