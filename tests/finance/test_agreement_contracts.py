"""What the plan assumed of contracts is what the accounts find: present value to 1e-9, cash to a cent per payment."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import EquityRound, Instalment, PowerCondition, Repayment
from gigawatt.entities.site import Cloud, Leased, PowerStep
from gigawatt.finance.flows import monthly_usd
from gigawatt.planning import plan
from gigawatt.units import CENTS_PER_USD
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
)
from tests.finance.programmes import play
from tests.samples import PLATFORM, service, site, small_inputs, small_performance

CLOUD = Cloud(provider="landlord", price_usd_per_facility_mw_month=1.1e6)
RENTED = Leased(lessor="landlord", rent_usd_per_it_mw_month=130e3, escalator_fraction_per_year=0.0)
SMALL = (PowerStep(start=date(2027, 7, 1), facility_mw=2.0), PowerStep(start=date(2028, 7, 1), facility_mw=5.0))
SCULPTED = replace(
    TERMS, repayment=Repayment.SCULPTED, target_dscr_ratio=4.0, tenor_months=24, least_dscr_ratio=1.1, reserve_months=3
)
CAPPED = replace(TERMS, commitment_usd=12e6, least_dscr_ratio=1.2, most_ltv_fraction=0.9, reserve_months=2)
CASES = {
    "leases and capacity of a leased site, a deposit": (
        RENTED,
        (replace(LEASE, site="alpha", leased_it_mw=2.0), DEPOSIT),
    ),
    "take or pay at a site, power, a commitment": (
        CLOUD,
        (replace(TAKE, sites=("alpha",), capacity_mw=2.0), PPA, replace(COMMITMENT, seller="landlord")),
    ),
    "commitments, advance, supply, a grant": (
        None,
        (
            COMMITMENT,
            replace(COMMITMENT, id="energy", seller="utilities", amount_usd=5e6),
            PREPAYMENT,
            replace(SUPPLY, committed_racks_count=100.0),
            GRANT,
        ),
    ),
    "a loan of the vendor up to its commitment": (None, (SHARE, replace(VENDOR_LOAN, terms=CAPPED))),
    "a sculpted loan": (None, (LEASE, TAKE, replace(GPU_LOAN, terms=SCULPTED))),
    "many, and tax with credits": (
        None,
        (
            LEASE,
            COMMITMENT,
            PREPAYMENT,
            replace(SHARE, cap_usd=1e15),
            PPA,
            GRANT,
            GPU_LOAN,
            PROJECT_LOAN,
            replace(TAX, credit_fraction=0.3),
        ),
    ),
}


def planned(ownership, contracts, **changes):
    """One small site planned by the solver; racks deliver in full at once, so that plan and history mean the same."""
    place = site("alpha", power_steps=SMALL, slip_median_months=1.5)
    base = small_inputs(
        sites=(place if ownership is None else replace(place, ownership=ownership),),
        services=(service(tokens_per_month=2e13),),
        runs=(),
        targets=(),
        contracts=contracts,
        **changes,
    )
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    return play(inputs, plan(inputs, small_performance()))


def cash_of_months(played) -> np.ndarray:
    """The programme's cash at the end of each month by the accounts."""
    net = monthly_usd(played.appraisal.flows, party="openai", calendar=played.inputs.calendar)
    return played.inputs.treasury.opening_cash_usd + np.cumsum(net)


def cash_of_periods(played) -> np.ndarray:
    """The same at the end of each planning period."""
    step = played.inputs.calendar.months_per_period
    return cash_of_months(played)[step - 1 :: step]


@pytest.mark.parametrize("name", CASES)
def test_the_plans_money_is_the_accounts(name):
    ownership, contracts = CASES[name]
    played = planned(ownership, contracts)
    slack = 2 * played.appraisal.flows.height / CENTS_PER_USD
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9, abs=slack)
    assert cash_of_periods(played) == pytest.approx(played.plan.decisions["cash_usd"].values, abs=slack)
    assert played.appraisal.events.filter(played.appraisal.events["event"] != "warrant vested").is_empty()


