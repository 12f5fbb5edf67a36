"""Placed runs in tiny programmes whose best plan is worked out by hand. Amounts in MUSD unless said.

A rack earns 1000 USD an hour and trains 1e21 FLOP in one; a job of n racks is 72 n accelerators.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import xarray as xr

from gigawatt.entities.actuals import Actuals
from gigawatt.entities.site import PowerStep
from gigawatt.entities.stages import BuildPlan, Inputs, Objective, Performance
from gigawatt.entities.workload import Placement, Service, TrainingRun, WideArea
from gigawatt.errors import InfeasibleError
from gigawatt.finance import appraise
from gigawatt.planning import plan
from gigawatt.planning.counterfactual import Choice, choices, counterfactual, without
from gigawatt.planning.replan import replan
from gigawatt.planning.terms import terms
from gigawatt.simulation import expected_luck, simulate
from tests.planning.cases import (
    HOURS_2026,
    NAPKIN_PLATFORM,
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
DECEMBER = date(2026, 12, 1)
APRIL = date(2026, 4, 1)


def powered(site_id: str, mw: float, **changes: object):
    return napkin_site(site_id, power_steps=(PowerStep(start=START, facility_mw=mw),), **changes)


def job(rack_hours: float, *, racks: int, sites: tuple[str, ...] = ("alpha",), **changes: object) -> TrainingRun:
    """A run of so many rack-hours on `racks` racks, at one of the sites, at any time of the year."""
    asked = replace(
        run(),
        compute_flop=rack_hours * 1e21,
        accelerators_count=72 * racks,
        earliest=START,
        deadline=DECEMBER,
        placement=Placement(sites=sites, most_sites_count=1, wide_area=None),
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def spread(asked: TrainingRun, *, most: int) -> TrainingRun:
    """The same at up to `most` sites."""
    assert asked.placement is not None
    joined = WideArea(wan_bytes_per_s=1e12, one_way_s=0.002)
    return replace(asked, placement=replace(asked.placement, most_sites_count=most, wide_area=joined))


def cheap_in(*months: int) -> Service:
    """A service whose tokens are worth a tenth in some months (0 is January)."""
    plain = napkin_service(CALENDAR)
    price = {day: 0.1 if index in months else 1.0 for index, day in enumerate(CALENDAR.months)}
    return replace(plain, input_price_usd_per_mtoken=price, output_price_usd_per_mtoken=price)


def penalized(inputs: Inputs, *, factor: float, most: int) -> Performance:
    """Rates over several sites: `factor` of those at one, for each site more once more."""
    known = napkin_performance(inputs)
    counts = np.arange(2, most + 1)
    loss = xr.DataArray(factor ** (counts - 1.0), dims="site_count", coords={"site_count": counts})
    rates = known.training["flop_per_s_per_rack"] * loss
    return replace(known, training=known.training.assign(spread_flop_per_s_per_rack=rates))


def best(inputs: Inputs, performance: Performance | None = None) -> BuildPlan:
    return plan(inputs, performance or napkin_performance(inputs))


def value(chosen: BuildPlan) -> float:
    return chosen.objective_value / MILLION


def held(chosen: BuildPlan, site: str) -> list[float]:
    """Racks that runs hold at a site, by period."""
    racks = chosen.decisions["training_racks"].sel(site=site).sum(["platform", "run"])
    return [round(float(count), 6) for count in racks.values]


def as_planned(as_of: date) -> Actuals:
    return Actuals(as_of=as_of, sites=(), racks=(), orders=(), quotes=(), cash_usd=None)


def possible(inputs: Inputs, performance: Performance) -> bool:
    """Whether there is any start from which every placed run can be done in its window, with power and supply."""
    placed = terms(inputs, performance).jobs
    assert placed is not None
    return bool(placed.fits.any(["site", "platform", "site_count", "start"]).all())


def test_a_job_costs_what_its_racks_would_have_served() -> None:
    # 10 racks all year, 77.6; the job takes 2 racks for 2160 h: 4.32. 77.6 - 4.32
    chosen = best(napkin_inputs(runs=(job(4320.0, racks=2),)))
    assert value(chosen) == pytest.approx(73.28)
    assert float(chosen.decisions["training_flop"].sum()) == pytest.approx(4.32e24)


def test_a_job_waits_for_cheap_months() -> None:
    # Tokens are worth a tenth in April: 10 x (8040 + 72) - 10 = 71.12. 5 racks for April's 720 h cost 0.36: 70.76
    chosen = best(napkin_inputs(services=(cheap_in(3),), runs=(job(3600.0, racks=5),)))
    assert value(chosen) == pytest.approx(70.76)
    assert held(chosen, "alpha") == [0.0] * 3 + [5.0] + [0.0] * 8


def test_a_job_is_not_interrupted() -> None:
    # Cheap in April and August, 5 racks for 1464 h. In one piece: August and September, 5 x (74.4 + 720) = 3.972 (April
    # and May, March and April, July and August: 5 x (72 + 744) = 4.08). In pieces, on all racks: April, and 12 h of
    # August: 7320 x 0.1 = 0.732. Without the run: 10 x (8760 - 1464 + 146.4) - 10 = 64.424
    asked = job(7320.0, racks=5)
    inputs = napkin_inputs(services=(cheap_in(3, 7),), runs=(asked,))
    chosen = best(inputs)
    assert value(chosen) == pytest.approx(64.424 - 3.972)
    assert held(chosen, "alpha") == [0.0] * 7 + [5.0, 5.0] + [0.0] * 3
    free = counterfactual(
        inputs, napkin_performance(inputs), chosen, choice=Choice(kind="placement", label="run-1"), time_limit_s=60.0
    )
    assert free.objective_value / MILLION == pytest.approx(64.424 - 0.732)
    assert free.most_worth / MILLION == pytest.approx(-3.24)
    kinds = {(choice.kind, choice.label) for choice in choices(inputs, chosen)}
    assert {("run", "run-1"), ("placement", "run-1")} <= kinds
    assert without(inputs, Choice(kind="run", label="run-1")).runs == ()


def test_a_job_stands_at_one_site() -> None:
    # 3 and 4 MW, a job of 4 racks in April: only beta carries it. 7 x 7.76 - 2.88 = 51.44
    sites = (powered("alpha", 3.0), powered("beta", 4.0))
    asked = job(2880.0, racks=4, sites=("alpha", "beta"), earliest=APRIL, deadline=APRIL)
    chosen = best(napkin_inputs(sites=sites, runs=(asked,)))
    assert value(chosen) == pytest.approx(51.44)
    assert held(chosen, "alpha") == [0.0] * 12
    assert held(chosen, "beta")[3] == pytest.approx(4.0)


def test_a_job_that_fits_no_site_conflicts_with_their_power() -> None:
    sites = (powered("alpha", 3.0), powered("beta", 3.0))
    asked = job(2880.0, racks=4, sites=("alpha", "beta"), earliest=APRIL, deadline=APRIL)
    with pytest.raises(InfeasibleError) as refusal:
        best(napkin_inputs(sites=sites, runs=(asked,)))
    told = " ".join(refusal.value.conflicts)
    assert "training[0]" in told
    assert "site.alpha.power" in told
    assert "site.beta.power" in told
    assert "training[0].placement (one job at one site)" in told


def test_several_sites_take_a_job_together_and_pay_for_their_line() -> None:
    # 3 and 3 MW; over two sites 4 racks do four fifths: 2304 rack-hours take all of April, 2880 of them.
    # 6 x 7.76 - 2.88 = 43.68
    sites = (powered("alpha", 3.0), powered("beta", 3.0))
    asked = spread(job(2304.0, racks=4, sites=("alpha", "beta"), earliest=APRIL, deadline=APRIL), most=2)
    inputs = napkin_inputs(sites=sites, runs=(asked,))
    chosen = best(inputs, penalized(inputs, factor=0.8, most=2))
    assert value(chosen) == pytest.approx(43.68)
    assert held(chosen, "alpha")[3] == pytest.approx(2.0)
    assert held(chosen, "beta")[3] == pytest.approx(2.0)


def test_one_site_is_taken_where_there_is_room() -> None:
    # A third site of 4 MW takes the job alone, without the line's penalty, for four fifths of April:
    # 10 x 7.76 - 2.304 = 75.296
    sites = (powered("alpha", 3.0), powered("beta", 3.0), powered("gamma", 4.0))
    names = ("alpha", "beta", "gamma")
    asked = spread(job(2304.0, racks=4, sites=names, earliest=APRIL, deadline=APRIL), most=2)
    inputs = napkin_inputs(sites=sites, runs=(asked,))
    chosen = best(inputs, penalized(inputs, factor=0.8, most=2))
    assert value(chosen) == pytest.approx(75.296)
    assert held(chosen, "gamma")[3] == pytest.approx(3.2)


def test_a_slower_line_can_make_a_deadline_impossible() -> None:
    # The same job needs 5/4 of April over two sites with 0.64 of the rate
    sites = (powered("alpha", 3.0), powered("beta", 3.0))
    asked = spread(job(2304.0, racks=4, sites=("alpha", "beta"), earliest=APRIL, deadline=APRIL), most=2)
    inputs = napkin_inputs(sites=sites, runs=(asked,))
    assert possible(inputs, penalized(inputs, factor=0.8, most=2))
    assert not possible(inputs, penalized(inputs, factor=0.64, most=2))


def test_a_job_goes_where_its_platform_is() -> None:
    # Only "fast" (half the power, 2 each) trains; only beta takes it. alpha: 10 x 7.76; beta: 20 x 6.76 = 135.2;
    # a job of 2 racks for 720 h in April: 1.44. 77.6 + 135.2 - 1.44
    fast = napkin_offer(platform=replace(NAPKIN_PLATFORM, id="fast", rack_power_w=0.5e6), price_usd_per_rack=2e6)
    sites = (napkin_site("alpha"), napkin_site("beta", platforms=("fast",)))
    asked = job(1440.0, racks=2, sites=("alpha", "beta"), earliest=APRIL, deadline=APRIL)
    inputs = napkin_inputs(offers=(napkin_offer(), fast), sites=sites, runs=(asked,))
    performance = napkin_performance(inputs)
    performance.training["flop_per_s_per_rack"].loc[{"platform": "box"}] = np.nan
    chosen = plan(inputs, performance)
    assert value(chosen) == pytest.approx(211.36)
    assert held(chosen, "beta")[3] == pytest.approx(2.0)


def test_two_jobs_of_all_racks_take_turns() -> None:
    # Each needs all 10 racks for a month of 720 h or more, between April and June: two of the three months.
    # 77.6 - 2 x 7.2 = 63.2, and never 20 racks at once
    asked = job(7200.0, racks=10, earliest=APRIL, deadline=date(2026, 6, 1))
    chosen = best(napkin_inputs(runs=(asked, replace(asked, id="run-2"))))
    assert value(chosen) == pytest.approx(63.2)
    assert max(held(chosen, "alpha")) <= 10.0 + 1e-6
    busy = (chosen.decisions["training_racks"].sum(["site", "platform"]) > 1e-6).sum("period")
    assert [int(months) for months in busy.values] == [1, 1]


def test_a_job_needs_racks_that_are_ramped_up() -> None:
    # Two ramp months: racks of January are whole from March. A job of all 10 racks begins then. Output without it:
    # 10 x (8760 - 496 - 224) = 80.4 less 10; the job takes 7440 rack-hours of March: 70.4 - 7.44
    base = napkin_inputs(runs=(job(7440.0, racks=10, deadline=date(2026, 3, 1)),))
    chosen = best(replace(base, operation=replace(base.operation, ramp_months=2)))
    assert value(chosen) == pytest.approx(62.96)
    assert held(chosen, "alpha")[:3] == [0.0, 0.0, 10.0]


def test_by_quarter_a_job_begins_with_a_quarter_and_ends_within_one() -> None:
    # From February on: the second quarter (2184 h) and part of the third (2208 h): 5 racks for 2736 h are all of the
    # one and a quarter of the other: 5 x 2736 = 13.68. 77.6 - 13.68 = 63.92
    asked = job(13680.0, racks=5, earliest=date(2026, 2, 1), deadline=date(2026, 10, 1))
    calendar = napkin_calendar(months_per_period=3)
    chosen = best(napkin_inputs(calendar=calendar, runs=(asked,)))
    assert value(chosen) == pytest.approx(63.92)
    assert held(chosen, "alpha") == [0.0, 5.0, 1.25, 0.0]
    # A quarter that ends after the deadline's month is not begun: by August there is not enough time
    late = napkin_inputs(calendar=calendar, runs=(replace(asked, deadline=date(2026, 8, 1)),))
    assert not possible(late, napkin_performance(late))


def test_the_start_is_the_best_of_all_starts() -> None:
    # Prices at random; a job of 4 racks for 2000 h costs 4 racks in the months from its start on, the last in part
    rng = np.random.default_rng(5)
    price = dict(zip(CALENDAR.months, rng.uniform(0.2, 1.5, 12), strict=True))
    dear = replace(napkin_service(CALENDAR), input_price_usd_per_mtoken=price, output_price_usd_per_mtoken=price)
    hours, usd = np.array(HOURS_2026, dtype=float), np.array(list(price.values()))
    lost = []
    for start in range(10):
        before = np.concatenate([[0.0], np.cumsum(hours[start:])])[:-1]
        taken = np.clip(2000.0 - before, 0.0, hours[start:])
        if taken.sum() >= 2000.0:
            lost.append(4.0 * float((taken * usd[start:]).sum()) / 1000.0)
    alone = 10.0 * float((hours * usd).sum()) / 1000.0 - 10.0
    chosen = best(napkin_inputs(services=(dear,), runs=(job(8000.0, racks=4),)))
    assert value(chosen) == pytest.approx(alone - min(lost))
    assert int(np.flatnonzero(held(chosen, "alpha"))[0]) == int(np.argmin(lost))


def test_training_compute_counts_a_job_once() -> None:
    # Whatever else is free, a job is done once: 3600 rack-hours of 1e21
    asked = replace(job(3600.0, racks=5), id="run-1")
    chosen = best(napkin_inputs(objective=Objective.TRAINING_COMPUTE, runs=(asked,)))
    assert chosen.objective_value == pytest.approx(3.6e24)


def test_history_and_accounts_agree_with_the_plan() -> None:
    calendar = napkin_calendar(months_per_period=3)
    sites = (powered("alpha", 3.0), powered("beta", 6.0, energy_price_usd_per_mwh=20.0))
    asked = spread(job(9000.0, racks=4, sites=("alpha", "beta")), most=2)
    free = replace(asked, id="run-2", placement=None, compute_flop=1e24)
    inputs = napkin_inputs(calendar=calendar, discount_rate_fraction=0.1, sites=sites, runs=(asked, free))
    performance = penalized(inputs, factor=0.9, most=2)
    chosen = plan(inputs, performance)
    history = simulate(inputs, performance, chosen, luck=expected_luck(inputs))
    trained = history.state["training_flop"].values.reshape(2, calendar.period_count, -1).sum(axis=2)
    assert trained == pytest.approx(chosen.decisions["training_flop"].values, rel=1e-6)
    served = history.state["served_tokens"].sum(["platform", "service"]).values.reshape(calendar.period_count, -1)
    assert served.sum(axis=1) == pytest.approx(chosen.decisions["served_tokens"].sum("service").values, rel=1e-6)
    appraisal = appraise(inputs, chosen, history)
    assert appraisal.npv_usd == pytest.approx(chosen.objective_value, rel=1e-6)


def test_a_slip_of_a_jobs_site_delays_the_job_alone() -> None:
    # The job stands at beta, whose power slips from April to June: it takes July's racks as well, and ends later;
    # alpha's racks never train
    sites = (powered("alpha", 3.0), napkin_site("beta", power_steps=(PowerStep(start=APRIL, facility_mw=4.0),)))
    asked = job(2880.0, racks=4, sites=("beta",), earliest=APRIL)
    dear = replace(asked, deadline=APRIL)
    inputs = napkin_inputs(sites=sites, runs=(dear,))
    performance = napkin_performance(inputs)
    chosen = plan(inputs, performance)
    assert held(chosen, "beta")[3] == pytest.approx(4.0)
    late = replace(expected_luck(inputs), slip_months={"alpha": (0,), "beta": (2,)})
    history = simulate(inputs, performance, chosen, luck=late)
    flop = history.state["training_flop"].values[0]
    assert np.flatnonzero(flop).tolist() == [5]
    assert flop[5] == pytest.approx(2.88e24)


def test_planning_anew_leaves_a_job_that_has_begun_where_it_is() -> None:
    # As above, begun in August. On the first of September the past has no price any more, and still the job goes on
    inputs = napkin_inputs(services=(cheap_in(3, 7),), runs=(job(7320.0, racks=5),))
    performance = napkin_performance(inputs)
    chosen = plan(inputs, performance)
    as_of = date(2026, 9, 1)
    anew = replan(inputs, performance, chosen, actuals=as_planned(as_of), churn_fraction=0.02).plan
    assert held(anew, "alpha") == pytest.approx(held(chosen, "alpha"))
    assert float(anew.decisions["training_flop"].sum()) == pytest.approx(7.32e24)


def test_a_job_longer_than_its_window_says_so() -> None:
    # 8640 rack-hours on 4 racks are 2160 h, 90 days; April has 30, and with March and February 89. Even on all 10 racks
    # that alpha has power for, not held to one job, April would be too short, so that the placement is not to blame
    asked = job(8640.0, racks=4, earliest=APRIL, deadline=APRIL)
    with pytest.raises(InfeasibleError) as refusal:
        best(napkin_inputs(runs=(asked,)))
    told, begins, power = refusal.value.conflicts
    assert told.startswith("training[0] (run-1, one job of 288 accelerators at one site by 2026-04)")
    assert "takes 90 days at least, and its window has 30" in told
    assert begins.startswith("training[0].earliest (2026-04): 3 months earlier would do")
    assert power.startswith("site.alpha.power")
