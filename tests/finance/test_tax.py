"""Income tax: sums by hand, and what carrying losses forward can never do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.catalog import load
from gigawatt.catalog.taxation import us_federal_tax
from gigawatt.finance.tax import CarriedForward, RelievedAtOnce, TaxRegime, income_tax

US = us_federal_tax(load())
INCOMES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=30).map(np.array)


def test_losses_wait_and_offset_four_fifths():
    # -100, then 50: 80 % of 50 = 40 of the loss is used, 10 taxed at 21 % = 2.1, 60 wait; then 100: 60 used, 40 taxed.
    tax = income_tax(np.array([-100.0, 50.0, 100.0]), regime=US)
    assert tax.tax_usd == pytest.approx([0.0, 2.1, 8.4])
    assert tax.waiting_losses_usd == pytest.approx([100.0, 60.0, 0.0])


def test_relief_at_once():
    regime = TaxRegime(rate_fraction=0.25, losses=RelievedAtOnce())
    # a quarter of -100 is -25; a quarter of 40, less a credit of 30, is -20
    tax = income_tax(np.array([-100.0, 40.0]), regime=regime, credits_usd=np.array([0.0, 30.0]))
    assert tax.tax_usd == pytest.approx([-25.0, -20.0])


def test_credits_wait():
    # Tax of 25 a year, credits of 40 in the first that may pay 75 % of it: 18.75 used, 21.25 wait; 18.75; 2.5.
    regime = TaxRegime(rate_fraction=0.25, losses=CarriedForward(limit_fraction=1.0), credit_limit_fraction=0.75)
    tax = income_tax(np.full(3, 100.0), regime=regime, credits_usd=np.array([40.0, 0.0, 0.0]))
    assert tax.tax_usd == pytest.approx([6.25, 6.25, 22.5])
    assert tax.waiting_credits_usd == pytest.approx([21.25, 2.5, 0.0])


@given(INCOMES, st.floats(0.0, 1.0), st.floats(0.0, 0.6))
def test_no_loss_is_used_twice_or_lost(incomes, limit, rate):
    tax = income_tax(incomes, regime=TaxRegime(rate_fraction=rate, losses=CarriedForward(limit_fraction=limit)))
    assert (tax.tax_usd >= 0.0).all()
    # taxed income is all income plus the losses that still wait
    assert tax.tax_usd.sum() == pytest.approx(rate * (incomes.sum() + tax.waiting_losses_usd[-1]), abs=1e-8)


@given(INCOMES, st.floats(0.0, 0.6))
def test_waiting_is_never_cheaper_than_relief(incomes, rate):
    waiting = income_tax(incomes, regime=TaxRegime(rate_fraction=rate, losses=CarriedForward(limit_fraction=1.0)))
    relieved = income_tax(incomes, regime=TaxRegime(rate_fraction=rate, losses=RelievedAtOnce()))
    assert (np.cumsum(waiting.tax_usd) >= np.cumsum(relieved.tax_usd) - 1e-8).all()
