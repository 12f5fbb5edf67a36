"""Loans: drawn as collateral is paid for, repaid level or sculpted, watched by covenants.

    draw_i      = advance x collateral paid for in month i of the grace period, until the commitment is drawn
    interest_i  = balance_(i-1) x rate / 12, paid every month
    level       : the annuity that repays the balance over the months that are left
    sculpted    : at the end of each interval, cash available for debt service over the target coverage less the
                  interval's interest, at most the balance; the rest at maturity

An interval is a planning period. A covenant that is broken at its end lets the lender sweep a part of what is left of
the cash. A programme that lacks the money pays what it has, interest first; what it owes is added to the balance and
due again in the next month (default).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from gigawatt.entities.contracts import GpuDebt, Loan, LoanTerms, ProjectDebt, Repayment, VendorFinancing
from gigawatt.entities.schedules import in_term
from gigawatt.finance.contracts.given import (
    EVENT_SCHEMA,
    LOAN_SCHEMA,
    Given,
    Outcome,
    paid_usd,
    purposes_of,
    up_to,
)
from gigawatt.finance.debt_sizing import interest_per_month_fraction, level_payment_usd, reserve_balance_usd
from gigawatt.finance.flows import ESTATE_PURPOSES, FABRIC_PURPOSES, FlowKind, Purpose, Stream
from gigawatt.timeline import Calendar, FloatArray, IntArray

_LEAST_USD = 0.005
_BREACH_FRACTION = 1e-6
"""A covenant is broken when it is missed by more than this part: the accuracy of the plan's own solver."""
_CENTS = 2
"""Decimals of a whole cent."""


def loan(contract: Loan, given: Given) -> Outcome:
    """What a loan of any kind pays in both directions, its schedule, and what went wrong with it."""
    calendar, terms = given.inputs.calendar, contract.terms
    collateral = collateral_paid_usd(contract, given) * in_term(
        calendar, start=terms.start, term_months=terms.grace_months
    )
    case = _Case(
        terms=terms,
        first=calendar.month_index(terms.start) + terms.grace_months,
        draws_usd=draws_usd(contract, given),
        available_usd=cash_available_usd(given, party=contract.borrower),
        collateral_usd=collateral_value_usd(collateral, life_months=terms.collateral_life_months),
        purse_usd=_purse_usd(contract, given),
        interval_ends=_interval_ends(terms, calendar),
    )
    served = _serve(case)
    lender = contract.vendor if isinstance(contract, VendorFinancing) else contract.lender
    streams = (
        Stream(payer=lender, payee=contract.borrower, purpose=Purpose.LOAN, amount_usd=case.draws_usd),
        Stream(payer=contract.borrower, payee=lender, purpose=Purpose.INTEREST, amount_usd=served.interest_usd),
        Stream(payer=contract.borrower, payee=lender, purpose=Purpose.PRINCIPAL, amount_usd=served.principal_usd),
    )
    return Outcome(
        streams=streams, loans=_schedule(contract, case, served, calendar), events=_events(contract, served, calendar)
    )


def draws_usd(contract: Loan, given: Given) -> FloatArray:
    """What is drawn in each month, in whole cents, `(month,)`."""
    terms = contract.terms
    window = in_term(given.inputs.calendar, start=terms.start, term_months=terms.grace_months)
    secured = terms.advance_fraction * collateral_paid_usd(contract, given) * window
    return _whole_cents(up_to(secured, cap_usd=terms.commitment_usd))


def collateral_paid_usd(contract: Loan, given: Given) -> FloatArray:
    """What the borrower pays for the assets that secure the loan, `(month,)`."""
    match contract:
        case VendorFinancing(vendor=vendor, borrower=borrower):
            return paid_usd(given, payer=borrower, payee=vendor, purposes=(Purpose.SYSTEMS,))
        case GpuDebt(borrower=borrower, sites=sites, platforms=platforms):
            purposes = (Purpose.SYSTEMS, *FABRIC_PURPOSES)
            return paid_usd(given, payer=borrower, purposes=purposes, sites=sites, platforms=platforms)
        case ProjectDebt(borrower=borrower, sites=sites):
            return paid_usd(given, payer=borrower, purposes=ESTATE_PURPOSES, sites=sites)


