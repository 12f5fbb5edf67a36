"""Where the power stands: sites on maps, sized by the power they reach."""

from collections.abc import Callable, Iterable

import plotly.graph_objects as go

from gigawatt.entities.site import Site
from gigawatt.entities.stages import Study
from gigawatt.report import measures
from gigawatt.report.figures.canvas import sheet
from gigawatt.report.maps import Point, Ring, albers, equal_earth, is_contiguous_us, outlines
from gigawatt.report.palette import INK, LAND, MUTED, PAPER, party_colours, translucent
from gigawatt.report.wording import gigawatts

Projection = Callable[[float, float], Point]
LARGEST_MARKER_PIXELS = 46.0


def us_map(study: Study) -> go.Figure | None:
    """Sites in the contiguous United States; none when there are none."""
    sites = [site for site in study.inputs.sites if is_contiguous_us(site.longitude, site.latitude)]
    if not sites:
        return None
    figure = _blank_map(height=520)
    _add_land(figure, outlines()["states"], albers, line=PAPER)
    _add_sites(figure, study, sites, albers)
    _add_labels(figure, study, sites, albers, pixels_per_unit=1150.0)
    return figure


def world_map(study: Study) -> go.Figure | None:
    """All sites on the world, where some lie outside the contiguous United States."""
    if all(is_contiguous_us(site.longitude, site.latitude) for site in study.inputs.sites):
        return None
    figure = _blank_map(height=400)
    places = [equal_earth(site.longitude, site.latitude) for site in study.inputs.sites]
    figure.update_xaxes(range=[min(x for x, _ in places) - 0.35, max(x for x, _ in places) + 0.7])
    figure.update_yaxes(range=[min(y for _, y in places) - 0.25, max(y for _, y in places) + 0.2])
    shapes = outlines()
    land = [ring for ring in shapes["land"] if max(latitude for _, latitude in ring) > -60]
    _add_land(figure, land, equal_earth, line=PAPER)
    _add_lines(figure, shapes["borders"], equal_earth)
    _add_sites(figure, study, list(study.inputs.sites), equal_earth)
    abroad = [site for site in study.inputs.sites if not is_contiguous_us(site.longitude, site.latitude)]
    _add_labels(figure, study, abroad, equal_earth, pixels_per_unit=220.0)
    return figure


def _blank_map(*, height: int) -> go.Figure:
    figure = sheet(height=height)
    figure.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False, meta="map")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False, scaleanchor="x", scaleratio=1, zeroline=False)
    return figure


def _path(rings: Iterable[Ring], project: Projection) -> tuple[list[float | None], list[float | None]]:
    xs: list[float | None] = []
    ys: list[float | None] = []
    for ring in rings:
        for longitude, latitude in ring:
            x, y = project(longitude, latitude)
            xs.append(round(x, 4))
            ys.append(round(y, 4))
        xs.append(None)
        ys.append(None)
    return xs, ys


