"""What the plan makes of allocations and used racks the accounts find: present value to 1e-9, cash to a cent."""

from dataclasses import replace
from datetime import date

import pytest

from gigawatt.entities.hardware import Allocation, Resale
from gigawatt.entities.site import GridStep, Plant
from gigawatt.finance.statements import statements
from gigawatt.planning import plan
from gigawatt.units import CENTS_PER_USD
from tests.finance.agreements import COMMITMENT, GPU_LOAN, GRANT, PREPAYMENT, PROJECT_LOAN, TAX
from tests.finance.programmes import Played, play
from tests.finance.test_agreement_contracts import RENTED, SMALL, cash_of_periods
from tests.samples import offer, service, site, small_inputs, small_performance

ENGINE = Plant(
    id="gas-engine",
    most_mw=3.0,
    unit_mw=1.5,
    lead_months=9,
    slip_median_months=2.0,
    cost_usd_per_mw=1.6e6,
    fixed_usd_per_mw_month=900.0,
    energy_usd_per_mwh=20.0,
    firm_fraction=0.8,
    energy_fraction=0.9,
    carbon_t_per_mwh=0.4,
)
STEP = replace(
    ENGINE,
    id="grid",
    works=GridStep(),
    most_mw=4.0,
    unit_mw=2.0,
    lead_months=9,
    cost_usd_per_mw=0.2e6,
    energy_usd_per_mwh=0.0,
    firm_fraction=1.0,
    energy_fraction=1.0,
)
CONTRACTS = (COMMITMENT, PREPAYMENT, GPU_LOAN, replace(TAX, credit_fraction=0.3))
ALLOCATION = Allocation(
    first=date(2027, 1, 1),
    last=date(2028, 12, 1),
    most_racks_count=None,
    least_racks_count=100.0,
    shortfall_usd_per_rack=0.05e6,
)
RESALE = (Resale(age_months=9, value_fraction=0.85), Resale(age_months=24, value_fraction=0.6))


def planned(place, offered, contracts, *, tokens_per_month: float = 2e13) -> Played:
    """One small site planned by the solver; racks deliver in full at once, so that plan and history mean the same."""
    base = small_inputs(
        sites=(place,),
        offers=(offered,),
        services=(service(tokens_per_month=tokens_per_month, price_usd_per_mtoken=0.5),),
        runs=(),
        targets=(),
        contracts=contracts,
    )
    inputs = replace(base, operation=replace(base.operation, ramp_months=0))
    return play(inputs, plan(inputs, small_performance()))


def check(played: Played) -> None:
    slack = 2 * played.appraisal.flows.height / CENTS_PER_USD
    assert played.appraisal.npv_usd == pytest.approx(played.plan.objective_value, rel=1e-9, abs=slack)
    assert cash_of_periods(played) == pytest.approx(played.plan.decisions["cash_usd"].values, abs=slack)
    books = statements(played.inputs, played.history, appraisal=played.appraisal).balance_sheet
    assert (books["total_assets_usd"] - books["total_claims_usd"]).abs().max() < 0.005


PLACE = site("alpha", power_steps=SMALL)


def test_used_and_missing_racks_with_loans_and_tax() -> None:
    offered = replace(offer(), resale=RESALE, buyer="customers", allocations=(ALLOCATION,))
    played = planned(PLACE, offered, CONTRACTS)
    sold = float(played.plan.decisions["sold_racks"].sum())
    assert sold > 0.0
    assert float(played.history.state["sold_racks"].sum()) == sold
    assert float(played.plan.decisions["missing_racks"].sum()) > 0.0
    assert {"resale", "shortfall"} <= set(played.appraisal.flows["purpose"].to_list())
    check(played)


def test_plants_and_grid_steps_as_all_contracts_count_them() -> None:
    # Commitments to builders and utility, an advance to the builders, a grant on facilities, a loan on the project and
    # tax: all of them see what plants cost and save
    place = replace(PLACE, ownership=RENTED, plants=(ENGINE, STEP))
    contracts = (
        replace(COMMITMENT, id="building", seller="builders", amount_usd=500e6),
        replace(COMMITMENT, id="energy", seller="utilities", amount_usd=20e6),
        replace(PREPAYMENT, payee="builders"),
        GRANT,
        PROJECT_LOAN,
        replace(TAX, credit_fraction=0.3),
    )
    played = planned(place, offer(), contracts, tokens_per_month=1e14)
    assert float(played.plan.decisions["plant_mw"].sel(plant="alpha/gas-engine").max()) > 0.0
    assert float(played.plan.decisions["plant_mw"].sel(plant="alpha/grid").max()) > 0.0
    check(played)
