"""When racks can come, how long they stay, and what they draw: the physical side of the plan as labelled arrays.

Durations in months become whole periods here, once: a rack ordered at the start of period t enters service at the
start of the first period that begins at least `lead_months` later (docs/decisions/0001).
"""

from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import xarray as xr

from gigawatt.entities.hardware import Offer
from gigawatt.entities.site import Site
from gigawatt.entities.stages import Inputs
from gigawatt.facility.electrical import rack_it_power_mw
from gigawatt.timeline import Calendar, FloatArray

ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """What limits racks.

    `lead_periods`, `life_periods`, `block_racks`, `rack_it_mw`, `liquid_fraction` of their heat (NaN where no site
    limits cooling) `(platform,)`; `rack_facility_mw` `(site, platform)` at
    peak; `energized_facility_mw` `(site, period)` expected at the start of each period;
    `plant_firm_mw` `(site, period)` the most that power plants of the site can add to it; `supply_blocks`
    `(platform, period)` whole blocks that can be delivered; `taken` `(site, platform)` whether the site takes the
    platform; `alive` `(platform, period, later)` 1 where a rack that arrived in `period` serves in `later`;
    `output_share` `(platform, period, month)` of its full output that it delivers in a month.
    """

    lead_periods: xr.DataArray
    life_periods: xr.DataArray
    block_racks: xr.DataArray
    rack_it_mw: xr.DataArray
    liquid_fraction: xr.DataArray
    rack_facility_mw: xr.DataArray
    energized_facility_mw: xr.DataArray
    plant_firm_mw: xr.DataArray
    supply_blocks: xr.DataArray
    taken: xr.DataArray
    alive: xr.DataArray
    output_share: xr.DataArray


def fleet(inputs: Inputs) -> Fleet:
    """The limits on racks that `inputs` states, per site, platform and period."""
    calendar, platforms = inputs.calendar, [offer.platform.id for offer in inputs.offers]

    def by_platform(values: list[float]) -> xr.DataArray:
        return xr.DataArray(values, dims="platform", coords={"platform": platforms})

    lead = by_platform([periods_of(offer.lead_months, calendar) for offer in inputs.offers])
    life = by_platform([max(1, periods_of(offer.life_months, calendar)) for offer in inputs.offers])
    block = by_platform([float(offer.block_racks_count) for offer in inputs.offers])
    fabric = inputs.operation.fabric_power.best
    it_mw = by_platform([rack_it_power_mw(offer.platform, fabric_power_fraction=fabric) for offer in inputs.offers])
    peak_pue = xr.DataArray(
        [s.peak_pue for s in inputs.sites], dims="site", coords={"site": [s.id for s in inputs.sites]}
    )
    facility_mw = (peak_pue * it_mw).transpose("site", "platform")
    alive = alive_share(life, calendar)
    return Fleet(
        lead_periods=lead,
        life_periods=life,
        block_racks=block,
        rack_it_mw=it_mw,
        liquid_fraction=by_platform(
            [np.nan if offer.liquid_fraction is None else offer.liquid_fraction for offer in inputs.offers]
        ),
        rack_facility_mw=facility_mw,
        energized_facility_mw=energized_facility_mw(inputs),
        plant_firm_mw=plant_firm_mw(inputs),
        supply_blocks=supply_blocks(inputs),
        taken=_taken(inputs),
        alive=alive,
        output_share=_output_share(alive, calendar, ramp_months=inputs.operation.ramp_months),
    )


def periods_of(months: int, calendar: Calendar) -> int:
    """Whole periods that a duration of `months` takes, since things happen at the starts of periods only."""
    return ceil(months / calendar.months_per_period)


def period_axis(calendar: Calendar, name: str = "period") -> xr.DataArray:
    """The planning periods as a labelled index, `(period,)`."""
    index = np.arange(calendar.period_count)
    return xr.DataArray(index, dims=name, coords={name: index})


def month_axis(calendar: Calendar) -> xr.DataArray:
    """The months as a labelled index, `(month,)`."""
    index = np.arange(calendar.month_count)
    return xr.DataArray(index, dims="month", coords={"month": index})


