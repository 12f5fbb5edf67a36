"""What the programme pays to whom for what, as expressions of its decisions, so that contracts can count it."""

from dataclasses import dataclass, replace
from enum import StrEnum

import linopy
import numpy as np
import xarray as xr

from gigawatt.entities.capital import PartyRole
from gigawatt.entities.site import Cloud, Leased, Owned, Site
from gigawatt.entities.stages import Inputs
from gigawatt.planning.agreements.estate import most_plant_spending, plant_spending
from gigawatt.planning.fleet import in_period, most_blocks
from gigawatt.planning.money import money
from gigawatt.planning.terms import MONEY_UNIT_USD, Terms
from gigawatt.planning.variables import Variables


class Spending(StrEnum):
    """What the programme itself pays for."""

    SYSTEMS = "systems"
    FABRIC = "fabric"
    FACILITY = "facility"
    ENERGY = "energy"
    SYSTEMS_OPERATION = "systems operation"
    FACILITY_OPERATION = "facility operation"
    RENT = "rent"
    CLOUD = "cloud"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Which spending a contract counts: to whom (anybody where empty), for what, where, on which platforms."""

    kinds: tuple[Spending, ...]
    payee: str = ""
    sites: tuple[str, ...] | None = None
    platforms: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """The programme's unit payments by what they are for, in USD, dims as in `planning.money.Money`."""

    systems_usd_per_rack: xr.DataArray
    fabric_usd_per_rack: xr.DataArray
    energy_usd_per_rack: xr.DataArray
    operation_usd_per_rack: xr.DataArray
    cloud_usd_per_rack: xr.DataArray
    facility_usd_per_mw: xr.DataArray
    rent_usd_per_mw: xr.DataArray
    operation_usd_per_mw: xr.DataArray


def purse(inputs: Inputs, *, terms: Terms) -> Purse:
    """The unit payments of `terms.money`, taken apart."""
    bare = replace(inputs.costs, network_usd_per_it_mw=0.0, storage_usd_per_it_mw=0.0)
    without_fabric = money(replace(inputs, costs=bare), fleet=terms.fleet).arrival_usd_per_rack
    idle = replace(inputs.costs, systems_operation_fraction_per_year=0.0)
    without_operation = money(replace(inputs, costs=idle), fleet=terms.fleet).service_usd_per_rack
    cloud, leased = _sites_by(inputs, Cloud), _sites_by(inputs, Leased)
    service, standing = terms.money.service_usd_per_rack, terms.money.standing_usd_per_mw
    return Purse(
        systems_usd_per_rack=without_fabric,
        fabric_usd_per_rack=terms.money.arrival_usd_per_rack - without_fabric,
        energy_usd_per_rack=without_operation * (1.0 - cloud),
        operation_usd_per_rack=(service - without_operation) * (1.0 - cloud),
        cloud_usd_per_rack=service * cloud,
        facility_usd_per_mw=terms.money.expansion_usd_per_mw,
        rent_usd_per_mw=standing * leased,
        operation_usd_per_mw=standing * (1.0 - leased),
    )


def spending(
    inputs: Inputs, counted: Counted, *, weights: xr.DataArray, paid: Purse, terms: Terms, choose: Variables
) -> linopy.LinearExpression:
    """What is counted, the months added up by `weights` `(month, step)`, in the solver's money, `(step,)`."""
    by_period, block = in_period(inputs.calendar), terms.fleet.block_racks / MONEY_UNIT_USD
    nothing = xr.zeros_like(paid.systems_usd_per_rack)
    arrival = nothing
    for kind, unit in ((Spending.SYSTEMS, paid.systems_usd_per_rack), (Spending.FABRIC, paid.fabric_usd_per_rack)):
        arrival = arrival + unit * _payees(inputs, kind, counted) * float(kind in counted.kinds)
    service = xr.zeros_like(paid.energy_usd_per_rack)
    for kind, unit in (
        (Spending.ENERGY, paid.energy_usd_per_rack),
        (Spending.SYSTEMS_OPERATION, paid.operation_usd_per_rack),
        (Spending.CLOUD, paid.cloud_usd_per_rack),
    ):
        service = service + unit * _payees(inputs, kind, counted) * float(kind in counted.kinds)
    standing = xr.zeros_like(paid.rent_usd_per_mw)
    for kind, unit in ((Spending.RENT, paid.rent_usd_per_mw), (Spending.FACILITY_OPERATION, paid.operation_usd_per_mw)):
        standing = standing + unit * _by_site(inputs, kind, counted) * float(kind in counted.kinds)
    building = paid.facility_usd_per_mw * _by_site(inputs, Spending.FACILITY, counted)
    building = building * float(Spending.FACILITY in counted.kinds) / MONEY_UNIT_USD
    counted_usd: linopy.LinearExpression = (
        (xr.dot(arrival, weights, dim="month") * block * choose.arrivals).sum(["site", "platform", "period"])
        + (xr.dot(building, weights, dim="month") * choose.expansion).sum(["site", "period"])
        + (xr.dot(service, weights, by_period, dim="month") * block * choose.in_service).sum(
            ["site", "platform", "period"]
        )
        + (xr.dot(standing, weights, by_period, dim="month") / MONEY_UNIT_USD * choose.built).sum(["site", "period"])
    )
    plants = _plants(inputs, counted, weights=weights, terms=terms, choose=choose)
    return counted_usd if plants is None else counted_usd + plants


