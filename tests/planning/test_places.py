"""Rules of places, each with its best plan worked out by hand. Amounts in MUSD; the napkin's rack earns 8.76 a year."""

from dataclasses import replace
from datetime import date

import linopy
import pytest

from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import Leased, PowerStep
from gigawatt.entities.stages import Inputs
from gigawatt.planning import plan
from gigawatt.planning.formulation import formulation
from gigawatt.planning.terms import terms
from tests.finance.programmes import play
from tests.planning.cases import (
    FREE,
    NAPKIN_PLATFORM,
    START,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_site,
)
from tests.planning.test_optima import best, racks, value
from tests.samples import site, small_inputs, small_performance


def test_halls_are_built_no_faster_than_the_site_allows() -> None:
    # 2 MW a month: 2, 4, 6, 8, then 10 racks. Rack-hours 2x744 + 4x672 + 6x744 + 8x720 + 10x5880 = 73,200; 73.2 - 10
    chosen = best(napkin_inputs(sites=(napkin_site(construction_mw_per_month=2.0),)))
    assert value(chosen) == pytest.approx(63.2)
    assert racks(chosen)[:5] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_halls_are_built_ahead_of_the_power() -> None:
    # Power in May, 5880 h. At 2 MW a month the halls of 10 MW are begun in January: 10 x 5.88 - 10 = 48.8
    late = (PowerStep(start=date(2026, 5, 1), facility_mw=10.0),)
    chosen = best(napkin_inputs(sites=(napkin_site(power_steps=late, construction_mw_per_month=2.0),)))
    assert value(chosen) == pytest.approx(48.8)
    assert racks(chosen)[:5] == [0.0, 0.0, 0.0, 0.0, 10.0]
    assert chosen.decisions["built_facility_mw"].values[0][:6].tolist() == [2.0, 4.0, 6.0, 8.0, 10.0, 10.0]


def two_vendors(*, one_vendor: bool) -> Inputs:
    """Six racks of one vendor and five of another, in January only, for 10 MW."""
    few = tuple(
        napkin_offer(
            platform=replace(NAPKIN_PLATFORM, id=name),
            vendor=vendor,
            supply=(
                SupplyStep(start=START, racks_per_month=count),
                SupplyStep(start=date(2026, 2, 1), racks_per_month=0.0),
            ),
        )
        for name, vendor, count in (("box", "nvidia", 6.0), ("cube", "amd", 5.0))
    )
    return napkin_inputs(offers=few, sites=(napkin_site(platforms=("box", "cube"), one_vendor=one_vendor),))


def test_a_site_of_one_vendor() -> None:
    # Both fill the site: 10 x 7.76; one alone: the six of the larger, 6 x 7.76 = 46.56
    assert value(best(two_vendors(one_vendor=False))) == pytest.approx(77.6)
    chosen = best(two_vendors(one_vendor=True))
    assert value(chosen) == pytest.approx(46.56)
    assert float(chosen.decisions["installed_racks"].sel(platform="cube").sum()) == 0.0


def test_one_place_owned_or_leased() -> None:
    # Building costs 2.4 per MW, the lease 1.2 in the year. Two places: 10 x (7.76 - 1.2) + 10 x (7.76 - 2.4) = 119.2;
    # two ways to use one place: leased alone, 65.6
    lease = Leased(lessor="landlord", rent_usd_per_it_mw_month=0.1e6, escalator_fraction_per_year=0.0)
    costs = replace(FREE, building_usd_per_facility_mw=2.4e6)
    owned, leased = napkin_site("alpha"), napkin_site("beta", ownership=lease)
    assert value(best(napkin_inputs(costs=costs, sites=(owned, leased)))) == pytest.approx(119.2)
    shared = replace(leased, same_place_as="alpha")
    chosen = best(napkin_inputs(costs=costs, sites=(owned, shared)))
    assert value(chosen) == pytest.approx(65.6)
    assert float(chosen.decisions["installed_racks"].sel(site="alpha").sum()) == 0.0


def test_carbon_of_a_year() -> None:
    # 1 MW x 8760 h x 0.5 t/MWh = 4,380 t a rack: 21,900 t let five racks run, 5 x 7.76 = 38.8
    dirty = napkin_site(grid_carbon_t_per_mwh=0.5)
    chosen = best(napkin_inputs(sites=(dirty,), carbon_cap_t_per_year=21_900.0))
    assert value(chosen) == pytest.approx(38.8)
    assert racks(chosen) == [5.0] * 12


def test_carbon_is_allotted_to_the_cleaner_site() -> None:
    # 21,900 t: ten racks at 0.125 t/MWh take 10,950; the other 10,950 let racks at 0.5 t/MWh run 21,900 hours. A rack
    # runs from its month to December: 8760, 8016, 7344, 6600, 5880, 5136, 4416, 3672, ... hours. The most that three
    # give within 21,900 is 2 x 7344 + 6600 = 21,288 (8760 + 7344 + 5136 = 21,240): 77.6 + 21.288 - 3
    sites = (napkin_site("alpha", grid_carbon_t_per_mwh=0.5), napkin_site("beta", grid_carbon_t_per_mwh=0.125))
    chosen = best(napkin_inputs(sites=sites, carbon_cap_t_per_year=21_900.0))
    assert value(chosen) == pytest.approx(77.6 + 18.288)


def test_water_of_a_site() -> None:
    # 2 kL/MWh x 8760 MWh = 17,520 kL a rack: 52,560 kL let three run at alpha, ten at beta: 13 x 7.76
    thirsty = napkin_site("alpha", water_kl_per_mwh=2.0, water_cap_kl_per_year=52_560.0)
    assert value(best(napkin_inputs(sites=(thirsty, napkin_site("beta"))))) == pytest.approx(13 * 7.76)


def test_rules_that_nobody_states_add_nothing() -> None:
    inputs = napkin_inputs()
    with linopy.options as options:
        options(semantics="v1")
        model = formulation(inputs, terms=terms(inputs, napkin_performance(inputs))).model
    assert "hosts" not in model.variables
    assert not {"construction", "one_vendor", "vendor_power", "shared_power", "carbon", "water"} & set(
        model.constraints
    )


def test_halls_built_ahead_are_paid_as_planned() -> None:
    base = small_inputs(sites=(site("alpha", construction_mw_per_month=12.0),), contracts=(), targets=(), runs=())
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    performance = small_performance()
    performance = replace(performance, training=performance.training.isel(run=slice(0, 0)))
    played = play(inputs, plan(inputs, performance))
    built = played.plan.decisions["built_facility_mw"].values[0]
    assert built[1] > 0.0  # before the power of July
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9)
