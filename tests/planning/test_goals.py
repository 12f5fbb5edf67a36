"""Goals in order and sums of objectives, by hand. Four months of 2026 have 744 + 672 + 744 + 720 = 2880 hours."""

from dataclasses import replace

import pytest

from gigawatt.entities.actuals import Actuals
from gigawatt.entities.capital import PowerTarget
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.stages import BuildPlan, Inputs, SolveStatus
from gigawatt.errors import GigawattError, InfeasibleError
from gigawatt.planning import plan
from gigawatt.planning.families import unregistered
from gigawatt.planning.repeat import repeated
from gigawatt.planning.replan import replan
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
)
from tests.samples import run

SHORT = napkin_calendar(month_count=4)
ASKED = replace(run(), compute_flop=1e24, earliest=START, deadline=month(1))


def short(text: str, **changes: object) -> Inputs:
    goals = goals_of(text)
    base: dict[str, object] = {"calendar": SHORT, "services": (napkin_service(SHORT),)}
    return napkin_inputs(**(base | {"objective": goals[0].objective, "goals": goals} | changes))


def best(inputs: Inputs) -> BuildPlan:
    return plan(inputs, napkin_performance(inputs))


def racks(chosen: BuildPlan) -> float:
    return float(chosen.decisions["arrived_racks"].sum())


@pytest.mark.parametrize(
    ("text", "count", "values"),
    [
        ("served-tokens, npv", 10, (2.88e13, -1.2e6)),
        ("npv, served-tokens", 0, (0.0, 0.0)),
        ("served-tokens within 50 percent, npv", 5, (1.44e13, -0.6e6)),
        ("served-tokens within 45 %, npv", 6, (1.728e13, -0.72e6)),
        ("served-tokens within 45 %", 6, (1.728e13,)),
    ],
)
def test_tokens_and_value_in_order(text: str, count: int, values: tuple[float, ...]) -> None:
    # A rack at 3 MUSD serves 2.88e12 tokens for 2.88 MUSD and loses 0.12. Ten fit; half of their tokens take five, 55 %
    # of them take six whole ones
    chosen = best(short(text, offers=(napkin_offer(price_usd_per_rack=3e6),)))
    assert racks(chosen) == count
    assert chosen.goal_values == pytest.approx(values, rel=1e-6, abs=1.0)
    assert chosen.status is SolveStatus.OPTIMAL
    assert chosen.gap_fraction == pytest.approx(0.0, abs=1e-6)


def test_ties_of_value_are_broken_by_tokens() -> None:
    # At 2.88 MUSD a rack is worth exactly nothing, so ten may come for their tokens
    chosen = best(short("npv, served-tokens", offers=(napkin_offer(price_usd_per_rack=2.88e6),)))
    assert chosen.goal_values == pytest.approx((0.0, 2.88e13), abs=1.0)


def test_three_goals_in_order() -> None:
    # Ten racks could train 1416 h at 1e21 FLOP in January and February; half of that takes 7080 rack-hours, and the
    # other 28,800 - 7080 = 21,720 serve 1e9 tokens each, for 21.72 MUSD less 10 of racks
    inputs = short("training-compute within 50 percent, served-tokens, npv", runs=(ASKED,))
    chosen = best(inputs)
    assert chosen.goal_values == pytest.approx((7.08e24, 2.172e13, 11.72e6), rel=1e-5)
    again = repeated(inputs, napkin_performance(inputs), chosen)
    assert again is not None
    assert again.npv_usd == pytest.approx(11.72e6, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "values"),
    [("earliest-target, cost-of-target", (1.0, 4e6)), ("cost-of-target, earliest-target", (4e6, 1.0))],
)
def test_a_date_and_a_cost_in_order(text: str, values: tuple[float, ...]) -> None:
    # Two racks a month: 4 MW stand from February, the second period, on. They cost 4 MUSD, and a fifth rack would only
    # add to that
    slow = napkin_offer(supply=(SupplyStep(start=START, racks_per_month=2.0),))
    asked = PowerTarget(facility_mw=4.0, deadline=month(3), platforms=("box",))
    chosen = best(short(text, offers=(slow,), targets=(asked,)))
    assert chosen.goal_values == pytest.approx(values)
    assert racks(chosen) == 4.0


