"""What one accelerator costs by layer: the capital that stands behind it, and what an hour of owning it costs.

Nothing is fitted. Each layer is a unit cost of the cost book times the power that the accelerator draws; capital is
recovered with its cost over its life in level monthly payments:

    USD per accelerator-hour = sum of capital_layer / annuity(life, r) / hours + rent + energy + operation

Hours are those of owning, used or not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gigawatt.entities.capital import CostBook
from gigawatt.entities.hardware import Platform
from gigawatt.entities.schedules import annuity_factor
from gigawatt.facility.electrical import facility_power_mw, rack_it_power_mw
from gigawatt.finance.flows import FABRIC_PURPOSES, FACILITY_PURPOSES, FlowKind, Purpose
from gigawatt.units import HOURS_PER_YEAR, MONTHS_PER_YEAR

SYSTEM_LAYERS = (Purpose.SYSTEMS, *FABRIC_PURPOSES)
_HOURS_PER_MONTH = HOURS_PER_YEAR / MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBuilding:
    """The owner of the systems owns the building too, and recovers it over its life."""

    life_months: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RentedBuilding:
    """The building is another's; its rent, by IT power, holds its capital and operation."""

    rent_usd_per_it_mw_month: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Who owns accelerators: cost of capital, how long systems earn, and whose building they stand in."""

    discount_rate_fraction: float
    systems_life_months: float
    building: OwnBuilding | RentedBuilding


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where accelerators stand: PUE at peak and over the year, power outside the rack, mean load, price of energy."""

    peak_pue: float
    annual_pue: float
    fabric_power_fraction: float
    mean_power_fraction: float
    energy_price_usd_per_mwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One rack as it is bought, with the power it draws."""

    platform: Platform
    price_usd_per_rack: float
    surroundings: Surroundings

    @property
    def it_mw(self) -> float:
        """IT power of an accelerator at peak, its share of rack and fabric included."""
        rack_mw = rack_it_power_mw(self.platform, fabric_power_fraction=self.surroundings.fabric_power_fraction)
        return rack_mw / self.platform.accelerators_per_rack_count

    @property
    def facility_mw(self) -> float:
        """Facility power of an accelerator at peak."""
        return facility_power_mw(self.it_mw, pue=self.surroundings.peak_pue)


def capital_by_layer_usd(unit: Unit, costs: CostBook) -> dict[Purpose, float]:
    """Capital behind one accelerator by layer, whoever pays it."""
    per_it_mw = {Purpose.NETWORK: costs.network_usd_per_it_mw, Purpose.STORAGE: costs.storage_usd_per_it_mw}
    per_facility_mw = {
        Purpose.BUILDING: costs.building_usd_per_facility_mw,
        Purpose.COOLING: costs.cooling_usd_per_facility_mw,
        Purpose.POWER: costs.power_usd_per_facility_mw,
        Purpose.GRID: costs.grid_usd_per_facility_mw,
    }
    systems_usd = unit.price_usd_per_rack / unit.platform.accelerators_per_rack_count
    return {
        Purpose.SYSTEMS: systems_usd,
        **{layer: usd * unit.it_mw for layer, usd in per_it_mw.items()},
        **{layer: usd * unit.facility_mw for layer, usd in per_facility_mw.items()},
    }


def cost_by_layer_usd_per_accelerator_hour(unit: Unit, costs: CostBook, *, owner: Owner) -> dict[Purpose, float]:
    """What an hour of owning an accelerator costs, by layer: capital recovered, rent, energy and operation."""
    capital_usd = capital_by_layer_usd(unit, costs)
    monthly_usd = {
        layer: _recovered_usd_per_month(capital_usd[layer], owner=owner, life_months=owner.systems_life_months)
        for layer in SYSTEM_LAYERS
    }
    where = unit.surroundings
    energy_mwh_per_month = unit.it_mw * where.mean_power_fraction * where.annual_pue * _HOURS_PER_MONTH
    systems_usd = sum(capital_usd[layer] for layer in SYSTEM_LAYERS)
    monthly_usd |= _building_usd_per_month(unit, costs, owner=owner)
    monthly_usd[Purpose.ENERGY] = energy_mwh_per_month * where.energy_price_usd_per_mwh
    monthly_usd[Purpose.SYSTEMS_OPERATION] = systems_usd * costs.systems_operation_fraction_per_year / MONTHS_PER_YEAR
    return {layer: usd / _HOURS_PER_MONTH for layer, usd in monthly_usd.items()}


def capital_usd_per_mw(capital_usd: Mapping[Purpose, float], *, power_mw: float) -> dict[Purpose, float]:
    """A waterfall of capital per megawatt, on the basis (IT or facility) of the power it is divided by."""
    return {layer: usd / power_mw for layer, usd in capital_usd.items() if layer.kind is FlowKind.CAPEX}


def _building_usd_per_month(unit: Unit, costs: CostBook, *, owner: Owner) -> dict[Purpose, float]:
    match owner.building:
        case RentedBuilding(rent_usd_per_it_mw_month=rent):
            return {Purpose.RENT: unit.it_mw * rent}
        case OwnBuilding(life_months=life_months):
            capital_usd = capital_by_layer_usd(unit, costs)
            building_usd = sum(capital_usd[layer] for layer in FACILITY_PURPOSES)
            recovered = {
                layer: _recovered_usd_per_month(capital_usd[layer], owner=owner, life_months=life_months)
                for layer in FACILITY_PURPOSES
            }
            yearly_usd = building_usd * costs.facility_operation_fraction_per_year
            return recovered | {Purpose.FACILITY_OPERATION: yearly_usd / MONTHS_PER_YEAR}


def _recovered_usd_per_month(capital_usd: float, *, owner: Owner, life_months: float) -> float:
    """The level monthly payment that returns capital with its cost over a life, at the effective yearly rate."""
    monthly = (1.0 + owner.discount_rate_fraction) ** (1.0 / MONTHS_PER_YEAR) - 1.0
    return capital_usd / annuity_factor(life_months, interest_fraction=monthly)
