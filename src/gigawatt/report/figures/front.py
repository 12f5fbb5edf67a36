"""Throughput against interactivity: per accelerator, per megawatt and per dollar, each platform with its band."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import plotly.graph_objects as go

from gigawatt.report.figures.canvas import make_logarithmic, rounded, sheet
from gigawatt.timeline import FloatArray

_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_LOW, _MEDIAN, _HIGH = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontLine:
    """A front of a platform: interactivity at the median, and rates by name as `(quantile, deployment)`.

    `kind` is empty for the front of all deployments; `labels` describe each.
    """

    platform: str
    kind: str
    tokens_per_s_per_user: FloatArray
    rates: Mapping[str, FloatArray]
    labels: tuple[str, ...]


def front(lines: Sequence[FrontLine], *, rate: str, y_title: str) -> go.Figure | None:
    """The fronts in one rate, on logarithmic axes; `None` where no line has it."""
    having = [line for line in lines if rate in line.rates]
    if not having:
        return None
    figure = sheet(height=480, y_title=y_title, x_title="output tokens a second and user")
    for index, (_, own) in enumerate(groupby(having, lambda line: line.platform)):
        for line in own:
            _draw(figure, line, rate=rate, colour=_COLOURS[index % len(_COLOURS)])
    make_logarithmic(figure, "x", "y")
    return figure


def _draw(figure: go.Figure, line: FrontLine, *, rate: str, colour: str) -> None:
    users, values = rounded(line.tokens_per_s_per_user), line.rates[rate]
    name = f"{line.platform}, {line.kind}" if line.kind else line.platform
    if not line.kind:
        figure.add_scatter(
            x=[*users, *users[::-1]], y=[*rounded(values[_HIGH]), *rounded(values[_LOW])[::-1]], fill="toself",
            fillcolor=colour, opacity=0.12, line={"width": 0}, hoverinfo="skip", name=f"{name}, P10 to P90",
        )  # fmt: skip
    figure.add_scatter(
        x=users, y=rounded(values[_MEDIAN]), mode="lines+markers", name=name, text=list(line.labels),
        line={"color": colour, "width": 1.5, "dash": "dot" if line.kind else "solid"},
        marker={"size": 4 if line.kind else 6, "color": colour},
        hovertemplate="%{text}<br>%{x:.3g} per user, %{y:.4g}<extra>%{fullData.name}</extra>",
    )  # fmt: skip
