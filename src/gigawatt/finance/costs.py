"""What the programme and its partners spend and earn, as streams of payments by the conventions of decision 0001."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from gigawatt.entities.schedules import delivered_price_usd_per_rack, ordered_price_usd_per_rack
from gigawatt.entities.site import Cloud, Leased, RentFrom, Site
from gigawatt.entities.stages import BuildPlan, History, Inputs
from gigawatt.facility.electrical import facility_power_mw, it_power_mw, rack_it_power_mw
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.finance.parties import bearers
from gigawatt.timeline import FloatArray
from gigawatt.units import MONTHS_PER_YEAR, TOKENS_PER_MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantities:
    """What is paid for, as arrays in the inputs' own order.

    `ordered_racks`, `delivered_racks`, `installed_racks`, `energy_mwh` `(site, platform, month)`; `rack_it_mw`
    `(platform,)`; `energized_facility_mw`, `built_facility_mw`, `rented_facility_mw` `(site, month)`; `served_tokens`,
    `output_tokens` `(platform, service, month)`.
    """

    ordered_racks: FloatArray
    delivered_racks: FloatArray
    installed_racks: FloatArray
    energy_mwh: FloatArray
    rack_it_mw: FloatArray
    energized_facility_mw: FloatArray
    built_facility_mw: FloatArray
    rented_facility_mw: FloatArray
    served_tokens: FloatArray
    output_tokens: FloatArray


def quantities(inputs: Inputs, plan: BuildPlan, history: History) -> Quantities:
    """What was ordered, delivered, built, used and served. Deliveries are as planned: vendors are punctual."""
    by_rack = ("site", "platform", "month")
    it_mw = values(inputs, history.state["energized_it_mw"], *by_rack)
    return Quantities(
        ordered_racks=values(inputs, history.state["ordered_racks"], *by_rack),
        delivered_racks=_delivered_racks(inputs, plan),
        installed_racks=values(inputs, history.state["installed_racks"], *by_rack),
        energy_mwh=_split(_bought_energy_mwh(inputs, history), by=it_mw),
        rack_it_mw=rack_it_mw(inputs),
        energized_facility_mw=values(inputs, history.state["energized_facility_mw"], *by_rack).sum(axis=1),
        built_facility_mw=values(inputs, history.state["built_facility_mw"], "site", "month"),
        rented_facility_mw=np.stack([rented_facility_mw(inputs, history, site) for site in inputs.sites]),
        served_tokens=values(inputs, history.state["served_tokens"], "platform", "service", "month"),
        output_tokens=values(inputs, history.state["output_tokens"], "platform", "service", "month"),
    )


def _bought_energy_mwh(inputs: Inputs, history: History) -> FloatArray:
    """Energy at the meter less what the sites' own plants make, `(site, month)`."""
    bought = values(inputs, history.state["energy_mwh"], "site", "month").copy()
    for row, site in enumerate(inputs.sites):
        for plant in site.plants:
            bought[row] -= history.state["generated_mwh"].sel(plant=f"{site.id}/{plant.id}").values
    return np.asarray(bought.clip(0.0), dtype=np.float64)


def values(inputs: Inputs, array: xr.DataArray, *dims: str) -> FloatArray:
    """The array's values with its dimensions in the given order and its labels in the inputs' order."""
    labels = {
        "site": [site.id for site in inputs.sites],
        "platform": [offer.platform.id for offer in inputs.offers],
        "service": [service.id for service in inputs.services],
    }
    elsewhere = {dim: labels[dim] for dim in dims if dim in labels and array.indexes[dim].tolist() != labels[dim]}
    ordered = array.sel(elsewhere) if elsewhere else array
    return np.asarray(ordered.transpose(*dims).values, dtype=np.float64)


def operating_and_investment_streams(inputs: Inputs, given: Quantities) -> list[Stream]:
    """Everything that is paid between the parties but financing."""
    return [
        *(stream for row, site in enumerate(inputs.sites) for stream in _site_streams(inputs, site, given, row=row)),
        *_token_streams(inputs, given),
    ]


def building_spend_mw(built_facility_mw: FloatArray, *, construction_months: int, late_months: int = 0) -> FloatArray:
    """Facility power whose cost falls due in each month, `(month,)`.

    An increment planned for month i is usable `late_months` later and paid evenly from `construction_months` before i
    until then (in the month itself where nothing lies between). What would fall before the first month is paid in it;
    what falls behind the last is left out.
    """
    increments = np.clip(np.diff(built_facility_mw, prepend=0.0), 0.0, None)
    months = np.arange(increments.size)
    paid_months_count = max(construction_months + late_months, 1)
    first = -construction_months if construction_months + late_months > 0 else late_months
    due = np.zeros(increments.size)
    for offset in range(first, first + paid_months_count):
        paid = np.clip(months + offset, 0, None)
        within = paid < increments.size
        np.add.at(due, paid[within], increments[within] / paid_months_count)
    return due


