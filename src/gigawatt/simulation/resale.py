"""Racks that leave early, as planned: sold out of those that came when the plan says, whether they serve or wait."""

import numpy as np

from gigawatt.entities.stages import BuildPlan, Inputs
from gigawatt.timeline import IntArray


def resale_months(inputs: Inputs) -> IntArray:
    """Ages at which racks may leave, 0 where a platform's list is shorter, `(platform, resale)`."""
    count = max((len(offer.resale) for offer in inputs.offers), default=0)
    rows = [[item.age_months for item in offer.resale] + [0] * (count - len(offer.resale)) for offer in inputs.offers]
    return np.array(rows, dtype=np.int64).reshape(len(inputs.offers), count)


def sold_racks(inputs: Inputs, plan: BuildPlan) -> IntArray:
    """Racks that the plan sells at each age, in the first month of a period, `(site, platform, resale, month)`."""
    months, count = inputs.calendar.month_count, resale_months(inputs).shape[1]
    monthly = np.zeros((len(inputs.sites), len(inputs.offers), count, months), dtype=np.int64)
    if not count or "sold_racks" not in plan.decisions:
        return monthly
    sold = plan.decisions["sold_racks"].transpose("site", "platform", "resale", "period")
    placed = sold.sel(site=[s.id for s in inputs.sites], platform=[offer.platform.id for offer in inputs.offers])
    monthly[..., :: inputs.calendar.months_per_period] = np.rint(placed.values)
    return monthly


def sell(serving: IntArray, waiting: IntArray, wanted: IntArray, *, ages: IntArray, month: int) -> IntArray:
    """Takes racks to be sold out of `serving` and `waiting` `(site, platform, month)`, in place.

    `wanted` `(site, platform, resale)`. What came in or after the month that the age points to leaves, those that have
    served longest first, then those that wait; never more than there are. Returns how many left, dims as `wanted`.
    """
    sold = np.zeros_like(wanted)
    for site, platform, rank in np.argwhere(wanted > 0):
        left = int(wanted[site, platform, rank])
        first = max(0, month - int(ages[platform, rank]))
        for racks in (serving[site, platform], waiting[site, platform]):
            for came in range(first, month + 1):
                taken = min(left, int(racks[came]))
                racks[came] -= taken
                left -= taken
        sold[site, platform, rank] = wanted[site, platform, rank] - left
    return sold
