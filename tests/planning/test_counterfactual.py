"""What each choice is worth: the best plan without it, by hand."""

import math
from dataclasses import replace
from datetime import date

import pytest

from gigawatt.entities.capital import PowerTarget, Treasury
from gigawatt.entities.site import Leased, PowerStep
from gigawatt.entities.stages import Inputs, Objective
from gigawatt.planning import plan
from gigawatt.planning.counterfactual import Choice, Counterfactual, choices, counterfactual
from gigawatt.planning.explanation import Explanation, explanation
from gigawatt.planning.stopping import Stop
from tests.planning.cases import (
    FREE,
    NAPKIN_PLATFORM,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.samples import ROUND


def lost(inputs: Inputs, kind: str, label: str) -> Counterfactual:
    performance = napkin_performance(inputs)
    chosen = plan(inputs, performance)
    choice = Choice(kind=kind, label=label)
    assert choice in choices(inputs, chosen)
    return counterfactual(inputs, performance, chosen, choice=choice, time_limit_s=20.0)


def test_a_site_is_worth_the_racks_it_carries() -> None:
    # 10 racks at alpha, 10 at beta, 7.76 MUSD each; a site without racks is no choice
    inputs = napkin_inputs(
        sites=(napkin_site(), napkin_site("beta"), napkin_site("dear", energy_price_usd_per_mwh=2e3))
    )
    found = lost(inputs, "site", "beta")
    assert found.objective_value == pytest.approx(77.6e6)
    assert (found.least_worth, found.most_worth) == pytest.approx((77.6e6, 77.6e6), rel=1e-4)
    performance = napkin_performance(inputs)
    assert Choice(kind="site", label="dear") not in choices(inputs, plan(inputs, performance))


def test_a_platform_is_worth_what_the_next_best_lacks() -> None:
    # Without racks at 1 MUSD those at 2 carry the plan: 1 MUSD less for each of ten
    dear = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="dear"), price_usd_per_rack=2e6)
    inputs = napkin_inputs(offers=(napkin_offer(), dear), sites=(napkin_site(platforms=("box", "dear")),))
    assert lost(inputs, "platform", "box").least_worth == pytest.approx(10e6, rel=1e-4)


def test_a_target_costs_what_it_forces() -> None:
    # Two racks at 9 that earn 8.76: the target costs 0.48, so the plan gains without it
    asked = PowerTarget(facility_mw=2.0, deadline=month(0), platforms=("box",))
    inputs = napkin_inputs(offers=(napkin_offer(price_usd_per_rack=9e6),), targets=(asked,))
    found = lost(inputs, "target", "0")
    assert found.objective_value == pytest.approx(0.0, abs=1.0)
    assert found.most_worth == pytest.approx(-0.48e6, rel=1e-3)
    earliest = replace(inputs, objective=Objective.EARLIEST_TARGET)
    assert not any(
        choice.kind == "target" for choice in choices(earliest, plan(earliest, napkin_performance(earliest)))
    )


def test_a_contract_is_worth_the_racks_it_pays_for() -> None:
    # 2 in the purse buy 2 racks in January, which earn 1.488 by its end and so on. An instalment of 8 in January buys
    # the other eight at once; without it the plan grows from its own means and ends lower. Nothing else differs.
    paid = replace(ROUND, instalments=(replace(ROUND.instalments[0], on=date(2026, 1, 1), amount_usd=8e6),))
    inputs = napkin_inputs(contracts=(paid,), treasury=Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0))
    found = lost(inputs, "contract", paid.id)
    alone = plan(replace(inputs, contracts=()), napkin_performance(inputs))
    assert found.objective_value == pytest.approx(alone.objective_value)
    assert found.least_worth == pytest.approx(77.6e6 - alone.objective_value, rel=1e-3)
    assert found.least_worth > 0.0