@pytest.mark.parametrize(("opening_usd", "racks"), [(40e6, 0.0), (45e6, 24.0)])
def test_no_month_of_a_quarter_needs_money_that_is_not_there(opening_usd, racks):
    # Halls, then racks in the first month of a quarter whose other months bring money: cash stands $13.8 M lower in its
    # leanest month than at any quarter's end. Netted by quarter $31 M would seem enough; $44.6 M are.
    played = planned(None, (), treasury=replace(small_inputs().treasury, opening_cash_usd=opening_usd))
    assert played.plan.decisions["installed_racks"].isel(period=-1).sum() == racks
    assert cash_of_months(played).min() > -10.0
    if racks:
        assert cash_of_periods(played).min() - cash_of_months(played).min() == pytest.approx(13.84e6, rel=1e-2)


def test_a_loan_carries_what_cash_alone_cannot():
    # With $40 M a block of racks and its halls cannot be paid for before they earn; half of their cost on credit buys
    # one.
    poor = replace(small_inputs().treasury, opening_cash_usd=40e6)
    alone = planned(None, (), treasury=poor)
    lent = planned(None, (GPU_LOAN, PROJECT_LOAN), treasury=poor)
    first = 3  # power of July 2027 comes two months late: October
    racks = [played.plan.decisions["installed_racks"].sum(("site", "platform")).values for played in (alone, lent)]
    assert racks[1][first] > racks[0][first]
    assert lent.plan.decisions["loan_taken"].values.tolist() == [1.0, 1.0]
    assert cash_of_periods(lent) == pytest.approx(lent.plan.decisions["cash_usd"].values, abs=10.0)
    assert cash_of_months(lent).min() > -10.0
    assert lent.appraisal.events.is_empty()


def test_a_loan_whose_covenant_cannot_be_kept_is_left():
    terms = replace(TERMS, least_dscr_ratio=1e4)
    played = planned(None, (replace(GPU_LOAN, terms=terms),))
    assert played.plan.decisions["loan_taken"].values.tolist() == [0.0]
    assert "loan" not in played.appraisal.flows["purpose"].to_list()


def test_a_sculpted_loan_that_nothing_can_serve_is_left():
    # $50 M a month for capacity that is never used: operation loses money for years, and a plan is possible without
    # the loan.
    losing = replace(TAKE, capacity_mw=10.0, price_usd_per_mw_month=5e6, take_fraction=1.0, term_months=33)
    played = planned(None, (losing, replace(GPU_LOAN, terms=SCULPTED)))
    assert played.plan.decisions["loan_taken"].values.tolist() == [0.0]
    assert cash_of_periods(played) == pytest.approx(played.plan.decisions["cash_usd"].values, abs=10.0)


def test_an_instalment_on_a_condition_is_counted_on_when_it_holds():
    # $50 M once 1 MW stands, not before October 2027 when the racks can come: with $16 M of its own the plan grows on
    # it.
    terms = EquityRound(
        id="round",
        investor="softbank",
        recipient="openai",
        instalments=(
            Instalment(
                on=date(2027, 1, 1),
                amount_usd=50e6,
                condition=PowerCondition(
                    level_mw=1.0, basis=PowerBasis.FACILITY, platforms=(PLATFORM.id,), sites=("alpha",)
                ),
            ),
        ),
    )
    poor = replace(small_inputs().treasury, opening_cash_usd=40e6)
    played = planned(None, (terms,), treasury=poor)
    equity = played.appraisal.flows.filter(played.appraisal.flows["purpose"] == "equity")
    assert equity["month"].to_list() == [date(2027, 10, 1)]
    assert cash_of_periods(played) == pytest.approx(played.plan.decisions["cash_usd"].values, abs=10.0)
    assert played.plan.decisions["milestones_count"].sel(contract="round/0").values.tolist() == [0.0] * 3 + [1.0] * 9
