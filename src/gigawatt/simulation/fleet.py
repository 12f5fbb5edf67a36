"""Racks from order to retirement: they wait where power is late, enter first in, first out, and leave by age.

Racks are whole. A rack is in transit from its order until it enters service, so at the end of every month
*ordered = in service + retired + in transit*, each counted since the start.
"""

from dataclasses import dataclass, replace

import numpy as np
import xarray as xr

from gigawatt.entities.stages import BuildPlan, Inputs
from gigawatt.facility.electrical import facility_power_mw, rack_it_power_mw
from gigawatt.simulation.resale import resale_months, sell, sold_racks
from gigawatt.timeline import FloatArray, IntArray

POWER_TOLERANCE_FRACTION = 1e-6
"""A plan's building may fall short of its racks by the solver's own tolerance; a rack is not refused for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistics:
    """What happens to the fleet from outside.

    `ordered_racks`, `delivered_racks` `(site, platform, month)`; `room_mw` energized and built `(site, month)`;
    `rack_facility_mw` `(site, platform)`; `retirement_month` of a rack by the month it entered `(platform, month)`;
    `sold_racks` that are to leave early `(site, platform, resale, month)`, at the ages `resale_months`
    `(platform, resale)`.
    """

    ordered_racks: IntArray
    delivered_racks: IntArray
    room_mw: FloatArray
    rack_facility_mw: FloatArray
    retirement_month: IntArray
    sold_racks: IntArray
    resale_months: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Where all racks are at the end of a month.

    `waiting_racks` (delivered, without power) by month of delivery and `serving_racks` (in service) by month of entry
    `(site, platform, month)`; `ordered_racks`, `retired_racks` (by age or early) of this month, `undelivered_racks` in
    all `(site, platform)`; of those retired, `sold_racks` `(site, platform, resale)`.
    """

    waiting_racks: IntArray
    serving_racks: IntArray
    ordered_racks: IntArray
    retired_racks: IntArray
    undelivered_racks: IntArray
    sold_racks: IntArray

    @property
    def installed_racks(self) -> IntArray:
        """Racks in service, `(site, platform)`."""
        return np.asarray(self.serving_racks.sum(axis=2), dtype=np.int64)

    @property
    def in_transit_racks(self) -> IntArray:
        """Racks ordered and not yet in service, `(site, platform)`."""
        return np.asarray(self.undelivered_racks + self.waiting_racks.sum(axis=2), dtype=np.int64)


def logistics(inputs: Inputs, plan: BuildPlan, *, room_mw: FloatArray) -> Logistics:
    """Orders and deliveries of the plan, in months and whole racks, with power and life of each rack."""
    return Logistics(
        ordered_racks=_monthly_racks(inputs, plan.decisions["ordered_racks"]),
        delivered_racks=_monthly_racks(inputs, plan.decisions["arrived_racks"]),
        room_mw=room_mw,
        rack_facility_mw=rack_facility_mw(inputs),
        retirement_month=_retirement_month(inputs),
        sold_racks=sold_racks(inputs, plan),
        resale_months=resale_months(inputs),
    )


def rack_it_mw(inputs: Inputs) -> FloatArray:
    """Greatest IT power of a rack with its share of the fabric, `(platform,)`."""
    fabric = inputs.operation.fabric_power.best
    return np.array([rack_it_power_mw(offer.platform, fabric_power_fraction=fabric) for offer in inputs.offers])


def rack_facility_mw(inputs: Inputs) -> FloatArray:
    """Facility power that a rack takes up at each site, at the site's peak PUE, `(site, platform)`."""
    return np.array(
        [[facility_power_mw(it_mw, pue=site.peak_pue) for it_mw in rack_it_mw(inputs)] for site in inputs.sites]
    )


def no_racks(inputs: Inputs) -> Fleet:
    """The fleet before the first month."""
    pairs = (len(inputs.sites), len(inputs.offers))
    cohorts = np.zeros((*pairs, inputs.calendar.month_count), dtype=np.int64)
    none = np.zeros(pairs, dtype=np.int64)
    return Fleet(
        waiting_racks=cohorts,
        serving_racks=cohorts,
        ordered_racks=none,
        retired_racks=none,
        undelivered_racks=none,
        sold_racks=np.zeros((*pairs, resale_months(inputs).shape[1]), dtype=np.int64),
    )


