"""Where placed runs stand: a row for each site, a bar for each run while it holds racks there."""

import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.report.figures.canvas import sheet
from gigawatt.report.palette import INK, layer_colours
from gigawatt.report.stays import month_after, stays
from gigawatt.report.wording import month_name

_ROW_HEIGHT = 34
_FRAME_HEIGHT = 80


def runs_at_sites(study: Study) -> go.Figure | None:
    """Placed runs over time at their sites, with the racks that each holds and its deadline; None without any."""
    found = stays(study)
    if not found:
        return None
    months = study.inputs.calendar.months
    names = [run.id for run in study.inputs.runs]
    colours = dict(zip(names, layer_colours(len(names)), strict=True))
    deadlines = {run.id: run.deadline for run in study.inputs.runs}
    ordered = sorted(found, key=lambda stay: (stay.site, stay.first))
    rows = [f"{stay.site} · {stay.run}" for stay in ordered]
    figure = sheet(height=_FRAME_HEIGHT + _ROW_HEIGHT * len(rows))
    for row, stay in zip(rows, ordered, strict=True):
        figure.add_scatter(
            x=[stay.first, stay.end],
            y=[row, row],
            mode="lines+text",
            text=["", f"  {stay.racks_count:,.0f} racks"],
            textposition="middle right",
            line={"color": colours[stay.run], "width": 16},
            name=stay.run,
            showlegend=False,
            hovertemplate=(
                f"{stay.run}: {stay.racks_count:,.0f} racks of {stay.platform}, {stay.facility_mw:,.0f} MW facility, "
                f"{month_name(stay.first)} to before {month_name(stay.end)}<extra></extra>"
            ),
        )
        figure.add_scatter(
            x=[month_after(deadlines[stay.run])], y=[row], mode="markers", showlegend=False,
            marker={"symbol": "line-ns", "size": 20, "line": {"color": INK, "width": 2}},
            hovertemplate=f"deadline {month_name(deadlines[stay.run])}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(margin={"l": 8, "r": 8, "t": 8, "b": 8})
    figure.update_xaxes(range=[months[0], months[-1]], showgrid=True)
    figure.update_yaxes(autorange="reversed", showgrid=False, type="category")
    return figure
