"""Fronts of throughput and interactivity on one self-contained page: per accelerator, per megawatt, per dollar."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gigawatt.report.figures.front import FrontLine, front
from gigawatt.report.html import figure_json, render_page

_DRAWN = (
    ("output_tokens_per_s_per_accelerator", "Per GPU", "output tokens a second and GPU"),
    ("output_tokens_per_s_per_it_mw", "Per megawatt", "output tokens a second and MW of IT power"),
    ("output_tokens_per_usd", "Per dollar", "output tokens a dollar"),
)
_CAPTION = "Shaded: P10 to P90. Dotted: aggregated workers only. Each mark is a deployment."


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPage:
    """All that the template shows."""

    title: str
    captions: dict[str, tuple[str, str]]
    figures: dict[str, Markup]
    heights: dict[str, int]


def serving_html(lines: Sequence[FrontLine], *, title: str) -> str:
    """The fronts as a page; what no line has is left out."""
    drawn = {rate: front(lines, rate=rate, y_title=unit) for rate, _, unit in _DRAWN}
    shown = {name: figure for name, figure in drawn.items() if figure is not None}
    page = ServingPage(
        title=title,
        captions={name: (heading, _CAPTION) for name, heading, _ in _DRAWN if name in shown},
        figures={name: figure_json(figure) for name, figure in shown.items()},
        heights={name: int(figure.layout.height) for name, figure in shown.items()},
    )
    return render_page("serving.html.j2", title=f"{title} · gigawatt", page=page)
