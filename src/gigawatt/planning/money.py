"""What each decision pays and earns for the programme, month by month, as coefficients.

Each coefficient is what one unit of a decision costs: a rack that arrives, a rack in service for a month, a megawatt
that becomes usable, a megawatt that stands for a month, a token served. Ownership decides which of them the programme
pays (docs/decisions/0001). Outflows and prices are both positive numbers here; signs belong to the formulation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import xarray as xr

from gigawatt.entities.site import Cloud, Leased, Owned, Site
from gigawatt.entities.stages import Inputs
from gigawatt.entities.workload import Service
from gigawatt.planning.fleet import Fleet, month_axis, period_axis
from gigawatt.timeline import Calendar
from gigawatt.units import MONTHS_PER_YEAR, TOKENS_PER_MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Unit flows of the programme in USD.

    `arrival_usd_per_rack` `(site, platform, period, month)`: deposit, balance and fabric of a rack that arrives in
    `period`, in the month each is due; `service_usd_per_rack` `(site, platform, month)`: energy, operation or the price
    of capacity; `expansion_usd_per_mw` `(site, period, month)`: building what becomes usable in `period`;
    `standing_usd_per_mw` `(site, month)`: rent and facility operation; `price_usd_per_token` `(service, month)`.
    """

    arrival_usd_per_rack: xr.DataArray
    service_usd_per_rack: xr.DataArray
    expansion_usd_per_mw: xr.DataArray
    standing_usd_per_mw: xr.DataArray
    price_usd_per_token: xr.DataArray


def money(inputs: Inputs, *, fleet: Fleet) -> Money:
    """The unit flows of everything that the plan decides on."""
    return Money(
        arrival_usd_per_rack=_arrival(inputs, fleet),
        service_usd_per_rack=_service(inputs, fleet),
        expansion_usd_per_mw=_expansion(inputs),
        standing_usd_per_mw=_standing(inputs),
        price_usd_per_token=_prices(inputs),
    )


def _by_site(inputs: Inputs, value: Callable[[Site], float]) -> xr.DataArray:
    sites = inputs.sites
    return xr.DataArray([float(value(s)) for s in sites], dims="site", coords={"site": [s.id for s in sites]})


def pays_systems(inputs: Inputs) -> xr.DataArray:
    """1 where the programme pays for racks and what they take, `(site,)`."""
    return _by_site(inputs, lambda site: not isinstance(site.ownership, Cloud))


def pays_building(inputs: Inputs) -> xr.DataArray:
    """1 where the programme pays for halls, `(site,)`."""
    return _by_site(inputs, lambda site: isinstance(site.ownership, Owned))


def _by_platform(inputs: Inputs, values: list[float]) -> xr.DataArray:
    return xr.DataArray(values, dims="platform", coords={"platform": [o.platform.id for o in inputs.offers]})


def _fabric_usd_per_rack(inputs: Inputs, fleet: Fleet) -> xr.DataArray:
    return fleet.rack_it_mw * inputs.costs.fabric_usd_per_it_mw


def _arrival(inputs: Inputs, fleet: Fleet) -> xr.DataArray:
    calendar = inputs.calendar
    price = _by_platform(inputs, [offer.price_usd_per_rack for offer in inputs.offers])
    deposit = _by_platform(inputs, [offer.deposit_fraction for offer in inputs.offers])
    arrival_month = period_axis(calendar) * calendar.months_per_period
    order_month = arrival_month - fleet.lead_periods * calendar.months_per_period
    month = month_axis(calendar)
    usd = price * deposit * (month == order_month) + (price * (1.0 - deposit) + _fabric_usd_per_rack(inputs, fleet)) * (
        month == arrival_month
    )
    return (pays_systems(inputs) * usd).transpose("site", "platform", "period", "month")


def systems_worth_usd_per_rack(inputs: Inputs, *, fleet: Fleet) -> xr.DataArray:
    """What a rack with its fabric costs the programme, nothing at cloud sites, `(site, platform)`."""
    price = _by_platform(inputs, [offer.price_usd_per_rack for offer in inputs.offers])
    return pays_systems(inputs) * (price + _fabric_usd_per_rack(inputs, fleet))