def cash_available_usd(given: Given, *, party: str) -> FloatArray:
    """CFADS: what a party earns less what its operation costs, before investment, tax and financing, `(month,)`."""
    running = purposes_of(FlowKind.OPEX, FlowKind.REVENUE)
    return paid_usd(given, payee=party, purposes=running) - paid_usd(given, payer=party, purposes=running)


def collateral_value_usd(paid: FloatArray, *, life_months: int) -> FloatArray:
    """Cost of the collateral, each month's written off evenly over its life, at each month's end, `(month,)`."""
    left = 1.0 - np.minimum(1.0, np.arange(paid.size) / life_months)
    return np.asarray(np.convolve(paid, left)[: paid.size], dtype=np.float64)


def _whole_cents(amount_usd: FloatArray) -> FloatArray:
    """Payments in whole cents whose running sum is off by half a cent at most, `(month,)`."""
    return np.round(np.diff(np.round(np.cumsum(amount_usd), _CENTS), prepend=0.0), _CENTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """A loan before it is served; arrays `(month,)`. Repayment begins in month `first`, which may lie outside."""

    terms: LoanTerms
    first: int
    draws_usd: FloatArray
    available_usd: FloatArray
    collateral_usd: FloatArray
    purse_usd: FloatArray
    interval_ends: IntArray


@dataclass(slots=True, kw_only=True)
class _Served:
    """A loan as it is served, filled month by month, `(month,)` each; `breaches` are months and covenants."""

    interest_usd: FloatArray
    principal_usd: FloatArray
    unpaid_usd: FloatArray
    balance_usd: FloatArray
    breaches: list[tuple[int, str, float]]


def _serve(case: _Case) -> _Served:
    count = case.draws_usd.size
    served = _Served(
        interest_usd=np.zeros(count),
        principal_usd=np.zeros(count),
        unpaid_usd=np.zeros(count),
        balance_usd=np.zeros(count),
        breaches=[],
    )
    balance, spent = 0.0, 0.0
    for month in range(count):
        interest = round(balance * interest_per_month_fraction(case.terms.rate_fraction_per_year), _CENTS)
        principal = _principal_due(case, served, month=month, balance=balance, interest=interest)
        due = interest + round(principal, _CENTS)
        purse = max(0.0, float(case.purse_usd[month]) + float(case.draws_usd[: month + 1].sum()) - spent)
        paid = min(due, round(purse, _CENTS))
        served.interest_usd[month] = min(interest, paid)
        served.principal_usd[month] = paid - served.interest_usd[month]
        served.unpaid_usd[month] = due - paid
        owed = balance + float(case.draws_usd[month]) + interest - paid
        if month in case.interval_ends:
            swept = round(min(owed, purse - paid, _swept(case, served, month=month, owed=owed)), _CENTS)
            served.principal_usd[month] += swept
            owed, paid = owed - swept, paid + swept
        spent += paid
        balance = served.balance_usd[month] = round(max(0.0, owed), _CENTS)
    return served


def _principal_due(case: _Case, served: _Served, *, month: int, balance: float, interest: float) -> float:
    """Principal that falls due in a month, with what was missed in the one before."""
    terms, missed = case.terms, float(served.unpaid_usd[month - 1]) if month else 0.0
    left = case.first + terms.tenor_months - month
    if month < case.first:
        return min(balance, missed)
    if left <= 1:
        return balance
    if terms.repayment is Repayment.LEVEL:
        rate = interest_per_month_fraction(terms.rate_fraction_per_year)
        return min(balance, level_payment_usd(balance, interest_fraction=rate, payments_count=left) - interest + missed)
    if month not in case.interval_ends:
        return min(balance, missed)
    since = _interval_start(case, month)
    paid = float(served.interest_usd[since:month].sum()) + interest
    carried = float(case.available_usd[since : month + 1].sum()) / terms.target_dscr_ratio
    return min(balance, max(missed, carried - paid))


def _swept(case: _Case, served: _Served, *, month: int, owed: float) -> float:
    """What the lender takes beyond the service when a covenant is broken at the end of an interval."""
    since = _interval_start(case, month)
    available = float(case.available_usd[since : month + 1].sum())
    service = float((served.interest_usd + served.principal_usd + served.unpaid_usd)[since : month + 1].sum())
    terms, broken = case.terms, False
    if (
        terms.least_dscr_ratio
        and service > _LEAST_USD
        and available < terms.least_dscr_ratio * service * (1 - _BREACH_FRACTION)
    ):
        served.breaches.append((month, "DSCR covenant broken", terms.least_dscr_ratio * service - available))
        broken = True
    most = terms.most_ltv_fraction * float(case.collateral_usd[month])
    if terms.most_ltv_fraction and owed > most * (1 + _BREACH_FRACTION) + _LEAST_USD:
        served.breaches.append((month, "LTV covenant broken", owed - most))
        broken = True
    return terms.sweep_fraction * max(0.0, available - service) if broken else 0.0


def _interval_start(case: _Case, month: int) -> int:
    """First month of the interval that ends with `month`."""
    earlier = case.interval_ends[case.interval_ends < month]
    return int(earlier[-1]) + 1 if earlier.size else max(0, case.first)


def _interval_ends(terms: LoanTerms, calendar: Calendar) -> IntArray:
    """Last months of the planning periods in which the loan is repaid."""
    ends = np.arange(calendar.months_per_period - 1, calendar.month_count, calendar.months_per_period)
    first = calendar.month_index(terms.start) + terms.grace_months
    return np.asarray(ends[(ends >= first) & (ends < first + terms.tenor_months)], dtype=np.int64)


def _purse_usd(contract: Loan, given: Given) -> FloatArray:
    """The borrower's cash without this loan; endless for others than the programme, `(month,)`.

    What a programme lacks within a planning period it bridges: the cash at the period's end counts.
    Loans are served in the order of the scenario; those behind this one have been drawn but not served.
    """
    inputs = given.inputs
    if contract.borrower != inputs.programme:
        return np.full(inputs.calendar.month_count, np.inf)
    net = paid_usd(given, payee=contract.borrower) - paid_usd(given, payer=contract.borrower)
    loans = [other for other in inputs.contracts if isinstance(other, Loan) and other.borrower == contract.borrower]
    junior = loans[[other.id for other in loans].index(contract.id) + 1 :]
    drawn = np.sum([np.zeros_like(net), *(draws_usd(other, given) for other in junior)], axis=0)
    cash_usd = inputs.treasury.opening_cash_usd + np.cumsum(net + drawn)
    step = inputs.calendar.months_per_period
    return np.repeat(cash_usd[step - 1 :: step], step)


def _schedule(contract: Loan, case: _Case, served: _Served, calendar: Calendar) -> pl.DataFrame:
    service = served.interest_usd + served.principal_usd
    columns = {
        "contract": [contract.id] * calendar.month_count,
        "month": calendar.months,
        "drawn_usd": case.draws_usd,
        "interest_usd": served.interest_usd,
        "principal_usd": served.principal_usd,
        "unpaid_usd": served.unpaid_usd,
        "balance_usd": served.balance_usd,
        "available_usd": case.available_usd,
        "collateral_usd": case.collateral_usd,
        "reserve_usd": reserve_balance_usd(service, steps_count=float(case.terms.reserve_months)),
    }
    return pl.DataFrame(columns, schema=LOAN_SCHEMA)


def _events(contract: Loan, served: _Served, calendar: Calendar) -> pl.DataFrame:
    unpaid = np.flatnonzero(served.unpaid_usd > _LEAST_USD)
    defaults = [(int(month), "default", float(served.unpaid_usd[month])) for month in unpaid]
    rows = [
        {
            "contract": contract.id,
            "month": calendar.months[month],
            "party": contract.borrower,
            "event": event,
            "amount_usd": usd,
        }
        for month, event, usd in sorted([*served.breaches, *defaults])
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)
