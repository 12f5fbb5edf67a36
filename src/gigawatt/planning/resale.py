"""Racks that leave before their life ends: at ages that the scenario states, for a part of what they cost.

Racks of one arrival are told apart from those of another only here, and only at the stated ages: a platform without
any adds nothing to the programme. What leaves frees its power and its place in the pool.
"""

from dataclasses import dataclass

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.site import Cloud
from gigawatt.entities.stages import Inputs
from gigawatt.planning.fleet import Fleet, most_blocks, period_axis, periods_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Resales:
    """Ages at which racks may leave, `resale` being the position in the platform's list.

    `age_periods` `(platform, resale)`, 0 where the list is shorter; `gone` `(platform, resale, period, later)` 1 where
    a rack that arrived in `period` and left at its age is missing in `later` though its life is not over;
    `price_usd_per_rack` `(platform, resale, period, month)` in the month in which a rack of `period` leaves;
    `most_blocks` `(site, platform, resale, period)` that can leave: none at sites of cloud capacity, whose racks are
    their provider's, and none after the horizon.
    """

    age_periods: xr.DataArray
    gone: xr.DataArray
    price_usd_per_rack: xr.DataArray
    most_blocks: xr.DataArray


def resales(inputs: Inputs, *, limits: Fleet) -> Resales | None:
    """The ages that the offers state; None where they state none."""
    count = max((len(offer.resale) for offer in inputs.offers), default=0)
    if not count:
        return None
    calendar, step = inputs.calendar, inputs.calendar.months_per_period
    coords = {"platform": [offer.platform.id for offer in inputs.offers], "resale": np.arange(count)}
    months, worth = np.zeros((2, len(inputs.offers), count))
    for row, offer in enumerate(inputs.offers):
        for rank, item in enumerate(offer.resale):
            months[row, rank], worth[row, rank] = item.age_months, offer.price_usd_per_rack * item.value_fraction
    age = xr.DataArray(months, dims=("platform", "resale"), coords=coords)
    age = age.copy(data=[[periods_of(int(value), calendar) for value in row] for row in months])
    period, later = period_axis(calendar), period_axis(calendar, "later")
    lived = later - period
    gone = ((age > 0) & (lived >= age) & (lived < limits.life_periods)).astype(np.float64)
    month = xr.DataArray(
        np.arange(calendar.month_count), dims="month", coords={"month": np.arange(calendar.month_count)}
    )
    price = xr.DataArray(worth, dims=("platform", "resale"), coords=coords) * (month == (period + age) * step)
    owned = xr.DataArray(
        [not isinstance(site.ownership, Cloud) for site in inputs.sites],
        dims="site",
        coords={"site": [site.id for site in inputs.sites]},
    )
    possible = owned & (age > 0) & (period + age < calendar.period_count)
    most = most_blocks(limits) * possible
    return Resales(
        age_periods=age,
        gone=gone.transpose("platform", "resale", "period", "later"),
        price_usd_per_rack=price.transpose("platform", "resale", "period", "month"),
        most_blocks=most.transpose("site", "platform", "resale", "period"),
    )


def sold_blocks(model: linopy.Model, stated: Resales | None, *, arrivals: linopy.Variable) -> linopy.Variable | None:
    """Adds blocks of each arrival that leave at each age `(site, platform, resale, period)`, no more than arrived."""
    if stated is None:
        return None
    sold = model.add_variables(lower=0.0, upper=stated.most_blocks, integer=True, name="sold")
    model.add_constraints(sold.sum("resale") - arrivals <= 0.0, name="sold")
    return sold


def leaving(stated: Resales, sold: linopy.Variable) -> linopy.LinearExpression:
    """Blocks that leave early in a period less those whose life would have ended in it, `(site, platform, later)`."""
    turnover = stated.gone - stated.gone.shift(later=1, fill_value=0.0)
    left: linopy.LinearExpression = (turnover * sold).sum(["resale", "period"])
    return left


def gone_blocks(stated: Resales, sold: xr.DataArray) -> xr.DataArray:
    """Blocks that would still serve had they not left, `(site, platform, period)`."""
    missing: xr.DataArray = xr.dot(stated.gone, sold, dim=["resale", "period"]).rename(later="period")
    return missing.transpose("site", "platform", "period")


def gone_racks(stated: Resales, sold: xr.DataArray, *, block_racks: xr.DataArray) -> xr.DataArray:
    """Racks, at full output, that would still serve had they not left, `(site, platform, period)`."""
    racks: xr.DataArray = gone_blocks(stated, sold) * block_racks
    return racks


def receipts_usd(
    stated: Resales, sold: linopy.Variable, *, block_racks: xr.DataArray, weights: xr.DataArray
) -> linopy.LinearExpression:
    """What racks that leave are sold for, the months added up by `weights` `(month, step)`, `(step,)`."""
    usd: linopy.LinearExpression = (xr.dot(stated.price_usd_per_rack, weights, dim="month") * block_racks * sold).sum(
        ["site", "platform", "resale", "period"]
    )
    return usd


def by_period_of_sale(stated: Resales, sold: xr.DataArray) -> xr.DataArray:
    """Blocks by the period in which they leave instead of that in which they came, dims as before."""
    ordered = sold.transpose("platform", "resale", "site", "period")
    moved = np.zeros(ordered.shape)
    for row, rank in np.ndindex(ordered.shape[:2]):
        age = int(stated.age_periods.values[row, rank])
        if age:
            moved[row, rank, :, age:] = ordered.values[row, rank, :, :-age]
    return ordered.copy(data=moved).transpose("site", "platform", "resale", "period")


def by_period_of_arrival(stated: Resales, left: xr.DataArray) -> xr.DataArray:
    """The reverse of `by_period_of_sale`."""
    ordered = left.transpose("platform", "resale", "site", "period")
    moved = np.zeros(ordered.shape)
    for row, rank in np.ndindex(ordered.shape[:2]):
        age = int(stated.age_periods.values[row, rank])
        if age:
            moved[row, rank, :, :-age] = ordered.values[row, rank, :, age:]
    return ordered.copy(data=moved).transpose("site", "platform", "resale", "period")


def planned_sold(stated: Resales, decisions: xr.Dataset, *, block_racks: xr.DataArray) -> xr.DataArray:
    """Blocks of each arrival that leave by a plan's decisions `(site, platform, resale, period)`."""
    sold = decisions["sold_racks"].transpose("site", "platform", "resale", "period") / block_racks
    numbered = sold.assign_coords(period=stated.gone.period).transpose("site", "platform", "resale", "period")
    return by_period_of_arrival(stated, numbered)


def left_before(stated: Resales, sold: xr.DataArray, *, first: int) -> xr.DataArray:
    """Those of the blocks that have left before the period `first`, dims as `sold`."""
    before: xr.DataArray = sold.where(sold.period + stated.age_periods < first, 0.0).transpose(*sold.dims)
    return before


def settle_sold(sold: linopy.Variable, *, arrivals: xr.DataArray) -> None:
    """Whole blocks, no more of an arrival than arrived."""
    values = sold.solution.round().clip(0.0).transpose("resale", ...)
    left = arrivals.transpose(*values.dims[1:]).values.copy()
    for rank in range(values.sizes["resale"]):
        values.values[rank] = np.minimum(values.values[rank], left)
        left -= values.values[rank]
    sold.solution = values.transpose(*sold.dims)
