"""What must hold in every set of accounts."""

from dataclasses import fields, replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import Repayment, SpendCommitment
from gigawatt.entities.site import Cloud, Leased, Owned
from gigawatt.finance import appraise, cash_by_party
from gigawatt.finance.statements import statements
from gigawatt.simulation import simulate
from tests.finance.agreements import EVERY_OTHER_KIND
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


@st.composite
def agreements(draw):
    """Some contracts of every kind with terms at will, all with parties of the sample."""
    chosen = [contract for contract in EVERY_OTHER_KIND if draw(st.booleans())]
    changed = [_with_terms_at_will(draw, contract) for contract in chosen]
    return (draw(tranches()), ROUND, *changed)


def _with_terms_at_will(draw, contract):
    lengths = {"term_months": st.integers(1, 48), "payment_lag_months": st.integers(0, 12)}
    amounts = {
        "amount_usd": st.sampled_from((1e6, 123_456.789, 5e9)),
        "cap_usd": st.sampled_from((0.0, 1e6, 1e12)),
        "capacity_mw": st.floats(0.1, 500.0),
        "leased_it_mw": st.floats(0.1, 500.0),
        "share_fraction": st.floats(0.0, 1.0),
        "credit_fraction": st.floats(0.0, 1.0),
        "capex_fraction": st.floats(0.0, 1.0),
        "strike_usd_per_mwh": st.floats(0.0, 200.0),
        "rate_fraction": st.floats(0.0, 0.5),
    }
    own = {field.name for field in fields(contract)}
    terms = {name: draw(values) for name, values in (lengths | amounts).items() if name in own}
    if isinstance(contract, SpendCommitment):
        terms["settlement_months"] = terms["term_months"]
    if "terms" in own:
        terms["terms"] = replace(
            contract.terms,
            commitment_usd=draw(st.sampled_from((0.0, 7e6, 1e10))),
            advance_fraction=draw(st.floats(0.0, 1.0)),
            grace_months=draw(st.integers(1, 24)),
            tenor_months=draw(st.integers(1, 60)),
            repayment=draw(st.sampled_from(Repayment)),
            target_dscr_ratio=draw(st.floats(1.0, 3.0)),
            least_dscr_ratio=draw(st.sampled_from((0.0, 1.2, 9.0))),
            most_ltv_fraction=draw(st.sampled_from((0.0, 0.5, 1.0))),
            sweep_fraction=draw(st.sampled_from((0.0, 0.5, 1.0))),
        )
    return replace(contract, **terms)


@settings(max_examples=12, deadline=None)
@given(cases(), agreements(), st.sampled_from((0.0, 5e7, 3e9)))
def test_every_set_of_contracts_conserves_cash_and_balances_its_books(case, contracts, opening_cash_usd):
    treasury = replace(case.inputs.treasury, opening_cash_usd=opening_cash_usd)
    inputs = replace(case.inputs, contracts=contracts, treasury=treasury)
    history, money = accounts(case, inputs)
    cents = (pl.col("^.*_usd$") * 100).round().cast(pl.Int64)
    books = statements(inputs, history, appraisal=money)
    sheet = books.balance_sheet.with_columns(cents)
    assert (sheet["total_assets_usd"] == sheet["total_claims_usd"]).all()
    flow = books.cash_flow.with_columns(cents)
    assert (flow["closing_cash_usd"] == sheet["cash_usd"]).all()
    # What one party gets another pays: over all parties no month changes the cash there is.
    moved = pl.col("operating_usd") + pl.col("investing_usd") + pl.col("financing_usd")
    assert (flow.group_by("month").agg(moved.sum().alias("moved"))["moved"] == 0).all()
    earned = sheet.sort("party", "month").group_by("party", maintain_order=True).agg(pl.last("retained_earnings_usd"))
    income = books.income.with_columns(cents).sort("party").group_by("party", maintain_order=True)
    assert (earned["retained_earnings_usd"] == income.agg(pl.sum("net_income_usd"))["net_income_usd"]).all()
    # Nobody owes less than nothing, nothing is written off that was not bought, no loan exceeds its commitment.
    assert (sheet["debt_usd"] >= 0).all()
    assert (sheet["fixed_assets_usd"] - sheet["accumulated_depreciation_usd"] >= -len(money.flows)).all()
    for contract in contracts:
        drawn = money.loans.filter(pl.col("contract") == contract.id)["drawn_usd"].sum()
        assert drawn <= getattr(getattr(contract, "terms", None), "commitment_usd", 0.0) + 0.005
