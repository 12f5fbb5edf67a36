"""Objectives beside present value, and the front of two of them, by hand."""

from dataclasses import replace

import pytest

from gigawatt.entities.capital import PowerTarget
from gigawatt.entities.stages import Inputs, Objective
from gigawatt.errors import InfeasibleError, ScenarioError
from gigawatt.planning import plan
from gigawatt.planning.pareto import front
from tests.planning.cases import (
    START,
    month,
    napkin_calendar,
    napkin_inputs,
    napkin_offer,
    napkin_performance,
    napkin_service,
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


def test_value_against_tokens_by_hand() -> None:
    # Racks at 2.5 MUSD earn 0.744 + 0.672 + 0.744 + 0.72 = 2.88 from January on: ten of them are worth 3.8 MUSD. Of
    # tokens the same ten serve the most, so both aims agree and the front is a point.
    inputs = short(offers=(napkin_offer(price_usd_per_rack=2.5e6),))
    aims = (Objective.NPV, Objective.SERVED_TOKENS)
    (point,) = front(inputs, napkin_performance(inputs), objectives=aims, points_count=3)
    assert (point.first, point.second) == pytest.approx((3.8e6, 2.88e13))


def test_value_against_tokens_where_racks_do_not_pay() -> None:
    # At 3 MUSD each rack from January on loses 0.12 and serves 2.88e12: value and tokens are ends of a line of whole
    # racks; half of the tokens takes five racks
    inputs = short(offers=(napkin_offer(price_usd_per_rack=3e6),))
    aims = (Objective.NPV, Objective.SERVED_TOKENS)
    points = front(inputs, napkin_performance(inputs), objectives=aims, points_count=3)
    assert [point.first for point in points] == pytest.approx([0.0, -0.6e6, -1.2e6], abs=1.0)
    assert [point.second for point in points] == pytest.approx([0.0, 1.44e13, 2.88e13], abs=1e7)
    assert [point.facility_mw for point in points] == pytest.approx([0.0, 5.0, 10.0])
    turned = front(inputs, napkin_performance(inputs), objectives=aims[::-1], points_count=2)
    assert turned[0].first == pytest.approx(2.88e13)


def test_what_cannot_be_set_against_each_other_is_refused() -> None:
    inputs = short()
    performance = napkin_performance(inputs)
    for aims, count in (
        ((Objective.NPV, Objective.NPV), 3),
        ((Objective.NPV, Objective.SERVED_TOKENS), 1),
        ((Objective.NPV, Objective.EARLIEST_TARGET), 3),
    ):
        with pytest.raises(ScenarioError):
            front(inputs, performance, objectives=aims, points_count=count)


def test_no_plan_has_no_front() -> None:
    inputs = short(targets=(PowerTarget(facility_mw=12.0, deadline=month(2), platforms=("box",)),))
    with pytest.raises(InfeasibleError, match=r"target\[0\]"):
        front(inputs, napkin_performance(inputs), objectives=(Objective.NPV, Objective.SERVED_TOKENS), points_count=2)
