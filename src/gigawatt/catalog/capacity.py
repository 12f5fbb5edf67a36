"""Unit costs, owners and surroundings of accelerators as the catalogue assumes them where nobody says otherwise."""

from dataclasses import replace

from gigawatt.catalog.items import PlatformTable
from gigawatt.catalog.platforms import platform
from gigawatt.catalog.quantities import quantity
from gigawatt.catalog.records import Catalog
from gigawatt.entities.capital import CostBook
from gigawatt.finance.capacity import OwnBuilding, Owner, RentedBuilding, Surroundings, Unit
from gigawatt.units import (
    ENERGY_PRICE,
    FRACTION,
    LIFE,
    MONEY_PER_FACILITY_MW,
    MONEY_PER_IT_MW,
    PUE,
    RATIO,
    RENT_PER_IT_MW,
    YEARLY_SHARE,
    Dimension,
)


def assumed_costs(catalog: Catalog) -> CostBook:
    """The cost book of `assumptions/cost` and `assumptions/books`."""

    def per_facility_mw(layer: str) -> float:
        return _assumed(catalog, f"cost/{layer}", MONEY_PER_FACILITY_MW)

    return CostBook(
        building_usd_per_facility_mw=per_facility_mw("building"),
        cooling_usd_per_facility_mw=per_facility_mw("cooling"),
        power_usd_per_facility_mw=per_facility_mw("power"),
        grid_usd_per_facility_mw=per_facility_mw("grid"),
        network_usd_per_it_mw=_assumed(catalog, "cost/network", MONEY_PER_IT_MW),
        storage_usd_per_it_mw=_assumed(catalog, "cost/storage", MONEY_PER_IT_MW),
        facility_operation_fraction_per_year=_assumed(catalog, "cost/facility-operation", YEARLY_SHARE),
        systems_operation_fraction_per_year=_assumed(catalog, "cost/systems-operation", YEARLY_SHARE),
        facility_book_life_months=round(_assumed(catalog, "books/facility-life", LIFE)),
        facility_residual_fraction=_assumed(catalog, "books/facility-residual", FRACTION),
    )


def hyperscaler(catalog: Catalog) -> Owner:
    """An investment-grade owner of systems and building, with the lives of company accounts."""
    return Owner(
        discount_rate_fraction=_assumed(catalog, "owner/hyperscaler-discount-rate", FRACTION),
        systems_life_months=_assumed(catalog, "owner/hyperscaler-systems-life", LIFE),
        building=OwnBuilding(life_months=_assumed(catalog, "books/facility-life", LIFE)),
    )


def neocloud(catalog: Catalog) -> Owner:
    """A GPU cloud that rents its buildings and wants its money back within the systems' economic life."""
    rent = _assumed(catalog, "site/leased-rent", RENT_PER_IT_MW)
    return Owner(
        discount_rate_fraction=_assumed(catalog, "owner/neocloud-discount-rate", FRACTION),
        systems_life_months=_assumed(catalog, "owner/neocloud-systems-life", LIFE),
        building=RentedBuilding(rent_usd_per_it_mw_month=rent),
    )


def unit(catalog: Catalog, platform_id: str, *, price_usd_per_rack: float) -> Unit:
    """A platform at this price, in surroundings that its cooling, liquid or air, decides."""
    return Unit(
        platform=platform(catalog, platform_id).item,
        price_usd_per_rack=price_usd_per_rack,
        surroundings=_surroundings(catalog, cooling=cooling(catalog, platform_id)),
    )


def in_hyperscaler_building(catalog: Catalog, one: Unit, *, platform_id: str) -> Unit:
    """The same in a hyperscaler's own building, whose PUE with air cooling is that of its measured fleets."""
    if cooling(catalog, platform_id) == "liquid":
        return one
    surroundings = replace(
        one.surroundings,
        peak_pue=_assumed(catalog, "owner/hyperscaler-peak-pue-air", PUE),
        annual_pue=_assumed(catalog, "owner/hyperscaler-annual-pue-air", PUE),
    )
    return replace(one, surroundings=surroundings)


def cooling(catalog: Catalog, platform_id: str) -> str:
    """`liquid` for a platform that is sold so, else `air`."""
    details = catalog.record("platforms", platform_id).details
    return "liquid" if isinstance(details, PlatformTable) and "liquid" in details.form else "air"


def _surroundings(catalog: Catalog, *, cooling: str) -> Surroundings:
    return Surroundings(
        peak_pue=_assumed(catalog, f"site/peak-pue-{cooling}", PUE),
        annual_pue=_assumed(catalog, f"site/annual-pue-{cooling}", PUE),
        fabric_power_fraction=_assumed(catalog, "operation/fabric-power", RATIO),
        mean_power_fraction=_assumed(catalog, "operation/mean-power", RATIO),
        energy_price_usd_per_mwh=_assumed(catalog, "site/energy-price-default", ENERGY_PRICE),
    )


def _assumed(catalog: Catalog, name: str, dimension: Dimension) -> float:
    return quantity(catalog.figure(f"assumptions/{name}"), dimension)
