"""What must hold in every set of accounts."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.site import Cloud, Leased, Owned
from gigawatt.finance import appraise, cash_by_party
from gigawatt.simulation import simulate
from tests.samples import ROUND, TRANCHES
from tests.simulation.strategies import PLATFORMS, cases

FEW = settings(max_examples=30, deadline=None)


def accounts(case, inputs=None):
    inputs = inputs or case.inputs
    history = simulate(inputs, case.performance, case.plan, luck=case.luck)
    return history, appraise(inputs, case.plan, history)


@st.composite
def tranches(draw):
    unit_mw = draw(st.sampled_from((1.0, 3.3, 10.0)))
    return replace(
        TRANCHES,
        unit_mw=unit_mw,
        basis=draw(st.sampled_from(PowerBasis)),
        amount_usd=draw(st.sampled_from((1e8, 3.3e8, 10e9))),
        cap_usd=draw(st.sampled_from((1e8, 1e9, 100e9))),
        platforms=PLATFORMS,
        payment_lag_months=draw(st.integers(0, 6)),
    )


def with_doubled_prices(inputs):
    def doubled(ownership):
        match ownership:
            case Owned():
                return ownership
            case Leased():
                return replace(ownership, rent_usd_per_it_mw_month=2 * ownership.rent_usd_per_it_mw_month)
            case Cloud():
                return replace(ownership, price_usd_per_facility_mw_month=2 * ownership.price_usd_per_facility_mw_month)

    def twice(prices):
        return {day: 2 * price for day, price in prices.items()}

    layers = {name: 2 * getattr(inputs.costs, name) for name in inputs.costs.__slots__ if name.endswith("_mw")}
    return replace(
        inputs,
        offers=tuple(replace(o, price_usd_per_rack=2 * o.price_usd_per_rack) for o in inputs.offers),
        sites=tuple(
            replace(s, energy_price_usd_per_mwh=2 * s.energy_price_usd_per_mwh, ownership=doubled(s.ownership))
            for s in inputs.sites
        ),
        services=tuple(
            replace(
                s,
                input_price_usd_per_mtoken=twice(s.input_price_usd_per_mtoken),
                output_price_usd_per_mtoken=twice(s.output_price_usd_per_mtoken),
            )
            for s in inputs.services
        ),
        costs=replace(inputs.costs, **layers),
    )


@FEW
@given(cases(), tranches())
def test_cash_between_parties_sums_to_zero_to_the_cent(case, contract):
    inputs = replace(case.inputs, contracts=(contract, ROUND))
    _, money = accounts(case, inputs)
    cash = cash_by_party(money, inputs.calendar).with_columns((pl.col("^cash_.*$") * 100).round().cast(pl.Int64))
    by_month = cash.group_by("month").agg(pl.col("cash_in_usd").sum(), pl.col("cash_out_usd").sum())
    assert (by_month["cash_in_usd"] == by_month["cash_out_usd"]).all()
    cents = money.flows["amount_usd"] * 100
    assert ((cents - cents.round()).abs() < 1e-3).all()
    assert (money.flows["amount_usd"] > 0).all()
    known = {party.id for party in inputs.parties}
    assert set(money.flows["payer"]) | set(money.flows["payee"]) <= known


@FEW
@given(cases())
def test_doubling_all_prices_doubles_the_present_value(case):
    _, once = accounts(case)
    _, twice = accounts(case, with_doubled_prices(case.inputs))
    # Each payment is rounded to the cent, by at most half a cent, in both.
    slack = 0.02 * (twice.flows.height + 1)
    assert twice.npv_usd == pytest.approx(2 * once.npv_usd, abs=slack)
    assert twice.peak_funding_usd == pytest.approx(2 * once.peak_funding_usd, abs=slack)


@FEW
@given(cases(), tranches())
def test_milestones_never_come_before_their_unit_nor_exceed_the_cap(case, contract):
    inputs = replace(case.inputs, contracts=(contract,))
    history, money = accounts(case, inputs)
    basis = "energized_it_mw" if contract.basis is PowerBasis.IT else "energized_facility_mw"
    level = np.maximum.accumulate(history.state[basis].sum(("site", "platform")).values)
    for milestone in money.milestones:
        month = inputs.calendar.month_index(milestone.reached)
        asked = milestone.gigawatt * contract.unit_mw
        assert level[month] >= asked - 2e-6 * contract.unit_mw
        assert month == 0 or level[month - 1] < asked
        assert inputs.calendar.month_index(milestone.paid) == month + contract.payment_lag_months
    assert sum(milestone.amount_usd for milestone in money.milestones) <= contract.cap_usd * (1 + 1e-9)
    most = min(int(level[-1] / contract.unit_mw + 1e-6), int(contract.cap_usd / contract.amount_usd + 1e-6))
    assert len(money.milestones) == most


@FEW
@given(cases())
def test_capex_and_revenue_are_the_sums_of_their_payments(case):
    history, money = accounts(case)
    by_kind = dict(money.flows.group_by("kind").agg(pl.col("amount_usd").sum()).iter_rows())
    assert sum(money.capex_usd.values()) == pytest.approx(by_kind.get("capex", 0.0))
    assert sum(money.opex_usd.values()) == pytest.approx(by_kind.get("opex", 0.0))
    # Input and output tokens cost $2 per million each.
    tokens = float(history.state["served_tokens"].sum())
    assert money.revenue_usd == pytest.approx(tokens * 2 / 1e6, abs=0.01 * (money.flows.height + 1))


@FEW
@given(cases(), st.floats(0.0, 0.3))
def test_present_value_is_nothing_at_the_rate_of_return(case, rate):
    _, money = accounts(case)
    if np.isnan(money.irr_fraction):
        return
    _, at_irr = accounts(case, replace(case.inputs, discount_rate_fraction=money.irr_fraction))
    scale = max(money.peak_funding_usd, money.revenue_usd)
    assert abs(at_irr.npv_usd) <= 1e-6 * scale
    _, elsewhere = accounts(case, replace(case.inputs, discount_rate_fraction=rate))
    assert elsewhere.irr_fraction == money.irr_fraction
