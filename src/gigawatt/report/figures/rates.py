"""What platforms do: throughput against interactivity, and model FLOP utilization, measured beside projected."""

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from gigawatt.entities.hardware import Platform
from gigawatt.entities.stages import Study
from gigawatt.facility.electrical import rack_it_power_mw
from gigawatt.report.figures.canvas import make_logarithmic, rounded, sheet
from gigawatt.report.palette import INK, MUTED, PAPER, RULE, platform_colours

_LOW, _MEDIAN, _HIGH = 0, 1, 2


def serving_fronts(study: Study) -> go.Figure | None:
    """The most output tokens at each speed within the TTFT, by service; a dot where the service level is kept.

    Solid where measured, dashed where projected; shaded from P10 to P90.
    """
    services = [service.id for service in study.inputs.services]
    if not services:
        return None
    panels = make_subplots(rows=1, cols=len(services), subplot_titles=services, horizontal_spacing=0.08)
    figure = sheet(height=430)
    figure.update_layout(
        {name: value for name, value in panels.layout.to_plotly_json().items() if name != "template"}, overwrite=False
    )
    for column, service in enumerate(services, start=1):
        for offer in study.inputs.offers:
            _draw_front(study, figure, offer.platform, service, column=column)
    make_logarithmic(figure, "x", "y")
    axis = {"gridcolor": RULE, "linecolor": MUTED, "showgrid": True, "automargin": True}
    figure.update_xaxes(**axis, title={"text": "output tokens/s per user", "font": {"size": 12, "color": MUTED}})
    figure.update_yaxes(**axis, title={"text": "output tokens/s per MW IT", "font": {"size": 12, "color": MUTED}})
    figure.update_layout(legend={"y": -0.22})
    return figure


def _draw_front(study: Study, figure: go.Figure, platform: Platform, service: str, *, column: int) -> None:
    serving = study.performance.serving.sel(platform=platform.id, service=service).sortby("quantile")
    power_mw = rack_it_power_mw(platform, fabric_power_fraction=study.inputs.operation.fabric_power.best)
    front = serving["front_output_tokens_per_s_per_rack"].transpose("quantile", "interactivity").values / power_mw
    known = np.isfinite(front[_LOW])
    if not known.any():
        return
    speed, colour = serving["interactivity"].values, platform_colours(study)[platform.id]
    axes = {"xaxis": f"x{column}", "yaxis": f"y{column}", "legendgroup": platform.id}
    users = rounded(speed[known])
    figure.add_scatter(
        x=[*users, *users[::-1]], y=[*rounded(front[_HIGH][known]), *rounded(front[_LOW][known])[::-1]], fill="toself",
        fillcolor=colour, opacity=0.13, line={"width": 0}, hoverinfo="skip", showlegend=False, **axes,
    )  # fmt: skip
    here = np.isfinite(front[_MEDIAN])
    figure.add_scatter(
        x=rounded(speed[here]), y=rounded(front[_MEDIAN][here]), mode="lines", showlegend=column == 1,
        name=f"{platform.name}, {'measured' if platform.measured else 'projected'}",
        line={"color": colour, "width": 2, "dash": "solid" if platform.measured else "dash"},
        hovertemplate="%{x:.3g} per user, %{y:.3g} per MW<extra>%{fullData.name}</extra>", **axes,
    )  # fmt: skip
    chosen = serving.sel(quantile=0.5, method="nearest")
    figure.add_scatter(
        x=[1.0 / float(chosen["tpot_s"])], y=[float(chosen["output_tokens_per_s_per_rack"]) / power_mw], mode="markers",
        showlegend=False, name=f"{platform.name}, chosen",
        marker={"size": 11, "color": colour if platform.measured else PAPER, "line": {"color": colour, "width": 2.5}},
        hovertemplate="%{x:.3g} per user, %{y:.3g} per MW<extra>%{fullData.name}</extra>", **axes,
    )  # fmt: skip


def training_mfu(study: Study) -> go.Figure | None:
    """Model FLOP utilization of each run on each platform with its range; hollow where projected."""
    runs, colours = study.inputs.runs, platform_colours(study)
    if not runs:
        return None
    mfu = study.performance.training["mfu_fraction"]
    figure = sheet(height=110 + 34 * len(runs) * len(study.inputs.offers), x_title="MFU of the run's format, percent")
    for offer in study.inputs.offers:
        platform, colour = offer.platform, colours[offer.platform.id]
        for run in runs:
            low, middle, high = 100.0 * mfu.sel(platform=platform.id, run=run.id).sortby("quantile").values
            if not np.isfinite(middle):
                continue
            figure.add_scatter(
                x=[middle], y=[f"{run.id} · {platform.name}"], mode="markers", showlegend=False, name=platform.name,
                error_x={
                    "array": [high - middle], "arrayminus": [middle - low], "color": colour, "thickness": 2, "width": 5,
                },
                marker={"size": 12, "color": colour if platform.measured else PAPER,
                        "line": {"color": colour, "width": 2.5}},
                hovertemplate="%{y}: %{x:.3g} percent<extra></extra>",
            )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8}, font={"color": INK})
    figure.update_xaxes(rangemode="tozero", showgrid=True)
    figure.update_yaxes(type="category", autorange="reversed", gridcolor=RULE)
    return figure
