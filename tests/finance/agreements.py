"""One contract of each kind for the sample programme, small enough to add up by hand."""

from datetime import date

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.contracts import (
    CapacityLease,
    Deposit,
    GpuDebt,
    Grant,
    IncomeTax,
    LoanTerms,
    PowerPurchase,
    Prepayment,
    ProjectDebt,
    Repayment,
    RevenueShare,
    SpendCommitment,
    SupplyAgreement,
    TakeOrPay,
    VendorFinancing,
    VestingStep,
    VestingWarrant,
)
from tests.samples import CALENDAR, PLATFORM, offer

START = CALENDAR.start

TERMS = LoanTerms(
    commitment_usd=1e9,
    advance_fraction=0.5,
    rate_fraction_per_year=0.12,
    start=START,
    grace_months=9,
    tenor_months=12,
    repayment=Repayment.LEVEL,
    target_dscr_ratio=0.0,
    least_dscr_ratio=0.0,
    most_ltv_fraction=0.0,
    sweep_fraction=0.0,
    reserve_months=0,
    collateral_life_months=60,
)

GPU_LOAN = GpuDebt(
    id="gpu-loan", lender="softbank", borrower="openai", platforms=(PLATFORM.id,), sites=("alpha",), terms=TERMS
)
PROJECT_LOAN = ProjectDebt(id="project-loan", lender="softbank", borrower="openai", sites=("alpha",), terms=TERMS)
VENDOR_LOAN = VendorFinancing(id="vendor-loan", vendor="nvidia", borrower="openai", terms=TERMS)

WARRANT = VestingWarrant(
    id="warrant",
    issuer="nvidia",
    holder="openai",
    steps=(
        VestingStep(shares_count=20e6, unit_mw=0.5, hurdle_usd_per_share=0.0),
        VestingStep(shares_count=30e6, unit_mw=1.0, hurdle_usd_per_share=300.0),
        VestingStep(shares_count=50e6, unit_mw=10.0, hurdle_usd_per_share=0.0),
    ),
    basis=PowerBasis.FACILITY,
    platforms=(PLATFORM.id,),
    sites=("alpha",),
    strike_usd_per_share=0.01,
    share_price_usd={month: 200.0 + 10.0 * index for index, month in enumerate(CALENDAR.months)},
    expires=date(2029, 12, 31),
)
LEASE = CapacityLease(
    id="lease",
    lessor="landlord",
    lessee="openai",
    site="",
    leased_it_mw=10.0,
    rent_usd_per_it_mw_month=100e3,
    escalator_fraction_per_year=0.03,
    start=date(2027, 3, 1),
    term_months=24,
)
TAKE = TakeOrPay(
    id="take",
    provider="landlord",
    customer="openai",
    sites=(),
    capacity_mw=10.0,
    price_usd_per_mw_month=1e6,
    take_fraction=0.8,
    start=date(2027, 4, 1),
    term_months=12,
    ramp_months=4,
)
COMMITMENT = SpendCommitment(
    id="commitment",
    buyer="openai",
    seller="nvidia",
    amount_usd=72e6,
    start=START,
    term_months=36,
    settlement_months=12,
    shortfall_fraction=0.5,
)
PREPAYMENT = Prepayment(id="advance", payer="openai", payee="nvidia", amount_usd=3e6, on=START, credit_fraction=0.2)
DEPOSIT = Deposit(
    id="deposit", payer="openai", payee="landlord", amount_usd=2e6, on=date(2027, 2, 1), returned=date(2029, 2, 1)
)
SUPPLY = SupplyAgreement(
    id="supply",
    vendor="nvidia",
    buyer="openai",
    platform=PLATFORM.id,
    price_usd_per_rack=3.5e6,
    supply=offer().supply,
    exclusive=False,
    committed_racks_count=10.0,
    committed_by=date(2028, 6, 1),
    shortfall_fraction=0.5,
)
SHARE = RevenueShare(
    id="share",
    payer="openai",
    payee="softbank",
    share_fraction=0.2,
    cap_usd=5e6,
    start=date(2027, 9, 1),
    end=date(2029, 12, 1),
)
PPA = PowerPurchase(
    id="ppa",
    seller="utilities",
    buyer="openai",
    site="alpha",
    contracted_grid_mw=1.0,
    strike_usd_per_mwh=70.0,
    escalator_fraction_per_year=0.0,
    start=date(2028, 1, 1),
    term_months=12,
)
TAX = IncomeTax(
    id="tax",
    authority="utilities",
    taxpayer="openai",
    rate_fraction=0.25,
    systems_fractions=(0.2, 0.32, 0.192, 0.1152, 0.1152, 0.0576),
    facilities_fractions=(0.025, *[0.05] * 19, 0.025),
    loss_offset_fraction=0.8,
    credit_fraction=0.0,
)
GRANT = Grant(
    id="grant",
    giver="utilities",
    recipient="openai",
    sites=("alpha",),
    capex_fraction=0.1,
    cap_usd=2e6,
    payment_lag_months=2,
)
EVERY_OTHER_KIND = (
    WARRANT,
    LEASE,
    TAKE,
    COMMITMENT,
    PREPAYMENT,
    DEPOSIT,
    SUPPLY,
    SHARE,
    PPA,
    GRANT,
    GPU_LOAN,
    PROJECT_LOAN,
    TAX,
)
