"""Present value and rates of return against closed forms, a textbook and pyxirr."""

from datetime import date, timedelta

import numpy as np
import pytest
import pyxirr
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.finance.returns import (
    dated_rate_of_return_fraction,
    internal_rate_of_return_fraction,
    multiple_of_money_ratio,
    net_present_value_usd,
    payback_step,
    peak_funding,
    runway_months,
)
from gigawatt.timeline import Calendar
from gigawatt.units import MONTHS_PER_YEAR


def yearly(*amounts):
    """Cash of month 0, 12, 24, ... in a calendar of whole years."""
    net = np.zeros(MONTHS_PER_YEAR * len(amounts))
    net[::MONTHS_PER_YEAR] = amounts
    return net


def npv(net, rate):
    calendar = Calendar(start=date(2027, 1, 1), month_count=net.size, months_per_period=1)
    return net_present_value_usd(net, calendar=calendar, annual_rate_fraction=rate)


# Brealey, Myers and Allen, Principles of Corporate Finance, 10th edition, 2011, chapter 5: three projects at 10 %
# (section 5.2), printed to the dollar.
@pytest.mark.parametrize(
    ("cash", "printed"),
    [
        ((-2000, 500, 500, 5000), 2624),
        ((-2000, 500, 1800, 0), -58),
        ((-2000, 1800, 500, 0), 50),
        ((1000, -3000, 2500), 339),
    ],
)
def test_textbook_present_values(cash, printed):
    assert npv(yearly(*cash), 0.10) == pytest.approx(printed, abs=0.5)


def test_textbook_rate_of_return():
    # Ibid., section 5.3: -4,000, 2,000, 4,000 returns 28.08 %.
    assert internal_rate_of_return_fraction(yearly(-4000, 2000, 4000)) == pytest.approx(0.2808, abs=5e-5)


def test_two_rates_of_return_are_none():
    # -4,000, 25,000, -25,000: at 25 %, 25,000/1.25 - 25,000/1.5625 = 4,000; at 400 %, 5,000 - 1,000 = 4,000.
    assert np.isnan(internal_rate_of_return_fraction(yearly(-4000, 25000, -25000)))


def test_no_rate_of_return():
    # Ibid., section 5.3: 1,000, -3,000, 2,500 has none.
    assert np.isnan(internal_rate_of_return_fraction(yearly(1000, -3000, 2500)))
    assert np.isnan(internal_rate_of_return_fraction(np.zeros(24)))
    assert np.isnan(internal_rate_of_return_fraction(np.full(24, -1.0)))


@given(st.floats(-0.5, 3.0), st.integers(1, 8))
def test_one_payment_back_has_a_closed_form(rate, years):
    # 100 paid, 100 (1 + r)^n back after n years.
    cash = yearly(-100.0, *[0.0] * (years - 1), 100.0 * (1.0 + rate) ** years)
    assert internal_rate_of_return_fraction(cash) == pytest.approx(rate, abs=1e-7)


@given(st.lists(st.floats(1.0, 100.0), min_size=2, max_size=60), st.floats(50.0, 500.0))
def test_agrees_with_pyxirr(returns, outlay):
    net = np.array([-outlay, *returns])
    monthly = pyxirr.irr(net)
    rate = internal_rate_of_return_fraction(net)
    assert np.isnan(rate) or rate == pytest.approx((1.0 + monthly) ** MONTHS_PER_YEAR - 1.0, rel=1e-6, abs=1e-9)
    assert np.isnan(rate) == (not 1e-2 < (1.0 + monthly) ** MONTHS_PER_YEAR < 1e2)


def test_agrees_with_pyxirr_by_date_within_the_calendar():
    # XIRR counts days of a 365-day year; months of 1/12 year differ from that by less than a day or two.
    days = [date(2027, 1, 1), date(2028, 1, 1), date(2029, 1, 1), date(2030, 1, 1)]
    cash = (-2000, 500, 500, 5000)
    assert internal_rate_of_return_fraction(yearly(*cash)) == pytest.approx(pyxirr.xirr(days, cash), rel=2e-3)


def test_peak_funding_is_the_deepest_balance():
    # Balance: -3, -8, -5, -9, 1.
    assert peak_funding(np.array([-3.0, -5.0, 3.0, -4.0, 10.0])) == (9.0, 3)
    assert peak_funding(np.array([3.0, -1.0])) == (0.0, 0)


@given(
    st.lists(st.tuples(st.integers(1, 4000), st.floats(1.0, 100.0)), min_size=1, max_size=40), st.floats(50.0, 500.0)
)
def test_dated_return_agrees_with_pyxirr(returns, outlay):
    start = date(2027, 1, 1)
    days = [start, *(start + timedelta(days=after) for after, _ in sorted(returns))]
    net = np.array([-outlay, *(amount for _, amount in sorted(returns))])
    rate = dated_rate_of_return_fraction(net, days=days)
    peer = pyxirr.xirr(days, net, guess=0.1 if np.isnan(rate) else rate, silent=True)
    # One outlay before all returns has one rate: ours is theirs, unless it lies beyond what we look for.
    assert np.isnan(rate) == (peer is None or not 1e-2 < 1.0 + peer < 1e2)
    assert np.isnan(rate) or rate == pytest.approx(peer, rel=1e-6, abs=1e-9)


def test_excel_example_of_dated_return():
    # Microsoft's documentation of XIRR: 37.336 %.
    days = [date(2008, 1, 1), date(2008, 3, 1), date(2008, 10, 30), date(2009, 2, 15), date(2009, 4, 1)]
    net = np.array([-10_000.0, 2_750.0, 4_250.0, 3_250.0, 2_750.0])
    assert dated_rate_of_return_fraction(net, days=days) == pytest.approx(0.373362535, abs=5e-8)


def test_multiple_and_payback_by_hand():
    # In 10 + 5, out 9 + 12: 21 / 15 = 1.4. Balance -10, -1, -6, 6: paid back in step 3.
    net = np.array([-10.0, 9.0, -5.0, 12.0])
    assert multiple_of_money_ratio(net) == pytest.approx(1.4)
    assert payback_step(net) == 3
    assert payback_step(np.array([-1.0, 0.5])) is None
    assert payback_step(np.array([1.0, 1.0])) == 0
    assert np.isnan(multiple_of_money_ratio(np.array([1.0])))


def test_runway_by_hand():
    # 10 held at the end of month 0, then -4, -4, -4, +20: after two months 2 is left, the third is not paid for.
    # 25 lasts; 1 at the end of month 3 lasts, for +20 comes; an overdraft has no runway.
    unfinanced = np.array([0.0, -4.0, -4.0, -4.0, 20.0])
    assert runway_months(np.array([10.0, 25.0, 3.0, 1.0, -1.0]), unfinanced_usd=unfinanced).tolist() == [
        2.0,
        np.inf,
        0.0,
        np.inf,
        0.0,
    ]
