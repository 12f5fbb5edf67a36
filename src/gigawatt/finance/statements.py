"""Statements of every party, month by month: cash flow, income, balance sheet, by double entry and in whole cents.

Each payment is booked twice with its payer and twice with its payee: cash, and the line that its purpose stands for.
What is not paid is booked too: depreciation of what is in service, interest that a borrower could not pay, and what
vested shares are worth beyond their strike: income and an investment of the holder, an expense and paid-in capital of
the issuer (a consideration paid to a customer in shares; ASC 606-10-32-25, here at the price of the month in which they
vest). So every balance sheet balances to the cent by construction. A party's statements cover its dealings within the
programme: what else it sells, and what it owned before, is not in a scenario. Money is nominal USD; `in_real_usd` gives
amounts of one year, under names that say so.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from gigawatt.entities.stages import Appraisal, History, Inputs
from gigawatt.finance.assets import assets, written_off_usd
from gigawatt.finance.flows import FlowKind, Purpose, whole_cents
from gigawatt.timeline import Calendar, FloatArray, IntArray
from gigawatt.units import CENTS_PER_USD, MONTHS_PER_YEAR


class Line(StrEnum):
    """A line of the income statement or the balance sheet that payments are booked on."""

    REVENUE = "revenue"
    OPERATING_COST = "operating_cost"
    DEPRECIATION = "depreciation"
    INTEREST_INCOME = "interest_income"
    INTEREST_EXPENSE = "interest_expense"
    OTHER_INCOME = "other_income"
    OTHER_EXPENSE = "other_expense"
    TAX = "tax"
    FIXED_ASSETS = "fixed_assets"
    ACCUMULATED_DEPRECIATION = "accumulated_depreciation"
    INVESTMENTS = "investments"
    LOANS_GIVEN = "loans_given"
    ADVANCES_PAID = "advances_paid"
    DEBT = "debt"
    ADVANCES_RECEIVED = "advances_received"
    PAID_IN_CAPITAL = "paid_in_capital"


INCOME = (Line.REVENUE, Line.INTEREST_INCOME, Line.OTHER_INCOME)
EXPENSES = (Line.OPERATING_COST, Line.DEPRECIATION, Line.INTEREST_EXPENSE, Line.OTHER_EXPENSE, Line.TAX)
OWNED = (Line.FIXED_ASSETS, Line.INVESTMENTS, Line.LOANS_GIVEN, Line.ADVANCES_PAID)
OWED = (Line.DEBT, Line.ADVANCES_RECEIVED)
OPERATING = (*INCOME, *EXPENSES, Line.ADVANCES_RECEIVED)
FINANCING = (Line.DEBT, Line.PAID_IN_CAPITAL)

_BOOKED: dict[Purpose, tuple[Line, Line]] = {
    Purpose.RESALE: (Line.FIXED_ASSETS, Line.OTHER_INCOME),
    Purpose.TRANCHE: (Line.INVESTMENTS, Line.PAID_IN_CAPITAL),
    Purpose.EQUITY: (Line.INVESTMENTS, Line.PAID_IN_CAPITAL),
    Purpose.WARRANT_EXERCISE: (Line.INVESTMENTS, Line.PAID_IN_CAPITAL),
    Purpose.LOAN: (Line.LOANS_GIVEN, Line.DEBT),
    Purpose.PRINCIPAL: (Line.DEBT, Line.LOANS_GIVEN),
    Purpose.INTEREST: (Line.INTEREST_EXPENSE, Line.INTEREST_INCOME),
    Purpose.SEIZURE: (Line.DEBT, Line.LOANS_GIVEN),
    Purpose.ADVANCE: (Line.ADVANCES_PAID, Line.ADVANCES_RECEIVED),
    Purpose.CREDIT: (Line.ADVANCES_RECEIVED, Line.ADVANCES_PAID),
    Purpose.DEPOSIT: (Line.ADVANCES_PAID, Line.ADVANCES_RECEIVED),
    Purpose.DEPOSIT_RETURN: (Line.ADVANCES_RECEIVED, Line.ADVANCES_PAID),
    Purpose.GRANT: (Line.OTHER_EXPENSE, Line.OTHER_INCOME),
    Purpose.GUARANTEE_CLAIM: (Line.OTHER_EXPENSE, Line.OTHER_INCOME),
    Purpose.TAX: (Line.TAX, Line.OTHER_INCOME),
}
"""Where a payment of a purpose is booked by its payer and by its payee, beside cash."""

_BY_KIND: dict[FlowKind, tuple[Line, Line]] = {
    FlowKind.CAPEX: (Line.FIXED_ASSETS, Line.REVENUE),
    FlowKind.OPEX: (Line.OPERATING_COST, Line.REVENUE),
    FlowKind.REVENUE: (Line.OPERATING_COST, Line.REVENUE),
}


def booked(purpose: Purpose) -> tuple[Line, Line]:
    """The lines of a purpose with its payer and its payee."""
    return _BOOKED[purpose] if purpose in _BOOKED else _BY_KIND[purpose.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Statements:
    """Three tables with a row for every `month` and `party`, amounts in nominal USD and whole cents.

    `cash_flow`: `opening_cash_usd`, `operating_usd`, `investing_usd`, `financing_usd`, `closing_cash_usd`.
    `income`: `revenue_usd`, `operating_cost_usd`, `depreciation_usd`, `interest_income_usd`, `interest_expense_usd`,
    `other_income_usd`, `other_expense_usd`, `tax_usd` (costs are positive) and `net_income_usd`.
    `balance_sheet`: `cash_usd`, `fixed_assets_usd` (at cost), `accumulated_depreciation_usd` (to be taken off),
    `investments_usd`, `loans_given_usd`, `advances_paid_usd`, `total_assets_usd`; `debt_usd`, `advances_received_usd`,
    `opening_capital_usd`, `paid_in_capital_usd`, `retained_earnings_usd`, `total_claims_usd`.
    """

    cash_flow: pl.DataFrame
    income: pl.DataFrame
    balance_sheet: pl.DataFrame


def statements(inputs: Inputs, history: History, *, appraisal: Appraisal) -> Statements:
    """Statements of all parties of the inputs, also of those that nobody pays."""
    books = [_books(inputs, history, appraisal, party=party.id) for party in inputs.parties]
    return Statements(
        cash_flow=pl.concat([_cash_flow(each, inputs.calendar) for each in books]),
        income=pl.concat([_income(each, inputs.calendar) for each in books]),
        balance_sheet=pl.concat([_balance_sheet(each, inputs.calendar) for each in books]),
    )


def in_real_usd(table: pl.DataFrame, *, inflation_fraction_per_year: float, calendar: Calendar) -> pl.DataFrame:
    """The table in money of the calendar's first month: `revenue_usd` becomes `revenue_real_2026_usd`.

    Money of month i is worth (1 + inflation)^(-i/12) as much. Balances are restated with the month they stand in.
    """
    since = pl.lit(calendar.start)
    months = (pl.col("month").dt.year() - since.dt.year()) * MONTHS_PER_YEAR + (
        pl.col("month").dt.month().cast(pl.Int32) - since.dt.month().cast(pl.Int32)
    )
    worth = (1.0 + inflation_fraction_per_year) ** (-months.cast(pl.Float64) / MONTHS_PER_YEAR)
    suffix = f"_real_{calendar.start.year}_usd"
    amounts = [name for name in table.columns if name.endswith("_usd")]
    return table.with_columns(
        (pl.col(name) * worth).alias(name.removesuffix("_usd") + suffix) for name in amounts
    ).drop(amounts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Books:
    """A party's bookings in cents: `debits` by line less credits in each month, and what was booked against cash.

    Both `(month,)` by line; `paid` leaves out what moved no cash. `opening` is the capital of the first day.
    """

    party: str
    opening: int
    debits: dict[Line, IntArray]
    paid: dict[Line, IntArray]


def _books(inputs: Inputs, history: History, appraisal: Appraisal, *, party: str) -> _Books:
    calendar = inputs.calendar
    paid = {line: np.zeros(calendar.month_count, dtype=np.int64) for line in Line}
    flows = appraisal.flows.with_columns(cents=whole_cents(pl.col("amount_usd")))
    for side, sign in (("payer", 1), ("payee", -1)):
        mine = flows.filter(pl.col(side) == party).group_by("month", "purpose").agg(pl.col("cents").sum())
        for month, purpose, cents in mine.iter_rows():
            line = booked(Purpose(purpose))[0 if sign > 0 else 1]
            paid[line][calendar.month_index(month)] += sign * cents
    debits = {line: amounts.copy() for line, amounts in paid.items()}
    written = _cents(
        sum(
            (written_off_usd(found) for found in assets(inputs, history) if found.owner == party),
            np.zeros(calendar.month_count),
        )
    )
    debits[Line.DEPRECIATION] += written
    debits[Line.ACCUMULATED_DEPRECIATION] -= written
    _book_unpaid_interest(inputs, appraisal, party=party, debits=debits)
    _book_vested_shares(appraisal, calendar, party=party, debits=debits)
    opening = round(inputs.treasury.opening_cash_usd * CENTS_PER_USD) if party == inputs.programme else 0
    return _Books(party=party, opening=opening, debits=debits, paid=paid)


def _book_unpaid_interest(inputs: Inputs, appraisal: Appraisal, *, party: str, debits: dict[Line, IntArray]) -> None:
    """Interest that was not paid but added to what is owed, with borrower and lender."""
    for contract in inputs.contracts:
        loan = appraisal.loans.filter(pl.col("contract") == contract.id).sort("month")
        if loan.is_empty():
            continue
        moved = loan["drawn_usd"].to_numpy() - loan["principal_usd"].to_numpy()
        added = _cents(np.diff(loan["balance_usd"].to_numpy(), prepend=0.0) - moved)
        lender = str(getattr(contract, "lender", getattr(contract, "vendor", "")))
        if party == getattr(contract, "borrower", ""):
            debits[Line.INTEREST_EXPENSE] += added
            debits[Line.DEBT] -= added
        elif party == lender:
            debits[Line.LOANS_GIVEN] += added
            debits[Line.INTEREST_INCOME] -= added


def _book_vested_shares(appraisal: Appraisal, calendar: Calendar, *, party: str, debits: dict[Line, IntArray]) -> None:
    """What shares of vested warrants are worth beyond the strike that was paid, with holder and issuer."""
    vested = appraisal.stakes.filter(pl.col("shares_count").is_not_null())
    for month, issuer, holder, worth_usd in vested.select("month", "issuer", "holder", "value_usd").iter_rows():
        index, cents = calendar.month_index(month), round(worth_usd * CENTS_PER_USD)
        if party == holder:
            debits[Line.INVESTMENTS][index] += cents
            debits[Line.OTHER_INCOME][index] -= cents
        elif party == issuer:
            debits[Line.OTHER_EXPENSE][index] += cents
            debits[Line.PAID_IN_CAPITAL][index] -= cents


def _cents(amount_usd: FloatArray) -> IntArray:
    """Monthly amounts in whole cents whose running sum is never off by more than half a cent."""
    rounded = np.rint(np.cumsum(amount_usd) * CENTS_PER_USD).astype(np.int64)
    return np.diff(rounded, prepend=0)


def _total(books: dict[Line, IntArray], lines: tuple[Line, ...]) -> IntArray:
    """Sum of what is booked on some lines, `(month,)`."""
    return np.asarray(np.sum([books[line] for line in lines], axis=0), dtype=np.int64)


def _table(books: _Books, calendar: Calendar, columns: dict[str, IntArray]) -> pl.DataFrame:
    named = {f"{name}_usd": cents / CENTS_PER_USD for name, cents in columns.items()}
    months = pl.Series(calendar.months, dtype=pl.Date)
    return pl.DataFrame({"month": months, "party": [books.party] * calendar.month_count, **named})


def _cash_flow(books: _Books, calendar: Calendar) -> pl.DataFrame:
    operating = -_total(books.paid, OPERATING)
    investing = -_total(books.paid, OWNED)
    financing = -_total(books.paid, FINANCING)
    closing = books.opening + np.cumsum(operating + investing + financing)
    opening = np.concatenate([[books.opening], closing[:-1]])
    return _table(
        books,
        calendar,
        {
            "opening_cash": opening,
            "operating": operating,
            "investing": investing,
            "financing": financing,
            "closing_cash": closing,
        },
    )


def _income(books: _Books, calendar: Calendar) -> pl.DataFrame:
    earned = {line.value: -books.debits[line] for line in INCOME}
    spent = {line.value: books.debits[line] for line in EXPENSES}
    return _table(books, calendar, {**earned, **spent, "net_income": _net_income(books)})


def _net_income(books: _Books) -> IntArray:
    return np.asarray(-_total(books.debits, (*INCOME, *EXPENSES)))


def _balance_sheet(books: _Books, calendar: Calendar) -> pl.DataFrame:
    cash = books.opening - np.cumsum(_total(books.paid, tuple(Line)))
    owned = {line.value: np.cumsum(books.debits[line]) for line in OWNED}
    written = -np.cumsum(books.debits[Line.ACCUMULATED_DEPRECIATION])
    owed = {line.value: -np.cumsum(books.debits[line]) for line in OWED}
    capital = -np.cumsum(books.debits[Line.PAID_IN_CAPITAL])
    earnings = np.cumsum(_net_income(books))
    return _table(
        books,
        calendar,
        {
            "cash": cash,
            **owned,
            "accumulated_depreciation": written,
            "total_assets": cash + sum(owned.values()) - written,
            **owed,
            "opening_capital": np.full(calendar.month_count, books.opening),
            "paid_in_capital": capital,
            "retained_earnings": earnings,
            "total_claims": sum(owed.values()) + books.opening + capital + earnings,
        },
    )
