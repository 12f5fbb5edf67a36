"""The circle of money: sums by hand, and what no purchase can do."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigawatt.finance.circle import investor_circles, payment_matrix, returned
from tests.finance.programmes import eight_racks
from tests.finance.test_party_returns import flows
from tests.samples import CALENDAR

MONTHS = CALENDAR.months
PLAYED = eight_racks()


def monthly(*amounts):
    series = np.zeros(CALENDAR.month_count)
    series[: len(amounts)] = amounts
    return series


def test_first_in_first_out_by_hand():
    # Put in 100 and, in month 2, 50. Bought 30 in month 1, 90 in month 3, 60 in month 5: 30, then 90, then the last 30.
    found = returned(monthly(100, 0, 50), bought_usd=monthly(0, 30, 0, 90, 0, 60), calendar=CALENDAR)
    assert found.returned_usd[:6].tolist() == [0.0, 30.0, 0.0, 90.0, 0.0, 30.0]
    assert found.share_fraction == pytest.approx(1.0)
    # 30 waited a month, the other 70 of the first 100 three; 20 of the 50 one and 30 three: (30 + 210 + 20 + 90) / 150
    assert found.mean_months == pytest.approx(350 / 150)
    assert found.half_by == MONTHS[3]


def test_what_was_bought_before_returns_nothing():
    found = returned(monthly(0, 100), bought_usd=monthly(500, 0, 40), calendar=CALENDAR)
    assert found.share_fraction == pytest.approx(0.4)
    assert found.mean_months == pytest.approx(1.0)
    assert found.half_by is None


AMOUNTS = st.lists(st.floats(0.0, 1e9), min_size=CALENDAR.month_count, max_size=CALENDAR.month_count).map(np.array)


@given(AMOUNTS, AMOUNTS)
def test_never_more_comes_back_than_was_put_in_or_bought(invested, bought):
    found = returned(invested, bought_usd=bought, calendar=CALENDAR)
    slack = 1e-6 * (1.0 + invested.sum())
    assert (np.cumsum(found.returned_usd) <= np.cumsum(invested) + slack).all()
    assert (found.returned_usd <= bought + slack).all()
    if found.returned_usd.sum() > 0.0:
        assert -1e-6 <= found.mean_months <= CALENDAR.month_count


FLOWS = flows(
    (MONTHS[0], "nvidia", "openai", "tranche", 100),
    (MONTHS[0], "openai", "amd", "warrant exercise", 1),
    (MONTHS[2], "openai", "nvidia", "systems", 40),
    (MONTHS[3], "oracle", "nvidia", "systems", 500),
    (MONTHS[3], "openai", "oracle", "cloud", 70),
    (MONTHS[4], "softbank", "openai", "loan", 30),
)


def test_circles_of_investors():
    nvidia, softbank = investor_circles(PLAYED.inputs, appraisal=replace(PLAYED.appraisal, flows=FLOWS))
    # OpenAI, which NVIDIA paid, buys 40 of it two months later; all parties buy 540 and return the whole 100:
    # 40 after two months, 60 after three.
    assert nvidia.investor == "nvidia"
    assert (nvidia.of_recipients.share_fraction, nvidia.of_recipients.mean_months) == (0.4, 2.0)
    assert (nvidia.of_everybody.share_fraction, nvidia.of_everybody.mean_months) == (1.0, pytest.approx(2.6))
    assert nvidia.of_everybody.bought_usd.sum() == 540.0
    assert (softbank.investor, softbank.of_everybody.share_fraction) == ("softbank", 0.0)
    assert np.isnan(softbank.of_everybody.mean_months)


def test_matrix_holds_every_payment():
    matrix = payment_matrix(PLAYED.appraisal.flows)
    assert matrix["amount_usd"].sum() == pytest.approx(PLAYED.appraisal.flows["amount_usd"].sum(), abs=0.01)
    paid = payment_matrix(FLOWS).filter((pl.col("payer") == "openai") & (pl.col("payee") == "nvidia"))
    assert paid.select("kind", "amount_usd").rows() == [("capex", 40.0)]
