"""Training measurements against predictions on one self-contained page: every point, weak and strong scaling."""

import re
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup

from gigawatt.report.figures.scaling import scatter, strong_scaling, weak_scaling
from gigawatt.report.html import figure_json, render_page
from gigawatt.validation.comparison import Compared, Comparison, summary

# Measurements of one reference cluster at growing size, and of one benchmark round with one model.
_WEAK = re.compile("dgxc")
_STRONG = re.compile("training_results_v5.0")
_STRONG_MODEL = "llama3.1-405b"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPage:
    """All that the template shows; `captions` in the order of the pictures."""

    sentence: str
    captions: dict[str, tuple[str, str]]
    figures: dict[str, Markup]
    heights: dict[str, int]


def training_html(comparison: Comparison) -> str:
    """The comparison as a page; pictures of what a file does not measure are left out."""
    times = comparison.times
    weak = tuple(item for item in times if _WEAK.search(item.row.source_url))
    strong = tuple(item for item in times if _STRONG.search(item.row.source_url) and item.row.model == _STRONG_MODEL)
    drawn = (
        ("scatter", "Every measured step", "Dotted: 20 % either side.", scatter, (*times, *comparison.laid_out)),
        ("runs", "Times to train", "From the start until the quality target. Dotted: 20 % either side.",
         partial(scatter, counted="s until the target"), comparison.runs),
        ("weak", "Weak scaling", "Lines are predictions, marks measurements; several layouts of a size share a line.",
         weak_scaling, weak),
        ("strong", "Strong scaling, Llama 3.1 405B",
         "MLPerf Training v5.0. Lines are predictions with P10 and P90, marks measurements.", strong_scaling, strong),
    )  # fmt: skip
    shown = {name: draw(items) for name, _, _, draw, items in drawn if items}
    page = TrainingPage(
        sentence=_sentence(comparison),
        captions={name: (heading, caption) for name, heading, caption, _, items in drawn if items},
        figures={name: figure_json(figure) for name, figure in shown.items()},
        heights={name: int(figure.layout.height) for name, figure in shown.items()},
    )
    return render_page("training.html.j2", title="Training steps, predicted and measured · gigawatt", page=page)


def _sentence(comparison: Comparison) -> str:
    if not comparison.every_time:
        return "No row of the file measures time."
    named = (
        ("steps", comparison.times),
        ("steps whose layout nobody states", comparison.laid_out),
        ("times to train", comparison.runs),
    )
    return " ".join(_errors(name, items) for name, items in named if items)


def _errors(name: str, items: tuple[Compared, ...]) -> str:
    whole = summary(items, group="all", name=name)
    return (
        f"{len(items)} {name}: median error {whole.median_abs_error_fraction:.1%}, mean "
        f"{whole.mean_abs_error_fraction:.1%}; {whole.band_coverage_fraction:.0%} lie between P10 and P90."
    )
