"""The cost of an accelerator by layer: a sum by hand, and what must hold for any."""

from dataclasses import replace

import pytest

from gigawatt.finance.capacity import (
    OwnBuilding,
    Owner,
    RentedBuilding,
    Surroundings,
    Unit,
    capital_by_layer_usd,
    capital_usd_per_mw,
    cost_by_layer_usd_per_accelerator_hour,
)
from gigawatt.finance.flows import Purpose
from tests.samples import PLATFORM, small_inputs

COSTS = small_inputs().costs
WHERE = Surroundings(
    peak_pue=1.25,
    annual_pue=1.2,
    fabric_power_fraction=0.25,
    mean_power_fraction=0.8,
    energy_price_usd_per_mwh=50.0,
)
# 8 accelerators in a rack of 8 kW: 1.25 kW of IT each with the fabric, 1.5625 kW at the meter.
UNIT = Unit(
    platform=replace(PLATFORM, accelerators_per_rack_count=8, rack_power_w=8e3),
    price_usd_per_rack=240e3,
    surroundings=WHERE,
)
FREE_MONEY = Owner(discount_rate_fraction=0.0, systems_life_months=60.0, building=OwnBuilding(life_months=240.0))


def test_layers_by_hand():
    hours = 365.25 * 24 / 12
    by_layer = cost_by_layer_usd_per_accelerator_hour(UNIT, COSTS, owner=FREE_MONEY)
    # 30,000 over 60 months without cost of capital: 500 a month
    assert by_layer[Purpose.SYSTEMS] == pytest.approx(500.0 / hours)
    assert by_layer[Purpose.COOLING] == pytest.approx(1.5625e-3 * COSTS.cooling_usd_per_facility_mw / 240 / hours)
    # 1.25 kW x 0.8 x 1.2 = 1.2 kW at $50 a MWh: 6 cents an hour
    assert by_layer[Purpose.ENERGY] == pytest.approx(0.06)
    fabric_usd = 1.25e-3 * COSTS.fabric_usd_per_it_mw
    yearly_usd = (30e3 + fabric_usd) * COSTS.systems_operation_fraction_per_year
    assert by_layer[Purpose.SYSTEMS_OPERATION] == pytest.approx(yearly_usd / 12 / hours)
    assert Purpose.RENT not in by_layer


def test_rent_stands_for_the_building():
    rented = replace(FREE_MONEY, building=RentedBuilding(rent_usd_per_it_mw_month=120e3))
    by_layer = cost_by_layer_usd_per_accelerator_hour(UNIT, COSTS, owner=rented)
    # 1.25 kW x $120 per kW and month
    assert by_layer[Purpose.RENT] == pytest.approx(150.0 / (365.25 * 24 / 12))
    owned = cost_by_layer_usd_per_accelerator_hour(UNIT, COSTS, owner=FREE_MONEY)
    building = {Purpose.BUILDING, Purpose.COOLING, Purpose.POWER, Purpose.GRID, Purpose.FACILITY_OPERATION}
    assert set(owned) - set(by_layer) == building
    assert {layer: by_layer[layer] for layer in by_layer if layer in owned} == {
        layer: owned[layer] for layer in owned if layer in by_layer
    }


def test_capital_has_a_cost():
    # At 12 % a year effectively, the monthly rate is 1.12^(1/12) - 1, and 60 payments return 30,000.
    owner = replace(FREE_MONEY, discount_rate_fraction=0.12)
    monthly = 1.12 ** (1 / 12) - 1
    payment = 30e3 * monthly / (1 - 1.12**-5)
    by_layer = cost_by_layer_usd_per_accelerator_hour(UNIT, COSTS, owner=owner)
    assert by_layer[Purpose.SYSTEMS] == pytest.approx(payment / (365.25 * 24 / 12))


def test_both_bases_tell_the_same_capital():
    capital_usd = capital_by_layer_usd(UNIT, COSTS)
    per_it_mw = capital_usd_per_mw(capital_usd, power_mw=UNIT.it_mw)
    per_facility_mw = capital_usd_per_mw(capital_usd, power_mw=UNIT.facility_mw)
    assert per_it_mw[Purpose.BUILDING] == pytest.approx(1.25 * COSTS.building_usd_per_facility_mw)
    assert per_facility_mw[Purpose.BUILDING] == pytest.approx(COSTS.building_usd_per_facility_mw)
    assert sum(per_it_mw.values()) * UNIT.it_mw == pytest.approx(sum(capital_usd.values()))
