"""One project after debt and tax, year by year: what it can borrow, what it pays the tax office, what equity earns.

The order is that of a lender's model, and of NREL's System Advisor Model for a single owner, against which it is held
(`benchmarks/finance`): the loan is sized on operating cash, fees and reserves are paid with the building, federal tax
is due on income after state tax. Everything is spent in year 0; year 1 is the first of operation.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from gigawatt.finance.debt_sizing import (
    DebtService,
    equal_principal_debt,
    level_debt,
    reserve_funding_usd,
    sculpted_debt,
    service_coverage_ratio,
)
from gigawatt.finance.depreciation import depreciation_usd, with_bonus
from gigawatt.finance.returns import internal_rate_of_return_fraction
from gigawatt.finance.tax import TaxRegime, income_tax
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetClass:
    """A share of the cost that is written off by one schedule, with what the federal tax office adds to it.

    `credit_fraction` of its cost is credited against federal tax in year 1; `credit_basis_fraction` of that credit is
    not written off. The bonus is federal alone.
    """

    share_fraction: float
    fractions: FloatArray
    bonus_fraction: float = 0.0
    credit_fraction: float = 0.0
    credit_basis_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SculptedLoan:
    """As much debt as operating cash serves with a level coverage."""

    coverage_ratio: float
    interest_fraction: float
    years_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelLoan:
    """A share of all that is spent in year 0, repaid by a level annuity after years that pay interest alone."""

    share_fraction: float
    interest_fraction: float
    years_count: int
    grace_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualPrincipalLoan:
    """A share of all that is spent in year 0, repaid in equal slices after years that pay interest alone."""

    share_fraction: float
    interest_fraction: float
    years_count: int
    grace_count: int = 0


Loan = SculptedLoan | LevelLoan | EqualPrincipalLoan


@dataclass(frozen=True, slots=True, kw_only=True)
class Financing:
    """The loan, what arranging it costs, and cash that is set aside for debt service and operation.

    `fee_fraction` is of the debt. Interest during construction is written off with the building, the fee and
    `closing_usd` are not. Reserves are years ahead, kept at `reserve_interest_fraction`.
    """

    loan: Loan
    fee_fraction: float = 0.0
    closing_usd: float = 0.0
    construction_interest_usd: float = 0.0
    service_reserve_years: float = 0.0
    operating_reserve_years: float = 0.0
    reserve_interest_fraction: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Capital spent in year 0, then revenue and operating cost `(year,)`, how it is financed and taxed.

    A residual value is revenue of the last year.
    """

    capital_usd: float
    revenue_usd: FloatArray
    operating_usd: FloatArray
    assets: tuple[AssetClass, ...]
    financing: Financing
    federal: TaxRegime
    state: TaxRegime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectReturns:
    """What a project comes to: `pretax_usd`, `aftertax_usd` are equity's cash `(1 + year,)`, the rest `(year,)`."""

    debt: DebtService
    equity_usd: float
    federal_depreciation_usd: FloatArray
    state_depreciation_usd: FloatArray
    federal_tax_usd: FloatArray
    state_tax_usd: FloatArray
    coverage_ratio: FloatArray
    pretax_usd: FloatArray
    aftertax_usd: FloatArray

    @property
    def debt_usd(self) -> float:
        """The loan."""
        return float(self.debt.opening_usd[0])

    @property
    def aftertax_return_fraction(self) -> float:
        """Equity's yearly rate of return after tax, NaN unless there is exactly one."""
        return internal_rate_of_return_fraction(self.aftertax_usd, steps_per_year=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reserves:
    """Money paid in at the start, then in each year (negative: taken out), and the interest it earns."""

    first_usd: float
    funding_usd: FloatArray
    interest_usd: FloatArray


def project_returns(project: Project) -> ProjectReturns:
    """Debt, depreciation, tax and equity's cash of a project.

    income = revenue - operating cost + reserve interest - interest - depreciation; federal income is less state tax.
    """
    financing = project.financing
    cash_usd = project.revenue_usd - project.operating_usd
    debt = _debt(project, cash_usd=cash_usd)
    reserves = _reserves(project, service_usd=debt.service_usd)
    credits_usd = np.zeros_like(cash_usd)
    credits_usd[0] = sum(_credit_usd(project, asset) for asset in project.assets)
    written = partial(_written_off_usd, project)
    federal_depreciation_usd, state_depreciation_usd = written(with_bonuses=True), written(with_bonuses=False)
    before_usd = cash_usd + reserves.interest_usd - debt.interest_usd
    state_usd = income_tax(before_usd - state_depreciation_usd, regime=project.state).tax_usd
    federal = income_tax(
        before_usd - federal_depreciation_usd - state_usd, regime=project.federal, credits_usd=credits_usd
    )
    spent_usd = (
        project.capital_usd + _arranging_usd(financing, debt_usd=float(debt.opening_usd[0])) + reserves.first_usd
    )
    equity_usd = spent_usd - float(debt.opening_usd[0])
    yearly_usd = cash_usd + reserves.interest_usd - debt.service_usd - reserves.funding_usd
    pretax_usd = np.concatenate([[-equity_usd], yearly_usd])
    return ProjectReturns(
        debt=debt,
        equity_usd=equity_usd,
        federal_depreciation_usd=federal_depreciation_usd,
        state_depreciation_usd=state_depreciation_usd,
        federal_tax_usd=federal.tax_usd,
        state_tax_usd=state_usd,
        coverage_ratio=service_coverage_ratio(cash_usd, service_usd=debt.service_usd),
        pretax_usd=pretax_usd,
        aftertax_usd=pretax_usd - np.concatenate([[0.0], federal.tax_usd + state_usd]),
    )


def _debt(project: Project, *, cash_usd: FloatArray) -> DebtService:
    """The loan over the project's years."""
    match project.financing.loan:
        case SculptedLoan() as loan:
            carrying_usd = np.where(np.arange(cash_usd.size) < loan.years_count, cash_usd, 0.0)
            return sculpted_debt(
                carrying_usd, interest_fraction=loan.interest_fraction, coverage_ratio=loan.coverage_ratio
            )
        case LevelLoan() as loan:
            repayment = level_debt
        case EqualPrincipalLoan() as loan:
            repayment = equal_principal_debt
    dollar = repayment(
        1.0,
        interest_fraction=loan.interest_fraction,
        payments_count=loan.years_count - loan.grace_count,
        grace_count=loan.grace_count,
    )
    one = _stretched(dollar, factor=1.0, years_count=cash_usd.size)
    debt_usd = _share_usd(project, share_fraction=loan.share_fraction, service_per_usd=one.service_usd)
    return _stretched(one, factor=debt_usd, years_count=cash_usd.size)


def _share_usd(project: Project, *, share_fraction: float, service_per_usd: FloatArray) -> float:
    """A share of all that is spent in year 0, the loan's own fee and reserve included.

    debt = share x (capital + other costs + first operating reserve + debt x (fee + first service reserve per dollar))
    """
    financing = project.financing
    reserve_per_usd, _ = reserve_funding_usd(service_per_usd, steps_count=financing.service_reserve_years)
    operating_usd, _ = reserve_funding_usd(project.operating_usd, steps_count=financing.operating_reserve_years)
    fixed_usd = project.capital_usd + _arranging_usd(financing, debt_usd=0.0) + operating_usd
    return share_fraction * fixed_usd / (1.0 - share_fraction * (financing.fee_fraction + reserve_per_usd))


def _stretched(debt: DebtService, *, factor: float, years_count: int) -> DebtService:
    """A loan `factor` times as large, with years in which nothing is owed after it."""
    after = (0, years_count - debt.opening_usd.size)
    return DebtService(
        opening_usd=np.pad(debt.opening_usd, after) * factor,
        interest_usd=np.pad(debt.interest_usd, after) * factor,
        principal_usd=np.pad(debt.principal_usd, after) * factor,
        shortfall_usd=np.pad(debt.shortfall_usd, after) * factor,
    )


def _arranging_usd(financing: Financing, *, debt_usd: float) -> float:
    return financing.fee_fraction * debt_usd + financing.closing_usd + financing.construction_interest_usd


def _reserves(project: Project, *, service_usd: FloatArray) -> _Reserves:
    """Both reserves together; interest is on what was held at the end of the year before."""
    financing = project.financing
    accounts = (
        reserve_funding_usd(service_usd, steps_count=financing.service_reserve_years),
        reserve_funding_usd(project.operating_usd, steps_count=financing.operating_reserve_years),
    )
    first_usd = sum(first for first, _ in accounts)
    funding_usd = accounts[0][1] + accounts[1][1]
    held_usd = first_usd + np.cumsum(funding_usd) - funding_usd
    return _Reserves(
        first_usd=first_usd, funding_usd=funding_usd, interest_usd=held_usd * financing.reserve_interest_fraction
    )


def _written_off_usd(project: Project, *, with_bonuses: bool) -> FloatArray:
    """Depreciation of all asset classes, `(year,)`."""
    total_usd = np.zeros_like(project.revenue_usd)
    for asset in project.assets:
        basis_usd = _basis_usd(project, asset) - asset.credit_basis_fraction * _credit_usd(project, asset)
        bonus_fraction = asset.bonus_fraction if with_bonuses else 0.0
        additions_usd = np.zeros_like(total_usd)
        additions_usd[0] = basis_usd
        total_usd += depreciation_usd(
            additions_usd, fractions=with_bonus(asset.fractions, bonus_fraction=bonus_fraction)
        )
    return total_usd


def _basis_usd(project: Project, asset: AssetClass) -> float:
    return (project.capital_usd + project.financing.construction_interest_usd) * asset.share_fraction


def _credit_usd(project: Project, asset: AssetClass) -> float:
    return _basis_usd(project, asset) * asset.credit_fraction
