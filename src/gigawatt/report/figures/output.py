"""What comes out: tokens against demand, runs against deadlines, and what a rack does and costs."""

import numpy as np
import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.facility.electrical import rack_it_power_mw
from gigawatt.report import measures
from gigawatt.report.figures.canvas import make_logarithmic, month_axis, rounded, sheet
from gigawatt.report.palette import BAD, GOOD, INK, MUTED, PAPER, RULE, platform_colours
from gigawatt.report.wording import MILLION, QUADRILLION, TRILLION, month_name, unit_price

WIDE_RATIO = 12.0
_SERVICE_SHADES = ("#35618f", "#7fa6cf", "#b7cde4", "#5b8f8a", "#9cc4bf", "#c9b37a")


def demand_and_service(study: Study) -> go.Figure:
    """Tokens served each month by service, the band of their sum, and the tokens wanted."""
    demand = measures.demand_tokens(study)
    scale, unit = (QUADRILLION, "quadrillion") if demand.max(initial=0.0) >= QUADRILLION else (TRILLION, "trillion")
    figure = sheet(height=400, y_title=f"{unit} tokens a month, input plus output")
    months = month_axis(study)
    served = measures.served_tokens(study)
    for index, service in enumerate(study.inputs.services):
        figure.add_scatter(
            x=months,
            y=rounded(served.sel(service=service.id).values / scale),
            name=f"{service.id}, served",
            mode="lines",
            stackgroup="served",
            line={"width": 0.6, "color": PAPER},
            fillcolor=_SERVICE_SHADES[index % len(_SERVICE_SHADES)],
            hovertemplate="%{y:.3g}<extra>%{fullData.name}</extra>",
        )
    if study.bands.draws_count:
        for quantile, name, dash in ((0.1, "P10", "dot"), (0.9, "P90", "dash")):
            band = study.bands.monthly["served_tokens"].sel(quantile=quantile, method="nearest").values
            figure.add_scatter(
                x=months, y=rounded(band / scale), name=f"{name}, served", mode="lines",
                line={"color": INK, "width": 1.3, "dash": dash}, hovertemplate="%{y:.3g}<extra>" + name + "</extra>",
            )  # fmt: skip
    figure.add_scatter(
        x=months, y=rounded(demand / scale), name="wanted", mode="lines", line={"color": BAD, "width": 2},
        hovertemplate="%{y:.3g}<extra>wanted</extra>",
    )  # fmt: skip
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(hoverformat="%B %Y")
    figure.update_yaxes(rangemode="tozero")
    return figure


def training_runs(study: Study) -> go.Figure:
    """When each run computes, and its deadline."""
    runs = measures.training_progress(study)
    figure = sheet(height=110 + 46 * max(len(runs), 1))
    months = study.inputs.calendar.months
    for progress in runs:
        colour = GOOD if progress.on_time else BAD
        end = progress.finished or months[-1]
        if progress.started:
            figure.add_scatter(
                x=[progress.started, end], y=[progress.run.id, progress.run.id], mode="lines",
                line={"color": colour, "width": 16}, showlegend=False, name=progress.run.id,
                hovertemplate=f"{progress.run.id}: {progress.done_fraction[-1]:.0%} done<extra></extra>",
            )  # fmt: skip
        figure.add_scatter(
            x=[progress.run.deadline], y=[progress.run.id], mode="markers", showlegend=False,
            marker={"symbol": "line-ns", "size": 26, "line": {"color": INK, "width": 2.5}},
            hovertemplate=f"deadline {month_name(progress.run.deadline)}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8})
    figure.update_xaxes(range=[months[0], months[-1]], showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure


def rack_rates(study: Study) -> go.Figure:
    """Tokens per second and IT megawatt of each platform and service, with its range; hollow where projected."""
    figure = sheet(
        height=120 + 44 * max(len(study.inputs.services), 2),
        x_title="million tokens/s per MW IT, racks fully loaded",
    )
    figure.update_layout(height=110 + 40 * _pair_count(study), margin={"l": 8, "r": 8, "t": 8, "b": 8})
    colours, fabric = platform_colours(study), study.inputs.operation.fabric_power.best
    rates = study.performance.serving["tokens_per_s_per_rack"]
    for offer in study.inputs.offers:
        platform = offer.platform
        power_mw = rack_it_power_mw(platform, fabric_power_fraction=fabric)
        for service in study.inputs.services:
            low, middle, high = rates.sel(platform=platform.id, service=service.id).sortby("quantile").values / power_mw
            if not np.isfinite(middle):
                continue
            figure.add_scatter(
                x=[middle / MILLION],
                y=[f"{service.id} · {platform.name}"],
                error_x={
                    "array": [(high - middle) / MILLION],
                    "arrayminus": [(middle - low) / MILLION],
                    "color": colours[platform.id],
                    "thickness": 2,
                    "width": 5,
                },
                mode="markers",
                name=platform.name,
                legendgroup=platform.id,
                showlegend=False,
                marker={
                    "size": 13,
                    "color": colours[platform.id] if platform.measured else PAPER,
                    "line": {"color": colours[platform.id], "width": 2.5},
                },
                hovertemplate="%{y}: %{x:.3g} million tokens/s per MW IT<extra></extra>",
            )
    positive = rates.values[np.isfinite(rates.values) & (rates.values > 0)]
    is_wide = positive.size > 0 and positive.max() / positive.min() > WIDE_RATIO
    if is_wide:
        make_logarithmic(figure, "x")
    else:
        figure.update_xaxes(rangemode="tozero", showgrid=True)
    figure.update_yaxes(type="category", autorange="reversed", gridcolor=RULE)
    return figure


def _pair_count(study: Study) -> int:
    rates = study.performance.serving["tokens_per_s_per_rack"].sel(quantile=0.5, method="nearest")
    return max(int(np.isfinite(rates.values).sum()), 1)


def mtoken_cost(study: Study) -> go.Figure:
    """Levelized cost of a million tokens on each platform, with the range that performance gives it."""
    names, colours = measures.platform_names(study), platform_colours(study)
    bands = measures.mtoken_cost_bands_usd(study)
    rows = [(platform, band[1]) for platform, band in bands.items() if np.isfinite(band[1])]
    figure = sheet(height=100 + 46 * max(len(rows), 1), x_title="USD per million tokens, levelized, all parties' cost")
    figure.add_bar(
        y=[names.get(platform, platform) for platform, _ in rows],
        x=[cost for _, cost in rows],
        error_x={
            "array": [bands[platform][2] - cost for platform, cost in rows],
            "arrayminus": [cost - bands[platform][0] for platform, cost in rows],
            "color": INK,
            "thickness": 1.2,
        },
        orientation="h",
        marker={"color": [colours.get(platform, MUTED) for platform, _ in rows]},
        text=[unit_price(cost) for _, cost in rows],
        textposition="inside",
        insidetextanchor="start",
        cliponaxis=False,
        showlegend=False,
        hovertemplate="%{y}: %{text} per million tokens<extra></extra>",
    )
    widest = max((bands[platform][2] for platform, _ in rows), default=1.0)
    figure.update_layout(bargap=0.45, margin={"l": 8, "r": 8, "t": 8, "b": 8})
    figure.update_xaxes(range=[0, 1.18 * widest], tickprefix="$", showgrid=True)
    figure.update_yaxes(autorange="reversed")
    return figure
