"""The sheet that every picture is drawn on: type, margins, axes, no chart junk."""

import math
from datetime import date

import numpy as np
import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.report.palette import INK, MUTED, PAPER, RULE
from gigawatt.report.wording import MILLION
from gigawatt.timeline import FloatArray

# Steps inside a decade, by how many decades an axis spans.
_LOG_STEPS = ((1.0, (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)), (2.5, (1.0, 2.0, 5.0)), (math.inf, (1.0,)))

FONT = "Inter, 'Helvetica Neue', Helvetica, Arial, sans-serif"


def sheet(*, height: int, y_title: str = "", x_title: str = "") -> go.Figure:
    """An empty figure in the house's style; `y_title` stands above the axis and names the unit."""
    figure = go.Figure(layout={"template": go.layout.Template()})
    axis = {
        "gridcolor": RULE,
        "zerolinecolor": RULE,
        "linecolor": MUTED,
        "automargin": True,
        "ticks": "",
        "separatethousands": True,
    }
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 34, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": INK},
        hoverlabel={"font": {"family": FONT, "size": 12, "color": INK}, "bgcolor": PAPER, "bordercolor": RULE},
        legend={"orientation": "h", "x": 0, "y": -0.12, "yanchor": "top", "traceorder": "normal", "font": {"size": 12}},
        xaxis={**axis, "showgrid": False, "title": {"text": x_title, "font": {"size": 12, "color": MUTED}}},
        yaxis={**axis, "zeroline": True, "showline": False},
    )
    if y_title:
        figure.add_annotation(
            text=y_title, x=0, y=1, xref="paper", yref="paper", xanchor="left", yanchor="bottom", yshift=10,
            showarrow=False, font={"size": 12, "color": MUTED},
        )  # fmt: skip
    return figure


def make_logarithmic(figure: go.Figure, *axes: str) -> None:
    """Draws "x", "y" or both on a logarithmic scale, with ticks that print their whole value."""
    for axis in axes:
        values = [value for trace in figure.data for value in trace[axis] if value is not None and value > 0.0]
        ticks = log_ticks(min(values), max(values)) if values else []
        shown = {"type": "log", "tickvals": ticks, "ticktext": [_tick_words(tick) for tick in ticks], "showgrid": True}
        (figure.update_xaxes if axis == "x" else figure.update_yaxes)(**shown)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from just below `low` to just above `high`: fewer in a decade the more decades there are."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    span = math.log10(high / low)
    steps = next(steps for most, steps in _LOG_STEPS if span <= most)
    return [float(f"{step}e{decade}") for decade in decades for step in steps]


def _tick_words(value: float) -> str:
    return f"{value / MILLION:,.12g} million" if value >= MILLION else f"{value:,.12g}"


def month_axis(study: Study) -> list[date]:
    """The calendar's months as x values."""
    return list(study.inputs.calendar.months)


def rounded(values: FloatArray, *, digits: int = 5) -> list[float]:
    """Values to `digits` significant digits, so that a page stays small."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64).tolist()]
