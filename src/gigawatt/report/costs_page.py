"""Costs from layers beside published ones on one self-contained page."""

from dataclasses import dataclass

from markupsafe import Markup

from gigawatt.report.figures.validated_costs import hours, sites
from gigawatt.report.html import figure_json, render_page
from gigawatt.validation.costs import HourRow, SiteRow


@dataclass(frozen=True, slots=True, kw_only=True)
class CostsPage:
    """All that the template shows."""

    remarks: tuple[str, ...]
    figures: dict[str, Markup]
    heights: dict[str, int]


def costs_html(hour_rows: tuple[HourRow, ...], site_rows: tuple[SiteRow, ...], *, verdicts: list[str]) -> str:
    """Both comparisons as a page, with what they come to in words."""
    drawn = {"hours": hours(hour_rows), "sites": sites(site_rows)}
    page = CostsPage(
        remarks=tuple(line.strip() for line in verdicts),
        figures={name: figure_json(figure) for name, figure in drawn.items()},
        heights={name: int(figure.layout.height) for name, figure in drawn.items()},
    )
    return render_page("costs.html.j2", title="Costs from layers and as published · gigawatt", page=page)
