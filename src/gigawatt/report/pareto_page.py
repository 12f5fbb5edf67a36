"""The front of two objectives as a page with its picture, and as JSON."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from gigawatt.entities.stages import Goal, Inputs, Objective
from gigawatt.planning.pareto import Point, Traced
from gigawatt.report.figures.canvas import sheet
from gigawatt.report.html import figure_json, render_page
from gigawatt.report.json_schema import closed
from gigawatt.report.palette import INK
from gigawatt.report.wording import counted, gigawatts, objective_words, percent

FORMAT = "gigawatt-pareto/1"
_TITLES = {
    Objective.NPV: "Net present value, USD",
    Objective.SERVED_TOKENS: "Tokens served",
    Objective.TRAINING_COMPUTE: "Model FLOP trained",
    Objective.COST_OF_TARGET: "Discounted cost, USD",
    Objective.EARLIEST_TARGET: "Largest target stands from",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A scenario's front: the two objectives and what was found, best at the first one first."""

    inputs: Inputs
    goals: tuple[Goal, Goal]
    traced: Traced


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoPage:
    """All that the template shows."""

    title: str
    sentence: str
    figures: dict[str, Markup]
    heights: dict[str, int]


def pareto_html(found: Front) -> str:
    """The front as one self-contained page."""
    figure = pareto_figure(found)
    page = ParetoPage(
        title=found.inputs.title,
        sentence=sentence(found),
        figures={"front": figure_json(figure)},
        heights={"front": int(figure.layout.height)},
    )
    return render_page("pareto.html.j2", title=f"{found.inputs.title} · front · gigawatt", page=page)


def pareto_figure(found: Front) -> go.Figure:
    """Each point of the front, joined by a line; hovering tells both values, power and gap."""
    first, second = found.goals
    figure = sheet(height=480, y_title=_title(second), x_title=_title(first))
    points = found.traced.points
    figure.add_scatter(
        x=[_position(found, first, point.first) for point in points],
        y=[_position(found, second, point.second) for point in points],
        mode="lines+markers",
        line={"color": INK, "width": 1.2, "dash": "dot"},
        marker={"color": INK, "size": 9},
        text=[point_words(found, point) for point in points],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    return figure


def _title(goal: Goal) -> str:
    return _TITLES.get(goal.objective, f"{goal.text}, USD")


def _position(found: Front, goal: Goal, value: float) -> float | str:
    """Where a value stands on its axis: a date as a day, the end of the plan where the target never stands."""
    if goal.objective is not Objective.EARLIEST_TARGET:
        return value
    return _day(found, value).isoformat()


def _day(found: Front, periods: float) -> date:
    """The first day of the period from which the largest target stands."""
    calendar = found.inputs.calendar
    months = replace(calendar, month_count=calendar.month_count + 1).months
    return months[round(periods) * calendar.months_per_period]


def values_words(found: Front, point: Point) -> tuple[str, str]:
    """What a point reaches of both objectives."""
    first, second = found.goals
    calendar = found.inputs.calendar
    return (
        objective_words(first.objective, point.first, calendar=calendar),
        objective_words(second.objective, point.second, calendar=calendar),
    )


def point_words(found: Front, point: Point) -> str:
    """A point in words: both values, the greatest power, the gap."""
    return (
        f"{'; '.join(values_words(found, point))}; {gigawatts(point.facility_mw)} of facility power; "
        f"gap {percent(point.gap_fraction, decimals=2)}"
    )


def sentence(found: Front) -> str:
    """What the front says at its ends, and what is missing of it."""
    points = found.traced.points
    first, last = points[0], points[-1]
    if len(points) > 1:
        said = f"{counted(len(points), 'plan')}, from {point_words(found, first)}, to {point_words(found, last)}."
    elif found.traced.was_stopped or found.traced.late_count:
        said = f"One plan was found: {point_words(found, first)}."
    else:
        said = f"One plan is the best at both: {point_words(found, first)}."
    return " ".join((said, *remarks(found)))


def remarks(found: Front) -> tuple[str, ...]:
    """What a reader must know of points that are not there."""
    traced = found.traced
    if traced.was_stopped:
        return (f"Interrupted: {counted(len(traced.points), 'point')} of {traced.asked_count} asked for.",)
    if traced.late_count:
        return (f"Of {traced.asked_count} points {traced.late_count} were not found in time: allow more time.",)
    return ()


def pareto_json(found: Front, *, report: str) -> dict[str, Any]:
    """The object that `gigawatt plan --pareto --json` prints; `pareto_schema` describes it."""
    traced = found.traced
    return {
        "format": FORMAT,
        "scenario": found.inputs.name,
        "objectives": [goal.text for goal in found.goals],
        "points": [
            {
                "first": point.first,
                "second": point.second,
                "gap_fraction": point.gap_fraction,
                "facility_mw": point.facility_mw,
            }
            for point in traced.points
        ],
        "asked_count": traced.asked_count,
        "late_count": traced.late_count,
        "interrupted": traced.was_stopped,
        "report": report,
    }


def pareto_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the object that `gigawatt plan --pareto --json` prints."""
    number = {"type": "number"}
    point = {
        "first": {
            **number,
            "description": "Value of the first objective: USD, tokens, FLOP, or planning periods before a date.",
        },
        "second": {**number, "description": "Value of the second objective."},
        "gap_fraction": {**number, "description": "Gap of the plan in what was maximized (ratio)."},
        "facility_mw": {**number, "description": "Greatest facility power in service, MW."},
    }
    properties = {
        "format": {"const": FORMAT},
        "scenario": {"type": "string"},
        "objectives": {
            "type": "array",
            "items": {"type": "string"},
            "minItems": 2,
            "maxItems": 2,
        },
        "points": {"type": "array", "items": closed(point)},
        "asked_count": {"type": "integer", "description": "Points asked for; some may coincide or be beaten."},
        "late_count": {"type": "integer", "description": "Points that were not found in time."},
        "interrupted": {"type": "boolean", "description": "Somebody stopped the search early."},
        "report": {"type": "string", "description": "The page with the picture."},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Front of two objectives of a gigawatt plan",
        **closed(properties),
    }
