"""Gigawatts energized, by site and by platform, against the milestones."""

import numpy as np
import plotly.graph_objects as go

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import MilestoneTranches
from gigawatt.entities.site import Site
from gigawatt.entities.stages import Study
from gigawatt.report import measures
from gigawatt.report.figures.canvas import month_axis, rounded, sheet
from gigawatt.report.palette import INK, MUTED, PAPER, platform_colours, site_colours
from gigawatt.report.wording import money, month_name
from gigawatt.timeline import FloatArray
from gigawatt.units import MEGAWATTS_PER_GIGAWATT


def energized_by_site(study: Study) -> go.Figure:
    """Facility power in service, stacked by site, with its band and the milestones."""
    figure = sheet(height=500, y_title="GW energized, facility basis")
    colours = site_colours(study)
    power = measures.energized_mw(study, "facility").sum("platform")
    for site in _by_partner(study):
        _add_layer(figure, study, power.sel(site=site.id).values, name=site.name, colour=colours[site.id])
    _add_band(figure, study)
    _add_milestones(figure, study)
    return _framed(figure, study)


def _by_partner(study: Study) -> tuple[Site, ...]:
    """Sites in use, those of a partner together, in the order in which the partners' largest sites come."""
    grouped: dict[str, list[Site]] = {}
    for site in measures.sites_in_use(study):
        grouped.setdefault(measures.partner(site), []).append(site)
    return tuple(site for sites in grouped.values() for site in sites)


def energized_by_platform(study: Study) -> go.Figure:
    """IT power in service, stacked by platform."""
    figure = sheet(height=360, y_title="GW energized, IT basis")
    colours, names = platform_colours(study), measures.platform_names(study)
    power = measures.energized_mw(study, "it").sum("site")
    for platform in measures.platforms_in_use(study):
        _add_layer(figure, study, power.sel(platform=platform).values, name=names[platform], colour=colours[platform])
    return _framed(figure, study)


def _add_layer(figure: go.Figure, study: Study, power_mw: FloatArray, *, name: str, colour: str) -> None:
    figure.add_scatter(
        x=month_axis(study),
        y=rounded(power_mw / MEGAWATTS_PER_GIGAWATT),
        name=name,
        mode="lines",
        stackgroup="power",
        line={"shape": "hv", "width": 0.6, "color": PAPER},
        fillcolor=colour,
        legendgroup=name,
        hovertemplate="%{y:.2f} GW<extra>%{fullData.name}</extra>",
    )


def _add_band(figure: go.Figure, study: Study) -> None:
    band = study.bands.monthly["energized_facility_mw"]
    if study.bands.draws_count == 0:
        return
    for quantile, name, dash in ((0.1, "P10", "dot"), (0.9, "P90", "dash")):
        values = band.sel(quantile=quantile, method="nearest").values
        figure.add_scatter(
            x=month_axis(study),
            y=rounded(values / MEGAWATTS_PER_GIGAWATT),
            name=f"{name} of {study.bands.draws_count} sampled histories",
            mode="lines",
            line={"shape": "hv", "width": 1.4, "dash": dash, "color": INK},
            hovertemplate="%{y:.2f} GW<extra>" + name + "</extra>",
        )


def _add_milestones(figure: go.Figure, study: Study) -> None:
    milestones = study.appraisal.milestones
    if not milestones:
        return
    months = study.inputs.calendar.months
    total = dict(zip(months, measures.total_energized_mw(study, "facility").tolist(), strict=True))
    names = measures.party_names(study)
    investors = {c.id: names[c.investor] for c in study.inputs.contracts if isinstance(c, MilestoneTranches)}
    figure.add_scatter(
        x=[milestone.reached for milestone in milestones],
        y=[total[milestone.reached] / MEGAWATTS_PER_GIGAWATT for milestone in milestones],
        text=[str(milestone.gigawatt) for milestone in milestones],
        name="Milestone reached",
        mode="markers+text",
        marker={"size": 21, "color": INK, "line": {"color": PAPER, "width": 1.5}},
        textfont={"color": PAPER, "size": 11},
        customdata=[
            [money(m.amount_usd), investors.get(m.contract, m.contract), month_name(m.paid)] for m in milestones
        ],
        hovertemplate="milestone %{text}: %{customdata[0]} from %{customdata[1]}, paid %{customdata[2]}<extra></extra>",
    )


def milestone_basis(study: Study) -> str:
    """Which megawatt the milestones count, in words; empty without milestones."""
    bases = {contract.basis for contract in study.inputs.contracts if isinstance(contract, MilestoneTranches)}
    words = {PowerBasis.FACILITY: "facility power", PowerBasis.IT: "IT power"}
    return " and ".join(sorted(words[basis] for basis in bases))


def _framed(figure: go.Figure, study: Study) -> go.Figure:
    months = month_axis(study)
    greatest = max(measures.greatest_energized_mw(study, "facility") / MEGAWATTS_PER_GIGAWATT, 0.01)
    figure.update_layout(hovermode="x unified", hoverlabel={"namelength": -1})
    figure.update_xaxes(range=[months[0], months[-1]], hoverformat="%B %Y")
    figure.update_yaxes(rangemode="tozero", ticksuffix=" ", nticks=int(np.clip(greatest, 4, 8)))
    figure.add_hline(y=0, line={"color": MUTED, "width": 1})
    return figure
