"""What an hour of compute costs, layer on layer."""

import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.finance.compute_costs import LAYER_NAMES, compute_costs, waterfall
from gigawatt.report import measures
from gigawatt.report.figures.canvas import sheet
from gigawatt.report.palette import layer_colours
from gigawatt.report.wording import unit_price


def levelized_layers(study: Study) -> go.Figure | None:
    """Levelized cost of an accelerator-hour by layer on each platform; nothing where none ever ran."""
    costs = compute_costs(study.inputs, study.history, flows=study.appraisal.flows)
    names = measures.platform_names(study)
    hourly = {
        platform: dict(waterfall(costs, platform=platform).select("layer", "usd_per_accelerator_hour").iter_rows())
        for platform in measures.platforms_in_use(study)
    }
    if not hourly:
        return None
    figure = sheet(height=150 + 46 * len(hourly), x_title="USD per accelerator-hour, levelized, all parties' cost")
    for layer, colour in zip(LAYER_NAMES, layer_colours(len(LAYER_NAMES)), strict=True):
        amounts = [by_layer[layer] for by_layer in hourly.values()]
        if not any(amounts):
            continue
        figure.add_bar(
            y=[names[platform] for platform in hourly],
            x=amounts,
            orientation="h",
            name=layer.capitalize(),
            marker={"color": colour},
            customdata=[unit_price(amount) for amount in amounts],
            hovertemplate="%{y}: %{customdata} an hour<extra>" + layer + "</extra>",
        )
    legend = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(barmode="relative", bargap=0.45, margin={"l": 8, "r": 8, "t": 8, "b": 8}, legend=legend)
    figure.update_xaxes(tickprefix="$", showgrid=True)
    figure.update_yaxes(autorange="reversed")
    return figure
