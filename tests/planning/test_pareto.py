"""Objectives beside present value, and the front of two of them, by hand."""

from dataclasses import replace
from typing import Any

import pytest

from gigawatt.entities.capital import PowerTarget
from gigawatt.entities.stages import Inputs, Objective
from gigawatt.errors import GigawattError, InfeasibleError, ScenarioError
from gigawatt.planning import plan
from gigawatt.planning.pareto import Point, Traced, front
from gigawatt.planning.stopping import Stop
from gigawatt.scenario.objectives import goals_of
from tests.planning.cases import (
    START,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
    napkin_site,
)
from tests.samples import run

SHORT = napkin_calendar(month_count=4)


def short(**changes: object) -> Inputs:
    base: dict[str, object] = {"calendar": SHORT, "services": (napkin_service(SHORT),)}
    return napkin_inputs(**(base | changes))


def test_the_most_training_and_then_the_most_value() -> None:
    # Ten racks train in January and February, 1416 h at 1e21 FLOP, though 1e24 would do; then they serve 1464 h
    asked = replace(run(), compute_flop=1e24, earliest=START, deadline=month(1))
    inputs = short(runs=(asked,), objective=Objective.TRAINING_COMPUTE)
    chosen = plan(inputs, napkin_performance(inputs))
    assert chosen.objective_value == pytest.approx(1.416e25, rel=1e-6)
    assert chosen.gap_fraction == pytest.approx(0.0, abs=1e-6)
    assert float(chosen.decisions["served_tokens"].sum()) == pytest.approx(1.464e13, rel=1e-5)


def test_the_least_cost_of_a_target() -> None:
    # Two racks at 1 MUSD carry 2 MW, and no third comes although it would earn 2.88
    asked = PowerTarget(facility_mw=2.0, deadline=month(2), platforms=("box",))
    inputs = short(targets=(asked,), objective=Objective.COST_OF_TARGET)
    chosen = plan(inputs, napkin_performance(inputs))
    assert chosen.objective_value == pytest.approx(2e6)
    assert chosen.bound == pytest.approx(2e6)
    assert float(chosen.decisions["arrived_racks"].sum()) == 2.0


@pytest.mark.parametrize("objective", [Objective.TRAINING_COMPUTE, Objective.COST_OF_TARGET])
def test_an_objective_needs_something_to_aim_at(objective: Objective) -> None:
    inputs = short(objective=objective)
    with pytest.raises(ScenarioError, match="to aim at"):
        plan(inputs, napkin_performance(inputs))


def traced(inputs: Inputs, text: str, *, points_count: int, **rest: Any) -> Traced:  # report and stop
    first, second = goals_of(text)
    return front(inputs, napkin_performance(inputs), goals=(first, second), points_count=points_count, **rest)


def points(inputs: Inputs, text: str, *, points_count: int) -> tuple[Point, ...]:
    found = traced(inputs, text, points_count=points_count)
    assert (found.late_count, found.was_stopped) == (0, False)
    return found.points


def test_value_against_tokens_by_hand() -> None:
    # Racks at 2.5 MUSD earn 0.744 + 0.672 + 0.744 + 0.72 = 2.88 from January on: ten of them are worth 3.8 MUSD. Of
    # tokens the same ten serve the most, so both aims agree and the front is a point.
    inputs = short(offers=(napkin_offer(price_usd_per_rack=2.5e6),))
    (point,) = points(inputs, "npv, served-tokens", points_count=3)
    assert (point.first, point.second) == pytest.approx((3.8e6, 2.88e13))


def test_value_against_tokens_where_racks_do_not_pay() -> None:
    # At 3 MUSD each rack from January on loses 0.12 and serves 2.88e12: value and tokens are ends of a line of whole
    # racks; half of the tokens takes five racks
    inputs = short(offers=(napkin_offer(price_usd_per_rack=3e6),))
    found = points(inputs, "npv, served-tokens", points_count=3)
    assert [point.first for point in found] == pytest.approx([0.0, -0.6e6, -1.2e6], abs=1.0)
    assert [point.second for point in found] == pytest.approx([0.0, 1.44e13, 2.88e13], abs=1e7)
    assert [point.facility_mw for point in found] == pytest.approx([0.0, 5.0, 10.0])
    turned = points(inputs, "served-tokens, npv", points_count=2)
    assert turned[0].first == pytest.approx(2.88e13)


