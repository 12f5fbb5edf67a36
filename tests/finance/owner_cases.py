"""Three projects that ours and NREL's single-owner model both compute, as plain terms, and as one of our projects.

They differ in what a financing can differ in: how debt is sized and repaid, grace, fees, reserves, schedules of
depreciation, bonus, credit, state tax, and a residual value. Terms are round numbers of a 100 million dollar project.
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.catalog import load
from gigawatt.catalog.taxation import macrs_fractions
from gigawatt.finance.depreciation import half_step_straight_line_fractions
from gigawatt.finance.project import (
    AssetClass,
    EqualPrincipalLoan,
    Financing,
    LevelLoan,
    Loan,
    Project,
    SculptedLoan,
)
from gigawatt.finance.tax import RelievedAtOnce, TaxRegime


@dataclass(frozen=True, kw_only=True)
class OwnerCase:
    """The terms of a project; shares of its cost go by MACRS of 5 and 15 years and the half-year line of 20."""

    loan: Loan
    years_count: int = 20
    capital_usd: float = 100e6
    first_year_revenue_usd: float = 17.52e6
    revenue_growth: float = 0.0
    operating_usd: float = 5e6
    operating_growth: float = 0.02
    residual_fraction: float = 0.0
    five_year_share: float = 1.0
    fifteen_year_share: float = 0.0
    twenty_year_line_share: float = 0.0
    bonus_fraction: float = 0.0
    credit_fraction: float = 0.0
    federal_rate: float = 0.21
    state_rate: float = 0.0
    fee_fraction: float = 0.0
    closing_usd: float = 0.0
    construction_interest_usd: float = 0.0
    service_reserve_months: int = 0
    operating_reserve_months: int = 0
    reserve_interest: float = 0.0


CASES = {
    "level, grace": OwnerCase(
        loan=LevelLoan(share_fraction=0.6, interest_fraction=0.06, years_count=10, grace_count=2)
    ),
    "sculpted, reserves, bonus, state tax": OwnerCase(
        loan=SculptedLoan(coverage_ratio=1.35, interest_fraction=0.065, years_count=15),
        revenue_growth=0.01,
        residual_fraction=0.1,
        five_year_share=0.6,
        fifteen_year_share=0.2,
        twenty_year_line_share=0.15,
        bonus_fraction=0.4,
        state_rate=0.07,
        fee_fraction=0.0275,
        closing_usd=0.5e6,
        construction_interest_usd=2.4e6,
        service_reserve_months=6,
        operating_reserve_months=3,
        reserve_interest=0.0175,
    ),
    "equal principal, credit, fee": OwnerCase(
        loan=EqualPrincipalLoan(share_fraction=0.5, interest_fraction=0.06, years_count=12),
        revenue_growth=0.01,
        five_year_share=0.9,
        twenty_year_line_share=0.05,
        credit_fraction=0.3,
        state_rate=0.05,
        fee_fraction=0.02,
        operating_reserve_months=6,
        reserve_interest=0.0175,
    ),
}


def project(case: OwnerCase) -> Project:
    """The case as our project; losses are relieved at once, as the peer does."""
    catalog = load()
    basis = catalog.figure("economics/us-tax/credit-basis-reduction").value / 100.0
    years = np.arange(case.years_count)
    revenue_usd = case.first_year_revenue_usd * (1.0 + case.revenue_growth) ** years
    revenue_usd[-1] += case.residual_fraction * case.capital_usd
    assets = (
        AssetClass(
            share_fraction=case.five_year_share,
            fractions=macrs_fractions(catalog, recovery_years=5),
            bonus_fraction=case.bonus_fraction,
            credit_fraction=case.credit_fraction,
            credit_basis_fraction=basis,
        ),
        AssetClass(
            share_fraction=case.fifteen_year_share,
            fractions=macrs_fractions(catalog, recovery_years=15),
            bonus_fraction=case.bonus_fraction,
        ),
        AssetClass(
            share_fraction=case.twenty_year_line_share,
            fractions=half_step_straight_line_fractions(20),
        ),
    )
    financing = Financing(
        loan=case.loan,
        fee_fraction=case.fee_fraction,
        closing_usd=case.closing_usd,
        construction_interest_usd=case.construction_interest_usd,
        service_reserve_years=case.service_reserve_months / 12,
        operating_reserve_years=case.operating_reserve_months / 12,
        reserve_interest_fraction=case.reserve_interest,
    )
    return Project(
        capital_usd=case.capital_usd,
        revenue_usd=revenue_usd,
        operating_usd=case.operating_usd * (1.0 + case.operating_growth) ** years,
        assets=assets,
        financing=financing,
        federal=TaxRegime(rate_fraction=case.federal_rate, losses=RelievedAtOnce()),
        state=TaxRegime(rate_fraction=case.state_rate, losses=RelievedAtOnce()),
    )
