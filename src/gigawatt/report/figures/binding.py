"""What holds the plan back, as a picture: which limit binds in which period, and how much more of it would be worth."""

import numpy as np
import plotly.graph_objects as go

from gigawatt.entities.stages import Study
from gigawatt.planning.explain import Bound, bounds, statement
from gigawatt.planning.families import Scarcity
from gigawatt.report.figures.canvas import sheet
from gigawatt.report.palette import LAND
from gigawatt.report.wording import money, short_month

_ROW_HEIGHT = 22
_FRAME_HEIGHT = 110
_HEAT = ((0.0, "#f3d9b1"), (0.5, "#d98b3a"), (1.0, "#8c2d04"))


def binding_heat(study: Study) -> go.Figure | None:
    """A row for each limit that ever binds, a column for each period; None where nothing does."""
    found = bounds(study.inputs, marginals=study.plan.marginals)
    if not found:
        return None
    rows = _rows(found)
    heat = np.full((len(rows), study.inputs.calendar.period_count), np.nan)
    said = np.full(heat.shape, "", dtype=object)
    for bound in found:
        row = rows.index(_row_name(bound))
        heat[row, bound.period] = bound.usd_per_unit
        said[row, bound.period] = _words(bound)
    figure = sheet(height=_FRAME_HEIGHT + _ROW_HEIGHT * len(rows))
    figure.add_heatmap(
        x=list(study.inputs.calendar.periods),
        y=rows,
        z=_shares(heat),
        customdata=said,
        hovertemplate="%{y}, %{x|%b %Y}: %{customdata}<extra></extra>",
        colorscale=[list(step) for step in _HEAT],
        zmin=0.0,
        zmax=1.0,
        xgap=1,
        ygap=1,
        colorbar={"title": {"text": "of the row's<br>highest worth"}, "tickformat": ".0%", "thickness": 12},
    )
    figure.update_yaxes(autorange="reversed", type="category", gridcolor=LAND)
    figure.update_xaxes(showgrid=False)
    return figure


def heat_words(study: Study) -> str:
    """What the picture shows, in one sentence."""
    found = bounds(study.inputs, marginals=study.plan.marginals)
    if not found:
        return ""
    counts = {kind: len({bound.period for bound in found if bound.scarcity is kind}) for kind in Scarcity}
    first = study.inputs.calendar.periods[found[0].period]
    listed = ", ".join(f"{kind} in {count}" for kind, count in counts.items() if count)
    total = study.inputs.calendar.period_count
    return f"Of {total} periods, the first bound one being {short_month(first)}: {listed}."


def _rows(found: tuple[Bound, ...]) -> list[str]:
    order = list(Scarcity)
    return list(dict.fromkeys(_row_name(bound) for bound in sorted(found, key=lambda b: order.index(b.scarcity))))


def _row_name(bound: Bound) -> str:
    named = bound.label if bound.family in {"energized", "supply", "demand"} else statement(bound.family, bound.label)
    return f"{bound.scarcity}: {named}" if named != bound.scarcity else named


def _words(bound: Bound) -> str:
    worth = f"one {bound.unit} more is worth {money(bound.usd_per_unit)}"
    return f"no power yet, {worth}" if bound.waits else worth


def _shares(
    heat: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> list[list[float | None]]:
    """Each value as a share of its row's highest, None where nothing binds."""
    highest = np.nanmax(heat, axis=1, keepdims=True)
    return [[None if np.isnan(value) else round(float(value), 3) for value in row] for row in heat / highest]