def _add_land(figure: go.Figure, rings: Iterable[Ring], project: Projection, *, line: str) -> None:
    xs, ys = _path(rings, project)
    figure.add_scatter(
        x=xs, y=ys, mode="lines", fill="toself", fillcolor=LAND, line={"color": line, "width": 0.8},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip


def _add_lines(figure: go.Figure, lines: Iterable[Ring], project: Projection) -> None:
    xs, ys = _path(lines, project)
    figure.add_scatter(
        x=xs, y=ys, mode="lines", line={"color": PAPER, "width": 0.6}, hoverinfo="skip", showlegend=False
    )


def _add_sites(figure: go.Figure, study: Study, sites: list[Site], project: Projection) -> None:
    reached = measures.energized_mw(study, "facility").sum("platform").max("month")
    most = max(float(reached.max()), 1.0)
    colours, names = party_colours(study), measures.party_names(study)
    parties: dict[str, list[Site]] = {}
    for site in sites:
        parties.setdefault(measures.partner(site), []).append(site)
    for party, theirs in parties.items():
        power = [float(reached.sel(site=site.id)) for site in theirs]
        places = [project(site.longitude, site.latitude) for site in theirs]
        figure.add_scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            mode="markers",
            name=names.get(party, party),
            marker={
                "size": [max(7.0, LARGEST_MARKER_PIXELS * (mw / most) ** 0.5) for mw in power],
                "color": [translucent(colours.get(party, MUTED), 0.78 if mw > 0 else 0.15) for mw in power],
                "line": {"color": colours.get(party, MUTED), "width": 1.2},
            },
            text=[f"{site.name}: {gigawatts(mw)} facility" for site, mw in zip(theirs, power, strict=True)],
            hovertemplate="%{text}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(legend={"y": 0.0, "yanchor": "top", "font": {"size": 12, "color": INK}})


# A label is tried beside its site at these offsets (pixels, right and down), nearest first.
_OFFSETS = tuple(
    (round(reach * x), round(reach * y))
    for reach in (44, 70, 100, 135, 175)
    for x, y in ((1.1, 0), (-1.1, 0), (0.9, -0.6), (0.9, 0.6), (-0.9, -0.6), (-0.9, 0.6), (0, -0.8), (0, 0.8))
)
_LETTER_PIXELS = 7.0
_LABEL_HEIGHT_PIXELS = 32.0

Box = tuple[float, float, float, float]


def _add_labels(
    figure: go.Figure, study: Study, sites: list[Site], project: Projection, *, pixels_per_unit: float
) -> None:
    """Name and power of each site, set so that no label covers another or a marker."""
    reached = measures.energized_mw(study, "facility").sum("platform").max("month")
    most = max(float(reached.max()), 1.0)
    power = {site.id: float(reached.sel(site=site.id)) for site in sites}
    places = {site.id: project(site.longitude, site.latitude) for site in sites}
    taken: list[Box] = []
    for site in sites:
        radius = max(7.0, LARGEST_MARKER_PIXELS * (power[site.id] / most) ** 0.5) / 2
        x, y = places[site.id][0] * pixels_per_unit, -places[site.id][1] * pixels_per_unit
        taken.append((x - radius, y - radius, x + radius, y + radius))
    for site in sorted(sites, key=lambda site: -power[site.id]):
        name = _short(site.name)
        width = _LETTER_PIXELS * max(len(name), 8)
        x, y = places[site.id][0] * pixels_per_unit, -places[site.id][1] * pixels_per_unit
        boxes = {offset: _label_box(x, y, offset, width) for offset in _OFFSETS}
        offset = next((o for o in _OFFSETS if not any(_overlap(boxes[o], box) for box in taken)), _OFFSETS[-1])
        taken.append(boxes[offset])
        figure.add_annotation(
            x=places[site.id][0], y=places[site.id][1], ax=offset[0], ay=offset[1], name="label",
            text=f"<b>{name}</b><br>{gigawatts(power[site.id])}", align="left", arrowhead=0, arrowwidth=0.8,
            arrowcolor=MUTED, standoff=4, font={"size": 11.5, "color": INK}, xanchor=_anchor(offset),
        )  # fmt: skip


def _short(name: str) -> str:
    """A site's name for a map, without what stands in brackets."""
    return name.removeprefix("Stargate ").partition(" (")[0]


def _anchor(offset: tuple[int, int]) -> str:
    return "left" if offset[0] > 0 else "right" if offset[0] < 0 else "center"


def _label_box(x: float, y: float, offset: tuple[int, int], width: float) -> Box:
    left = {"left": 0.0, "right": -width, "center": -width / 2}[_anchor(offset)] + x + offset[0]
    middle = y + offset[1]
    return (left, middle - _LABEL_HEIGHT_PIXELS / 2, left + width, middle + _LABEL_HEIGHT_PIXELS / 2)


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