def losing() -> Inputs:
    """Five racks by April that lose 100 USD an hour each, energy costing 1100 of the 1000 they earn."""
    asked = PowerTarget(facility_mw=5.0, deadline=month(3), platforms=("box",))
    return short(targets=(asked,), sites=(napkin_site(energy_price_usd_per_mwh=1100.0),))


DATED = ([-5.36e6, -5.732e6, -6.068e6, -6.44e6], [3.0, 2.0, 1.0, 0.0])
"""Five racks cost 5 MUSD and run 720 h from April on, 1464 h from March, 2136 h from February, 2880 h from January."""


def test_value_against_the_earliest_date() -> None:
    found = points(losing(), "npv, earliest-target", points_count=7)
    assert [point.first for point in found] == pytest.approx(DATED[0])
    assert [point.second for point in found] == DATED[1]
    turned = points(losing(), "earliest-target, npv", points_count=4)
    assert [point.first for point in turned] == DATED[1][::-1]
    assert [point.second for point in turned] == pytest.approx(DATED[0][::-1])
    few = points(losing(), "earliest-target, npv", points_count=2)
    assert [point.first for point in few] == [0.0, 3.0]


def test_the_cost_of_a_target_against_tokens() -> None:
    # Two racks at 1 MUSD carry the 2 MW and serve 5.76e12; all ten serve 2.88e13. Half way are six racks
    asked = PowerTarget(facility_mw=2.0, deadline=month(0), platforms=("box",))
    found = points(short(targets=(asked,)), "cost-of-target, served-tokens", points_count=3)
    assert [point.first for point in found] == pytest.approx([2e6, 6e6, 10e6])
    assert [point.second for point in found] == pytest.approx([5.76e12, 1.728e13, 2.88e13])


def test_a_sum_against_value() -> None:
    # A rack at 3 MUSD loses 0.12 and serves 2.88e6 Mtoken, at 0.1 USD each 0.288: a gain of 0.168 in the sum
    inputs = short(offers=(napkin_offer(price_usd_per_rack=3e6),))
    found = points(inputs, "npv + 0.1 USD/Mtoken served-tokens, npv", points_count=3)
    assert [point.first for point in found] == pytest.approx([1.68e6, 0.84e6, 0.0], abs=1.0)
    assert [point.second for point in found] == pytest.approx([-1.2e6, -0.6e6, 0.0], abs=1.0)


def test_an_interrupt_leaves_the_points_so_far() -> None:
    stop = Stop()

    def listen(line: str) -> None:
        if line.startswith("point 3"):
            stop.ask()

    inputs = short(offers=(napkin_offer(price_usd_per_rack=3e6),))
    found = traced(inputs, "npv, served-tokens", points_count=5, report=listen, stop=stop)
    assert found.was_stopped
    assert (found.asked_count, found.late_count) == (5, 0)
    assert [point.facility_mw for point in found.points] == pytest.approx([0.0, 3.0, 10.0])  # 2.5 racks' tokens take 3


def test_an_interrupt_before_the_first_point_leaves_nothing() -> None:
    stop = Stop()
    with pytest.raises(GigawattError):
        traced(short(), "npv, served-tokens", points_count=3, report=lambda _line: asks(stop), stop=stop)
    assert stop.heard


def asks(stop: Stop) -> None:
    """Asks to stop, whether that is heard or not."""
    stop.ask()


@pytest.mark.parametrize(("text", "count"), [("npv, npv", 3), ("npv, served-tokens", 1), ("npv, earliest-target", 3)])
def test_what_cannot_be_set_against_each_other_is_refused(text: str, count: int) -> None:
    # the last for want of a target
    first, second = (goals_of(part.strip())[0] for part in text.split(","))
    inputs = short()
    with pytest.raises(ScenarioError):
        front(inputs, napkin_performance(inputs), goals=(first, second), points_count=count)


def test_no_plan_has_no_front() -> None:
    inputs = short(targets=(PowerTarget(facility_mw=12.0, deadline=month(2), platforms=("box",)),))
    with pytest.raises(InfeasibleError, match=r"target\[0\]"):
        points(inputs, "npv, served-tokens", points_count=2)
