"""Two studies on one page: the sentences, three pictures and the table."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup

from gigawatt.entities.stages import Study
from gigawatt.report import measures
from gigawatt.report.cells import Table
from gigawatt.report.compare import Comparison, compare, side_by_side
from gigawatt.report.figures.canvas import month_axis, rounded, sheet
from gigawatt.report.html import figure_json, render_page
from gigawatt.report.palette import INK
from gigawatt.report.wording import QUADRILLION
from gigawatt.timeline import FloatArray
from gigawatt.units import MEGAWATTS_PER_GIGAWATT, USD_PER_BILLION

_COLOURS = ("#7fa6cf", INK)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonPage:
    """All that the comparison's template shows."""

    first: str
    second: str
    sentences: tuple[str, ...]
    table: Table
    figures: dict[str, Markup]
    heights: dict[str, int]
    hashes: tuple[str, str]


def comparison_html(first: Study, second: Study) -> str:
    """The comparison as one self-contained page."""
    comparison: Comparison = compare(first, second)
    drawn = {
        "energized": _lines(first, second, [_energized_gw(s) for s in (first, second)], y_title="GW, facility basis"),
        "served": _lines(
            first, second, [_served(s) for s in (first, second)], y_title="quadrillion tokens a month", height=320
        ),
        "invested": _lines(
            first, second, [_invested(s) for s in (first, second)], y_title="USD bn received", height=320
        ),
    }
    page = ComparisonPage(
        first=comparison.first,
        second=comparison.second,
        sentences=comparison.sentences,
        table=side_by_side(comparison),
        figures={name: figure_json(figure) for name, figure in drawn.items()},
        heights={name: int(figure.layout.height) for name, figure in drawn.items()},
        hashes=(first.manifest.content_sha256, second.manifest.content_sha256),
    )
    title = f"{comparison.second} against {comparison.first} · gigawatt"
    return render_page("comparison.html.j2", title=title, page=page)


def _energized_gw(study: Study) -> FloatArray:
    return measures.total_energized_mw(study, "facility") / MEGAWATTS_PER_GIGAWATT


def _served(study: Study) -> FloatArray:
    return np.asarray(measures.served_tokens(study).sum("service").values / QUADRILLION, dtype=np.float64)


def _invested(study: Study) -> FloatArray:
    monthly = sum(measures.invested_usd(study).values(), np.zeros(study.inputs.calendar.month_count))
    return np.asarray(np.cumsum(monthly) / USD_PER_BILLION, dtype=np.float64)


def _lines(first: Study, second: Study, series: list[FloatArray], *, y_title: str, height: int = 400) -> go.Figure:
    figure = sheet(height=height, y_title=y_title)
    for study, values, colour in zip((first, second), series, _COLOURS, strict=True):
        figure.add_scatter(
            x=month_axis(study),
            y=rounded(values),
            name=study.inputs.title,
            mode="lines",
            line={"color": colour, "width": 2.6, "shape": "hv"},
            hovertemplate="%{y:.3g}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(hovermode="x unified")
    figure.update_xaxes(hoverformat="%B %Y")
    figure.update_yaxes(rangemode="tozero")
    return figure