def in_period(calendar: Calendar) -> xr.DataArray:
    """1 where a month lies in a period, `(month, period)`."""
    return (month_axis(calendar) // calendar.months_per_period == period_axis(calendar)).astype(np.float64)


def energized_facility_mw(inputs: Inputs) -> xr.DataArray:
    """Facility power expected to be energized at the start of each period, `(site, period)`."""
    return xr.DataArray(
        np.stack([_energized(site, inputs.calendar) for site in inputs.sites]),
        dims=("site", "period"),
        coords={"site": [site.id for site in inputs.sites], "period": np.arange(inputs.calendar.period_count)},
    )


def plant_firm_mw(inputs: Inputs) -> xr.DataArray:
    """The most firm power that a site's own plants can add, were they begun at the start, `(site, period)`."""
    period = np.arange(inputs.calendar.period_count)
    rows = np.zeros((len(inputs.sites), len(period)))
    for row, site in zip(rows, inputs.sites, strict=True):
        for plant in site.plants:
            row[period >= periods_of(plant.expected_lead_months, inputs.calendar)] += (
                plant.most_mw * plant.firm_fraction
            )
    coords = {"site": [site.id for site in inputs.sites], "period": period}
    return xr.DataArray(rows, dims=("site", "period"), coords=coords)


def _energized(site: Site, calendar: Calendar) -> FloatArray:
    slip_months = floor(site.slip_median_months + 0.5)
    first_months = np.arange(calendar.period_count) * calendar.months_per_period
    energized = np.zeros(calendar.period_count)
    for step in sorted(site.power_steps, key=lambda step: step.start):
        energized[first_months >= calendar.month_index(step.start) + slip_months] = step.facility_mw
    return energized


def supply_blocks(inputs: Inputs) -> xr.DataArray:
    """Whole blocks of each platform that can be delivered in a period; nothing carries over, `(platform, period)`."""
    return xr.DataArray(
        np.stack([np.floor(_supply(o, inputs.calendar) / o.block_racks_count + ROUNDING) for o in inputs.offers]),
        dims=("platform", "period"),
        coords={
            "platform": [offer.platform.id for offer in inputs.offers],
            "period": np.arange(inputs.calendar.period_count),
        },
    )


def _supply(offer: Offer, calendar: Calendar) -> FloatArray:
    rate = np.zeros(calendar.month_count)
    for step in sorted(offer.supply, key=lambda step: step.start):
        rate[max(0, calendar.month_index(step.start)) :] = step.racks_per_month
    return np.asarray(rate.reshape(calendar.period_count, calendar.months_per_period).sum(axis=1), dtype=np.float64)


def _taken(inputs: Inputs) -> xr.DataArray:
    """Whether a site can cool and contract for a platform, `(site, platform)`."""
    sites, platforms = [site.id for site in inputs.sites], [offer.platform.id for offer in inputs.offers]
    return xr.DataArray(
        [[platform in site.platforms for platform in platforms] for site in inputs.sites],
        dims=("site", "platform"),
        coords={"site": sites, "platform": platforms},
    )


def most_blocks(limits: Fleet) -> xr.DataArray:
    """Blocks that can arrive at most: as power and supply allow, none before a first order arrives.

    Dims `(site, platform, period)`.
    """
    block_mw = limits.rack_facility_mw * limits.block_racks
    by_power = ((limits.energized_facility_mw + limits.plant_firm_mw) / block_mw + ROUNDING) // 1.0
    blocks = by_power.where(by_power < limits.supply_blocks, limits.supply_blocks)
    return blocks.where(can_arrive(limits), 0.0).transpose("site", "platform", "period")


def can_arrive(limits: Fleet) -> xr.DataArray:
    """Whether an order placed at the start or later can arrive, power and supply aside, `(site, platform, period)`."""
    possible: xr.DataArray = limits.taken & (limits.supply_blocks.period >= limits.lead_periods)
    return possible.transpose("site", "platform", "period")


def alive_share(life_periods: xr.DataArray, calendar: Calendar) -> xr.DataArray:
    """1 where a rack that arrived in `period` is in service in the period `later`, `(platform, period, later)`."""
    age = period_axis(calendar, "later") - period_axis(calendar)
    return ((age >= 0) & (age < life_periods)).astype(np.float64).transpose("platform", "period", "later")


def _output_share(alive: xr.DataArray, calendar: Calendar, *, ramp_months: int) -> xr.DataArray:
    """(m + 1)/(ramp + 1), at most 1, m months after arrival and while in service, `(platform, period, month)`."""
    age = month_axis(calendar) - period_axis(calendar) * calendar.months_per_period
    ramp = ((age + 1) / (ramp_months + 1)).clip(0.0, 1.0)
    alive_in_month = alive @ in_period(calendar).rename(period="later")
    return (alive_in_month * ramp).transpose("platform", "period", "month")
