"""What a party's payments return, seen in four ways, and loans at their weakest: sums by hand."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import pyxirr

from gigawatt.finance.contracts.given import LOAN_SCHEMA, STAKE_SCHEMA
from gigawatt.finance.flows import Purpose
from gigawatt.finance.party_returns import (
    View,
    holdings,
    loan_coverages,
    party_returns,
    programme_runway_months,
)
from tests.finance.agreements import GPU_LOAN, TERMS
from tests.finance.programmes import eight_racks

PLAYED = eight_racks()
INPUTS = PLAYED.inputs
START = INPUTS.calendar.months


def flows(*rows):
    columns = ("month", "payer", "payee", "purpose", "amount_usd")
    table = pl.DataFrame([dict(zip(columns, row, strict=True)) for row in rows])
    return table.with_columns(
        kind=pl.col("purpose").map_elements(lambda name: Purpose(name).kind.value, return_dtype=pl.String),
        site=pl.lit(""),
        platform=pl.lit(""),
        amount_usd=pl.col("amount_usd").cast(pl.Float64),
    )


# NVIDIA puts 100 into OpenAI, which borrows 50 of SoftBank, buys systems for 120 of NVIDIA, earns 30 and 150, and pays
# 60 back.
FLOWS = flows(
    (START[0], "nvidia", "openai", "tranche", 100),
    (START[0], "softbank", "openai", "loan", 50),
    (START[1], "openai", "nvidia", "systems", 120),
    (START[6], "customers", "openai", "tokens", 30),
    (START[24], "customers", "openai", "tokens", 150),
    (START[24], "openai", "softbank", "principal", 50),
    (START[24], "openai", "softbank", "interest", 10),
)
STAKES = pl.DataFrame(
    [
        {
            "contract": "tranches",
            "month": START[0],
            "issuer": "openai",
            "holder": "nvidia",
            "paid_usd": 100.0,
            "pre_money_usd": 300.0,
            "stake_fraction": 0.25,
            "value_usd": 100.0,
        },
        {
            "contract": "round",
            "month": START[3],
            "issuer": "openai",
            "holder": "softbank",
            "paid_usd": 200.0,
            "pre_money_usd": 600.0,
            "stake_fraction": 0.25,
            "value_usd": 200.0,
        },
    ],
    schema=STAKE_SCHEMA,
)
APPRAISAL = replace(PLAYED.appraisal, flows=FLOWS, stakes=STAKES)


def seen(party, view):
    return next(each for each in party_returns(INPUTS, appraisal=APPRAISAL, party=party) if each.view is view)


def test_project_of_the_programme():
    # -120, then +30 and +150: multiple 180 / 120, paid back with the last payment; peak need 120 in month 1.
    project = seen("openai", View.PROJECT)
    assert (project.paid_usd, project.received_usd) == (120.0, 180.0)
    assert project.multiple_ratio == pytest.approx(1.5)
    assert project.payback == START[24]
    assert (project.peak_funding_usd, project.peak_funding_month) == (120.0, START[1])
    days, net = [START[1], START[6], START[24]], [-120.0, 30.0, 150.0]
    assert project.rate_fraction == pytest.approx(pyxirr.xirr(days, net), rel=1e-6)


def test_equity_of_the_programme():
    # Without what shareholders pay in: +50, -120, +30, +150 - 60: the loan takes 10 more than it gave.
    equity = seen("openai", View.EQUITY)
    assert (equity.paid_usd, equity.received_usd) == (180.0, 230.0)
    days = [START[0], START[1], START[6], START[24]]
    assert equity.rate_fraction == pytest.approx(pyxirr.xirr(days, [50.0, -120.0, 30.0, 90.0], guess=0.1), rel=1e-6)


def test_an_investors_views():
    # NVIDIA's quarter is diluted by a later quarter: 0.25 x 0.75 = 0.1875 of 800 = 150.
    held = seen("nvidia", View.INVESTMENT)
    assert held.held_usd == pytest.approx(150.0)
    days = [START[0], START[-1]]
    assert held.rate_fraction == pytest.approx(pyxirr.xirr(days, [-100.0, 150.0]), rel=1e-6)
    # Everything it pays comes back as purchases of its systems within a month, and 20 more.
    everything = seen("nvidia", View.EVERYTHING)
    assert (everything.paid_usd, everything.received_usd, everything.held_usd) == (100.0, 120.0, 0.0)
    assert everything.payback == START[1]


def test_shares_without_a_valuation_have_no_return():
    bare = replace(APPRAISAL, stakes=STAKES.filter(pl.col("holder") != "nvidia"))
    held = next(e for e in party_returns(INPUTS, appraisal=bare, party="nvidia") if e.view is View.INVESTMENT)
    assert np.isnan([held.held_usd, held.rate_fraction, held.multiple_ratio]).all()
    assert held.payback is None


def test_views_of_the_same_payments_are_told_once():
    assert [each.view for each in party_returns(INPUTS, appraisal=APPRAISAL, party="customers")] == [View.PROJECT]


def test_who_neither_pays_nor_receives_has_no_views():
    assert party_returns(INPUTS, appraisal=APPRAISAL, party="utilities") == ()


def test_holdings_add_up_to_what_was_sold():
    table = holdings(STAKES)
    assert table["holder"].to_list() == ["nvidia", "softbank"]
    assert table["stake_fraction"].to_list() == pytest.approx([0.1875, 0.25])
    assert table["value_usd"].to_list() == pytest.approx([150.0, 200.0])


def test_warrants_count_as_when_they_vested():
    warrant = pl.DataFrame(
        [{"contract": "w", "month": START[2], "issuer": "amd", "holder": "openai", "paid_usd": 1.0, "value_usd": 9.0}],
        schema_overrides=STAKE_SCHEMA,
    ).select(
        [
            pl.col(n)
            if n in {"contract", "month", "issuer", "holder", "paid_usd", "value_usd"}
            else pl.lit(None, t).alias(n)
            for n, t in STAKE_SCHEMA.items()
        ]
    )
    assert holdings(warrant)["value_usd"].to_list() == [10.0]


def test_runway():
    # Opening cash 3 bn: 3 bn + 150 - 120 + ... never runs dry.
    assert np.isinf(programme_runway_months(INPUTS, appraisal=APPRAISAL)).all()
    poor = replace(INPUTS, treasury=replace(INPUTS.treasury, opening_cash_usd=0.0))
    runway = programme_runway_months(poor, appraisal=APPRAISAL)
    # At the end of month 0 there are 150, of which 120 go in month 1; then 30 + 30 + 150 pay for 60.
    assert np.isinf(runway).all()
    # Without the 150 there are 60 for the 60 that are due; without the first 30 as well, month 24 is not paid for.
    late = FLOWS.with_columns(
        amount_usd=pl.when(pl.col("month") == START[24], pl.col("purpose") == "tokens")
        .then(-1.0)
        .otherwise(pl.col("amount_usd"))
    ).filter(pl.col("amount_usd") > 0.0)
    assert programme_runway_months(poor, appraisal=replace(APPRAISAL, flows=late))[0] == np.inf
    worse = late.filter(pl.col("month") != START[6])
    assert programme_runway_months(poor, appraisal=replace(APPRAISAL, flows=worse))[0] == 23.0
    bare = replace(APPRAISAL, flows=FLOWS.filter(pl.col("purpose") != "loan"))
    # Without the loan: 100 at first, 120 due in month 1, nothing left after month 0.
    assert programme_runway_months(poor, appraisal=bare)[0] == 0.0


def test_a_loan_at_its_weakest():
    months = INPUTS.calendar.months
    # Drawn 100 in month 0 at no interest, 25 back in each of months 12 to 15 from cash of 40, 50, 30, 40; worth 200.
    principal, available = np.zeros(len(months)), np.zeros(len(months))
    principal[12:16] = 25.0
    available[12:16] = 40.0, 50.0, 30.0, 40.0
    drawn = np.zeros(len(months))
    drawn[0] = 100.0
    columns = {
        "contract": ["loan"] * len(months),
        "month": months,
        "drawn_usd": drawn,
        "interest_usd": np.zeros(len(months)),
        "principal_usd": principal,
        "unpaid_usd": np.zeros(len(months)),
        "balance_usd": np.cumsum(drawn - principal),
        "available_usd": available,
        "collateral_usd": np.full(len(months), 200.0),
        "reserve_usd": np.zeros(len(months)),
    }
    contract = replace(GPU_LOAN, id="loan", terms=replace(TERMS, rate_fraction_per_year=0.0))
    (weakest,) = loan_coverages(
        replace(INPUTS, contracts=(contract,)),
        appraisal=replace(APPRAISAL, loans=pl.DataFrame(columns, schema=LOAN_SCHEMA)),
    )
    # DSCR of the year: 160 / 100. LLCR: 160 / 100 at first, 120 / 75, 70 / 50 = 1.4, 40 / 25. LTV: 100 / 200.
    assert (weakest.least_dscr_ratio, weakest.least_dscr_year) == (pytest.approx(1.6), months[12].year)
    assert weakest.least_llcr_ratio == pytest.approx(1.4)
    assert weakest.greatest_ltv_ratio == pytest.approx(0.5)
