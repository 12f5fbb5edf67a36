"""How much debt a stream of cash carries, and how a loan is drawn, served and swept.

Everything counts in steps, months or years, with interest of one step in `interest_fraction`; service is due at the
end of each step. Equations are those of any text on project finance (E. R. Yescombe, Principles of Project Finance,
2nd edition, 2014, chapters 12 and 13).
"""

from dataclasses import dataclass

import numpy as np

from gigawatt.entities.schedules import annuity_factor, level_balance_fractions
from gigawatt.timeline import FloatArray
from gigawatt.units import MONTHS_PER_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class DebtService:
    """A loan step by step, `(step,)` each: what was owed at the start, interest and principal paid at the end.

    `shortfall_usd` is service that fell due and could not be paid; it stays owed.
    """

    opening_usd: FloatArray
    interest_usd: FloatArray
    principal_usd: FloatArray
    shortfall_usd: FloatArray

    @property
    def service_usd(self) -> FloatArray:
        """Interest and principal, `(step,)`."""
        return self.interest_usd + self.principal_usd

    @property
    def closing_usd(self) -> FloatArray:
        """Owed at the end of each step, `(step,)`."""
        return self.opening_usd - self.principal_usd


def interest_per_month_fraction(interest_per_year_fraction: float) -> float:
    """Interest of one month at a nominal yearly rate, as loans quote it: a twelfth."""
    return interest_per_year_fraction / MONTHS_PER_YEAR


def level_payment_usd(principal_usd: float, *, interest_fraction: float, payments_count: int) -> float:
    """The equal payment that serves a loan: principal over the annuity factor."""
    return principal_usd / annuity_factor(payments_count, interest_fraction=interest_fraction)


def level_debt(
    principal_usd: float, *, interest_fraction: float, payments_count: int, grace_count: int = 0
) -> DebtService:
    """A level annuity of `payments_count` payments, after `grace_count` steps that pay interest alone."""
    owed = level_balance_fractions(payments_count, interest_fraction=interest_fraction)
    opening_usd = principal_usd * np.concatenate([np.ones(grace_count), owed[:-1]])
    principal_paid_usd = principal_usd * np.concatenate([np.zeros(grace_count), -np.diff(owed)])
    return _paid_in_full(opening_usd, opening_usd * interest_fraction, principal_paid_usd)


def equal_principal_debt(
    principal_usd: float, *, interest_fraction: float, payments_count: int, grace_count: int = 0
) -> DebtService:
    """Equal slices of principal, interest on what is owed, after `grace_count` steps that pay interest alone."""
    principal_paid_usd = np.zeros(grace_count + payments_count)
    principal_paid_usd[grace_count:] = principal_usd / payments_count
    opening_usd = principal_usd - np.cumsum(principal_paid_usd) + principal_paid_usd
    return _paid_in_full(opening_usd, opening_usd * interest_fraction, principal_paid_usd)


def sculpted_debt(cash_usd: FloatArray, *, interest_fraction: float, coverage_ratio: float) -> DebtService:
    """The greatest loan that `cash_usd` `(step,)` serves with the same coverage in every step.

        service_t = max(0, cash_t) / coverage,    loan = sum of service_t (1 + i)^-(t + 1)

    Where cash does not even pay the interest, principal is negative: the balance grows and later steps repay it.
    """
    service_usd = np.maximum(cash_usd, 0.0) / coverage_ratio
    factors = (1.0 + interest_fraction) ** -np.arange(1, service_usd.size + 1, dtype=np.float64)
    present_usd = service_usd * factors
    opening_usd = np.cumsum(present_usd[::-1])[::-1] / (factors * (1.0 + interest_fraction))
    interest_usd = opening_usd * interest_fraction
    return _paid_in_full(opening_usd, interest_usd, service_usd - interest_usd)


def swept_debt(
    planned: DebtService, *, cash_usd: FloatArray, interest_fraction: float, sweep_fraction: float
) -> DebtService:
    """The loan of `planned` paid from real cash `(step,)`, with a share of what is left swept into early repayment.

    Interest is paid first, then the planned principal and what was missed before, then `sweep_fraction` of the
    remaining cash as prepayment, which shortens the loan. Interest that cannot be paid is added to what is owed.
    """
    columns = np.zeros((4, cash_usd.size))
    owed_usd, missed_usd = float(planned.opening_usd[0]), 0.0
    for step, available_usd in enumerate(np.maximum(cash_usd, 0.0)):
        accrued_usd = owed_usd * interest_fraction
        interest_usd = min(accrued_usd, available_usd)
        due_usd = min(owed_usd, float(planned.principal_usd[step]) + missed_usd)
        repaid_usd = min(due_usd, available_usd - interest_usd)
        swept_usd = min(owed_usd - repaid_usd, sweep_fraction * (available_usd - interest_usd - repaid_usd))
        unpaid_usd = accrued_usd - interest_usd
        missed_usd = due_usd - repaid_usd + unpaid_usd
        principal_usd = repaid_usd + swept_usd - unpaid_usd
        columns[:, step] = owed_usd, accrued_usd, principal_usd, missed_usd
        owed_usd -= principal_usd
    return DebtService(
        opening_usd=columns[0], interest_usd=columns[1], principal_usd=columns[2], shortfall_usd=columns[3]
    )


