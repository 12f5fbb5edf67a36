"""A training step on one self-contained page: where its time goes, what fills the memory; the front of a search."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from markupsafe import Markup

from gigawatt.report.figures.steps import FrontPoint, front_figure, stacked_bar
from gigawatt.report.html import figure_json, render_page


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPicture:
    """What a step's page shows: seconds by cause, and GB by use of those that the accelerator has."""

    title: str
    sentence: str
    times_s: Mapping[str, float]
    memory_gb: Mapping[str, float]
    usable_gb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPage:
    """All that the template shows; `captions` in the order of the pictures."""

    title: str
    sentence: str
    captions: dict[str, tuple[str, str]]
    figures: dict[str, Markup]
    heights: dict[str, int]


def step_html(picture: StepPicture) -> str:
    """A step as a page."""
    shown = {
        "time": stacked_bar(picture.times_s, unit="s"),
        "memory": stacked_bar(picture.memory_gb, unit="GB", limit=picture.usable_gb),
    }
    captions = {
        "time": ("Where the time goes", "Seconds of a step by cause; communication counts as far as nothing hides it."),
        "memory": ("What fills the memory", "GB of the fullest accelerator; the line is what it has."),
    }
    return _page(picture.title, picture.sentence, captions, shown)


def front_html(title: str, sentence: str, points: Sequence[FrontPoint]) -> str:
    """The front of a search as a page."""
    caption = "Every layout that no other beats in time, memory and energy at once; the colour is mean power."
    return _page(
        title, sentence, {"front": ("Time against memory and power", caption)}, {"front": front_figure(points)}
    )


def _page(title: str, sentence: str, captions: dict[str, tuple[str, str]], shown: Mapping[str, go.Figure]) -> str:
    page = StepPage(
        title=title,
        sentence=sentence,
        captions=captions,
        figures={name: figure_json(figure) for name, figure in shown.items()},
        heights={name: int(figure.layout.height) for name, figure in shown.items()},
    )
    return render_page("step.html.j2", title=f"{title} · gigawatt", page=page)