def rented_facility_mw(inputs: Inputs, history: History, site: Site) -> FloatArray:
    """Power that rent is due for at a site, `(month,)`: what is built, or what of it has power, as its lease says."""
    row = inputs.sites.index(site)
    built = values(inputs, history.state["built_facility_mw"], "site", "month")[row]
    if isinstance(site.ownership, Leased) and site.ownership.rent_from is RentFrom.POWER:
        available = values(inputs, history.state["available_facility_mw"], "site", "month")[row]
        return np.asarray(np.minimum(built, available), dtype=np.float64)
    return built if isinstance(site.ownership, Leased) else np.zeros_like(built)


def rent_usd(inputs: Inputs, site: Site, *, rented_facility_mw: FloatArray) -> FloatArray:
    """Rent of a leased site for so much power, `(month,)`; none for others.

    Rent per IT MW and month, escalated each full year since the programme's start.
    """
    if not isinstance(site.ownership, Leased):
        return np.zeros_like(rented_facility_mw)
    years = np.arange(inputs.calendar.month_count) // MONTHS_PER_YEAR
    escalation = (1.0 + site.ownership.escalator_fraction_per_year) ** years
    rented_it_mw = np.array([it_power_mw(mw, pue=site.peak_pue) for mw in rented_facility_mw])
    return np.asarray(rented_it_mw * site.ownership.rent_usd_per_it_mw_month * escalation, dtype=np.float64)


def facility_operation_usd(inputs: Inputs, *, built_facility_mw: FloatArray) -> FloatArray:
    """Operation of what is built: a twelfth of the yearly fraction of its cost, `(month,)`."""
    yearly = inputs.costs.facility_usd_per_facility_mw * inputs.costs.facility_operation_fraction_per_year
    return built_facility_mw * (yearly / MONTHS_PER_YEAR)


def _site_streams(inputs: Inputs, site: Site, given: Quantities, *, row: int) -> Iterator[Stream]:
    yield from _facility_streams(inputs, site, built_facility_mw=given.built_facility_mw[row])
    yield from _capacity_streams(inputs, site, given, row=row)
    for column in range(len(inputs.offers)):
        yield from _rack_streams(inputs, site, given, row=row, column=column)


def _facility_streams(inputs: Inputs, site: Site, *, built_facility_mw: FloatArray) -> Iterator[Stream]:
    """Building and its operation, paid by the site's owner to its builder."""
    who, costs = bearers(inputs, site), inputs.costs
    spend_mw = building_spend_mw(built_facility_mw, construction_months=site.construction_months)
    amounts = {
        Purpose.BUILDING: spend_mw * costs.building_usd_per_facility_mw,
        Purpose.COOLING: spend_mw * costs.cooling_usd_per_facility_mw,
        Purpose.POWER: spend_mw * costs.power_usd_per_facility_mw,
        Purpose.GRID: spend_mw * costs.grid_usd_per_facility_mw,
        Purpose.FACILITY_OPERATION: facility_operation_usd(inputs, built_facility_mw=built_facility_mw),
    }
    for purpose, amount_usd in amounts.items():
        yield Stream(payer=who.facility, payee=who.builder, purpose=purpose, amount_usd=amount_usd, site=site.id)


def _capacity_streams(inputs: Inputs, site: Site, given: Quantities, *, row: int) -> Iterator[Stream]:
    """What the programme pays for others' capacity: rent of what is built, or the price of what is in service."""
    match site.ownership:
        case Leased(lessor=lessor):
            rent = rent_usd(inputs, site, rented_facility_mw=given.rented_facility_mw[row])
            yield Stream(payer=inputs.programme, payee=lessor, purpose=Purpose.RENT, amount_usd=rent, site=site.id)
        case Cloud(provider=provider, price_usd_per_facility_mw_month=price):
            paid = given.energized_facility_mw[row] * price
            yield Stream(payer=inputs.programme, payee=provider, purpose=Purpose.CLOUD, amount_usd=paid, site=site.id)


