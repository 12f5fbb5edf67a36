"""Growth and anchors, in sums done by hand."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.scenario.paths import GrowthRate, grown, interpolated
from gigawatt.timeline import Calendar

MONTHS = Calendar(start=date(2027, 1, 1), month_count=36, months_per_period=1).months


def test_a_value_without_growth_stays():
    assert set(grown(MONTHS, value=5.0, at=MONTHS[0], rates=()).values()) == {5.0}


def test_growth_doubles_in_a_year_and_is_the_square_root_of_two_in_half_a_year():
    path = grown(
        MONTHS, value=100.0, at=date(2027, 1, 1), rates=[GrowthRate(start=date(2027, 1, 1), fraction_per_year=1.0)]
    )
    assert path[date(2028, 1, 1)] == pytest.approx(200.0)
    assert path[date(2027, 7, 1)] == pytest.approx(100.0 * 2**0.5)


def test_each_rate_holds_from_its_month_to_the_next():
    # 100, level through 2027; doubled in 2028 to 200; halved in 2029, so 100 x 2 x 0.5^(6/12) in July 2029.
    rates = [
        GrowthRate(start=date(2028, 1, 1), fraction_per_year=1.0),
        GrowthRate(start=date(2029, 1, 1), fraction_per_year=-0.5),
    ]
    path = grown(MONTHS, value=100.0, at=date(2027, 1, 1), rates=rates)
    assert path[date(2027, 12, 1)] == 100.0
    assert path[date(2029, 1, 1)] == pytest.approx(200.0)
    assert path[date(2029, 7, 1)] == pytest.approx(200.0 * 0.5**0.5)


def test_growth_counts_from_the_month_of_the_value_even_before_the_calendar():
    # 10 in January 2025, tripling each year: 90 in January 2027.
    path = grown(
        MONTHS, value=10.0, at=date(2025, 1, 1), rates=[GrowthRate(start=date(2024, 1, 1), fraction_per_year=2.0)]
    )
    assert path[date(2027, 1, 1)] == pytest.approx(90.0)


def test_anchors_are_met_and_half_way_lies_the_geometric_mean():
    anchors = {date(2027, 3, 1): 4.0, date(2027, 9, 1): 16.0}
    path = interpolated(MONTHS, anchors=anchors)
    assert path[date(2027, 3, 1)] == 4.0
    assert path[date(2027, 9, 1)] == 16.0
    assert path[date(2027, 6, 1)] == pytest.approx(8.0)
    assert path[date(2027, 1, 1)] == 4.0
    assert path[date(2029, 12, 1)] == 16.0


@given(st.dictionaries(st.sampled_from(MONTHS), st.floats(1e-3, 1e18), min_size=1))
def test_interpolation_stays_between_its_anchors(anchors):
    path = interpolated(MONTHS, anchors=anchors)
    low, high = min(anchors.values()), max(anchors.values())
    assert all(low * (1 - 1e-9) <= value <= high * (1 + 1e-9) for value in path.values())


@given(st.floats(-0.9, 9.0), st.floats(1e-3, 1e18))
def test_anchors_a_year_apart_agree_with_growth(rate, value):
    anchors = {date(2027, 1, 1): value, date(2028, 1, 1): value * (1 + rate)}
    by_rate = grown(MONTHS[:13], value=value, at=MONTHS[0], rates=[GrowthRate(start=MONTHS[0], fraction_per_year=rate)])
    by_anchor = interpolated(MONTHS[:13], anchors=anchors)
    assert all(by_rate[month] == pytest.approx(by_anchor[month], rel=1e-9) for month in MONTHS[:13])
