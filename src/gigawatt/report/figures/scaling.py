"""Predicted training steps beside measured ones: point by point, and how throughput holds as a run grows.

Lines join points of one model and precision (weak scaling) or one platform (strong scaling); measurements are marks.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from statistics import median
from typing import TypedDict

import plotly.graph_objects as go

from gigawatt.report.figures.canvas import make_logarithmic, sheet
from gigawatt.report.palette import INK, MUTED
from gigawatt.validation.comparison import Compared

_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a7d00", "#7d7d7d", INK)
_FACTOR = 1.2
_FEWEST_SIZES = 3


class _Band(TypedDict):
    array: list[float]
    arrayminus: list[float]


def scatter(items: Sequence[Compared], *, counted: str = "s per step") -> go.Figure:
    """Predicted against measured seconds by platform, on logarithmic axes, with 20 % either side."""
    figure = sheet(height=520, y_title=f"predicted, {counted}", x_title=f"measured, {counted}")
    least, most = min(i.measured for i in items), max(i.measured for i in items)
    for factor, dash in ((1.0, "solid"), (_FACTOR, "dot"), (1.0 / _FACTOR, "dot")):
        figure.add_scatter(
            x=[least, most], y=[least * factor, most * factor], mode="lines", showlegend=False, hoverinfo="skip",
            line={"color": MUTED, "width": 1, "dash": dash},
        )  # fmt: skip
    for index, (platform, own) in enumerate(_grouped(items, lambda item: item.platform)):
        figure.add_scatter(
            x=[i.measured for i in own], y=[i.predicted for i in own], mode="markers", name=platform,
            text=[f"{i.row.model}, {i.row.num_gpus:,} GPUs, {i.row.precision}" for i in own],
            marker={"size": 6, "opacity": 0.7, "color": _COLOURS[index % len(_COLOURS)]},
            hovertemplate="%{text}<br>measured %{x:.3g} s, predicted %{y:.3g} s<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    make_logarithmic(figure, "x", "y")
    return figure


def weak_scaling(items: Sequence[Compared]) -> go.Figure:
    """Tokens a second and accelerator over accelerators, by model, precision and batch per accelerator.

    Only series that grow at a constant batch per accelerator over `_FEWEST_SIZES` sizes or more are weak scaling.
    """
    figure = sheet(height=560, y_title="tokens a second and accelerator", x_title="accelerators")
    growing = [
        item
        for _, own in _grouped(items, _growing_run)
        if len({i.row.num_gpus for i in own}) >= _FEWEST_SIZES
        for item in own
    ]
    _series(figure, growing, name=_growing_run, rate=_tokens_per_s_per_accelerator, banded=False)
    return figure


def strong_scaling(items: Sequence[Compared]) -> go.Figure:
    """Tokens a second of the whole run over accelerators, of one model, by platform, with the predicted band."""
    figure = sheet(height=420, y_title="tokens a second", x_title="accelerators")
    _series(figure, items, name=lambda item: item.platform, rate=_tokens_per_s, banded=True)
    return figure


def _growing_run(item: Compared) -> str:
    share = (item.row.global_batch_seqs or 0) / item.row.num_gpus
    return f"{item.row.model} {item.row.precision}, {share:g} sequences each"


def _tokens(item: Compared) -> float:
    return float((item.row.global_batch_seqs or 0) * (item.row.seq_len or 0))


def _tokens_per_s(item: Compared, step_s: float) -> float:
    return _tokens(item) / step_s


def _tokens_per_s_per_accelerator(item: Compared, step_s: float) -> float:
    return _tokens(item) / step_s / item.row.num_gpus


def _grouped(items: Sequence[Compared], key: Callable[[Compared], str]) -> list[tuple[str, list[Compared]]]:
    ordered = sorted(items, key=lambda item: (key(item), item.row.num_gpus))
    return [(name, list(own)) for name, own in groupby(ordered, key)]


def _series(
    figure: go.Figure,
    items: Sequence[Compared],
    *,
    name: Callable[[Compared], str],
    rate: Callable[[Compared, float], float],
    banded: bool,
) -> None:
    """A line of predictions and marks of measurements for each group."""
    for index, (group, own) in enumerate(_grouped(items, name)):
        colour = _COLOURS[index % len(_COLOURS)]
        counts = [i.row.num_gpus for i in own]
        predicted = [rate(i, i.predicted) for i in own]
        sizes = sorted(set(counts))
        line = predicted if banded else [_median_at(size, counts, predicted) for size in sizes]
        figure.add_scatter(
            x=counts if banded else sizes, y=line, mode="lines", name=group, legendgroup=group,
            line={"color": colour, "width": 1.6}, error_y=_band(own, predicted, rate) if banded else None,
            hovertemplate="predicted %{y:.4g}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=counts, y=[rate(i, i.measured) for i in own], mode="markers", name=f"{group}, measured",
            legendgroup=group, showlegend=False, marker={"color": colour, "size": 7},
            hovertemplate="measured %{y:.4g}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    make_logarithmic(figure, "x", "y")


def _median_at(size: int, counts: Sequence[int], rates: Sequence[float]) -> float:
    """Several layouts of one size stand for their middle, so that the line shows size alone."""
    return median(rate for count, rate in zip(counts, rates, strict=True) if count == size)


def _band(own: Sequence[Compared], predicted: Sequence[float], rate: Callable[[Compared, float], float]) -> _Band:
    """Error bars: a short step is a high rate."""
    high = [rate(item, item.low) - middle for item, middle in zip(own, predicted, strict=True)]
    low = [middle - rate(item, item.high) for item, middle in zip(own, predicted, strict=True)]
    return _Band(array=high, arrayminus=low)