def test_what_no_plan_can_do_without_says_why() -> None:
    asked = PowerTarget(facility_mw=12.0, deadline=month(3), platforms=("box",))
    inputs = napkin_inputs(sites=(napkin_site(), napkin_site("beta")), targets=(asked,))
    found = lost(inputs, "site", "beta")
    assert found.reason.startswith("no plan is feasible without it: target[0]")
    assert found.least_worth != found.least_worth  # not a number


def later_alpha(**changes: object) -> Inputs:
    """Alpha's power comes in July."""
    later = napkin_site(power_steps=(replace(napkin_site().power_steps[0], start=month(6)),))
    return napkin_inputs(**({"sites": (later,)} | changes))


def explained(inputs: Inputs) -> Explanation:
    performance = napkin_performance(inputs)
    return explanation(inputs, performance, plan(inputs, performance), time_limit_s=20.0)


def test_power_a_month_earlier_is_solved_again() -> None:
    # Ten racks a month earlier: June's 720 h at 1000 USD each, 7.2 MUSD; one MW more from July on: 4416 h less the rack
    answer = explained(later_alpha())
    assert answer.sites["alpha"].usd_per_month_earlier == pytest.approx(7.2e6, rel=1e-6)
    assert answer.sites["alpha"].usd_per_mw == pytest.approx(3.416e6, rel=1e-6)


def test_a_month_is_a_month_where_a_plan_decides_by_quarter() -> None:
    # A third of the second quarter's 2184 h: 7.28 MUSD, where June alone is 7.2
    calendar = napkin_calendar(months_per_period=3)
    answer = explained(later_alpha(calendar=calendar, services=(napkin_service(calendar),)))
    assert answer.sites["alpha"].usd_per_month_earlier == pytest.approx(7.28e6, rel=1e-6)


def test_power_that_comes_after_the_end_would_come_in_its_last_month() -> None:
    # In December a rack earns 0.744 MUSD: at 0.5 a rack, ten are worth 2.44
    after = napkin_site("beta", power_steps=(PowerStep(start=month(12), facility_mw=10.0),))
    answer = explained(napkin_inputs(sites=(napkin_site(), after), offers=(napkin_offer(price_usd_per_rack=0.5e6),)))
    assert answer.sites["beta"].usd_per_month_earlier == pytest.approx(2.44e6, rel=1e-6)
    assert math.isnan(answer.sites["beta"].usd_per_mw)  # there is no first power within the plan


def test_ways_to_use_one_place_have_its_worth() -> None:
    # Owned or leased, the place has 10 MW: one more carries a rack for the year, 8.76 - 1 MUSD, less 1.2 of rent
    lease = Leased(lessor="landlord", rent_usd_per_it_mw_month=0.1e6, escalator_fraction_per_year=0.0)
    dear = replace(FREE, building_usd_per_facility_mw=2.4e6)
    ways = (napkin_site(), napkin_site("beta", ownership=lease, same_place_as="alpha"))
    answer = explained(napkin_inputs(costs=dear, sites=ways))
    assert [worth.usd_per_mw for worth in answer.sites.values()] == pytest.approx([6.56e6, 6.56e6], rel=1e-6)


def test_an_interrupt_leaves_the_choices_that_were_planned_again() -> None:
    # Stopped while the plan without alpha is searched for: that one is kept if a plan was found, beta is left out
    inputs = napkin_inputs(sites=(napkin_site(), napkin_site("beta")))
    performance, stop = napkin_performance(inputs), Stop()
    asked = (Choice(kind="site", label="alpha"), Choice(kind="site", label="beta"))

    def listen(_fraction: float, detail: str) -> None:
        if "beta" in detail:
            stop.ask()

    chosen = plan(inputs, performance)
    answer = explanation(inputs, performance, chosen, asked=asked, time_limit_s=20.0, progress=listen, stop=stop)
    assert answer.was_stopped
    assert [item.choice.label for item in answer.counterfactuals] == ["alpha"]
    assert answer.counterfactuals[0].least_worth == pytest.approx(77.6e6, rel=1e-4)
    assert answer.not_planned == (Choice(kind="site", label="beta"),)
