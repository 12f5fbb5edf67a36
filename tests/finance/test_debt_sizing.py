"""Loans step by step: sums by hand, closed forms, and what must hold for every loan."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.finance import debt_sizing as debt

CASH = st.lists(st.floats(1.0, 1e3), min_size=1, max_size=40).map(np.array)
RATES = st.floats(0.0, 0.2)


def test_level_annuity_by_hand():
    # 1,000 at 10 % in two payments: 1,000 x 0.1 / (1 - 1/1.21) = 576.19; interest 100, then (1,000 - 476.19) x 0.1
    loan = debt.level_debt(1000.0, interest_fraction=0.10, payments_count=2)
    assert loan.service_usd == pytest.approx([576.190476, 576.190476])
    assert loan.interest_usd == pytest.approx([100.0, 52.380952])
    assert loan.closing_usd == pytest.approx([523.809524, 0.0], abs=1e-6)


def test_grace_pays_interest_alone():
    loan = debt.level_debt(1000.0, interest_fraction=0.10, payments_count=2, grace_count=1)
    assert loan.service_usd == pytest.approx([100.0, 576.190476, 576.190476])
    slices = debt.equal_principal_debt(900.0, interest_fraction=0.10, payments_count=3, grace_count=1)
    # owed 900, 900, 600, 300: interest 90, 90, 60, 30, principal 0, 300, 300, 300
    assert slices.service_usd == pytest.approx([90.0, 390.0, 360.0, 330.0])


def test_textbook_payment():
    # Brealey, Myers and Allen, Principles of Corporate Finance, 10th edition, 2011, section 2.3: a 30-year mortgage
    # of $250,000 at 1 % a month takes 360 payments of $2,571.53.
    payment = debt.level_payment_usd(250_000.0, interest_fraction=0.01, payments_count=360)
    assert payment == pytest.approx(2571.53, abs=0.005)
    assert debt.level_payment_usd(120.0, interest_fraction=0.0, payments_count=12) == 10.0


def test_sculpted_by_hand():
    # Cash 130 and 260 at a coverage of 1.3 serve 100 and 200: loan 100/1.1 + 200/1.21 = 256.198; interest 25.62,
    # principal 74.38; then 181.818 owed, interest 18.18, principal 181.82.
    loan = debt.sculpted_debt(np.array([130.0, 260.0]), interest_fraction=0.10, coverage_ratio=1.3)
    assert loan.opening_usd == pytest.approx([256.198347, 181.818182])
    assert loan.principal_usd == pytest.approx([74.380165, 181.818182])
    ratios = debt.service_coverage_ratio(np.array([130.0, 260.0]), service_usd=loan.service_usd)
    assert ratios == pytest.approx([1.3, 1.3])


@given(CASH, RATES, st.floats(1.0, 3.0))
def test_a_sculpted_loan_is_repaid_and_its_life_coverage_is_its_coverage(cash, rate, coverage):
    # Level coverage means PV(cash) = coverage x PV(service) = coverage x debt at every date.
    loan = debt.sculpted_debt(cash, interest_fraction=rate, coverage_ratio=coverage)
    assert loan.closing_usd[-1] == pytest.approx(0.0, abs=1e-6 * loan.opening_usd[0])
    ratios = debt.life_coverage_ratio(cash, debt=loan, interest_fraction=rate)
    assert ratios == pytest.approx(np.full(cash.size, coverage), rel=1e-9)


@given(st.floats(1.0, 1e9), RATES, st.integers(1, 60), st.integers(0, 12))
def test_a_level_loan_is_repaid(principal, rate, payments, grace):
    loan = debt.level_debt(principal, interest_fraction=rate, payments_count=payments, grace_count=grace)
    assert loan.closing_usd[-1] == pytest.approx(0.0, abs=1e-7 * principal)
    assert loan.principal_usd.sum() == pytest.approx(principal)
    assert np.ptp(loan.service_usd[grace:]) == pytest.approx(0.0, abs=1e-7 * principal)


def test_sweep_by_hand():
    # 900 in three slices at 10 %; cash 500 each year, half of what is left is swept.
    # Year 1: interest 90, slice 300, left 110, swept 55: owed 545. Year 2: 54.5, 300, left 145.5, swept 72.75: 172.25.
    # Year 3: interest 17.225, the remaining 172.25, nothing owed, nothing swept.
    planned = debt.equal_principal_debt(900.0, interest_fraction=0.10, payments_count=3)
    loan = debt.swept_debt(planned, cash_usd=np.full(3, 500.0), interest_fraction=0.10, sweep_fraction=0.5)
    assert loan.closing_usd == pytest.approx([545.0, 172.25, 0.0])
    assert loan.service_usd == pytest.approx([445.0, 427.25, 189.475])
    assert not loan.shortfall_usd.any()


def test_missed_service_stays_owed():
    # 200 in two slices at 10 %. Cash 10 pays half the interest of 20: 10 is added, 100 + 10 is missed, 210 owed.
    # Then interest 21, the slice of 100 and the 110 missed: all 210, of cash 300.
    planned = debt.equal_principal_debt(200.0, interest_fraction=0.10, payments_count=2)
    loan = debt.swept_debt(planned, cash_usd=np.array([10.0, 300.0]), interest_fraction=0.10, sweep_fraction=0.0)
    assert loan.shortfall_usd == pytest.approx([110.0, 0.0])
    assert loan.service_usd == pytest.approx([10.0, 231.0])
    assert loan.closing_usd == pytest.approx([210.0, 0.0])


@given(CASH, RATES, st.floats(0.0, 1.0), st.floats(0.1, 50.0))
def test_service_never_exceeds_cash_and_no_money_appears(cash, rate, sweep, size):
    planned = debt.level_debt(float(cash.sum()) / size, interest_fraction=rate, payments_count=cash.size)
    loan = debt.swept_debt(planned, cash_usd=cash, interest_fraction=rate, sweep_fraction=sweep)
    assert (loan.service_usd <= cash * (1 + 1e-12)).all()
    # what is owed at the end is the loan grown at its rate less the grown payments
    growth = (1.0 + rate) ** np.arange(cash.size - 1, -1, -1.0)
    owed = loan.opening_usd[0] * (1.0 + rate) ** cash.size - loan.service_usd @ growth
    assert loan.closing_usd[-1] == pytest.approx(owed, abs=1e-7 * loan.opening_usd[0] * (1.0 + rate) ** cash.size)


def test_enough_cash_and_no_sweep_is_the_plan():
    planned = debt.level_debt(1000.0, interest_fraction=0.05, payments_count=7)
    loan = debt.swept_debt(planned, cash_usd=np.full(7, 500.0), interest_fraction=0.05, sweep_fraction=0.0)
    assert loan.principal_usd == pytest.approx(planned.principal_usd)


def test_interest_during_construction_by_hand():
    # Draws of 100 at the end of three months at 1 %: 100, 100 x 1.01 + 100 = 201, 201 x 1.01 + 100 = 303.01
    balance = debt.drawn_balance_usd(np.full(3, 100.0), interest_fraction=0.01)
    assert balance == pytest.approx([100.0, 201.0, 303.01])
    # half of 1,200 for 6 months at 8 % a year: 600 x 0.08 / 2 = 24
    assert debt.average_balance_interest_usd(1200.0, interest_per_year_fraction=0.08, months=6.0) == pytest.approx(24.0)
    assert debt.interest_per_month_fraction(0.12) == pytest.approx(0.01)


def test_reserve_holds_the_service_ahead():
    # Service 10, 20, 30; half a step ahead: 5 at signature, then 10, 15, 0; paid in 5, 5, 5, -15
    service = np.array([10.0, 20.0, 30.0])
    assert debt.reserve_balance_usd(service, steps_count=0.5) == pytest.approx([10.0, 15.0, 0.0])
    first, funding = debt.reserve_funding_usd(service, steps_count=0.5)
    assert first == pytest.approx(5.0)
    assert funding == pytest.approx([5.0, 5.0, -15.0])
    # one and a half ahead: 20 + 15, 30, 0
    assert debt.reserve_balance_usd(service, steps_count=1.5) == pytest.approx([35.0, 30.0, 0.0])


def test_ratios_without_debt_are_no_numbers():
    nothing = np.zeros(2)
    assert np.isnan(debt.service_coverage_ratio(np.ones(2), service_usd=nothing)).all()
    ratios = debt.loan_to_value_ratio(np.array([50.0, 50.0, 0.0]), asset_value_usd=np.array([100.0, 0.0, 0.0]))
    assert ratios[:2].tolist() == [0.5, np.inf]
    assert np.isnan(ratios[2])
