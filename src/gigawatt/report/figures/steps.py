"""A training step's time by cause and memory by use, and the front of time, memory and power of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from gigawatt.report.figures.canvas import make_logarithmic, sheet
from gigawatt.report.palette import INK, MUTED

_COLOURS = (
    *("#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#8a7d00"),
    *("#999999", "#bbbbbb", "#4d4d4d", "#7b61b0", "#b07b61", "#61b07b", "#2f4b7c"),
)
_LEAST_SHARE = 1e-6
_BAR_HEIGHT, _LEGEND_LINE_HEIGHT = 240, 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """A layout on the front of a search."""

    words: str
    step_s: float
    memory_gb: float
    power_w: float


def stacked_bar(parts: Mapping[str, float], *, unit: str, limit: float | None = None) -> go.Figure:
    """One bar of parts, in their order; with a `limit` a line where it lies."""
    total = sum(parts.values())
    shown = [(index, part) for index, part in enumerate(parts.items()) if part[1] > _LEAST_SHARE * total]
    # On a phone every part is a line of the legend.
    figure = sheet(height=_BAR_HEIGHT + _LEGEND_LINE_HEIGHT * len(shown))
    for index, (name, value) in shown:
        figure.add_bar(
            x=[value], y=[""], orientation="h", name=f"{name} ({value:.3g} {unit}, {value / total:.0%})",
            marker={"color": _COLOURS[index % len(_COLOURS)]},
            hovertemplate=f"{name}: {value:.4g} {unit}, {value / total:.1%}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", legend={"y": -0.15})
    figure.update_xaxes(ticksuffix=f" {unit}")
    if limit is not None:
        figure.add_vline(x=limit, line={"color": INK, "width": 1, "dash": "dot"})
    return figure


def front_figure(points: Sequence[FrontPoint]) -> go.Figure:
    """Memory over step time, coloured by mean power per accelerator."""
    figure = sheet(height=520, y_title="GB per accelerator", x_title="s per step")
    figure.add_scatter(
        x=[point.step_s for point in points], y=[point.memory_gb for point in points], mode="markers",
        text=[point.words for point in points], customdata=[point.power_w for point in points],
        marker={
            "size": 9, "color": [point.power_w for point in points], "colorscale": "Viridis", "showscale": True,
            "colorbar": {"title": {"text": "W", "font": {"color": MUTED}}}, "line": {"width": 0.5, "color": INK},
        },
        hovertemplate="%{x:.4g} s, %{y:.1f} GB, %{customdata:,.0f} W<br>%{text}<extra></extra>",
    )  # fmt: skip
    make_logarithmic(figure, "x", "y")
    return figure