def drawn_balance_usd(draws_usd: FloatArray, *, interest_fraction: float) -> FloatArray:
    """Owed at the end of each step of construction, `(step,)`: draws at each step's end, interest added to the loan.

    balance_t = balance_(t-1) (1 + i) + draw_t; the last balance less the draws is the interest during construction.
    """
    growth = (1.0 + interest_fraction) ** np.arange(draws_usd.size)
    return np.asarray(np.cumsum(draws_usd / growth) * growth, dtype=np.float64)


def average_balance_interest_usd(principal_usd: float, *, interest_per_year_fraction: float, months: float) -> float:
    """Interest of a loan drawn evenly during construction: half is owed on average, nothing compounds."""
    return principal_usd / 2.0 * interest_per_year_fraction * months / MONTHS_PER_YEAR


def reserve_balance_usd(service_usd: FloatArray, *, steps_count: float) -> FloatArray:
    """What a debt service reserve account holds at the end of each step: the service of the next `steps_count`.

    `(step,)`; half a step counts half. What it takes in is the change from step to step, the first balance when the
    loan is signed: `reserve_funding_usd`.
    """
    whole, part = int(steps_count), steps_count - int(steps_count)
    ahead_usd = np.concatenate([service_usd, np.zeros(whole + 2)])
    windows = np.lib.stride_tricks.sliding_window_view(ahead_usd[1:], whole + 1)[: service_usd.size]
    return np.asarray(windows[:, :whole].sum(axis=1) + part * windows[:, whole], dtype=np.float64)


def reserve_funding_usd(service_usd: FloatArray, *, steps_count: float) -> tuple[float, FloatArray]:
    """What is paid into the reserve at signature, and into it (negative: out of it) in each step, `(step,)`."""
    first_usd = float(reserve_balance_usd(np.concatenate([np.zeros(1), service_usd]), steps_count=steps_count)[0])
    balance_usd = reserve_balance_usd(service_usd, steps_count=steps_count)
    return first_usd, np.diff(balance_usd, prepend=first_usd)


def service_coverage_ratio(cash_usd: FloatArray, *, service_usd: FloatArray) -> FloatArray:
    """DSCR: cash available for debt service over the service due, `(step,)`; NaN where nothing is due."""
    return np.divide(cash_usd, service_usd, out=np.full_like(cash_usd, np.nan), where=service_usd > 0.0)


def life_coverage_ratio(cash_usd: FloatArray, *, debt: DebtService, interest_fraction: float) -> FloatArray:
    """LLCR at the start of each step, `(step,)`: present value of cash over the loan's remaining life over debt owed.

    Discounted at the loan's own rate; the loan lives until nothing is owed. NaN where nothing is owed.
    """
    living_usd = np.where(_owed(debt.opening_usd), cash_usd, 0.0)
    factors = (1.0 + interest_fraction) ** -np.arange(1, cash_usd.size + 1, dtype=np.float64)
    present_usd = np.cumsum((living_usd * factors)[::-1])[::-1] / (factors * (1.0 + interest_fraction))
    return np.divide(
        present_usd, debt.opening_usd, out=np.full_like(present_usd, np.nan), where=_owed(debt.opening_usd)
    )


def loan_to_value_ratio(owed_usd: FloatArray, *, asset_value_usd: FloatArray) -> FloatArray:
    """LTV: debt owed over what secures it, `(step,)`; infinite where something is owed on nothing, NaN on neither."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(owed_usd / asset_value_usd, dtype=np.float64)


def _owed(opening_usd: FloatArray) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Where more is owed than rounding leaves behind."""
    return np.asarray(opening_usd > opening_usd.max(initial=0.0) * np.finfo(np.float64).eps ** 0.5)


def _paid_in_full(opening_usd: FloatArray, interest_usd: FloatArray, principal_usd: FloatArray) -> DebtService:
    return DebtService(
        opening_usd=opening_usd,
        interest_usd=interest_usd,
        principal_usd=principal_usd,
        shortfall_usd=np.zeros_like(opening_usd),
    )
