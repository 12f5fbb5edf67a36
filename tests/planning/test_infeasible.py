"""A plan that cannot be names the statements in its way, in the scenario's keys, with the least that mends them."""

from dataclasses import replace
from datetime import date

import pytest

from gigawatt.entities.capital import PowerTarget, Treasury
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import PowerStep
from gigawatt.entities.stages import Inputs
from gigawatt.errors import InfeasibleError
from gigawatt.planning import plan
from tests.planning.cases import NAPKIN_PLATFORM, START, napkin_inputs, napkin_offer, napkin_performance, napkin_site
from tests.samples import run


def conflicts_of(inputs: Inputs) -> tuple[str, ...]:
    with pytest.raises(InfeasibleError) as caught:
        plan(inputs, napkin_performance(inputs))
    return caught.value.conflicts


def test_target_above_the_power_steps() -> None:
    # 10 MW are energized, 12 are asked for: short by 2 MW
    asked = PowerTarget(facility_mw=12.0, deadline=date(2026, 6, 1), platforms=(NAPKIN_PLATFORM.id,))
    (message,) = conflicts_of(napkin_inputs(targets=(asked,)))
    assert message == (
        "target[0] (0.012 GW facility by 2026-06): short by 0.002 GW; "
        "the most that can be energized by then is 0.01 GW; "
        "it would hold with more or earlier energized power (site.power)"
    )
    # and with 2 MW less it is feasible: the relaxation suffices
    enough = napkin_inputs(targets=(replace(asked, facility_mw=10.0),))
    assert plan(enough, napkin_performance(enough)).objective_value > 0.0


def test_target_above_the_supply() -> None:
    # 1 rack a month makes 3 MW by March
    slow = napkin_offer(supply=(SupplyStep(start=START, racks_per_month=1.0),))
    inputs = napkin_inputs(
        offers=(slow,),
        targets=(PowerTarget(facility_mw=4.0, deadline=date(2026, 3, 1), platforms=(NAPKIN_PLATFORM.id,)),),
    )
    (message,) = conflicts_of(inputs)
    assert "short by 0.001 GW; the most that can be energized by then is 0.003 GW" in message
    assert message.endswith("it would hold with a larger or earlier supply of racks (platform.supply)")


def test_target_before_the_lead_time() -> None:
    inputs = napkin_inputs(
        offers=(napkin_offer(lead_months=6),),
        targets=(PowerTarget(facility_mw=1.0, deadline=date(2026, 3, 1), platforms=(NAPKIN_PLATFORM.id,)),),
    )
    (message,) = conflicts_of(inputs)
    assert message.endswith("it would hold with shorter lead times (platform.lead)")


def test_target_without_the_money() -> None:
    # Prepaid racks at 1 MUSD, cash 2: 2 MW in February, which earn 1.344 and so 1 more for March: 3 of 5
    prepaid = napkin_offer(lead_months=1, deposit_fraction=1.0)
    inputs = napkin_inputs(
        offers=(prepaid,),
        targets=(PowerTarget(facility_mw=5.0, deadline=date(2026, 3, 1), platforms=(NAPKIN_PLATFORM.id,)),),
        treasury=Treasury(opening_cash_usd=2e6, minimum_cash_usd=0.0),
    )
    target, cash = conflicts_of(inputs)
    assert target.startswith("target[0] (0.005 GW facility by 2026-03): short by 0.002 GW")
    assert "more cash (programme.opening_cash)" in target
    # Lent for good, x in January: 2 + x racks serve in February and earn 0.672 each, which with nothing left must buy
    # the rest: x = 1 gives 3 racks and 2.016, two more for March: 5
    assert cash.startswith("programme.minimum_cash (0 bn USD): short by 0.001 bn USD")


def test_training_that_cannot_finish() -> None:
    # 10 racks for 744 h make 7.44e24 FLOP of 1e25: short by 0.256
    asked = replace(run(), id="big", compute_flop=1e25, earliest=START, deadline=START)
    (message,) = conflicts_of(napkin_inputs(runs=(asked,)))
    assert message.startswith("training[0] (big, 1e+25 FLOP by 2026-01): short by 0.256 of its computation")
    assert "more or earlier energized power" in message


def test_cash_that_was_never_there() -> None:
    # 1 in the purse and nothing to earn before power comes in July, 3 to be kept: short by 2
    late = napkin_site(power_steps=(PowerStep(start=date(2026, 7, 1), facility_mw=1.0),))
    inputs = napkin_inputs(sites=(late,), treasury=Treasury(opening_cash_usd=1e6, minimum_cash_usd=3e6))
    (message,) = conflicts_of(inputs)
    assert message.startswith("programme.minimum_cash (0.003 bn USD): short by 0.002 bn USD")


def test_two_demands_that_fail_for_themselves() -> None:
    # No single relaxation helps; both are named
    asked = replace(run(), compute_flop=1e25, earliest=START, deadline=START)
    target = PowerTarget(facility_mw=12.0, deadline=date(2026, 6, 1), platforms=(NAPKIN_PLATFORM.id,))
    messages = conflicts_of(napkin_inputs(runs=(asked,), targets=(target,)))
    assert [message.split(" ")[0] for message in messages] == ["target[0]", "training[0]"]
