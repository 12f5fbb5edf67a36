"""Payments are whole cents, and what one pays another receives."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.finance import FlowKind, Purpose, cash_by_party, operating_cost_usd
from gigawatt.finance.flows import Stream, flow_table, monthly_usd
from gigawatt.timeline import Calendar
from tests.finance.programmes import eight_racks

CALENDAR = Calendar(start=date(2027, 1, 1), month_count=3, months_per_period=1)


def stream(*amounts, payer="a", payee="b", purpose=Purpose.RENT):
    return Stream(payer=payer, payee=payee, purpose=purpose, amount_usd=np.array(amounts))


def test_amounts_are_rounded_to_cents_and_nothing_is_no_row():
    table = flow_table([stream(0.004, 1.006, 0.0)], calendar=CALENDAR)
    assert table["month"].to_list() == [date(2027, 2, 1)]
    assert table["amount_usd"].to_list() == [1.01]


def test_rows_are_in_order_of_month():
    table = flow_table([stream(1.0, 2.0, 3.0), stream(4.0, 5.0, 6.0, payee="c")], calendar=CALENDAR)
    assert table["amount_usd"].to_list() == [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]


def test_a_negative_payment_is_a_bug():
    with pytest.raises(ValueError, match="negative"):
        flow_table([stream(1.0, -1.0, 0.0)], calendar=CALENDAR)


def test_no_streams_make_an_empty_table():
    assert flow_table([], calendar=CALENDAR).height == 0


def test_net_cash_of_a_party():
    table = flow_table([stream(1.1, 2.2, 3.3), stream(0.1, 0.2, 5.0, payer="b", payee="a")], calendar=CALENDAR)
    assert monthly_usd(table, party="b", calendar=CALENDAR).tolist() == [1.0, 2.0, -1.7]


def test_cash_by_party_has_every_month_of_every_party():
    played = eight_racks()
    cash = cash_by_party(played.appraisal, played.inputs.calendar)
    assert cash.columns == ["month", "party", "cash_in_usd", "cash_out_usd"]
    assert cash.height == 36 * 5  # openai, nvidia, builders, utilities, customers
    july = cash.filter(month=date(2027, 7, 1), party="nvidia")
    assert july["cash_in_usd"].to_list() == [22.4e6]
    assert july["cash_out_usd"].to_list() == [0.0]


def test_cash_by_party_of_nothing_is_empty():
    played = eight_racks()
    nothing = replace(played.appraisal, flows=played.appraisal.flows.clear())
    assert cash_by_party(nothing, played.inputs.calendar).height == 0


def test_every_purpose_has_its_kind():
    assert {purpose.kind for purpose in Purpose} == set(FlowKind)


def test_operating_cost_counts_what_pays_for_it_only_once():
    # the provider spends 7 + 2 on running the site and asks 30 for it, a landlord asks 5 for another: 7 + 2
    opex = {Purpose.ENERGY.value: 7.0, Purpose.SYSTEMS_OPERATION.value: 2.0, "cloud": 30.0, "rent": 5.0}
    assert operating_cost_usd(opex) == 9.0
