"""Demand by region and class in tiny programmes whose best plan is worked out by hand. Amounts in MUSD unless said.

A rack serves 1e9 tokens an hour at 1 USD per million: 8.76 in the year, and costs 1.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.entities.site import PowerStep, Site
from gigawatt.entities.stages import BuildPlan, Inputs, Performance
from gigawatt.entities.workload import Placement, Service, ServicePart
from gigawatt.finance import appraise
from gigawatt.planning import plan
from gigawatt.planning.repeat import repeated, worth_usd
from gigawatt.simulation import expected_luck, simulate
from tests.planning.cases import (
    HOURS_2026,
    START,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.samples import run

MILLION = 1e6
CALENDAR = napkin_calendar()


def powered(site_id: str, mw: float, region: str) -> Site:
    return napkin_site(site_id, power_steps=(PowerStep(start=START, facility_mw=mw),), region=region)


def wanted(name: str, *, racks: float, sites: tuple[str, ...] | None = None, price: float = 1.0) -> Service:
    """Demand that so many racks serve, from some sites or from all."""
    service, _, region = name.partition(".")
    plain = napkin_service(CALENDAR, racks=racks, price_usd_per_mtoken=price)
    part = ServicePart(service="chat", service_class=service, region=region or None)
    return replace(plain, id=name, part=part, sites=sites)


def best(inputs: Inputs, performance: Performance | None = None) -> BuildPlan:
    return plan(inputs, performance or napkin_performance(inputs))


def value(chosen: BuildPlan) -> float:
    return chosen.objective_value / MILLION


def serving(chosen: BuildPlan, site: str, service: str) -> float:
    """Racks that serve from a site, in January."""
    return float(chosen.decisions["serving_racks"].sel(site=site, service=service).isel(period=0).sum())


TWO = (powered("alpha", 3.0, "us"), powered("beta", 6.0, "eu"))


def test_demand_is_served_in_its_own_region() -> None:
    # us asks for 5 racks and has 3, eu asks for 2: 3 + 2 at 7.76 each. From anywhere it would be 7: 54.32
    near = (wanted("live.us", racks=5.0, sites=("alpha",)), wanted("live.eu", racks=2.0, sites=("beta",)))
    chosen = best(napkin_inputs(sites=TWO, services=near))
    assert value(chosen) == pytest.approx(38.8)
    assert serving(chosen, "alpha", "live.us") == pytest.approx(3.0)
    assert serving(chosen, "beta", "live.us") == 0.0


def test_a_class_that_may_be_served_anywhere_takes_what_is_left() -> None:
    # Live demand of us fills alpha (3 of 5 racks); batch at half the price goes to beta: 4 racks at 4.38 - 1.
    # 3 x 7.76 + 4 x 3.38 = 36.8
    services = (wanted("live.us", racks=5.0, sites=("alpha",)), wanted("batch", racks=4.0, price=0.5))
    chosen = best(napkin_inputs(sites=TWO, services=services))
    assert value(chosen) == pytest.approx(36.8)
    assert serving(chosen, "alpha", "batch") == pytest.approx(0.0)
    assert serving(chosen, "beta", "batch") == pytest.approx(4.0)


def test_classes_differ_in_what_their_level_lets_a_rack_serve() -> None:
    # A quick level halves a rack's tokens: demand of 1e9 tokens an hour takes 2 racks. alpha's 3 racks: 1.5 of the 2
    # "racks" wanted quick at price 3: 3 racks x 0.5 x 3 x 8.76 - 3 = 36.42; beta: 4 slow ones at price 1: 4 x 7.76
    services = (
        wanted("quick.us", racks=2.0, sites=("alpha",), price=3.0),
        wanted("slow.eu", racks=4.0, sites=("beta",)),
    )
    inputs = napkin_inputs(sites=TWO, services=services)
    performance = napkin_performance(inputs)
    performance.serving["tokens_per_s_per_rack"].loc[{"service": "quick.us"}] *= 0.5
    assert value(best(inputs, performance)) == pytest.approx(36.42 + 31.04)


def test_reaches_that_overlap_share_what_both_may_use() -> None:
    # One rack each in us, eu and asia. A (price 1) from us and eu wants 2, B (0.8) from eu and asia wants 2: A takes us
    # and eu, B asia: 2 x 8.76 + 7.008 - 3 = 21.528 (with eu for B 19.776)
    sites = (powered("alpha", 1.0, "us"), powered("beta", 1.0, "eu"), powered("gamma", 1.0, "asia"))
    services = (
        wanted("a", racks=2.0, sites=("alpha", "beta")),
        wanted("b", racks=2.0, sites=("beta", "gamma"), price=0.8),
    )
    chosen = best(napkin_inputs(sites=sites, services=services))
    assert value(chosen) == pytest.approx(21.528)
    assert serving(chosen, "beta", "a") == pytest.approx(1.0)
    assert serving(chosen, "gamma", "b") == pytest.approx(1.0)


def test_a_job_takes_racks_from_the_region_it_stands_in() -> None:
    # A job of 2 racks for April's 720 h. At alpha live demand of us waits for them: 1.44. At beta there is power, but
    # the job would need 2 racks more, 2.00: alpha it is
    near = (wanted("live.us", racks=5.0, sites=("alpha",)), wanted("live.eu", racks=2.0, sites=("beta",)))
    asked = replace(
        run(),
        compute_flop=1.44e24,
        accelerators_count=144,
        earliest=date(2026, 4, 1),
        deadline=date(2026, 4, 1),
        placement=Placement(sites=("alpha", "beta"), most_sites_count=1, wide_area=None),
    )
    inputs = napkin_inputs(sites=TWO, services=near, runs=(asked,))
    assert value(best(inputs)) == pytest.approx(38.8 - 1.44)


def test_a_service_that_no_site_may_serve_is_not_served() -> None:
    services = (wanted("live.us", racks=5.0, sites=()), wanted("batch", racks=2.0))
    chosen = best(napkin_inputs(sites=TWO, services=services))
    assert value(chosen) == pytest.approx(2 * 7.76)
    assert float(chosen.decisions["served_tokens"].sel(service="live.us").sum()) == 0.0


def test_one_more_rack_in_a_region_is_worth_what_it_would_serve() -> None:
    # alpha is full and us waits: a rack for January serves 744 h at 1000 USD; eu has what it asks for
    near = (wanted("live.us", racks=5.0, sites=("alpha",)), wanted("live.eu", racks=2.5, sites=("beta",)))
    inputs = napkin_inputs(sites=TWO, services=near)
    chosen = best(inputs)
    worth = chosen.marginals["region_racks"].sel(platform="box")
    assert worth.sel(region="us").values == pytest.approx(1000.0 * np.array(HOURS_2026))
    assert float(worth.sel(region="eu").max()) == 0.0
    assert "racks of box that can serve us bind (one more for a month is worth 0.74 MUSD)" in chosen.binding[0]
    again = repeated(inputs, napkin_performance(inputs), chosen)
    assert again is not None
    rows = again.built.model.constraints["region_racks"].rhs
    more = rows.where((rows.region != "us") | (rows.month > 0), rows + 1.0).transpose(*rows.dims)
    pool = again.built.model.constraints["allocation"].rhs
    whole = pool.where(pool.month > 0, pool + 1.0).transpose(*pool.dims)
    assert worth_usd(again, region_racks=more, allocation=whole) == pytest.approx(744e3)


def test_history_and_accounts_agree_with_the_plan() -> None:
    calendar = napkin_calendar(months_per_period=3)
    services = (
        wanted("live.us", racks=5.0, sites=("alpha",)),
        wanted("live.eu", racks=2.5, sites=("beta",), price=0.9),
        wanted("batch", racks=4.0, price=0.5),
    )
    slow = napkin_offer(supply=napkin_offer().supply, price_usd_per_rack=2e6)
    inputs = napkin_inputs(calendar=calendar, discount_rate_fraction=0.1, sites=TWO, services=services, offers=(slow,))
    performance = napkin_performance(inputs)
    chosen = plan(inputs, performance)
    history = simulate(inputs, performance, chosen, luck=expected_luck(inputs))
    served = history.state["served_tokens"].sum("platform").transpose("service", "month").values
    by_period = served.reshape(3, calendar.period_count, -1).sum(axis=2)
    assert by_period == pytest.approx(chosen.decisions["served_tokens"].values, rel=1e-6)
    assert appraise(inputs, chosen, history).npv_usd == pytest.approx(chosen.objective_value, rel=1e-6)
