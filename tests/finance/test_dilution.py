"""Stakes after one payment upon another, by hand."""

from dataclasses import replace
from datetime import date

import pytest

from gigawatt.entities.contracts import EquityRound, Instalment
from gigawatt.finance.dilution import EARLIER, holdings
from tests.finance.programmes import play
from tests.finance.test_contracts import hundreds
from tests.samples import CALENDAR


def test_each_payment_dilutes_those_before_it():
    # $0.5 bn at $9.5 bn before: 0.5 / 10 = 5 % in August; as many shares again in November: 1 / 10.5 are NVIDIA's then.
    played = hundreds(1, 1, pre_money_usd=dict.fromkeys(CALENDAR.months, 9.5e9))
    found = holdings(played.appraisal, issuer="openai")
    last = dict(found.filter(found["month"] == date(2027, 11, 1)).select("holder", "stake_fraction").iter_rows())
    assert last == pytest.approx({EARLIER: 9.5 / 10.5, "nvidia": 1.0 / 10.5})
    assert found["month"].unique().to_list() == [date(2027, 8, 1), date(2027, 11, 1)]


def test_several_holders_add_up_to_the_whole():
    terms = EquityRound(
        id="round",
        investor="softbank",
        recipient="openai",
        instalments=(Instalment(on=date(2027, 9, 1), amount_usd=1e9),),
        pre_money_usd=dict.fromkeys(CALENDAR.months, 19e9),
    )
    base = hundreds(1, 1, pre_money_usd=dict.fromkeys(CALENDAR.months, 9.5e9))
    inputs = replace(base.inputs, contracts=(*base.inputs.contracts, terms))
    found = holdings(play(inputs, base.plan).appraisal, issuer="openai")
    for month in found["month"].unique():
        assert found.filter(found["month"] == month)["stake_fraction"].sum() == pytest.approx(1.0)
