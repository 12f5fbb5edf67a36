"""Racks that leave before their life ends: best plans worked out by hand or by counting all plans. Amounts in MUSD."""

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pytest

from gigawatt.entities.actuals import Actuals
from gigawatt.entities.hardware import Allocation, Resale, SupplyStep
from gigawatt.entities.site import Cloud, CoolingLimits
from gigawatt.entities.stages import Inputs
from gigawatt.planning.replan import replan
from gigawatt.simulation import expected_luck, simulate
from tests.planning.cases import (
    HOURS_2026,
    NAPKIN_PLATFORM,
    START,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.planning.test_days import battery
from tests.planning.test_optima import TRANCHES, best, racks, value
from tests.samples import run

HALF = replace(NAPKIN_PLATFORM, id="half", rack_power_w=0.5e6)
ONCE = (SupplyStep(start=START, racks_per_month=1000.0), SupplyStep(start=month(1), racks_per_month=0.0))
FROM_JULY = (SupplyStep(start=month(6), racks_per_month=1000.0),)


def resold(*resale: tuple[int, float], **changes: object) -> Inputs:
    """Racks that may leave at some ages, for some part of their price, at 10 MW."""
    ages = tuple(Resale(age_months=age, value_fraction=part) for age, part in resale)
    offers = (napkin_offer(resale=ages, buyer="customers", **changes),)
    return napkin_inputs(offers=offers)


def newer(value_fraction: float) -> Inputs:
    """Racks of half the power, otherwise alike, come in July."""
    old = napkin_offer(resale=(Resale(age_months=6, value_fraction=value_fraction),), buyer="customers")
    return napkin_inputs(
        offers=(old, napkin_offer(platform=HALF, supply=FROM_JULY)), sites=(napkin_site(platforms=("box", "half")),)
    )


def test_power_is_freed_for_newer_racks() -> None:
    # Ten racks earn 4.344 by June and are sold for half of 1: 10 x (4.344 - 1 + 0.5); twenty new ones at half the power
    # earn 4.416 from July: 20 x (4.416 - 1) = 68.32. In all 106.76; kept, the old ones would earn 77.6
    chosen = best(newer(0.5))
    assert value(chosen) == pytest.approx(106.76)
    assert racks(chosen) == [10.0] * 6 + [20.0] * 6
    assert float(chosen.decisions["sold_racks"].sel(platform="box", resale=0)[0, 6]) == 10.0
    assert float(chosen.decisions["retired_racks"].sel(platform="box").sum()) == 10.0
    assert float(chosen.decisions["serving_racks"].sum(["site", "platform", "service"])[-1]) == pytest.approx(20.0)


@pytest.mark.parametrize(("part", "npv"), [(0.7, 77.6), (0.8, 78.16)])
def test_a_rack_is_sold_for_more_than_it_would_still_earn(part: float, npv: float) -> None:
    # In December a rack still earns 0.744
    assert value(best(resold((11, part)))) == pytest.approx(npv)


def test_vintages_follow_one_another() -> None:
    # At 100 USD an hour a rack never earns its price, but it is sold for 0.9 after three months, and another comes.
    # Three of them fill nine of the eleven months that end before December; best without January and February: 6600 h.
    # 10 x (3 x (0.9 - 1) + 0.66) = 3.6
    inputs = resold((3, 0.9))
    poor = replace(inputs, services=(napkin_service(inputs.calendar, price_usd_per_mtoken=0.1),))
    chosen = best(poor)
    assert value(chosen) == pytest.approx(3.6)
    assert racks(chosen, "arrived_racks") == [0.0, 0.0, 10.0] * 3 + [0.0] * 3
    assert racks(chosen) == [0.0, 0.0] + [10.0] * 9 + [0.0]


def test_one_of_several_ages_and_a_life_counted_by_enumeration() -> None:
    # One rack at most, bought in any month or none, with a life of five months; sold at one month for 0.95, at three
    # for 0.6, or kept. It earns 200 USD an hour. All chains of such racks, one after the other, are tried here
    part = {1: 0.95, 3: 0.6, 5: 0.0}

    def most(first: int) -> float:
        if first >= 12:
            return 0.0
        waits = most(first + 1)
        chains = []
        for age, sold in part.items():
            end = min(first + age, 12)
            earned = 200e-6 * sum(HOURS_2026[first:end])
            chains.append(earned - 1.0 + (sold if first + age < 12 else 0.0) + most(end))
        return max(waits, *chains)

    ages = tuple(Resale(age_months=age, value_fraction=part[age]) for age in (1, 3))
    inputs = napkin_inputs(
        offers=(napkin_offer(resale=ages, buyer="customers", life_months=5),),
        sites=(napkin_site(power_steps=(replace(napkin_site().power_steps[0], facility_mw=1.0),)),),
        services=(napkin_service(napkin_calendar(), price_usd_per_mtoken=0.2),),
    )
    assert value(best(inputs)) == pytest.approx(most(0))


def test_the_same_by_counting_all_plans_of_two_racks() -> None:
    # Two racks bought in January only, each sold in April for 0.9, in October for 0.5, or kept. Demand is for one rack
    # until March and for none from April on
    outcomes = []
    for bought in range(3):
        for april, october in product(range(bought + 1), repeat=2):
            if april + october <= bought:
                earned = 2.16 * min(bought, 1)
                outcomes.append(earned - 1.0 * bought + 0.9 * april + 0.5 * october)
    inputs = resold((3, 0.9), (9, 0.5), supply=(replace(ONCE[0], racks_per_month=2.0), ONCE[1]))
    first = napkin_service(inputs.calendar, racks=1.0)
    only = {day: (tokens if day < month(3) else 0.0) for day, tokens in first.demand_tokens_per_month.items()}
    chosen = best(replace(inputs, services=(replace(first, demand_tokens_per_month=only),)))
    assert value(chosen) == pytest.approx(max(outcomes))  # 2.06: one rack, sold in April


def test_racks_of_a_provider_are_not_the_programmes_to_sell() -> None:
    # Cloud capacity at 0.1 per MW and month; sold racks would be the provider's
    cloud = napkin_site(ownership=Cloud(provider="landlord", price_usd_per_facility_mw_month=0.1e6))
    chosen = best(replace(resold((3, 1.0)), sites=(cloud,)))
    assert float(chosen.decisions["sold_racks"].sum()) == 0.0
    assert value(chosen) == pytest.approx(10 * (8.76 - 1.2))


def test_history_retires_what_the_plan_sold_and_nothing_that_serves_on() -> None:
    inputs = newer(0.5)
    chosen = best(inputs)
    state = simulate(inputs, napkin_performance(inputs), chosen, luck=expected_luck(inputs)).state
    assert state["installed_racks"].sum(["site", "platform"]).values.tolist() == [10] * 6 + [20] * 6
    assert state["sold_racks"].sum(["site", "platform", "resale"]).values.tolist() == [0] * 6 + [10] + [0] * 5
    box = state.sel(platform="box")
    entered = box["ordered_racks"].cumsum("month")
    there = box["installed_racks"] + box["retired_racks"].cumsum("month") + box["in_transit_racks"]
    assert np.array_equal(entered.values, there.values)
    assert float(state["served_tokens"].sum()) == pytest.approx(float(chosen.decisions["served_tokens"].sum()))


def test_racks_that_wait_for_late_power_are_sold_too() -> None:
    # Power comes nine months late: the ten racks wait, are sold in July unused, and the new ones wait until October
    inputs = newer(0.5)
    chosen = best(inputs)
    late = replace(expected_luck(inputs), slip_months={"alpha": (9,)})
    state = simulate(inputs, napkin_performance(inputs), chosen, luck=late).state
    assert state["installed_racks"].sel(platform="box").sum().item() == 0
    assert state["retired_racks"].sel(platform="box").sum().item() == 10
    assert state["installed_racks"].sum(["site", "platform"]).values.tolist() == [0] * 9 + [20] * 3


def test_milestones_that_were_reached_stay_reached() -> None:
    # 8 for 10 MW of the old racks, in January; it stays when they leave in July
    chosen = best(replace(newer(0.5), contracts=(replace(TRANCHES, unit_mw=10.0),)))
    assert chosen.decisions["milestones_count"].values.tolist() == [[1.0] * 12]
    assert float(chosen.decisions["cash_usd"][-1]) == pytest.approx(1e9 + 106.76e6 + 8e6)


def test_a_plan_made_anew_keeps_what_was_sold_taken_cooled_and_stored() -> None:
    # The plan of newer racks once more, with an allocation that was taken in full until March, air that takes just the
    # heat of ten old racks, and a battery of 2 MW for peaks, of which nothing is needed: all of it goes on in August
    taken = Allocation(
        first=START, last=month(2), most_racks_count=10.0, least_racks_count=10.0, shortfall_usd_per_rack=None
    )
    one = newer(0.5)
    old, new = one.offers
    offers = (replace(old, allocations=(taken,), liquid_fraction=0.8), replace(new, liquid_fraction=0.8))
    limits = CoolingLimits(air_it_mw=2.0)
    sites = (replace(one.sites[0], cooling_limits=limits, plants=(battery(most_mw=2.0),)),)
    inputs = replace(one, offers=offers, sites=sites)
    chosen = best(inputs)
    assert value(chosen) == pytest.approx(106.76)
    actuals = Actuals(as_of=date(2026, 8, 1), sites=(), racks=(), orders=(), quotes=(), cash_usd=None)
    anew = replan(inputs, napkin_performance(inputs), chosen, actuals=actuals, churn_fraction=0.01)
    assert anew.is_unchanged
    assert value(anew.plan) == pytest.approx(106.76)
    assert anew.plan.decisions["sold_racks"].equals(chosen.decisions["sold_racks"])


def test_racks_go_from_one_workload_to_another_with_the_period() -> None:
    # A run takes all ten racks in January, 7.44e24 FLOP; from February on, 8016 h, they serve: 10 x (8.016 - 1) = 70.16
    training = replace(run(), id="big", compute_flop=7.44e24, earliest=START, deadline=START)
    chosen = best(napkin_inputs(runs=(training,)))
    assert value(chosen) == pytest.approx(70.16)
    share = chosen.decisions["training_racks"].sum(["site", "platform", "run"]).values.tolist()
    assert share == pytest.approx([10.0] + [0.0] * 11)


def test_racks_leave_the_site_they_serve_from() -> None:
    # The same at two sites, of 10 and 2 MW, each serving its own region alone: 1.2 x 106.76; history serves as planned
    small = replace(napkin_site().power_steps[0], facility_mw=2.0)
    beta = napkin_site("beta", platforms=("box", "half"), power_steps=(small,))
    one = newer(0.5)
    near = tuple(replace(one.services[0], id=name, sites=(name,)) for name in ("alpha", "beta"))
    inputs = replace(one, sites=(*one.sites, beta), services=near)
    chosen = best(inputs)
    assert value(chosen) == pytest.approx(1.2 * 106.76)
    installed = chosen.decisions["installed_racks"].sum("platform").transpose("site", "period").values
    assert installed.tolist() == [[10.0] * 6 + [20.0] * 6, [2.0] * 6 + [4.0] * 6]
    state = simulate(inputs, napkin_performance(inputs), chosen, luck=expected_luck(inputs)).state
    assert float(state["served_tokens"].sum()) == pytest.approx(float(chosen.decisions["served_tokens"].sum()))
