"""Planning anew: what has happened and what is on order stands; the rest moves only where moving pays."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import xarray as xr

from gigawatt.entities.actuals import Actuals, Ordered, Quote, RacksInService, SiteNews
from gigawatt.entities.capital import PowerTarget, Treasury
from gigawatt.entities.hardware import Offer, SupplyStep
from gigawatt.entities.site import PowerStep
from gigawatt.entities.stages import BuildPlan, EndValue, Inputs, SolveStatus
from gigawatt.errors import GigawattError, InfeasibleError, ScenarioError
from gigawatt.finance.end_value import present_end_value_usd
from gigawatt.finance.statements import statements
from gigawatt.planning import plan
from gigawatt.planning.counterfactual import Choice, choices, counterfactual
from gigawatt.planning.explanation import explanation
from gigawatt.planning.repeat import repeated
from gigawatt.planning.replan import Replanned, replan
from gigawatt.planning.stopping import Stop
from tests.finance.programmes import play
from tests.planning.cases import (
    NAPKIN_PLATFORM,
    START,
    large_inputs,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
    performance_of,
)

LONG = napkin_calendar(month_count=18)
CRATE = replace(NAPKIN_PLATFORM, id="crate")


def seen(as_of: date, **changes: object) -> Actuals:
    """Everything as planned, but for `changes`."""
    empty = Actuals(as_of=as_of, sites=(), racks=(), orders=(), quotes=(), cash_usd=None)
    return replace(empty, **changes)  # type: ignore[arg-type]


def late_beta(**changes: object) -> Inputs:
    """Alpha's 10 MW from the start, beta's 10 MW from July; racks come three months after the order."""
    beta = napkin_site("beta", power_steps=(PowerStep(start=month(6), facility_mw=10.0),))
    base: dict[str, object] = {
        "calendar": LONG,
        "services": (napkin_service(LONG),),
        "offers": (napkin_offer(lead_months=3),),
        "sites": (napkin_site(), beta),
    }
    return napkin_inputs(**(base | changes))


@pytest.fixture(scope="module")
def base() -> tuple[Inputs, BuildPlan]:
    inputs = late_beta()
    return inputs, plan(inputs, napkin_performance(inputs))


def again(inputs: Inputs, chosen: BuildPlan, actuals: Actuals, *, churn_fraction: float = 0.01) -> Replanned:
    return replan(inputs, napkin_performance(inputs), chosen, actuals=actuals, churn_fraction=churn_fraction)


def arrivals(chosen: BuildPlan, site: str, platform: str = "box") -> list[float]:
    values: xr.DataArray = chosen.decisions["arrived_racks"].sel(site=site, platform=platform)
    return [float(value) for value in values.values]


def at(**racks: float) -> list[float]:
    """A row of arrivals with so many racks in the months named m0, m1 ..."""
    return [racks.get(f"m{index}", 0.0) for index in range(18)]


def test_actuals_as_planned_change_nothing() -> None:
    inputs = large_inputs(site_count=2, platform_count=2, period_count=14, price_factor=0.6)
    rich = Treasury(opening_cash_usd=8e9, minimum_cash_usd=1e9)  # two sites alone earn too little for its runs
    loose = replace(inputs, treasury=rich, solver=replace(inputs.solver, gap_fraction=0.02, time_limit_s=30.0))
    performance = performance_of(loose)
    chosen = plan(loose, performance)
    for as_of, fraction in ((month(20), 0.0),):
        anew = replan(loose, performance, chosen, actuals=seen(as_of), churn_fraction=fraction)
        assert anew.is_unchanged
        assert anew.churn_usd == 0.0
        assert anew.plan.decisions["arrived_racks"].equals(chosen.decisions["arrived_racks"])
        assert anew.plan.decisions["ordered_racks"].equals(chosen.decisions["ordered_racks"])
        assert anew.plan.objective_value == pytest.approx(chosen.objective_value, rel=1e-6)
        assert anew.earlier_value == pytest.approx(chosen.objective_value, rel=1e-6)


def test_a_site_six_months_late_moves_only_what_can_still_move(base: tuple[Inputs, BuildPlan]) -> None:
    # Ordered in April for July, ten racks are on their way when June says that beta's power comes in January. Alpha is
    # full, so they wait until January. Alpha's racks, in service since April, stay.
    inputs, chosen = base
    assert (arrivals(chosen, "alpha"), arrivals(chosen, "beta")) == (at(m3=10.0), at(m6=10.0))
    anew = again(inputs, chosen, seen(month(5), sites=(SiteNews(site="beta", energized=None, slip_months=6),)))
    assert not anew.is_unchanged
    assert np.isnan(anew.earlier_value)
    assert (arrivals(anew.plan, "alpha"), arrivals(anew.plan, "beta")) == (at(m3=10.0), at(m12=10.0))
    assert float(anew.commitments.waiting.sum()) == 10.0
    assert anew.plan.decisions["ordered_racks"].equals(chosen.decisions["ordered_racks"])
    # six months of ten racks, July to December, 4416 h at 1000 USD each, are not earned
    assert chosen.objective_value - anew.plan.objective_value == pytest.approx(44.16e6)
    # ten racks later: half of 1 % of a MUSD each for one less in July and one more in January
    assert anew.churn_usd == pytest.approx(0.1e6)


def test_a_chain_of_replans_ends_where_foresight_begins(base: tuple[Inputs, BuildPlan]) -> None:
    # May knows nothing new, June hears of three months' slip, August of nothing more. Nothing is discounted and racks
    # that wait cost no more than racks that come later, so late knowledge loses nothing here.
    inputs, chosen = base
    late = SiteNews(site="beta", energized=None, slip_months=3)
    for as_of, sites in ((month(4), ()), (month(5), (late,)), (month(7), ())):
        anew = again(inputs, chosen, seen(as_of, sites=sites))
        assert anew.is_unchanged == (not sites)
        inputs, chosen = anew.inputs, anew.plan
    beta = napkin_site("beta", power_steps=(PowerStep(start=month(9), facility_mw=10.0),))
    foresight = late_beta(sites=(napkin_site(), beta))
    known = plan(foresight, napkin_performance(foresight))
    assert chosen.objective_value == pytest.approx(known.objective_value)
    assert arrivals(chosen, "beta") == arrivals(known, "beta") == at(m9=10.0)


def test_what_is_not_ordered_yet_is_not_ordered_for_a_late_site() -> None:
    # In February nothing is ordered for beta yet; with a slip beyond what pays (the last months earn 8.0 of 9 MUSD) the
    # racks are never bought
    inputs = late_beta(offers=(napkin_offer(lead_months=3, price_usd_per_rack=4e6),))
    chosen = plan(inputs, napkin_performance(inputs))
    assert arrivals(chosen, "beta") == at(m6=10.0)
    anew = again(inputs, chosen, seen(month(1), sites=(SiteNews(site="beta", energized=None, slip_months=8),)))
    assert arrivals(anew.plan, "beta") == at()  # March to June of the second year earn 2.88 of 4 MUSD
    on_order = again(inputs, chosen, seen(month(4), sites=(SiteNews(site="beta", energized=None, slip_months=8),)))
    assert arrivals(on_order.plan, "beta") == at(m14=10.0)  # paid for already, so they serve


def test_racks_that_wait_are_still_there_when_a_plan_is_made_anew_again(base: tuple[Inputs, BuildPlan]) -> None:
    # Beta's ten racks, due in July, wait until January for its power. In August a rack earns nothing more (its energy
    # costs twice its revenue), so nobody would order one; but these are paid for, and no order reaches January from
    # August unless it is placed by October.
    inputs, chosen = base
    once = again(inputs, chosen, seen(month(5), sites=(SiteNews(site="beta", energized=None, slip_months=6),)))
    dear = tuple(replace(site, energy_price_usd_per_mwh=2e3) for site in once.inputs.sites)
    twice = again(replace(once.inputs, sites=dear), once.plan, seen(month(7)))
    assert float(twice.commitments.waiting.sum()) == 10.0
    assert sum(arrivals(twice.plan, "beta")) == 10.0
    ordered = twice.plan.decisions["ordered_racks"]
    assert float(ordered.sum()) == float(ordered[..., :7].sum()) == 20.0


def test_racks_that_wait_go_where_there_is_power() -> None:
    # At gamma a rack earns 100 USD an hour after energy: 0.876 MUSD from July on, too little to buy one. Beta's power
    # comes in the last month, worth 0.72 to a rack. So racks that are paid for go to gamma.
    power = (PowerStep(start=month(6), facility_mw=10.0),)
    gamma = napkin_site("gamma", power_steps=power, energy_price_usd_per_mwh=900.0)
    without = late_beta()
    inputs = replace(without, sites=(*without.sites, gamma))
    chosen = plan(inputs, napkin_performance(inputs))
    assert (arrivals(chosen, "beta"), arrivals(chosen, "gamma")) == (at(m6=10.0), at())
    anew = again(inputs, chosen, seen(month(5), sites=(SiteNews(site="beta", energized=None, slip_months=11),)))
    assert (arrivals(anew.plan, "beta"), arrivals(anew.plan, "gamma")) == (at(), at(m6=10.0))
    assert arrivals(anew.plan, "alpha") == at(m3=10.0)
    # ordered in April, wherever they end up
    assert float(anew.plan.decisions["ordered_racks"].sel(site="gamma", platform="box")[3]) == 10.0


def test_dearer_racks_are_ordered_no_more_but_those_on_order_come(base: tuple[Inputs, BuildPlan]) -> None:
    inputs, chosen = base
    dear = (Quote(platform="box", price_usd_per_rack=20e6, lead_months=None, supply=None),)
    anew = again(inputs, chosen, seen(month(2), quotes=dear)).plan  # alpha's were ordered in January, beta's in April
    assert (arrivals(anew, "alpha"), arrivals(anew, "beta")) == (at(m3=10.0), at())


@pytest.mark.parametrize("quoted_usd", [0.8e6, 1.3e6])
def test_the_accounts_of_a_plan_made_anew_pay_earlier_orders_at_the_price_of_then(quoted_usd: float) -> None:
    # Alpha's ten racks are ordered in January at 1 MUSD, beta's in April, after a new quote of March
    inputs = replace(late_beta(offers=(napkin_offer(lead_months=3, deposit_fraction=0.2),)), end_value=EndValue.BOOKS)
    chosen = plan(inputs, napkin_performance(inputs))
    quote = (Quote(platform="box", price_usd_per_rack=quoted_usd, lead_months=None, supply=None),)
    anew = again(inputs, chosen, seen(month(2), quotes=quote))
    assert (arrivals(anew.plan, "alpha"), arrivals(anew.plan, "beta")) == (at(m3=10.0), at(m6=10.0))
    played = play(anew.inputs, anew.plan, performance=napkin_performance(inputs))
    paid = played.appraisal.flows.filter(pl.col("purpose") == "systems")
    by_month = {day.month: usd for day, usd in paid.group_by("month").agg(pl.col("amount_usd").sum()).iter_rows()}
    # A fifth with the order, the rest on delivery: alpha's in January and April, beta's in April and July.
    assert by_month == pytest.approx({1: 2e6, 4: 8e6 + 2 * quoted_usd, 7: 8 * quoted_usd})
    end_usd = present_end_value_usd(anew.inputs, played.history, flows=played.appraisal.flows, owner="openai")
    assert played.appraisal.npv_usd + end_usd == pytest.approx(anew.plan.objective_value)
    sheets = statements(anew.inputs, played.history, appraisal=played.appraisal).balance_sheet
    last = sheets.filter(pl.col("party") == "openai").sort("month").row(-1, named=True)
    assert last["fixed_assets_usd"] - last["accumulated_depreciation_usd"] == pytest.approx(end_usd, abs=0.05)


def two_platforms() -> tuple[Inputs, BuildPlan]:
    offers: tuple[Offer, ...] = (
        napkin_offer(lead_months=2),
        napkin_offer(platform=CRATE, lead_months=2, price_usd_per_rack=1.1e6),
    )
    site = napkin_site(platforms=("box", "crate"), power_steps=(PowerStep(start=month(6), facility_mw=10.0),))
    inputs = napkin_inputs(calendar=LONG, services=(napkin_service(LONG),), offers=offers, sites=(site,))
    return inputs, plan(inputs, napkin_performance(inputs))


@pytest.mark.parametrize(("churn_fraction", "crates"), [(0.0, 10.0), (0.02, 0.0)])
def test_the_price_of_churn_keeps_a_plan(churn_fraction: float, crates: float) -> None:
    # Crates fall to 0.99 MUSD: 0.01 saved on each rack, less than 2 % of 0.5 x 1 + 0.5 x 0.99
    inputs, chosen = two_platforms()
    assert arrivals(chosen, "alpha") == at(m6=10.0)
    cheap = (Quote(platform="crate", price_usd_per_rack=0.99e6, lead_months=None, supply=None),)
    anew = again(inputs, chosen, seen(month(2), quotes=cheap), churn_fraction=churn_fraction)
    assert sum(arrivals(anew.plan, "alpha", "crate")) == crates
    assert anew.is_unchanged == (crates == 0.0)


def test_cash_as_it_is_limits_what_comes_next() -> None:
    # With 2 MUSD left in June (and beta's racks not ordered yet) alpha's ten racks earn 7.44 by July: beta grows later
    inputs = late_beta(offers=(napkin_offer(lead_months=0, deposit_fraction=0.0),), services=(napkin_service(LONG),))
    chosen = plan(inputs, napkin_performance(inputs))
    assert arrivals(chosen, "beta") == at(m6=10.0)
    poor = again(inputs, chosen, seen(month(6), cash_usd=-7e6), churn_fraction=0.0)
    # July: -7 + (10 + n) x 0.744 - n >= 0 gives n = 1 (n <= 0.44 / 0.256)
    assert arrivals(poor.plan, "beta")[6] == 1.0
    assert float(poor.plan.decisions["cash_usd"][5]) == pytest.approx(-7e6)


def test_racks_missing_from_service_come_next(base: tuple[Inputs, BuildPlan]) -> None:
    # Seven of ten racks serve at alpha when June begins; the three that are paid for arrive in June
    inputs, chosen = base
    fewer = (RacksInService(site="alpha", platform="box", racks_count=7),)
    anew = again(inputs, chosen, seen(month(5), racks=fewer))
    assert arrivals(anew.plan, "alpha") == at(m3=7.0, m5=3.0)
    assert arrivals(anew.plan, "beta") == at(m6=10.0)


def test_orders_are_as_stated(base: tuple[Inputs, BuildPlan]) -> None:
    # Only six of the ten racks for beta are on their way; four more can be ordered in June for September
    inputs, chosen = base
    fewer = (Ordered(site="beta", platform="box", arrives=month(6), racks_count=6),)
    assert arrivals(again(inputs, chosen, seen(month(5), orders=fewer)).plan, "beta") == at(m6=6.0, m8=4.0)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"as_of": START}, "--as-of"),
        ({"as_of": month(18)}, "--as-of"),
        ({"orders": (Ordered(site="beta", platform="box", arrives=month(12), racks_count=6),)}, "order[0].arrives"),
        ({"racks": (RacksInService(site="beta", platform="box", racks_count=3),)}, "site beta"),
        # by June twenty were ordered, ten for alpha and ten for beta
        ({"racks": (RacksInService(site="alpha", platform="box", racks_count=21),)}, "racks[0].in_service"),
    ],
)
def test_actuals_that_contradict_are_refused(
    changes: dict[str, object], where: str, base: tuple[Inputs, BuildPlan]
) -> None:
    inputs, chosen = base
    with pytest.raises(ScenarioError) as caught:
        again(inputs, chosen, seen(**({"as_of": month(5)} | changes)))  # type: ignore[arg-type]
    assert caught.value.where == where


def test_a_platform_that_a_site_does_not_take_is_refused() -> None:
    inputs, chosen = two_platforms()
    narrow = replace(inputs, sites=tuple(replace(site, platforms=("box",)) for site in inputs.sites))
    for news in (
        {"racks": (RacksInService(site="alpha", platform="crate", racks_count=1),)},
        {"orders": (Ordered(site="alpha", platform="crate", arrives=month(6), racks_count=1),)},
    ):
        with pytest.raises(ScenarioError, match=r"\[0\].platform: found crate at alpha"):
            again(narrow, chosen, seen(month(5), **news))


def test_racks_that_came_early_are_on_order_no_more() -> None:
    # Ten a month: alpha's 14 MW fill in April and May, beta's 10 in July. When May begins twelve serve at alpha, two of
    # May's four among them
    few = napkin_offer(lead_months=3, supply=(SupplyStep(start=START, racks_per_month=10.0),))
    inputs = late_beta(offers=(few,))
    roomy = napkin_site(power_steps=(PowerStep(start=START, facility_mw=14.0),))
    inputs = replace(inputs, sites=(roomy, inputs.sites[1]))
    chosen = plan(inputs, napkin_performance(inputs))
    assert (arrivals(chosen, "alpha"), arrivals(chosen, "beta")) == (at(m3=10.0, m4=4.0), at(m6=10.0))
    more = (RacksInService(site="alpha", platform="box", racks_count=12),)
    anew = again(inputs, chosen, seen(month(4), racks=more))
    assert (arrivals(anew.plan, "alpha"), arrivals(anew.plan, "beta")) == (at(m3=12.0, m4=2.0), at(m6=10.0))


def test_racks_that_moved_are_not_bought_twice(base: tuple[Inputs, BuildPlan]) -> None:
    # In August three of alpha's ten serve at beta, which has room for them as one of its own was never switched on
    inputs, chosen = base
    moved = (
        RacksInService(site="alpha", platform="box", racks_count=10),
        RacksInService(site="beta", platform="box", racks_count=7),
    )
    anew = again(inputs, chosen, seen(month(7), racks=moved))
    assert float(anew.commitments.waiting.sum()) == 3.0
    swapped = (
        RacksInService(site="alpha", platform="box", racks_count=7),
        RacksInService(site="beta", platform="box", racks_count=10),
    )
    assert float(again(inputs, chosen, seen(month(7), racks=swapped)).commitments.waiting.sum()) == 3.0


def test_parts_of_a_block_are_refused() -> None:
    inputs = late_beta(offers=(napkin_offer(lead_months=3, block_racks_count=2),))
    chosen = plan(inputs, napkin_performance(inputs))
    odd = (RacksInService(site="alpha", platform="box", racks_count=7),)
    with pytest.raises(ScenarioError, match=r"racks\[0\].in_service: found 7 racks"):
        again(inputs, chosen, seen(month(5), racks=odd))


def test_what_stands_may_leave_no_plan() -> None:
    # 100 MUSD must stay and 1 is there
    inputs = late_beta(treasury=Treasury(opening_cash_usd=1e9, minimum_cash_usd=100e6))
    chosen = plan(inputs, napkin_performance(inputs))
    with pytest.raises(InfeasibleError, match=r"programme.minimum_cash .*as of 2026-06"):
        again(inputs, chosen, seen(month(5), cash_usd=1e6))


def test_of_what_cannot_hold_only_that_is_named() -> None:
    # Beta's power never comes: its ten racks on order find none. The target, ten MW at alpha, is in nobody's way.
    asked = PowerTarget(facility_mw=10.0, deadline=month(5), platforms=("box",))
    inputs = late_beta(targets=(asked,))
    chosen = plan(inputs, napkin_performance(inputs))
    with pytest.raises(InfeasibleError) as caught:
        again(inputs, chosen, seen(month(5), sites=(SiteNews(site="beta", energized=None, slip_months=48),)))
    assert caught.value.conflicts == ("10 racks of box on order, which must find power",)


def hear(stop: Stop) -> Callable[[str], None]:
    """A listener to progress that asks to stop as soon as that is heard."""

    def listen(_line: str) -> None:
        stop.ask()

    return listen


def test_a_plan_made_anew_is_asked_with_what_stood(base: tuple[Inputs, BuildPlan]) -> None:
    # In March alpha's racks are on order for April, and nothing new can come before June. So one more MW at alpha
    # carries a rack from June on, 9480 h less its price, though from April on, 10,944 h, before the orders stood; one
    # at beta from July on, 8760 h. Beta's power a month earlier: June's 720 h for ten racks.
    inputs, chosen = base
    performance = napkin_performance(inputs)
    anew = again(inputs, chosen, seen(month(2)))
    first = explanation(inputs, performance, chosen, time_limit_s=20.0)
    now = explanation(anew.inputs, performance, anew.plan, time_limit_s=20.0)
    assert first.sites["alpha"].usd_per_mw == pytest.approx(9.944e6)
    assert now.sites["alpha"].usd_per_mw == pytest.approx(8.48e6)
    assert now.sites["beta"].usd_per_mw == pytest.approx(7.76e6)
    assert now.sites["beta"].usd_per_month_earlier == pytest.approx(7.2e6)


def test_nothing_binds_in_the_past(base: tuple[Inputs, BuildPlan]) -> None:
    # In February 2027 all of 2026 is past, though alpha was full in it
    inputs, chosen = base
    anew = again(inputs, chosen, seen(month(13)))
    assert chosen.binding[0].startswith("2026: power binds")
    assert anew.plan.binding[0] == "2026: past; 0.02 of 0.02 GW energized carry racks"
    values = anew.plan.marginals["energized"].values
    assert (values[..., :13] == 0.0).all()
    assert chosen.marginals["energized"].values[..., :13].sum() > 0.0


def test_what_is_still_open_can_be_done_without(base: tuple[Inputs, BuildPlan]) -> None:
    # In March beta is open: without it ten times 8.76 - 1 are lost. In June its racks are on order, and nothing is open
    inputs, chosen = base
    performance = napkin_performance(inputs)
    march, june = (again(inputs, chosen, seen(day)) for day in (month(2), month(5)))
    assert choices(march.inputs, march.plan) == (
        Choice(kind="site", label="beta"),
        Choice(kind="platform", label="box"),
    )
    assert choices(june.inputs, june.plan) == ()
    for choice in choices(march.inputs, march.plan):
        lost = counterfactual(march.inputs, performance, march.plan, choice=choice, time_limit_s=20.0)
        assert (lost.least_worth, lost.most_worth) == pytest.approx((77.6e6, 77.6e6), rel=1e-4)


def test_racks_on_order_keep_their_price_however_often_a_plan_is_made_anew(base: tuple[Inputs, BuildPlan]) -> None:
    # At 20 MUSD nothing more is ordered; alpha's ten, at 1, run from April on: 10 x 10.944 - 10
    inputs, chosen = base
    performance = napkin_performance(inputs)
    dear = (Quote(platform="box", price_usd_per_rack=20e6, lead_months=8, supply=None),)
    once = again(inputs, chosen, seen(month(2), quotes=dear))
    assert once.plan.objective_value == pytest.approx(99.44e6)
    assert "energized" in once.plan.marginals
    repeat = repeated(once.inputs, performance, once.plan)
    assert repeat is not None
    assert repeat.npv_usd == pytest.approx(99.44e6)
    twice = replan(once.inputs, performance, once.plan, actuals=seen(month(4)), churn_fraction=0.01)
    assert twice.is_unchanged
    assert twice.plan.objective_value == pytest.approx(99.44e6)


def test_stopped_early_the_earlier_plan_goes_on_with_its_gap() -> None:
    # Crates at 0.5 MUSD would be worth 5 more on 77.6; interrupted before they are found, boxes stay
    inputs, chosen = two_platforms()
    cheap = (Quote(platform="crate", price_usd_per_rack=0.5e6, lead_months=None, supply=None),)
    stop = Stop()
    anew = replan(
        inputs,
        napkin_performance(inputs),
        chosen,
        actuals=seen(month(2), quotes=cheap),
        churn_fraction=0.0,
        report=hear(stop),
        stop=stop,
    )
    assert stop.heard
    assert anew.is_unchanged
    assert anew.plan.status is SolveStatus.INTERRUPTED
    assert anew.plan.gap_fraction == pytest.approx(5.0 / 77.6, rel=1e-3)
    assert "energized" in anew.plan.marginals


def test_stopped_before_anything_is_known_there_is_no_plan(base: tuple[Inputs, BuildPlan]) -> None:
    inputs, chosen = base
    stop, late = Stop(), (SiteNews(site="beta", energized=None, slip_months=6),)
    with pytest.raises(GigawattError):
        replan(
            inputs,
            napkin_performance(inputs),
            chosen,
            actuals=seen(month(5), sites=late),
            churn_fraction=0.0,
            report=hear(stop),
            stop=stop,
        )
    assert stop.heard
