"""When the racks of a plan made anew were, or are, ordered: those on order keep their day, wherever they end up."""

import numpy as np
import xarray as xr

from gigawatt.planning.commitments import Commitments
from gigawatt.timeline import FloatArray


def ordered_blocks(
    arrived: xr.DataArray, stand: Commitments, *, lead_before: xr.DataArray, lead_now: xr.DataArray
) -> xr.DataArray:
    """Blocks ordered for each site in each period, `(site, platform, period)`, from those that arrive there.

    What arrived in the past, or arrives as it was to, was ordered its lead time before, as that was then. Racks that
    waited come first among all others; the rest is ordered anew. Orders before the start are not part of the plan.
    """
    values = arrived.transpose("site", "platform", "period").values
    kept = stand.kept.transpose("site", "platform", "period").values
    waiting = stand.waiting.transpose("platform", "period").values
    orders = np.zeros(values.shape)
    for p in range(values.shape[1]):
        before, now = int(lead_before.values[p]), int(lead_now.values[p])
        for s, t in zip(*np.nonzero(kept[:, p]), strict=True):
            _order(orders, s, p, t - before, blocks=kept[s, p, t])
        for s, t, blocks, due in _from_waiting(values[:, p] - kept[:, p], waiting[p].copy()):
            _order(orders, s, p, (t - now) if due is None else (due - before), blocks=blocks)
    return arrived.transpose("site", "platform", "period").copy(data=orders)


def _order(orders: FloatArray, site: int, platform: int, period: int, *, blocks: float) -> None:
    if period >= 0:
        orders[site, platform, period] += blocks


def _from_waiting(extra: FloatArray, waiting: FloatArray) -> list[tuple[int, int, float, int | None]]:
    """Arrivals beyond what is kept, as (site, period, blocks, the period they were due or None where new)."""
    found: list[tuple[int, int, float, int | None]] = []
    for t in range(extra.shape[1]):
        for s in range(extra.shape[0]):
            left = float(extra[s, t])
            for due in range(t + 1):
                taken = min(left, float(waiting[due]))
                if taken > 0.0:
                    waiting[due] -= taken
                    left -= taken
                    found.append((s, t, taken, due))
            if left > 0.0:
                found.append((s, t, left, None))
    return found
