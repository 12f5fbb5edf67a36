"""Racks over a window of months: at most what a vendor sets aside, at least what must be taken, or paid for.

Deliveries count in the period in which they fall due. What is missing at a window's end costs its price in that month;
where none is stated nothing may be missing. A window that ends after the horizon asks for nothing within it.
"""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.hardware import Allocation
from gigawatt.entities.stages import Inputs
from gigawatt.timeline import Calendar, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """Windows, labelled `platform[position]` as the scenario's key has them.

    `counted` `(window, platform, period)` 1 where a delivery counts; `most_racks` (infinite where nothing limits) and
    `least_racks` `(window,)`; `price_usd_per_rack` `(window, month)` of a missing rack, in the month it falls due;
    `refused` `(window,)` whether no rack may be missing.
    """

    counted: xr.DataArray
    most_racks: xr.DataArray
    least_racks: xr.DataArray
    price_usd_per_rack: xr.DataArray
    refused: xr.DataArray


def purchases(inputs: Inputs) -> Purchases | None:
    """The windows that the offers state; None where there are none."""
    stated = [
        (offer.platform.id, place, item) for offer in inputs.offers for place, item in enumerate(offer.allocations)
    ]
    if not stated:
        return None
    calendar = inputs.calendar
    windows = {"window": [f"{platform}[{place}]" for platform, place, _ in stated]}
    platforms = [offer.platform.id for offer in inputs.offers]
    inside = np.stack([window_periods(item, calendar) for *_, item in stated])
    of = np.array([[float(platform == name) for name in platforms] for platform, *_ in stated])
    price = np.zeros((len(stated), calendar.month_count))
    least = np.zeros(len(stated))
    for row, (*_, item) in enumerate(stated):
        last = calendar.month_index(item.last)
        if last < calendar.month_count:
            least[row] = item.least_racks_count
            price[row, last] = item.shortfall_usd_per_rack or 0.0
    most = [np.inf if item.most_racks_count is None else item.most_racks_count for *_, item in stated]
    refused = [item.shortfall_usd_per_rack is None for *_, item in stated]
    return Purchases(
        counted=xr.DataArray(
            of[:, :, None] * inside[:, None, :],
            dims=("window", "platform", "period"),
            coords={**windows, "platform": platforms, "period": np.arange(calendar.period_count)},
        ),
        most_racks=xr.DataArray(most, dims="window", coords=windows),
        least_racks=xr.DataArray(least, dims="window", coords=windows),
        price_usd_per_rack=xr.DataArray(
            price, dims=("window", "month"), coords={**windows, "month": np.arange(calendar.month_count)}
        ),
        refused=xr.DataArray(refused, dims="window", coords=windows),
    )


def window_periods(item: Allocation, calendar: Calendar) -> FloatArray:
    """1 in the periods whose deliveries, in their first month, fall into a window, `(period,)`."""
    month = np.arange(calendar.period_count) * calendar.months_per_period
    inside = (month >= calendar.month_index(item.first)) & (month <= calendar.month_index(item.last))
    return np.asarray(inside, dtype=np.float64)


def missing_racks(model: linopy.Model, stated: Purchases | None) -> linopy.Variable | None:
    """Adds what is missing of each window `(window,)`, nothing where none may be; None without windows."""
    if stated is None or not bool((stated.least_racks > 0.0).any()):
        return None
    upper = stated.least_racks.where(~stated.refused, 0.0)
    return model.add_variables(lower=0.0, upper=upper, name="missing")


def taken_racks(stated: Purchases, *, block_racks: xr.DataArray, delivered: linopy.Variable) -> linopy.LinearExpression:
    """Racks that each window counts, `(window,)`."""
    return (stated.counted * block_racks * delivered).sum(["platform", "period"])


def allocated(
    model: linopy.Model, stated: Purchases | None, *, block_racks: xr.DataArray, delivered: linopy.Variable
) -> None:
    """No more than what is set aside."""
    if stated is None:
        return
    limited = np.isfinite(stated.most_racks)
    if bool(limited.any()):
        taken = taken_racks(stated, block_racks=block_racks, delivered=delivered)
        model.add_constraints(taken <= stated.most_racks.where(limited, 0.0), name="allocated", mask=limited)


def shortfall_usd(stated: Purchases, missing: linopy.Variable, *, weights: xr.DataArray) -> linopy.LinearExpression:
    """What missing racks cost, the months added up by `weights` `(month, step)`, `(step,)`."""
    usd: linopy.LinearExpression = (xr.dot(stated.price_usd_per_rack, weights, dim="month") * missing).sum("window")
    return usd


def settle_missing(stated: Purchases, missing: linopy.Variable, *, delivered_racks: xr.DataArray) -> None:
    """Exactly what whole racks `(platform, period)` leave missing."""
    taken = (stated.counted * delivered_racks).sum(["platform", "period"])
    missing.solution = (stated.least_racks - taken).clip(0.0).transpose("window")