def _service(inputs: Inputs, fleet: Fleet) -> xr.DataArray:
    """Energy, operation of the systems and the price of cloud capacity of one rack in service, by month."""
    month = month_axis(inputs.calendar)
    hours = month.copy(data=inputs.calendar.month_hours)
    energy_price = _by_site(inputs, lambda site: site.energy_price_usd_per_mwh * site.annual_pue)
    energy = fleet.rack_it_mw * inputs.operation.mean_power.best * energy_price * hours
    worth = _by_platform(inputs, [o.price_usd_per_rack for o in inputs.offers]) + _fabric_usd_per_rack(inputs, fleet)
    operation = worth * inputs.costs.systems_operation_fraction_per_year / MONTHS_PER_YEAR
    capacity = _by_site(inputs, _capacity_price) * fleet.rack_facility_mw
    usd = pays_systems(inputs) * (energy + operation) + capacity
    return (usd + 0.0 * month).transpose("site", "platform", "month")


def _capacity_price(site: Site) -> float:
    return site.ownership.price_usd_per_facility_mw_month if isinstance(site.ownership, Cloud) else 0.0


def _expansion(inputs: Inputs) -> xr.DataArray:
    """Cost of a megawatt, spread over the construction before it; what precedes the start falls in its first month."""
    calendar = inputs.calendar
    shares = np.stack([construction_shares(site.construction_months, calendar) for site in inputs.sites])
    dims = ("site", "period", "month")
    spread = xr.DataArray(
        shares,
        dims=dims,
        coords={
            "site": [site.id for site in inputs.sites],
            "period": np.arange(calendar.period_count),
            "month": np.arange(calendar.month_count),
        },
    )
    cost = pays_building(inputs) * inputs.costs.facility_usd_per_facility_mw
    return (cost * spread).transpose(*dims)


def construction_shares(
    construction_months: int, calendar: Calendar
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Share of an increment's cost that is paid in each month, `(period, month)`."""
    usable_month = np.arange(calendar.period_count) * calendar.months_per_period
    duration = max(1, construction_months)
    before = np.arange(1, duration + 1) if construction_months else np.zeros(1, dtype=np.int64)
    paid_month = np.clip(usable_month[:, None] - before[None, :], 0, None)
    shares = np.zeros((calendar.period_count, calendar.month_count))
    np.add.at(shares, (np.arange(calendar.period_count)[:, None], paid_month), 1.0 / duration)
    return shares


def _standing(inputs: Inputs) -> xr.DataArray:
    """Rent of leased and operation of owned facility power, per built MW and month."""
    month = month_axis(inputs.calendar)
    years = month // MONTHS_PER_YEAR
    escalated = (1.0 + _by_site(inputs, _escalator)) ** years
    rent = _by_site(inputs, _rent_usd_per_facility_mw_month) * escalated
    costs = inputs.costs
    operation = costs.facility_usd_per_facility_mw * costs.facility_operation_fraction_per_year / MONTHS_PER_YEAR
    return (rent + pays_building(inputs) * operation).transpose("site", "month")


def _escalator(site: Site) -> float:
    return site.ownership.escalator_fraction_per_year if isinstance(site.ownership, Leased) else 0.0


def _rent_usd_per_facility_mw_month(site: Site) -> float:
    lease = site.ownership
    return lease.rent_usd_per_it_mw_month / site.peak_pue if isinstance(lease, Leased) else 0.0


def _prices(inputs: Inputs) -> xr.DataArray:
    calendar = inputs.calendar
    rows = [[token_price_usd(service, month) for month in calendar.months] for service in inputs.services]
    return xr.DataArray(
        np.array(rows).reshape(len(inputs.services), calendar.month_count),
        dims=("service", "month"),
        coords={"service": [service.id for service in inputs.services], "month": np.arange(calendar.month_count)},
    )


def token_price_usd(service: Service, month: date) -> float:
    """Price of one token at the service's mean mix of input and output tokens."""
    per_request = (
        service.input_tokens_count * service.input_price_usd_per_mtoken[month]
        + service.output_tokens_count * service.output_price_usd_per_mtoken[month]
    )
    return per_request / (service.input_tokens_count + service.output_tokens_count) / TOKENS_PER_MILLION
