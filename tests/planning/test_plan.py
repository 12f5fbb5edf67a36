"""The plan as the later stages see it: its dataset, its money against an independent sum, its endings and its words."""

import math
import signal
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from gigawatt.entities.site import Leased, Owned
from gigawatt.entities.stages import BuildPlan, Inputs, Objective, SolverSettings, SolveStatus
from gigawatt.errors import GigawattError, ScenarioError
from gigawatt.planning import plan
from gigawatt.planning.search import Ending, Search, gap_fraction
from gigawatt.planning.solve import judged
from gigawatt.planning.stopping import Stop
from tests.planning.cases import (
    large_inputs,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    performance_of,
)
from tests.samples import PLATFORM, small_inputs, small_performance

DIMENSIONS = {
    "ordered_racks": ("site", "platform", "period"),
    "arrived_racks": ("site", "platform", "period"),
    "installed_racks": ("site", "platform", "period"),
    "retired_racks": ("site", "platform", "period"),
    "built_facility_mw": ("site", "period"),
    "serving_racks": ("site", "platform", "service", "period"),
    "training_racks": ("site", "platform", "run", "period"),
    "served_tokens": ("service", "period"),
    "training_flop": ("run", "period"),
    "milestones_count": ("contract", "period"),
    "cash_usd": ("period",),
    "loan_taken": ("loan",),
}


@pytest.fixture(scope="module")
def sample() -> BuildPlan:
    return plan(small_inputs(), small_performance())


def test_the_decisions_are_labelled(sample: BuildPlan) -> None:
    assert {name: array.dims for name, array in sample.decisions.data_vars.items()} == DIMENSIONS
    assert all("units" in array.attrs for array in sample.decisions.data_vars.values())
    assert sample.decisions["period"].values[1] == np.datetime64("2027-04-01")
    assert not any(bool(array.isnull().any()) for array in sample.decisions.data_vars.values())


def test_racks_at_work_are_racks_installed(sample: BuildPlan) -> None:
    rows = sample.decisions
    at_work = rows["serving_racks"].sum("service") + rows["training_racks"].sum("run")
    assert float((at_work - rows["installed_racks"]).max()) <= 1e-6
    # once there is demand nothing is left idle: 0.95 x 0.5 of 500k tokens a second are what a rack serves
    assert float(at_work.isel(period=-1).sum()) == pytest.approx(float(rows["installed_racks"].isel(period=-1).sum()))


def test_training_is_done(sample: BuildPlan) -> None:
    assert float(sample.decisions["training_flop"].sum()) == pytest.approx(1e25)


def test_cash_follows_an_independent_sum_of_flows(sample: BuildPlan) -> None:
    inputs = small_inputs()
    cash = inputs.treasury.opening_cash_usd + 2e9 - _spent_usd(inputs, sample) + _earned_usd(sample)
    milestones = float(sample.decisions["milestones_count"].isel(period=-1).sum())
    assert float(sample.decisions["cash_usd"].isel(period=-1)) == pytest.approx(cash + milestones * 5e8, rel=1e-9)


def _earned_usd(chosen: BuildPlan) -> float:
    """All tokens at 2 USD per million."""
    return float(chosen.decisions["served_tokens"].sum()) * 2.0 / 1e6


