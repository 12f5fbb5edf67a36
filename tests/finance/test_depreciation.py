"""Schedules of depreciation: sums by hand, the tax office's tables against the law behind them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.catalog import load
from gigawatt.catalog.taxation import macrs_fractions
from gigawatt.errors import CatalogError
from gigawatt.finance.depreciation import (
    book_value_usd,
    declining_balance_fractions,
    depreciation_usd,
    half_step_straight_line_fractions,
    straight_line_fractions,
    with_bonus,
)


def test_straight_line():
    assert straight_line_fractions(4).tolist() == [0.25] * 4
    # 1 / 2.5 = 0.4 a step, and half a step is left: 0.2
    assert straight_line_fractions(2.5) == pytest.approx([0.4, 0.4, 0.2])
    # half of 1/5, four of 1/5, half of 1/5
    assert half_step_straight_line_fractions(5) == pytest.approx([0.1, 0.2, 0.2, 0.2, 0.2, 0.1])


@pytest.mark.parametrize(("years", "multiple"), [(3, 2.0), (5, 2.0), (7, 2.0), (15, 1.5)])
def test_the_tax_offices_tables_follow_the_law(years, multiple):
    # Table A-1 is printed to 0.01 percent, and balances its rounding in the next row: 0.01 percent either way.
    table = macrs_fractions(load(), recovery_years=years)
    assert table.sum() == pytest.approx(1.0, abs=1e-12)
    assert table == pytest.approx(declining_balance_fractions(years, rate_multiple=multiple), abs=1.01e-4)


def test_five_years_by_hand():
    # 200 % of 1/5 is 40 %: half of it, 20; 40 % of 80 = 32; of 48 = 19.2; of 28.8 = 11.52; then 17.28 is left for a
    # year and a half, where the straight line, 17.28 / 1.5 = 11.52, overtakes 40 % = 6.91; the rest is 5.76.
    law = declining_balance_fractions(5, rate_multiple=2.0)
    assert law == pytest.approx([0.20, 0.32, 0.192, 0.1152, 0.1152, 0.0576])


def test_bonus():
    # 40 % at once, the other 60 % by the schedule: 0.4 + 0.6 x 0.5 = 0.7, 0.6 x 0.5 = 0.3
    assert with_bonus(np.array([0.5, 0.5]), bonus_fraction=0.4) == pytest.approx([0.7, 0.3])
    assert with_bonus(np.array([0.5, 0.5]), bonus_fraction=1.0).tolist() == [1.0, 0.0]


def test_additions_are_written_off_one_by_one():
    # 100 in step 0 and 60 in step 2, a life of 2, a tenth kept: 45, 45, 27, (27 in step 3)
    additions = np.array([100.0, 0.0, 60.0])
    written = depreciation_usd(additions, fractions=straight_line_fractions(2), residual_fraction=0.1)
    assert written == pytest.approx([45.0, 45.0, 27.0])
    # 100 - 45 = 55, - 45 = 10, + 60 - 27 = 43
    assert book_value_usd(additions, written_off_usd=written) == pytest.approx([55.0, 10.0, 43.0])


@given(st.integers(1, 30), st.sampled_from([1.0, 1.5, 2.0]), st.floats(0.0, 1.0))
def test_a_schedule_writes_off_all_and_never_less_than_nothing(years, multiple, bonus):
    fractions = with_bonus(declining_balance_fractions(years, rate_multiple=multiple), bonus_fraction=bonus)
    assert fractions.sum() == pytest.approx(1.0)
    assert (fractions >= 0.0).all()


def test_a_period_without_a_table_is_refused():
    with pytest.raises(CatalogError, match="one of 3, 5, 7, 15 years"):
        macrs_fractions(load(), recovery_years=6)
