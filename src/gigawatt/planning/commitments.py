"""What re-planning cannot change: racks that stand, orders inside their lead time, and work that is done.

Racks on order stay with their site and month as long as the site's power, as now known, carries them. What it no longer
carries waits or goes elsewhere: it is paid for, so it must enter service somewhere, and no earlier than it arrives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from math import floor

import numpy as np
import xarray as xr

from gigawatt.entities.actuals import Actuals, Quote, SiteNews
from gigawatt.entities.assumptions import SURE
from gigawatt.entities.hardware import FormerPrice, Offer
from gigawatt.entities.site import PowerStep, Site
from gigawatt.entities.stages import BuildPlan, Inputs
from gigawatt.errors import ScenarioError
from gigawatt.planning.fleet import ROUNDING, Fleet, can_arrive, fleet, periods_of
from gigawatt.planning.plants import firm_of_standing_mw, later_plant_mw, planned_plant_mw
from gigawatt.planning.resale import gone_blocks, left_before, planned_sold, resales
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitments:
    """In blocks, by period from the start.

    `first` is the first period open to decisions. `planned` and `kept` `(site, platform, period)`: arrivals of the plan
    so far, with the past as it was, and those that cannot change (the past, and orders that find power). `waiting`
    `(platform, period)`: racks that arrive without power. `in_lead` `(platform, period)`: periods that no new order
    reaches. `firm_mw` `(site, period)`: power that the plan's own plants, `plants_mw` `(plant, period)` where there are
    any, add to the connections. `left` `(site, platform, period)`: blocks that would still serve had they not left
    early in the past.
    """

    first: int
    planned: xr.DataArray
    kept: xr.DataArray
    waiting: xr.DataArray
    in_lead: xr.DataArray
    firm_mw: xr.DataArray
    plants_mw: xr.DataArray | None
    left: xr.DataArray


def restated(inputs: Inputs, actuals: Actuals) -> Inputs:
    """The scenario as it is now known: power that came or slips, and vendors' quotes."""
    news = {item.site: item for item in actuals.sites}
    quotes = {item.platform: item for item in actuals.quotes}
    offers = tuple(
        _requoted(offer, quotes[offer.platform.id], calendar=inputs.calendar, as_of=actuals.as_of)
        if offer.platform.id in quotes
        else offer
        for offer in inputs.offers
    )
    sites = tuple(
        replace(site, power_steps=_power_steps(site, news[site.id], as_of=actuals.as_of)) if site.id in news else site
        for site in inputs.sites
    )
    late = {(item.site, item.plant): item.slip_months for item in actuals.plants}
    return replace(inputs, sites=tuple(_with_slips(site, late) for site in sites), offers=offers)


def _with_slips(site: Site, late: Mapping[tuple[str, str], int]) -> Site:
    """The site with what is now known of its plants still to come."""
    plants = tuple(
        replace(plant, slip_median_months=plant.slip_median_months + late.get((site.id, plant.id), 0))
        for plant in site.plants
    )
    return replace(site, plants=plants) if plants != site.plants else site


def _requoted(offer: Offer, quote: Quote, *, calendar: Calendar, as_of: date) -> Offer:
    """An offer with what its vendor says now; None stands for what was said before."""
    former = offer.former_prices
    if quote.price_usd_per_rack is not None:
        first = first_open_period(calendar, as_of)
        arriving = first + periods_of(offer.lead_months, calendar)
        before = FormerPrice(
            usd_per_rack=offer.price_usd_per_rack,
            ordered_before=calendar.periods[first],
            arrives_before=_shifted(calendar.start, arriving * calendar.months_per_period),
        )
        former = (*former, before)
    return replace(
        offer,
        former_prices=former,
        price_usd_per_rack=offer.price_usd_per_rack if quote.price_usd_per_rack is None else quote.price_usd_per_rack,
        price_spread=offer.price_spread if quote.price_usd_per_rack is None else SURE,
        lead_months=offer.lead_months if quote.lead_months is None else quote.lead_months,
        supply=offer.supply if quote.supply is None else quote.supply,
    )