def _spent_usd(inputs: Inputs, chosen: BuildPlan) -> float:
    """Everything that the programme pays within the horizon, undiscounted, added up month by month."""
    (offer,), costs, calendar = inputs.offers, inputs.costs, inputs.calendar
    it_mw = 0.12 * 1.1
    total = 0.0
    for site in inputs.sites:
        facility_mw = it_mw * site.peak_pue
        fabric = facility_mw * (4.0e6 + 0.55e6)
        rows = chosen.decisions.sel(site=site.id, platform=PLATFORM.id)
        total += float(rows["ordered_racks"].sum()) * 0.2 * offer.price_usd_per_rack
        total += float(rows["arrived_racks"].sum()) * (0.8 * offer.price_usd_per_rack + fabric)
        built = chosen.decisions["built_facility_mw"].sel(site=site.id).values
        for index, hours in enumerate(calendar.month_hours):
            racks = float(rows["installed_racks"].values[index // 3])
            total += racks * it_mw * 0.8 * site.annual_pue * hours * site.energy_price_usd_per_mwh
            total += racks * (offer.price_usd_per_rack + fabric) * 0.02 / 12
            if isinstance(site.ownership, Leased):
                rent = site.ownership.rent_usd_per_it_mw_month * 1.03 ** (index // 12)
                total += built[index // 3] / site.peak_pue * rent
            if isinstance(site.ownership, Owned):
                total += built[index // 3] * costs.facility_usd_per_facility_mw * 0.03 / 12
        if isinstance(site.ownership, Owned):
            total += built[-1] * costs.facility_usd_per_facility_mw
    return total


def test_the_value_is_the_discounted_sum() -> None:
    # One rack's year at 21 %: -1 + sum of hours x 1.21^(-i/12) / 1000
    inputs = napkin_inputs(discount_rate_fraction=0.21, services=(napkin_service(napkin_calendar(), racks=1.0),))
    chosen = plan(inputs, napkin_performance(inputs))
    earned = sum(hours * 1.21 ** (-i / 12) for i, hours in enumerate(inputs.calendar.month_hours)) * 1e3
    assert chosen.objective_value == pytest.approx(earned - 1e6)


def test_what_binds_is_said_by_year() -> None:
    inputs = napkin_inputs()
    (line,) = plan(inputs, napkin_performance(inputs)).binding
    # one more MW through the year carries one more rack: 8.76 - 1
    assert line == (
        "2026: power binds at 1 of 1 sites (one more MW at alpha through the year is worth 7.76 MUSD); "
        "0.01 of 0.01 GW energized carry racks"
    )


def test_demand_and_nothing_bind() -> None:
    inputs = napkin_inputs(services=(napkin_service(napkin_calendar(), racks=3.0),))
    assert plan(inputs, napkin_performance(inputs)).binding[0].startswith("2026: demand for chat binds;")
    worthless = replace(inputs, offers=(napkin_offer(price_usd_per_rack=9e6),))
    assert plan(worthless, napkin_performance(worthless)).binding[0].startswith("2026: nothing binds;")


def test_a_search_cut_short_says_so() -> None:
    inputs = large_inputs(price_factor=1.0)
    hurried = replace(inputs, solver=replace(inputs.solver, gap_fraction=0.0, time_limit_s=4.0))
    chosen = plan(hurried, performance_of(hurried))
    assert chosen.status is SolveStatus.TIME_LIMIT
    assert chosen.gap_fraction == pytest.approx(gap_fraction(chosen.objective_value, chosen.bound))
    assert 0.0 < chosen.gap_fraction < 0.2


def test_no_plan_in_time_is_an_error_with_advice() -> None:
    nothing = Search(ending=Ending.NOTHING, objective=math.nan, bound=math.inf, values=np.array([]), duals=np.array([]))
    with pytest.raises(GigawattError, match=r"solver.time_limit: no plan was found within 9 s"):
        judged(nothing, bound=math.inf, settings=SolverSettings(gap_fraction=0.01, time_limit_s=9.0))


def test_an_interrupt_stops_the_search() -> None:
    # the alarm rings in the middle of a search that would last a minute; the next plan is as good as ever
    def ring(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    def set_alarm(message: str) -> None:
        if message.startswith("everything at once"):
            signal.setitimer(signal.ITIMER_REAL, 0.5)

    inputs = large_inputs(price_factor=1.0)
    endless = replace(inputs, solver=replace(inputs.solver, gap_fraction=0.0, time_limit_s=60.0))
    before = signal.signal(signal.SIGALRM, ring)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            plan(endless, performance_of(endless), report=set_alarm)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - began < 55.0
    assert not [thread for thread in threading.enumerate() if thread.name == "solver"]
    assert plan(napkin_inputs(), napkin_performance(napkin_inputs())).objective_value == pytest.approx(77.6e6)


def test_a_wish_to_stop_leaves_the_best_plan_so_far() -> None:
    stop = Stop()
    assert not stop.ask()  # nobody is searching yet

    def on(message: str) -> None:
        if message.startswith("everything at once"):
            assert stop.ask()
            assert not stop.ask()

    inputs = large_inputs(site_count=4, platform_count=2, period_count=16, price_factor=1.0)
    endless = replace(inputs, solver=replace(inputs.solver, gap_fraction=0.0, time_limit_s=60.0))
    chosen = plan(endless, performance_of(endless), report=on, stop=stop)
    assert stop.heard
    assert chosen.status is SolveStatus.INTERRUPTED
    assert chosen.gap_fraction == pytest.approx(gap_fraction(chosen.objective_value, chosen.bound))
    assert chosen.binding  # what binds is worked out all the same


def test_earliest_target_needs_a_target() -> None:
    inputs = napkin_inputs(objective=Objective.EARLIEST_TARGET)
    with pytest.raises(ScenarioError, match="earliest-target"):
        plan(inputs, napkin_performance(inputs))


def test_progress_is_reported() -> None:
    said: list[str] = []
    plan(napkin_inputs(), napkin_performance(napkin_inputs()), report=said.append)
    assert said[0] == "formulating the plan"
    assert any("decisions under" in line for line in said)


def test_standard_output_stays_clean(capfd: pytest.CaptureFixture[str]) -> None:
    plan(napkin_inputs(), napkin_performance(napkin_inputs()))
    assert capfd.readouterr().out == ""
