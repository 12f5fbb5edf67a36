"""Statements of the eight racks, added up by hand, and what must hold in all of them."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gigawatt.entities.capital import Party, PartyRole
from gigawatt.entities.contracts import EquityRound, Instalment
from gigawatt.finance.assets import Assets, retirements, written_off_usd
from gigawatt.finance.flows import Purpose
from gigawatt.finance.statements import Line, booked, in_real_usd, statements
from tests.finance.agreements import GPU_LOAN, WARRANT
from tests.finance.programmes import eight_racks
from tests.samples import offer


def rows(table: pl.DataFrame, party: str) -> dict[date, dict]:
    return {row["month"]: row for row in table.filter(pl.col("party") == party).iter_rows(named=True)}


@pytest.fixture(scope="module")
def bare():
    played = eight_racks()
    return played, statements(played.inputs, played.history, appraisal=played.appraisal)


def test_the_programmes_books_by_hand(bare):
    _, found = bare
    # Facility of 2 MW: 2 x $13.4 M = 26.8 M, over the twelve months before July 2027; what precedes January (July 2026
    # to December: 6) falls in January with its own share: 7/12. Deposit on eight racks: 8 x 3.5 M x 20 % = 5.6 M.
    january = rows(found.balance_sheet, "openai")[date(2027, 1, 1)]
    assert january["fixed_assets_usd"] == pytest.approx(26.8e6 * 7 / 12 + 5.6e6, abs=0.03)
    assert january["cash_usd"] == pytest.approx(3e9 - 26.8e6 * 7 / 12 - 5.6e6, abs=0.03)
    # By the end all is paid: 26.8 M + 28 M + fabric 8 x 0.165 MW x 4.55 M = 6.006 M.
    end = rows(found.balance_sheet, "openai")[date(2029, 12, 1)]
    assert end["fixed_assets_usd"] == pytest.approx(60.806e6, abs=0.1)
    # Written off in the 30 months from July 2027: 34.006 M x 30/60 + 26.8 M x 30/240 = 17.003 M + 3.35 M.
    assert end["accumulated_depreciation_usd"] == 20_353_000.0
    # December 2029: 8 M of tokens; 67,000 + 56,676.67 to operate, energy 45,254.25; depreciation 34.006 M/60 + 26.8
    # M/240.
    december = rows(found.income, "openai")[date(2029, 12, 1)]
    assert december["revenue_usd"] == 8e6
    assert december["operating_cost_usd"] == pytest.approx(168_930.92, abs=0.02)
    assert december["depreciation_usd"] == pytest.approx(566_766.67 + 111_666.67, abs=0.02)
    assert december["net_income_usd"] == pytest.approx(8e6 - 168_930.92 - 678_433.34, abs=0.03)


def test_the_vendor_earns_what_the_programme_puts_into_assets(bare):
    _, found = bare
    vendor = found.income.filter(pl.col("party") == "nvidia")
    assert vendor["revenue_usd"].sum() == 28e6
    assert rows(found.balance_sheet, "nvidia")[date(2029, 12, 1)]["retained_earnings_usd"] == 28e6


def test_goods_are_what_a_vendors_systems_cost_it():
    made = replace(offer(), supplier="makers", goods_fraction=0.25)
    makers = Party(id="makers", name="Makers", roles=(PartyRole.SUPPLIER,))
    played = eight_racks(offers=(made,), parties=(*eight_racks().inputs.parties, makers))
    found = statements(played.inputs, played.history, appraisal=played.appraisal)
    # A quarter of 5.6 M in January and of 22.4 M in July: 1.4 M and 5.6 M; of 28 M the vendor keeps 21 M.
    goods = played.appraisal.flows.filter(pl.col("purpose") == "goods")
    assert goods.select("month", "payer", "payee", "amount_usd").rows() == [
        (date(2027, 1, 1), "nvidia", "makers", 1.4e6),
        (date(2027, 7, 1), "nvidia", "makers", 5.6e6),
    ]
    assert found.income.filter(pl.col("party") == "nvidia")["net_income_usd"].sum() == 21e6
    # A price between parties: neither the programme nor the cost of compute pays it a second time.
    without = eight_racks().appraisal
    assert played.appraisal.npv_usd == without.npv_usd
    assert played.appraisal.unit_costs.equals(without.unit_costs)


def test_vested_shares_are_income_here_and_an_expense_there():
    played = eight_racks(contracts=(WARRANT,))
    found = statements(played.inputs, played.history, appraisal=played.appraisal)
    # July 2027: 20 M shares at $260 for $0.01 each: 200,000 paid, 5,199.8 M gained, an investment of 5,200 M.
    july = date(2027, 7, 1)
    assert rows(found.balance_sheet, "openai")[july]["investments_usd"] == 5.2e9
    assert rows(found.income, "openai")[july]["other_income_usd"] == 5.1998e9
    assert rows(found.cash_flow, "openai")[july]["investing_usd"] == pytest.approx(
        -200e3 + rows(statements_of_eight_racks().cash_flow, "openai")[july]["investing_usd"]
    )
    assert rows(found.balance_sheet, "nvidia")[july]["paid_in_capital_usd"] == 5.2e9
    assert rows(found.income, "nvidia")[july]["other_expense_usd"] == 5.1998e9
    assert found.balance_sheet["total_assets_usd"].to_list() == found.balance_sheet["total_claims_usd"].to_list()


def statements_of_eight_racks():
    played = eight_racks()
    return statements(played.inputs, played.history, appraisal=played.appraisal)


def test_equity_is_an_investment_here_and_capital_there():
    money = EquityRound(
        id="round",
        investor="softbank",
        recipient="openai",
        instalments=(Instalment(on=date(2027, 4, 1), amount_usd=2e9),),
    )
    played = eight_racks(contracts=(money,))
    found = statements(played.inputs, played.history, appraisal=played.appraisal)
    april = date(2027, 4, 1)
    assert rows(found.balance_sheet, "softbank")[april]["investments_usd"] == 2e9
    assert rows(found.balance_sheet, "softbank")[april]["cash_usd"] == -2e9
    assert rows(found.balance_sheet, "openai")[april]["paid_in_capital_usd"] == 2e9
    assert rows(found.cash_flow, "openai")[april]["financing_usd"] == 2e9
    assert rows(found.income, "openai")[april]["revenue_usd"] == 0.0


def test_interest_that_is_not_paid_is_owed():
    # Nearly no cash and no revenue: the loan pays what it can; what is missing is added to what is owed.
    poor = replace(eight_racks().inputs.treasury, opening_cash_usd=60e6, minimum_cash_usd=0.0)
    played = eight_racks(treasury=poor, services=(), contracts=(GPU_LOAN,))
    assert "default" in played.appraisal.events["event"].to_list()
    found = statements(played.inputs, played.history, appraisal=played.appraisal)
    end = rows(found.balance_sheet, "openai")[date(2029, 12, 1)]
    assert end["debt_usd"] == pytest.approx(played.appraisal.loans["balance_usd"][-1], abs=0.01)
    assert rows(found.balance_sheet, "softbank")[date(2029, 12, 1)]["loans_given_usd"] == end["debt_usd"]
    assert (found.balance_sheet["total_assets_usd"] - found.balance_sheet["total_claims_usd"]).abs().max() < 0.005


def test_every_purpose_has_its_lines():
    assert all(isinstance(line, Line) for purpose in Purpose for line in booked(purpose))


TEN_AND_TEN = Assets(
    owner="openai",
    site="alpha",
    platform="p",
    layers_usd={Purpose.SYSTEMS: 60.0},
    placed_count=np.array([10.0, 0, 10, 0, 0, 0, 0, 0, 0]),
    retired_count=np.array([0.0, 0, 0, 10, 0, 0, 0, 0, 0]),
    life_months=6,
    residual_fraction=0.0,
)


def test_retired_units_leave_the_books_oldest_first():
    # Ten units of $60 in month 0, ten in month 2; life of six months: $100 a month each. Ten retire in month 3: the
    # first ten have been written off for three months (300), so 300 are left and go at once; the others run on to
    # month 7.
    assert written_off_usd(TEN_AND_TEN) == pytest.approx([100, 100, 200, 400, 100, 100, 100, 100, 0])


def test_sold_units_are_those_of_their_age():
    # As above, but of the ten that leave in month 3 four are one month old: of those of month 2, $50 each are left;
    # of the six of month 0, $30 each. So 4 x 50 + 6 x 30 go beside $10 of each unit that stays.
    found = replace(TEN_AND_TEN, sold={1: np.array([0.0, 0, 0, 4, 0, 0, 0, 0, 0])})
    assert sorted(retirements(found)) == [(0, 3, 6.0), (2, 3, 4.0)]
    assert written_off_usd(found) == pytest.approx([100, 100, 200, 480, 100, 100, 60, 60, 0])


def test_a_residual_stays_in_the_books():
    found = Assets(
        owner="openai",
        site="alpha",
        platform="",
        layers_usd={Purpose.BUILDING: 100.0},
        placed_count=np.array([1.0, 0, 0, 0]),
        retired_count=np.zeros(4),
        life_months=2,
        residual_fraction=0.1,
    )
    # $90 of $100 over two months.
    assert written_off_usd(found) == pytest.approx([45, 45, 0, 0])


def test_real_money_has_its_year_in_its_name(bare):
    played, found = bare
    real = in_real_usd(found.income, inflation_fraction_per_year=0.03, calendar=played.inputs.calendar)
    assert not [name for name in real.columns if name.endswith("_usd") and "_real_2027_" not in name]
    # $8 M of January 2029, two years after the start: 8 M / 1.03^2 = 7,540,767.27.
    january = rows(real, "openai")[date(2029, 1, 1)]
    assert january["revenue_real_2027_usd"] == pytest.approx(7_540_767.27, abs=0.01)