@pytest.mark.parametrize(("price", "count", "value"), [(0.04, 0, 0.0), (0.05, 10, 0.24e6)])
def test_tokens_at_a_price(price: float, count: int, value: float) -> None:
    # A rack at 3 MUSD loses 0.12 and serves 2.88e6 million tokens: it pays from 0.12 / 2.88 = 0.0417 USD a million on.
    # At 0.05 ten are worth 10 x (0.144 - 0.12)
    text = f"npv + {price} USD/Mtoken served-tokens"
    chosen = best(short(text, offers=(napkin_offer(price_usd_per_rack=3e6),)))
    assert racks(chosen) == count
    assert (chosen.objective_value, chosen.bound) == pytest.approx((value, value), abs=1.0)


@pytest.mark.parametrize(("price", "value"), [(2.0, 32.96e6), (0.5, 18.3e6)])
def test_training_at_a_price(price: float, value: float) -> None:
    # An hour of a rack serves for 1000 USD or trains 1000 EFLOP. At 2 USD all 14,160 rack-hours of January and February
    # train and 14,640 serve: 28.32 + 14.64 - 10. At 0.5 only the 1000 asked for train: 0.5 + 27.8 - 10
    chosen = best(short(f"npv + {price} USD/EFLOP training-compute", runs=(ASKED,)))
    assert chosen.objective_value == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize(("price", "count", "value"), [(0.3, 2, -0.272e6), (0.4, 10, 1.52e6)])
def test_tokens_at_a_price_against_the_cost_of_a_target(price: float, count: int, value: float) -> None:
    # A rack costs 1 MUSD and serves 2.88e6 million tokens: at 0.3 USD they count 0.864, so only the two that the target
    # asks for come, 2 x (0.864 - 1); at 0.4 they count 1.152, so all ten do, 10 x 0.152
    asked = PowerTarget(facility_mw=2.0, deadline=month(2), platforms=("box",))
    chosen = best(short(f"cost-of-target + {price} USD/Mtoken served-tokens", targets=(asked,)))
    assert racks(chosen) == count
    assert chosen.objective_value == pytest.approx(value, abs=1.0)


@pytest.mark.parametrize("text", ["served-tokens within 10 percent, npv", "npv + 0.4 USD/Mtoken served-tokens"])
def test_planning_anew_with_nothing_new_moves_nothing(text: str) -> None:
    inputs = short(text)
    chosen = best(inputs)
    as_planned = Actuals(as_of=month(1), sites=(), racks=(), orders=(), quotes=(), cash_usd=None)
    anew = replan(inputs, napkin_performance(inputs), chosen, actuals=as_planned, churn_fraction=0.01)
    assert anew.churn_usd == pytest.approx(0.0, abs=1.0)
    assert anew.plan.goal_values == pytest.approx(chosen.goal_values)
    assert anew.plan.decisions["arrived_racks"].equals(chosen.decisions["arrived_racks"])


def test_what_keeps_a_later_goal_is_registered() -> None:
    assert unregistered({"goal_kept", "goal_kept 1", "goal_lost"}) == {"goal_lost"}


def test_an_interrupt_at_the_second_goal_leaves_what_the_first_reached() -> None:
    stop = Stop()

    def listen(line: str) -> None:
        if line.startswith("goal 2"):
            stop.ask()

    inputs = short("served-tokens, npv", offers=(napkin_offer(price_usd_per_rack=3e6),))
    chosen = plan(inputs, napkin_performance(inputs), report=listen, stop=stop)
    assert chosen.goal_values[0] == pytest.approx(2.88e13, rel=1e-6)
    assert chosen.status is SolveStatus.INTERRUPTED


def asks(stop: Stop) -> None:
    """Asks to stop, whether that is heard or not."""
    stop.ask()


def test_an_interrupt_before_the_earliest_date_is_known_is_no_conflict() -> None:
    asked = PowerTarget(facility_mw=5.0, deadline=month(2), platforms=("box",))
    stop = Stop()
    inputs = short("earliest-target", targets=(asked,))
    with pytest.raises(GigawattError, match="no plan was found") as caught:
        plan(inputs, napkin_performance(inputs), report=lambda _line: asks(stop), stop=stop)
    assert not isinstance(caught.value, InfeasibleError)