def _power_steps(site: Site, news: SiteNews, *, as_of: date) -> tuple[PowerStep, ...]:
    """What came when it came, and what is to come later by its slip, never before `as_of`.

    Steps are announced months: the plan expects each later by the site's median slip, which is taken off here.
    """
    slip = floor(site.slip_median_months + 0.5)
    expected = [replace(step, start=_shifted(step.start, slip)) for step in site.power_steps]
    came = news.energized
    if came is None:
        came = tuple(step for step in expected if step.start < as_of)
    highest_mw = max((step.facility_mw for step in came), default=0.0)
    to_come = [
        replace(step, start=max(_shifted(step.start, news.slip_months), as_of))
        for step in expected
        if step.facility_mw > highest_mw
    ]
    return tuple(replace(step, start=_shifted(step.start, -slip)) for step in (*came, *to_come))


def _shifted(day: date, months: int) -> date:
    ordinal = day.year * MONTHS_PER_YEAR + day.month - 1 + months
    return date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1)


def first_open_period(calendar: Calendar, as_of: date) -> int:
    """The first planning period that begins on or after `as_of`. Raises ScenarioError where none or all of them do."""
    month = calendar.month_index(as_of)
    first = -(-month // calendar.months_per_period)
    if not 0 < first < calendar.period_count:
        raise ScenarioError(
            where="--as-of",
            found=f"{as_of:%Y-%m}",
            expected=f"a month after {calendar.periods[0]:%Y-%m} and no later than {calendar.periods[-1]:%Y-%m}",
            fix="Choose a month in which part of the plan has happened and part is still to come.",
        )
    return first


def commitments(inputs: Inputs, plan: BuildPlan, *, actuals: Actuals, now: Inputs) -> Commitments:
    """What of `plan`, made for `inputs`, stands on the day of the actuals, under the inputs as known `now`."""
    before, limits = fleet(inputs), fleet(now)
    first = first_open_period(inputs.calendar, actuals.as_of)
    arrived = plan.decisions["arrived_racks"].transpose("site", "platform", "period")
    planned = (arrived.assign_coords(period=limits.supply_blocks.period) / limits.block_racks).transpose(*arrived.dims)
    left = left_racks(inputs, plan, limits=limits, first=first)
    stated, missing = _as_it_was(inputs, planned, actuals=actuals, left=left.isel(period=first - 1), limits=limits)
    period = limits.supply_blocks.period
    on_order = (period >= first) & (period < first + before.lead_periods)
    _check_in_service(plan, planned, stated, actuals=actuals, left=left.isel(period=first - 1), limits=limits)
    stated = _without_early(stated, early=(-missing).clip(0.0), on_order=on_order)
    missing = missing.clip(0.0)
    stated = _with_orders(inputs, stated, actuals=actuals, limits=limits, on_order=on_order)
    plants_mw = _plants_mw(inputs, plan, actuals=actuals, first=first)
    firm_mw = firm_of_standing_mw(inputs, plants_mw)
    room_mw = limits.energized_facility_mw + firm_mw
    freed_mw = (limits.rack_facility_mw * limits.block_racks * left).sum("platform")
    kept, waiting = _carried(
        stated.where((period < first) | on_order, 0.0), limits=limits, room_mw=room_mw + freed_mw, first=first
    )
    unplaced = missing + _still_waiting(plan, planned, limits=limits, due=first + before.lead_periods, first=first)
    late = (unplaced * (period == first)).transpose("platform", "period")
    in_lead = (period >= first) & (period < first + limits.lead_periods)
    return Commitments(
        first=first,
        planned=stated,
        kept=kept,
        waiting=waiting + late,
        in_lead=in_lead.transpose("platform", "period"),
        firm_mw=firm_mw,
        plants_mw=plants_mw,
        left=left,
    )


def _still_waiting(
    plan: BuildPlan, planned: xr.DataArray, *, limits: Fleet, due: xr.DataArray, first: int
) -> xr.DataArray:
    """Blocks ordered long enough ago to have come that the plan lets wait for power beyond that, `(platform,)`."""
    period = limits.supply_blocks.period
    ordered = plan.decisions["ordered_racks"].assign_coords(period=period) / limits.block_racks
    placed = ordered.where(period < first, 0.0).sum(["site", "period"])
    placed_to_come = planned.where(period < due, 0.0).sum(["site", "period"])
    waiting: xr.DataArray = (placed - placed_to_come).clip(0.0).round()
    return waiting


def _plants_mw(inputs: Inputs, plan: BuildPlan, *, actuals: Actuals, first: int) -> xr.DataArray | None:
    """The plan's own plants as they are now expected, `(plant, period)`; None where none may be built."""
    planned = planned_plant_mw(inputs, plan.decisions)
    if planned is None:
        return None
    late = {f"{item.site}/{item.plant}": periods_of(item.slip_months, inputs.calendar) for item in actuals.plants}
    return later_plant_mw(planned, late_periods=late, first=first)


def left_racks(inputs: Inputs, plan: BuildPlan, *, limits: Fleet, first: int) -> xr.DataArray:
    """Blocks that would still serve had they not left early before `first`, `(site, platform, period)`."""
    stated = resales(inputs, limits=limits)
    if stated is None:
        return 0.0 * can_arrive(limits)
    sold = planned_sold(stated, plan.decisions, block_racks=limits.block_racks)
    return gone_blocks(stated, left_before(stated, sold, first=first))


def _as_it_was(
    inputs: Inputs, planned: xr.DataArray, *, actuals: Actuals, left: xr.DataArray, limits: Fleet
) -> tuple[xr.DataArray, xr.DataArray]:
    """Arrivals with the past as it was, and blocks that should be in service and are not, `(platform,)`.

    `left` `(site, platform)` are blocks that have left early by the last period of the past. Racks that are missing are
    taken from the latest arrivals; more than planned came in the last period. What is missing at one site and more at
    another has moved; negative are blocks that came before they were due.
    """
    first = int(left.period) + 1
    gone = left.transpose("site", "platform").values
    values, alive = planned.values.copy(), limits.alive.transpose("platform", "period", "later").values
    missing = np.zeros(values.shape[1])
    for index, item in enumerate(actuals.racks):
        s, p = _taking(inputs, item.site, item.platform, count=item.racks_count, where=f"racks[{index}]")
        blocks = _whole_blocks(item.racks_count, limits, p, where=f"racks[{index}].in_service")
        serving = alive[p, :first, first - 1] * values[s, p, :first]
        difference = blocks - float(serving.sum() - gone[s, p])
        values[s, p, first - 1] += max(0.0, difference)
        lacking = -min(0.0, difference)
        missing[p] -= difference
        for period in range(first - 1, -1, -1):
            taken = min(lacking, serving[period])
            values[s, p, period] -= taken
            lacking -= taken
    return planned.copy(data=values), xr.DataArray(missing, dims="platform", coords={"platform": planned.platform})


def _with_orders(
    inputs: Inputs, stated: xr.DataArray, *, actuals: Actuals, limits: Fleet, on_order: xr.DataArray
) -> xr.DataArray:
    """Arrivals with the orders that the actuals state in place of those that were planned for the same pair."""
    values = stated.values.copy()
    open_periods = on_order.transpose("platform", "period").values
    named: set[tuple[int, int]] = set()
    for index, order in enumerate(actuals.orders):
        where = f"order[{index}]"
        s, p = _taking(inputs, order.site, order.platform, count=order.racks_count, where=where)
        period = inputs.calendar.month_index(order.arrives) // inputs.calendar.months_per_period
        if not (0 <= period < values.shape[2] and open_periods[p, period]):
            raise ScenarioError(
                where=f"{where}.arrives",
                found=f"{order.arrives:%Y-%m}",
                expected="a month inside the platform's lead time, counted from the day of the actuals",
                fix="Leave out what has arrived already and what could still be ordered in time.",
            )
        if (s, p) not in named:
            values[s, p, open_periods[p]] = 0.0
            named.add((s, p))
        values[s, p, period] += _whole_blocks(order.racks_count, limits, p, where=f"{where}.racks")
    return stated.copy(data=values)


def _check_in_service(
    plan: BuildPlan, planned: xr.DataArray, stated: xr.DataArray, *, actuals: Actuals, left: xr.DataArray, limits: Fleet
) -> None:
    """Refuses more racks of a platform in service than were ordered before the day and have not retired or left."""
    first = int(left.period) + 1
    period = limits.supply_blocks.period
    past = period < first
    alive = limits.alive.sel(later=first - 1, drop=True)
    ordered = plan.decisions["ordered_racks"].assign_coords(period=period) / limits.block_racks
    retired = ((1.0 - alive) * planned).where(past, 0.0).sum(["site", "period"])
    gone = left.sum("site")
    most = ordered.where(past, 0.0).sum(["site", "period"]) - retired - gone
    serving = (alive * stated).where(past, 0.0).sum(["site", "period"]) - gone
    for index, item in enumerate(actuals.racks):
        block = float(limits.block_racks.sel(platform=item.platform))
        counted, allowed = (float(racks.sel(platform=item.platform)) * block for racks in (serving, most))
        if counted > allowed + ROUNDING:
            raise ScenarioError(
                where=f"racks[{index}].in_service",
                found=f"{counted:g} racks of {item.platform} in service at all sites",
                expected=f"at most the {allowed:g} that the plan had ordered by then",
                fix="Check the number; of racks that moved, state both sites.",
            )


def _without_early(stated: xr.DataArray, *, early: xr.DataArray, on_order: xr.DataArray) -> xr.DataArray:
    """Arrivals without those on order that came before they were due, the next ones first."""
    values, open_periods = stated.values.copy(), on_order.transpose("platform", "period").values
    left = early.values.copy()
    for p, t in np.argwhere(open_periods):
        for s in range(values.shape[0]):
            taken = min(left[p], values[s, p, t])
            values[s, p, t] -= taken
            left[p] -= taken
    return stated.copy(data=values)


def _taking(inputs: Inputs, site_id: str, platform_id: str, *, count: int, where: str) -> tuple[int, int]:
    """Where a site and a platform stand. Raises ScenarioError where the site does not take it."""
    sites, platforms = [item.id for item in inputs.sites], [item.platform.id for item in inputs.offers]
    site = inputs.sites[sites.index(site_id)]
    if count and platform_id not in site.platforms:
        raise ScenarioError(
            where=f"{where}.platform",
            found=f"{platform_id} at {site_id}",
            expected=f"a platform that the site takes: {', '.join(site.platforms) or 'none'}",
            fix="Correct site or platform; the scenario says what each site takes.",
        )
    return sites.index(site_id), platforms.index(platform_id)


def _whole_blocks(racks_count: int, limits: Fleet, platform: int, *, where: str) -> float:
    block = float(limits.block_racks.values[platform])
    if abs(racks_count / block - round(racks_count / block)) > ROUNDING:
        raise ScenarioError(
            where=where,
            found=f"{racks_count} racks",
            expected=f"whole blocks of {block:g} racks",
            fix=f"Round to a multiple of {block:g}, the platform's block.",
        )
    return float(round(racks_count / block))


def _carried(
    stated: xr.DataArray, *, limits: Fleet, room_mw: xr.DataArray, first: int
) -> tuple[xr.DataArray, xr.DataArray]:
    """Arrivals that find power where they are due, and those that wait, `(platform, period)`; the past stays."""
    block_mw = (limits.rack_facility_mw * limits.block_racks).transpose("site", "platform").values
    powered = room_mw.transpose("site", "period").values
    alive = limits.alive.transpose("platform", "period", "later").values
    kept = stated.values.copy()
    waiting = np.zeros(kept.shape[1:])
    for s, t in np.ndindex(kept.shape[0], kept.shape[2]):
        if t < first:
            continue
        for p in range(kept.shape[1]):
            kept_before = kept[s].copy()
            kept_before[p:, t] = 0.0
            free_mw = powered[s, t] - _drawn_mw(kept_before, alive, block_mw[s], period=t)
            fits = min(kept[s, p, t], float(floor(max(0.0, free_mw) / block_mw[s, p] + ROUNDING)))
            waiting[p, t] += kept[s, p, t] - fits
            kept[s, p, t] = fits
    dims = ("platform", "period")
    return stated.copy(data=kept), xr.DataArray(waiting, dims=dims, coords={dim: stated[dim] for dim in dims})


def _drawn_mw(arrivals: FloatArray, alive: FloatArray, block_mw: FloatArray, *, period: int) -> float:
    """Power of what has arrived at one site by `period` and still serves."""
    return float(np.einsum("pt,pt,p->", arrivals[:, : period + 1], alive[:, : period + 1, period], block_mw))