def _plants(
    inputs: Inputs, counted: Counted, *, weights: xr.DataArray, terms: Terms, choose: Variables
) -> linopy.LinearExpression | None:
    """What is counted of the sites' own plants, which belong to no platform; None where there is nothing."""
    kinds = (Spending.FACILITY, Spending.FACILITY_OPERATION, Spending.ENERGY)
    if counted.platforms is not None or not any(kind in counted.kinds for kind in kinds):
        return None
    facility, operation, energy = (_by_site(inputs, kind, counted) * float(kind in counted.kinds) for kind in kinds)
    return plant_spending(
        facility=facility, operation=operation, energy=energy, weights=weights, terms=terms, choose=choose
    )


def _payees(inputs: Inputs, kind: Spending, counted: Counted) -> xr.DataArray:
    """1 where what is paid for racks is counted, `(site, platform)`."""
    vendors = [kind is not Spending.SYSTEMS or counted.payee in ("", offer.vendor) for offer in inputs.offers]
    named = [counted.platforms is None or offer.platform.id in counted.platforms for offer in inputs.offers]
    platform = xr.DataArray(
        np.array([float(a and b) for a, b in zip(vendors, named, strict=True)]),
        dims="platform",
        coords={"platform": [offer.platform.id for offer in inputs.offers]},
    )
    return _by_site(inputs, kind, counted) * platform


def _by_site(inputs: Inputs, kind: Spending, counted: Counted) -> xr.DataArray:
    """1 where what is paid at a site is counted, `(site,)`; vendors of systems are the same everywhere."""
    named = [counted.sites is None or site.id in counted.sites for site in inputs.sites]
    paid = [kind is Spending.SYSTEMS or counted.payee in ("", _payee(inputs, site, kind)) for site in inputs.sites]
    return xr.DataArray(
        np.array([float(a and b) for a, b in zip(named, paid, strict=True)]),
        dims="site",
        coords={"site": [site.id for site in inputs.sites]},
    )


def _payee(inputs: Inputs, site: Site, kind: Spending) -> str:
    """Who is paid at a site, but for systems."""
    if kind is Spending.ENERGY:
        return site.utility
    match site.ownership:
        case Leased(lessor=lessor) if kind is Spending.RENT:
            return lessor
        case Cloud(provider=provider) if kind is Spending.CLOUD:
            return provider
        case Owned(builder=builder):
            return builder
        case _:
            return next((party.id for party in inputs.parties if PartyRole.BUILDER in party.roles), "")


def _sites_by(inputs: Inputs, ownership: type[Owned | Leased | Cloud]) -> xr.DataArray:
    """1 at sites of an ownership, `(site,)`."""
    owned = [float(isinstance(site.ownership, ownership)) for site in inputs.sites]
    return xr.DataArray(owned, dims="site", coords={"site": [site.id for site in inputs.sites]})


def most_spending(
    inputs: Inputs, counted: Counted, *, weights: xr.DataArray, paid: Purse, terms: Terms
) -> xr.DataArray:
    """More than `spending` of capital can come to, whatever is decided, in the solver's money, `(step,)`.

    Racks of a platform in a period are bounded by supply and by what all sites can take; building by energized power.
    """
    limits = terms.fleet
    unit = paid.systems_usd_per_rack * float(Spending.SYSTEMS in counted.kinds)
    unit = unit + paid.fabric_usd_per_rack * float(Spending.FABRIC in counted.kinds)
    kind = Spending.SYSTEMS if Spending.SYSTEMS in counted.kinds else Spending.FABRIC
    dearest = (xr.dot(unit, weights, dim="month") * _payees(inputs, kind, counted)).max("site")
    blocks = most_blocks(limits).sum("site")
    racks = (blocks.where(blocks < limits.supply_blocks, limits.supply_blocks) * limits.block_racks * dearest).sum(
        ["platform", "period"]
    )
    cost = float(Spending.FACILITY in counted.kinds) * paid.facility_usd_per_mw.sum("month").max()
    building = (limits.energized_facility_mw + limits.plant_firm_mw).max("period").sum("site") * cost
    facility = _by_site(inputs, Spending.FACILITY, counted) * float(Spending.FACILITY in counted.kinds)
    plants = 0.0 if counted.platforms is not None else most_plant_spending(terms, facility=facility)
    most: xr.DataArray = (racks + building) / MONEY_UNIT_USD + plants
    return most
