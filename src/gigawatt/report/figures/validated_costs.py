"""Costs from layers beside published ones: an hour of an accelerator stacked by layer, and sites per gigawatt."""

import numpy as np
import plotly.graph_objects as go

from gigawatt.finance.compute_costs import LAYERS
from gigawatt.finance.flows import Purpose
from gigawatt.report.figures.canvas import rounded, sheet
from gigawatt.report.palette import GOOD, INK, layer_colours
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION
from gigawatt.validation.costs import HOUR_TOLERANCE_FRACTION, SITE_TOLERANCE_FRACTION, HourRow, SiteRow


def hours(rows: tuple[HourRow, ...]) -> go.Figure:
    """Layers of each hour, with a mark where it was published and how far that may be off."""
    figure = sheet(height=460, y_title="USD per accelerator-hour")
    labels = [[row.accelerator.upper() for row in rows], [row.owner for row in rows]]
    layers = (*LAYERS, Purpose.RENT)
    for layer, colour in zip(layers, layer_colours(len(layers)), strict=True):
        amounts = [row.by_layer_usd_per_accelerator_hour.get(layer, 0.0) for row in rows]
        if any(amounts):
            figure.add_bar(x=labels, y=amounts, name=layer.value.capitalize(), marker={"color": colour})
    published = [row.published_usd_per_accelerator_hour for row in rows]
    figure.add_scatter(
        x=labels,
        y=published,
        mode="markers",
        name=f"Published, ± {HOUR_TOLERANCE_FRACTION:.0%}",
        marker={"color": INK, "size": 9, "symbol": "diamond"},
        error_y={"type": "data", "array": [HOUR_TOLERANCE_FRACTION * usd for usd in published], "color": INK},
    )
    figure.update_layout(barmode="stack", bargap=0.3)
    figure.update_yaxes(tickprefix="$", rangemode="tozero")
    return figure


def sites(rows: tuple[SiteRow, ...]) -> go.Figure:
    """Capital per gigawatt of each site, reported and from layers, with how far off the latter may be."""
    figure = sheet(height=110 + 42 * len(rows), x_title="USD bn per GW facility")
    names = [f"{row.case.site}, {'all' if row.with_systems else 'building'}" for row in rows]
    gigawatts = np.array([row.facility_mw for row in rows]) / MEGAWATTS_PER_GIGAWATT
    reported = np.array([row.reported_usd for row in rows]) / USD_PER_BILLION / gigawatts
    computed = np.array([row.computed_usd for row in rows]) / USD_PER_BILLION / gigawatts
    within = f"Reported, ± {SITE_TOLERANCE_FRACTION:.0%}"
    spread = {"type": "data", "array": rounded(SITE_TOLERANCE_FRACTION * reported), "color": INK}
    figure.add_bar(y=names, x=rounded(computed), orientation="h", name="From layers", marker={"color": GOOD})
    figure.add_scatter(
        y=names,
        x=rounded(reported),
        mode="markers",
        name=within,
        marker={"color": INK, "size": 9, "symbol": "diamond"},
        error_x=spread,
    )
    figure.update_layout(bargap=0.4)
    figure.update_xaxes(tickprefix="$", showgrid=True, rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return figure
