"""What each kind of contract pays, by hand, on the eight racks.

The racks are ordered in January 2027 (deposit $5.6 M) and stand in July (rest $22.4 M, fabric $6.006 M); their
facility of 2 MW costs $26.8 M, 7/12 of it in January and 1/12 in each of February to June. Tokens earn $3,392,640 in
July, $6,785,280 in August and $8 M from September on.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import EquityRound, Instalment, PowerCondition, Repayment, VestingStep
from gigawatt.entities.site import Cloud
from gigawatt.finance.assets import assets
from gigawatt.finance.contracts import guarantee_claim
from gigawatt.finance.contracts.income_tax import written_off_for_tax
from tests.finance.agreements import (
    COMMITMENT,
    DEPOSIT,
    GPU_LOAN,
    GRANT,
    LEASE,
    PPA,
    PREPAYMENT,
    PROJECT_LOAN,
    SHARE,
    SUPPLY,
    TAKE,
    TAX,
    TERMS,
    VENDOR_LOAN,
    WARRANT,
)
from tests.finance.programmes import RACK, Played, eight_racks, paid
from tests.finance.test_contracts import GUARANTEE, hundreds
from tests.finance.test_contracts import LEASE as SITE_LEASE
from tests.samples import CALENDAR, offer


def by_month(played: Played, purpose: str, payer: str = "") -> dict[date, float]:
    rows = paid(played, purpose)
    if payer:
        rows = rows.filter(pl.col("payer") == payer)
    return {row["month"]: row["amount_usd"] for row in rows.iter_rows(named=True)}


def month(index: int) -> date:
    return CALENDAR.months[index]


def test_a_tranche_buys_shares_at_its_valuation():
    # $0.5 bn at $10 bn before: 0.5 / 10.5 = 4.762 %. The second at the same price buys as many shares: 0.5 / 11 =
    # 4.545 %. At the valuation of the day, $19.5 bn in November: 0.5 / 20 = 2.5 %.
    fixed = hundreds(1, 1, pre_money_usd=dict.fromkeys(CALENDAR.months, 10e9)).appraisal.stakes
    assert fixed["stake_fraction"].to_list() == pytest.approx([0.5 / 10.5, 0.5 / 11.0])
    path = dict.fromkeys(CALENDAR.months, 10e9) | {date(2027, 11, 1): 19.5e9}
    of_the_day = hundreds(1, 1, pre_money_usd=path).appraisal.stakes
    assert of_the_day["month"].to_list() == [date(2027, 8, 1), date(2027, 11, 1)]
    assert of_the_day["stake_fraction"].to_list() == pytest.approx([0.5 / 10.5, 0.025])


def test_an_instalment_waits_for_its_condition():
    # Eight racks are 8 x 0.165 = 1.32 MW facility from July on: 1 MW holds then, 2 MW never.
    def asked(level_mw: float) -> PowerCondition:
        return PowerCondition(level_mw=level_mw, basis=PowerBasis.FACILITY, platforms=(RACK,), sites=("alpha",))

    terms = EquityRound(
        id="round",
        investor="softbank",
        recipient="openai",
        instalments=(
            Instalment(on=date(2027, 2, 1), amount_usd=1e9, condition=asked(1.0)),
            Instalment(on=date(2027, 10, 1), amount_usd=2e9, condition=asked(1.0)),
            Instalment(on=date(2027, 2, 1), amount_usd=4e9, condition=asked(2.0)),
        ),
    )
    assert by_month(eight_racks(contracts=(terms,)), "equity") == {date(2027, 7, 1): 1e9, date(2027, 10, 1): 2e9}


def test_a_warrant_vests_by_power_and_price():
    # 1.32 MW from July: the step of 0.5 MW vests then, 20 M shares at $260 (200 + 6 x 10): 20 M x 259.99 = $5,199.8 M.
    # That of 1 MW waits for $300, the price of November (200 + 10 x 10): 30 M x 299.99. That of 10 MW never vests.
    played = eight_racks(contracts=(WARRANT,))
    stakes = played.appraisal.stakes
    assert stakes["month"].to_list() == [date(2027, 7, 1), date(2027, 11, 1)]
    assert stakes["value_usd"].to_list() == pytest.approx([5_199.8e6, 8_999.7e6])
    assert by_month(played, "warrant exercise") == {date(2027, 7, 1): 200_000.0, date(2027, 11, 1): 300_000.0}


def test_a_warrant_ends_and_is_not_exercised_at_a_loss():
    assert eight_racks(contracts=(replace(WARRANT, expires=date(2027, 6, 30)),)).appraisal.stakes.is_empty()
    dear = replace(WARRANT, strike_usd_per_share=1000.0)
    assert eight_racks(contracts=(dear,)).appraisal.stakes.is_empty()


def test_a_lease_runs_for_its_term_and_escalates():
    # 10 MW x $100,000 = $1 M a month from March 2027, 3 % more from March 2028, the last in February 2029.
    rent = by_month(eight_racks(contracts=(LEASE,)), "capacity lease")
    assert list(rent.values()) == [1e6] * 12 + [1.03e6] * 12
    assert (min(rent), max(rent)) == (date(2027, 3, 1), date(2029, 2, 1))


def test_a_lease_of_a_site_pays_for_what_is_not_built():
    # 2 MW facility / 1.25 = 1.6 MW IT stand from July on: 8.4 MW are left to pay for, $0.84 M.
    rent = by_month(eight_racks(SITE_LEASE, contracts=(replace(LEASE, site="alpha"),)), "capacity lease")
    assert rent[date(2027, 6, 1)] == 1e6
    assert rent[date(2027, 7, 1)] == pytest.approx(840_000.0)


def test_take_or_pay_tops_up_to_the_minimum():
    # 80 % of 10 MW x $1 M = $8 M, a quarter more each month over the first four: 2, 4, 6, 8, 8, ... until March 2028.
    payments = list(by_month(eight_racks(contracts=(TAKE,)), "take or pay").values())
    assert payments == [2e6, 4e6, 6e6] + [8e6] * 9
    # The provider's site sells 1.32 MW for $1.1 M each, $1,452,000 from July on: $6,548,000 are missing then.
    cloud = Cloud(provider="landlord", price_usd_per_facility_mw_month=1.1e6)
    used = by_month(eight_racks(cloud, contracts=(replace(TAKE, sites=("alpha",)),)), "take or pay")
    assert used[date(2027, 7, 1)] == pytest.approx(8e6 - 1.452e6)


def test_a_commitment_is_settled_by_the_year():
    # $24 M a year. 2027: 28 M spent, nothing missing. 2028: 48 - 28 = 20 M missing, half of it due: 10 M. 2029: 72 -
    # 28 = 44 M missing, of which 20 M are settled: half of 24 M, 12 M.
    due = by_month(eight_racks(contracts=(COMMITMENT,)), "shortfall")
    assert due == {date(2028, 12, 1): 10e6, date(2029, 12, 1): 12e6}


def test_an_advance_is_used_up():
    # 20 % of 5.6 M in January = 1.12 M, then 20 % of 22.4 M = 4.48 M, of which 3 - 1.12 = 1.88 M are left.
    played = eight_racks(contracts=(PREPAYMENT,))
    assert by_month(played, "advance") == {month(0): 3e6}
    assert by_month(played, "credit") == pytest.approx({month(0): 1.12e6, month(6): 1.88e6})


def test_a_deposit_comes_back():
    played = eight_racks(contracts=(DEPOSIT,))
    assert by_month(played, "deposit") == {date(2027, 2, 1): 2e6}
    assert by_month(played, "deposit returned", payer="landlord") == {date(2029, 2, 1): 2e6}


def test_racks_not_bought_cost_half_their_price():
    # 10 committed, 8 delivered: 2 x 3.5 M x 50 %.
    assert by_month(eight_racks(contracts=(SUPPLY,)), "shortfall") == {date(2028, 6, 1): 3.5e6}
    assert by_month(eight_racks(contracts=(replace(SUPPLY, committed_racks_count=8.0),)), "shortfall") == {}


def test_a_share_of_revenue_ends_at_its_cap():
    # 20 % of 8 M = 1.6 M from September: three times, then the 0.2 M that are left of 5 M.
    share = by_month(eight_racks(contracts=(SHARE,)), "revenue share")
    assert list(share.values()) == pytest.approx([1.6e6, 1.6e6, 1.6e6, 0.2e6])
    assert min(share) == date(2027, 9, 1)


def test_power_is_settled_for_difference():
    # 1 MW x 744 h x (70 - 60) = $7,440 in January 2028; with a strike of 40, the seller pays 744 x 20.
    dear = by_month(eight_racks(contracts=(PPA,)), "power purchase")
    assert dear[date(2028, 1, 1)] == 7440.0
    assert len(dear) == 12
    cheap = replace(PPA, strike_usd_per_mwh=40.0)
    assert by_month(eight_racks(contracts=(cheap,)), "power purchase", payer="utilities")[date(2028, 1, 1)] == 14_880.0


def test_a_grant_follows_spending_up_to_its_cap():
    # 10 % of 26.8 M x 7/12 = 1,563,333.33 of January, paid in March; then 223,333.33 a month until 2 M: 436,666.67
    # left, one whole one and 213,333.34.
    given = by_month(eight_racks(contracts=(GRANT,)), "grant")
    assert list(given.values()) == pytest.approx([1_563_333.33, 223_333.33, 213_333.33], abs=0.02)
    assert min(given) == date(2027, 3, 1)


def test_a_level_loan_by_hand():
    # Half of systems and fabric: 2.8 M in January, (22.4 + 6.006) / 2 = 14.203 M in July. 1 % a month: 28,000 from
    # February to July, then 170,030 in August and September. From October twelve payments of 17.003 M x 0.01 / (1 -
    # 1.01^-12) = 1,510,695.95. The first pays 170,030 of interest.
    played = eight_racks(contracts=(GPU_LOAN,))
    assert by_month(played, "loan") == {month(0): 2.8e6, month(6): 14.203e6}
    interest = by_month(played, "interest")
    assert [interest[month(i)] for i in range(1, 10)] == [28_000.0] * 6 + [170_030.0] * 3
    principal = by_month(played, "principal")
    payment = 17.003e6 * 0.01 / (1 - 1.01**-12)
    assert payment == pytest.approx(1_510_695.95, abs=0.01)
    assert list(principal) == [month(i) for i in range(9, 21)]
    assert [interest[day] + principal[day] for day in principal] == pytest.approx([payment] * 12, abs=0.02)
    assert sum(principal.values()) == pytest.approx(17.003e6, abs=0.005)
    assert played.appraisal.events.is_empty()


def test_a_commitment_of_the_lender_ends_the_draws():
    drawn = by_month(eight_racks(contracts=(replace(GPU_LOAN, terms=replace(TERMS, commitment_usd=10e6)),)), "loan")
    assert drawn == {month(0): 2.8e6, month(6): 7.2e6}


def test_collateral_by_kind():
    # Vendor: half of 5.6 and 22.4 M. Project: half of the facility, 26.8 M x 7/12 / 2 in January.
    assert by_month(eight_racks(contracts=(VENDOR_LOAN,)), "loan") == {month(0): 2.8e6, month(6): 11.2e6}
    project = by_month(eight_racks(contracts=(PROJECT_LOAN,)), "loan")
    assert project[month(0)] == pytest.approx(26.8e6 * 7 / 24, abs=0.02)
    assert sum(project.values()) == pytest.approx(13.4e6, abs=0.02)


def test_sculpted_service_follows_the_cash():
    # Cash of a quarter from October 2027: 3 x (8 M - 67,000 - 56,676.67) less energy of 134,302.93 (92 + ... days)
    # over 10 is 2.35 M, more than interest; principal is what is left of it at the quarter's end. The rest is due at
    # maturity.
    terms = replace(TERMS, repayment=Repayment.SCULPTED, target_dscr_ratio=10.0)
    played = eight_racks(contracts=(replace(GPU_LOAN, terms=terms),))
    loans = played.appraisal.loans
    quarter = loans.filter(pl.col("month").is_between(date(2027, 10, 1), date(2027, 12, 1)))
    cash = 3 * (8e6 - 67_000 - 56_676.67) - (45_254.25 + 43_794.43 + 45_254.25)
    assert quarter["available_usd"].sum() == pytest.approx(cash, abs=0.05)
    assert quarter["principal_usd"].to_list()[:2] == [0.0, 0.0]
    service = quarter["interest_usd"].sum() + quarter["principal_usd"].sum()
    assert service == pytest.approx(cash / 10.0, abs=0.02)
    # October 2027 to September 2028: three quarters sculpted, the fourth pays the balance off.
    assert loans.filter(pl.col("balance_usd") > 0.0)["month"].max() == date(2028, 8, 1)


def test_a_broken_covenant_sweeps():
    # Service is 3 x 1,510,695.95 a quarter, cash 23,494,667.06: coverage of 5.18. A covenant of 6 is broken in
    # December, and half of the 18.96 M that are left goes to the lender. The 3.4 M still owed are served easily: no
    # further breach.
    terms = replace(TERMS, least_dscr_ratio=6.0, sweep_fraction=0.5)
    played = eight_racks(contracts=(replace(GPU_LOAN, terms=terms),))
    events = played.appraisal.events
    assert events["event"].to_list() == ["DSCR covenant broken"]
    assert events["month"].to_list() == [date(2027, 12, 1)]
    plain = by_month(eight_racks(contracts=(GPU_LOAN,)), "principal")[date(2027, 12, 1)]
    swept = by_month(played, "principal")[date(2027, 12, 1)] - plain
    assert swept == pytest.approx((23_494_667.06 - 3 * 1_510_695.95) / 2, abs=0.05)
    sound = replace(TERMS, least_dscr_ratio=5.0, sweep_fraction=0.5)
    assert eight_racks(contracts=(replace(GPU_LOAN, terms=sound),)).appraisal.events.is_empty()


def test_a_loan_to_value_covenant():
    # In December 2027 the collateral of 34.006 M is 28.406 M x 55/60 + 5.6 M x 49/60 = 30.61 M; 13.4 M owed. 30 % is
    # broken.
    terms = replace(TERMS, most_ltv_fraction=0.3)
    events = eight_racks(contracts=(replace(GPU_LOAN, terms=terms),)).appraisal.events
    assert events["event"][0] == "LTV covenant broken"
    owed = eight_racks(contracts=(GPU_LOAN,)).appraisal.loans.filter(pl.col("month") == date(2027, 12, 1))
    assert owed["collateral_usd"][0] == pytest.approx(28.406e6 * 55 / 60 + 5.6e6 * 49 / 60, abs=0.1)
    assert events["amount_usd"][0] == pytest.approx(owed["balance_usd"][0] - 0.3 * owed["collateral_usd"][0], abs=0.1)


def test_a_reserve_holds_the_next_months_of_service():
    terms = replace(TERMS, reserve_months=3)
    loans = eight_racks(contracts=(replace(GPU_LOAN, terms=terms),)).appraisal.loans
    # September 2027: three payments of 1,510,695.95 lie ahead.
    september = loans.filter(pl.col("month") == date(2027, 9, 1))
    assert september["reserve_usd"][0] == pytest.approx(3 * 17.003e6 * 0.01 / (1 - 1.01**-12), abs=0.05)


def test_tax_by_year():
    # 2027: 3,392,640 + 6,785,280 + 4 x 8 M less costs; MACRS writes off 20 % of 34.006 M (6,801,200), straight line
    # with the half-year convention 1/40 of 26.8 M (670,000). A quarter of the rest is due in December.
    played = eight_racks(contracts=(TAX,))
    flows = played.appraisal.flows.filter(
        (pl.col("month") < date(2028, 1, 1)) & pl.col("kind").is_in(["opex", "revenue"])
    )
    revenue = flows.filter(pl.col("kind") == "revenue")["amount_usd"].sum()
    assert revenue == pytest.approx(42_177_920.0)
    costs = flows.filter(pl.col("kind") == "opex")["amount_usd"].sum()
    assert costs == pytest.approx(6 * (67_000 + 56_676.67) + 268_606, abs=5.0)
    tax = by_month(played, "tax")
    assert list(tax) == [date(2027, 12, 1), date(2028, 12, 1), date(2029, 12, 1)]
    assert tax[date(2027, 12, 1)] == pytest.approx(0.25 * (revenue - costs - 6_801_200 - 670_000), abs=0.02)


def test_racks_that_leave_are_written_off_for_tax_at_once():
    # A life of a year: the racks of July 2027 leave in July 2028 with 80 % of 34.006 M, written off in that year.
    whole, short = (
        income_of(eight_racks(contracts=(TAX,), offers=(replace(offer(), life_months=months),))) for months in (60, 12)
    )
    assert whole == pytest.approx([0.2 * 34.006e6, 0.32 * 34.006e6, 0.192 * 34.006e6])
    assert short == pytest.approx([0.2 * 34.006e6, 0.8 * 34.006e6, 0.0])


def income_of(played) -> list[float]:
    """What is written off of systems for tax in each year."""
    owned = [found for found in assets(played.inputs, played.history) if found.platform]
    return written_off_for_tax(TAX, owned, calendar=played.inputs.calendar).tolist()


def test_a_called_guarantee_pays_the_loss_and_never_more_than_its_cap():
    # The lessor laid out 13.4 M for the covered megawatt; each month from July 2027 returns 70,500 (test_contracts).
    # The lessee stops paying in January 2028: six months were paid, 13.4 - 6 x 0.0705 = 12.977 M are lost.
    played = eight_racks(SITE_LEASE, contracts=(GUARANTEE,))
    inputs, history = played.inputs, played.history
    roomy = replace(GUARANTEE, cap_usd=20e6, trigger_months=3)
    (claim,) = guarantee_claim(roomy, inputs, history, defaulted=date(2028, 1, 1)).streams
    assert (claim.payer, claim.payee) == ("nvidia", "landlord")
    assert np.flatnonzero(claim.amount_usd).tolist() == [15]  # April 2028, three months after the first unpaid rent
    assert claim.amount_usd[15] == pytest.approx(12.977e6)
    (capped,) = guarantee_claim(GUARANTEE, inputs, history, defaulted=date(2028, 1, 1)).streams
    assert capped.amount_usd.sum() == 10e6
    half = replace(roomy, recovery_fraction=0.5)
    (recovered,) = guarantee_claim(half, inputs, history, defaulted=date(2028, 1, 1)).streams
    assert recovered.amount_usd.sum() == pytest.approx(12.977e6 / 2)


def test_steps_of_a_warrant_are_exercised_each_once():
    twice = (VestingStep(shares_count=1e6, unit_mw=0.5, hurdle_usd_per_share=0.0),)
    assert len(eight_racks(contracts=(replace(WARRANT, steps=twice),)).appraisal.stakes) == 1
