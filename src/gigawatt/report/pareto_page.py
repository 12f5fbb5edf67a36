"""The front of two objectives as a page with its picture, and as JSON."""

from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from markupsafe import Markup

from gigawatt.entities.stages import Inputs, Objective
from gigawatt.planning.pareto import Point
from gigawatt.report.figures.canvas import sheet
from gigawatt.report.html import figure_json, render_page
from gigawatt.report.json_schema import closed
from gigawatt.report.palette import INK
from gigawatt.report.wording import OBJECTIVE_WORDS, counted, gigawatts, percent

FORMAT = "gigawatt-pareto/1"
TITLES = {
    Objective.NPV: "Net present value, USD",
    Objective.SERVED_TOKENS: "Tokens served",
    Objective.TRAINING_COMPUTE: "Model FLOP trained",
    Objective.COST_OF_TARGET: "Discounted cost, USD",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A scenario's front: the two objectives and its points, best at the first one first."""

    inputs: Inputs
    objectives: tuple[Objective, Objective]
    points: tuple[Point, ...]


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
    first, second = found.objectives
    figure = sheet(height=480, y_title=TITLES[second], x_title=TITLES[first])
    figure.add_scatter(
        x=[point.first for point in found.points],
        y=[point.second for point in found.points],
        mode="lines+markers",
        line={"color": INK, "width": 1.2, "dash": "dot"},
        marker={"color": INK, "size": 9},
        text=[point_words(found, point) for point in found.points],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    return figure


def point_words(found: Front, point: Point) -> str:
    """A point in words: both values, the greatest power, the gap."""
    first, second = (OBJECTIVE_WORDS[objective] for objective in found.objectives)
    return (
        f"{first(point.first)}; {second(point.second)}; {gigawatts(point.facility_mw)} of facility power; "
        f"gap {percent(point.gap_fraction, decimals=2)}"
    )


def sentence(found: Front) -> str:
    """What the front says at its ends."""
    first, last = found.points[0], found.points[-1]
    if len(found.points) == 1:
        return f"One plan is the best at both: {point_words(found, first)}."
    return f"{counted(len(found.points), 'plan')}, from {point_words(found, first)}, to {point_words(found, last)}."


def pareto_json(found: Front, *, report: str) -> dict[str, Any]:
    """The object that `gigawatt plan --pareto --json` prints; `pareto_schema` describes it."""
    return {
        "format": FORMAT,
        "scenario": found.inputs.name,
        "objectives": [str(objective) for objective in found.objectives],
        "points": [
            {
                "first": point.first,
                "second": point.second,
                "gap_fraction": point.gap_fraction,
                "facility_mw": point.facility_mw,
            }
            for point in found.points
        ],
        "report": report,
    }


def pareto_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of the object that `gigawatt plan --pareto --json` prints."""
    number = {"type": "number"}
    point = {
        "first": {**number, "description": "Value of the first objective: USD, tokens or FLOP."},
        "second": {**number, "description": "Value of the second objective."},
        "gap_fraction": {**number, "description": "Gap of the plan in what was maximized (ratio)."},
        "facility_mw": {**number, "description": "Greatest facility power in service, MW."},
    }
    properties = {
        "format": {"const": FORMAT},
        "scenario": {"type": "string"},
        "objectives": {
            "type": "array",
            "items": {"enum": [str(item) for item in Objective]},
            "minItems": 2,
            "maxItems": 2,
        },
        "points": {"type": "array", "items": closed(point)},
        "report": {"type": "string", "description": "The page with the picture."},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Front of two objectives of a gigawatt plan",
        **closed(properties),
    }
