"""The sheet that every picture is drawn on: type, margins, axes, no chart junk."""

from datetime import date

import numpy as np
import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.report.palette import INK, MUTED, PAPER, RULE
from gigawatt.timeline import FloatArray

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


def month_axis(study: Study) -> list[date]:
    """The calendar's months as x values."""
    return list(study.inputs.calendar.months)


def rounded(values: FloatArray, *, digits: int = 5) -> list[float]:
    """Values to `digits` significant digits, so that a page stays small."""
    return [float(f"{value:.{digits}g}") for value in np.asarray(values, dtype=np.float64).tolist()]