def advance(fleet: Fleet, outside: Logistics, *, month: int) -> Fleet:
    """The fleet one month later: retire, order, deliver, and let racks in as far as power reaches."""
    retired = np.where(outside.retirement_month == month, fleet.serving_racks, 0)
    waiting = fleet.waiting_racks.copy()
    waiting[:, :, month] += outside.delivered_racks[:, :, month]
    serving = fleet.serving_racks - retired
    before = serving.sum(axis=2) + waiting.sum(axis=2)
    sold = sell(serving, waiting, outside.sold_racks[..., month], ages=outside.resale_months, month=month)
    left = before - serving.sum(axis=2) - waiting.sum(axis=2)
    entering = _entering_racks(waiting, serving, outside, month=month)
    serving[:, :, month] += entering.sum(axis=2)
    ordered = outside.ordered_racks[:, :, month]
    return replace(
        fleet,
        waiting_racks=waiting - entering,
        serving_racks=serving,
        ordered_racks=ordered,
        retired_racks=retired.sum(axis=2) + left,
        sold_racks=sold,
        undelivered_racks=fleet.undelivered_racks + ordered - outside.delivered_racks[:, :, month],
    )


def output_share(inputs: Inputs, *, month: int) -> FloatArray:
    """Part of its full output that a rack delivers in `month`, by the month it entered service, `(month,)`.

    A rack in service for m of r ramp months delivers min(1, (m + 1)/(r + 1)); one that enters later, nothing.
    """
    age = month - np.arange(inputs.calendar.month_count)
    share = np.minimum((age + 1.0) / (inputs.operation.ramp_months + 1.0), 1.0)
    return np.asarray(np.where(age >= 0, share, 0.0), dtype=np.float64)


def _entering_racks(waiting: IntArray, serving: IntArray, outside: Logistics, *, month: int) -> IntArray:
    """Waiting racks that power lets in now, `(site, platform, month of delivery)`."""
    room = outside.room_mw[:, month]
    used = (serving.sum(axis=2) * outside.rack_facility_mw).sum(axis=1)
    wanted = (waiting.sum(axis=2) * outside.rack_facility_mw).sum(axis=1)
    spare = room * (1.0 + POWER_TOLERANCE_FRACTION) - used
    entering = np.where((wanted <= spare)[:, None, None], waiting, 0)
    for site in np.flatnonzero((wanted > spare) & (spare >= outside.rack_facility_mw.min(axis=1))):
        entering[site] = _first_in(waiting[site], outside.rack_facility_mw[site], spare_mw=spare[site])
    return entering


def _first_in(waiting: IntArray, rack_mw: FloatArray, *, spare_mw: float) -> IntArray:
    """Racks of one site that fit, the longest waiting first, `(platform, month of delivery)`.

    Room too small for a rack of one platform is offered to the next.
    """
    entering = np.zeros_like(waiting)
    for delivered, platform in np.argwhere(waiting.T > 0):
        entering[platform, delivered] = min(int(spare_mw / rack_mw[platform]), waiting[platform, delivered])
        spare_mw = max(spare_mw - float(entering[platform, delivered] * rack_mw[platform]), 0.0)
        if spare_mw < rack_mw.min():
            break
    return entering


def _monthly_racks(inputs: Inputs, racks: xr.DataArray) -> IntArray:
    """Whole racks in the first month of each period, `(site, platform, month)`.

    What is rounded off one period is carried to the next, so totals stay within half a rack of the plan's.
    """
    ordered = racks.transpose("site", "platform", "period").sel(
        site=[site.id for site in inputs.sites], platform=[offer.platform.id for offer in inputs.offers]
    )
    whole = np.diff(np.rint(np.cumsum(ordered.values, axis=2)), axis=2, prepend=0.0).astype(np.int64)
    monthly = np.zeros((*whole.shape[:2], inputs.calendar.month_count), dtype=np.int64)
    monthly[:, :, :: inputs.calendar.months_per_period] = whole
    return monthly


def _retirement_month(inputs: Inputs) -> IntArray:
    """First month of the first period that begins at least the platform's life after entry, `(platform, month)`."""
    step = inputs.calendar.months_per_period
    life = np.array([offer.life_months for offer in inputs.offers])
    due = np.arange(inputs.calendar.month_count) + life[:, None]
    return np.asarray(-(-due // step) * step, dtype=np.int64)