def _rack_streams(inputs: Inputs, site: Site, given: Quantities, *, row: int, column: int) -> Iterator[Stream]:
    """Racks of one platform at one site: purchase, fabric, energy and operation, paid by who owns the systems."""
    who, offer, costs = bearers(inputs, site), inputs.offers[column], inputs.costs
    ordered, delivered = given.ordered_racks[row, column], given.delivered_racks[row, column]
    systems_usd = offer.deposit_fraction * ordered * ordered_price_usd_per_rack(offer, inputs.calendar)
    systems_usd += (1.0 - offer.deposit_fraction) * delivered * delivered_price_usd_per_rack(offer, inputs.calendar)
    rack_mw = given.rack_it_mw[column]
    worth_usd = offer.price_usd_per_rack + rack_mw * costs.fabric_usd_per_it_mw
    yearly_usd = worth_usd * costs.systems_operation_fraction_per_year
    payments = (
        (offer.vendor, Purpose.SYSTEMS, systems_usd),
        (who.builder, Purpose.NETWORK, delivered * rack_mw * costs.network_usd_per_it_mw),
        (who.builder, Purpose.STORAGE, delivered * rack_mw * costs.storage_usd_per_it_mw),
        (site.utility, Purpose.ENERGY, given.energy_mwh[row, column] * site.energy_price_usd_per_mwh),
        (who.builder, Purpose.SYSTEMS_OPERATION, given.installed_racks[row, column] * yearly_usd / MONTHS_PER_YEAR),
    )
    for payee, purpose, amount_usd in payments:
        yield Stream(
            payer=who.systems,
            payee=payee,
            purpose=purpose,
            amount_usd=amount_usd,
            site=site.id,
            platform=offer.platform.id,
        )
    if offer.goods_fraction:
        yield Stream(
            payer=offer.vendor,
            payee=offer.supplier,
            purpose=Purpose.GOODS,
            amount_usd=offer.goods_fraction * systems_usd,
            site=site.id,
            platform=offer.platform.id,
        )


def _token_streams(inputs: Inputs, given: Quantities) -> Iterator[Stream]:
    """Customers pay each platform's input and output tokens at the prices of the month."""
    months = inputs.calendar.months
    shape = (len(inputs.services), len(months))
    input_price = np.array([[s.input_price_usd_per_mtoken[day] for day in months] for s in inputs.services])
    output_price = np.array([[s.output_price_usd_per_mtoken[day] for day in months] for s in inputs.services])
    input_usd = (given.served_tokens - given.output_tokens) * input_price.reshape(shape)
    output_usd = given.output_tokens * output_price.reshape(shape)
    paid_usd = (input_usd + output_usd).sum(axis=1) / TOKENS_PER_MILLION
    for offer, amount_usd in zip(inputs.offers, paid_usd, strict=True):
        yield Stream(
            payer=inputs.customers,
            payee=inputs.programme,
            purpose=Purpose.TOKENS,
            amount_usd=amount_usd,
            platform=offer.platform.id,
        )


def _delivered_racks(inputs: Inputs, plan: BuildPlan) -> FloatArray:
    """Racks delivered in each month as planned, in whole racks, `(site, platform, month)`."""
    arrived = values(inputs, plan.decisions["arrived_racks"], "site", "platform", "period")
    monthly = np.zeros((*arrived.shape[:2], inputs.calendar.month_count))
    whole = np.diff(np.rint(np.cumsum(arrived, axis=2)), axis=2, prepend=0.0)
    monthly[:, :, :: inputs.calendar.months_per_period] = whole
    return monthly


def rack_facility_mw(inputs: Inputs) -> FloatArray:
    """Facility power of a rack with its share of the fabric, at peak, `(site, platform)`."""
    it_mw = rack_it_mw(inputs)
    return np.array([[facility_power_mw(mw, pue=site.peak_pue) for mw in it_mw] for site in inputs.sites])


def rack_it_mw(inputs: Inputs) -> FloatArray:
    """IT power of a rack with its share of the fabric, at peak, `(platform,)`."""
    fabric = inputs.operation.fabric_power.best
    return np.array([rack_it_power_mw(offer.platform, fabric_power_fraction=fabric) for offer in inputs.offers])


def _split(total: FloatArray, *, by: FloatArray) -> FloatArray:
    """Each site's total shared out to its platforms in proportion to `by`, `(site, platform, month)`."""
    whole = by.sum(axis=1, keepdims=True)
    share = np.divide(by, whole, out=np.zeros_like(by), where=whole > 0.0)
    return np.asarray(total[:, None, :] * share, dtype=np.float64)
