"""How far serving software has come: sums by hand, and the plan and the history count on the same."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.entities.assumptions import Ranged
from gigawatt.performance.software import software_fraction
from gigawatt.planning.work import work
from gigawatt.simulation import expected_luck
from gigawatt.simulation.work import _tokens_per_rack
from tests.samples import offer, small_inputs, small_performance


def maturing(*, since=date(2027, 1, 1), gain=0.0):
    inputs = small_inputs(offers=(replace(offer(), software_from=since),))
    operation = replace(
        inputs.operation,
        software_first=Ranged(low=0.36, best=0.6, high=0.9),
        software_halving_months=6,
        software_gain_fraction_per_year=gain,
    )
    return replace(inputs, operation=operation)


def test_the_gap_halves_in_its_time():
    """From 0.6 the gap of 0.4 is 0.2 after six months and 0.1 after twelve: 0.8, 0.9."""
    fraction = software_fraction(maturing(), first_fraction=0.6).sel(platform="test-nvl72")
    assert fraction.values[[0, 6, 12]] == pytest.approx([0.6, 0.8, 0.9])


def test_before_its_first_month_software_is_as_in_it_and_later_it_gains():
    """Started a year into the calendar; at 20 % a year mature software (0.9 after a year) stands at 1.08."""
    fraction = software_fraction(maturing(since=date(2028, 1, 1), gain=0.2), first_fraction=0.6).values[0]
    assert fraction[:13] == pytest.approx(np.full(13, 0.6))
    assert fraction[24] == pytest.approx(0.9 * 1.2)
    older = software_fraction(maturing(since=date(2026, 1, 1)), first_fraction=0.6).values[0]
    assert older[0] == pytest.approx(0.9)


def test_mature_software_without_gain_changes_nothing():
    np.testing.assert_array_equal(software_fraction(maturing(), first_fraction=1.0), np.ones((1, 36)))


def test_plan_and_expected_history_count_on_the_same_tokens():
    inputs, performance = maturing(), small_performance()
    planned = work(inputs, performance).tokens_per_rack.transpose("platform", "service", "month").values
    played = _tokens_per_rack(inputs, performance, luck=expected_luck(inputs))
    np.testing.assert_allclose(planned, played)
    mature = work(small_inputs(), performance).tokens_per_rack.transpose("platform", "service", "month").values
    np.testing.assert_allclose((planned / mature)[0, 0, [0, 6, 12]], [0.6, 0.8, 0.9])
