"""The workbook's money with live formulas: what an analyst changes or checks is calculated in the sheet.

Every formula carries the value that gigawatt computed; a test calculates each one anew and compares.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from xlsxwriter.utility import xl_col_to_name

from gigawatt.entities.stages import Study
from gigawatt.finance.circle import investor_circles
from gigawatt.finance.compute_costs import WATERFALL_SCHEMA, compute_costs, waterfall
from gigawatt.finance.flows import FlowKind, monthly_usd
from gigawatt.finance.returns import (
    dated_rate_of_return_fraction,
    internal_rate_of_return_fraction,
    multiple_of_money_ratio,
    net_present_value_usd,
    peak_funding,
)
from gigawatt.report import measures
from gigawatt.report.accounts import by_year, study_statements
from gigawatt.report.workbook import Book, Formula, Value
from gigawatt.timeline import FloatArray, discount_factors
from gigawatt.units import MONTHS_PER_YEAR

CASH_FLOWS = "cash flows"
_FIRST = 2
_TOKENS = "usd_per_mtoken"
_BEFORE_FINANCING = (FlowKind.CAPEX, FlowKind.OPEX, FlowKind.REVENUE)


def money_sheets(book: Book, study: Study) -> None:
    """Returns, the programme's cash, statements of all parties, circle, loans and levelized cost."""
    cash = _programme_cash(study)
    book.sheet("returns", ("figure", "value", "unit"), _returns_rows(study, cash))
    book.sheet("programme", _PROGRAMME_HEADS, _programme_rows(study, cash))
    _statement_sheets(book, study)
    _circle_sheets(book, study)
    _loans_sheet(book, study)
    _levelized_sheet(book, study)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ProgrammeCash:
    """The programme's monthly cash by the sheet's columns, `(month,)` each; what it pays is positive."""

    received: FloatArray
    operation: FloatArray
    investment: FloatArray
    financing: FloatArray
    tax: FloatArray

    @property
    def net(self) -> FloatArray:
        """Before financing and tax."""
        return self.received - self.operation - self.investment


def _programme_cash(study: Study) -> _ProgrammeCash:
    flows, party, calendar = study.appraisal.flows, study.inputs.programme, study.inputs.calendar

    def net(*conditions: pl.Expr) -> FloatArray:
        return monthly_usd(flows.filter(*conditions), party=party, calendar=calendar)

    kind, paid = pl.col("kind"), pl.col("payer") == party
    running = kind.is_in([each.value for each in _BEFORE_FINANCING])
    capital = kind == FlowKind.CAPEX.value
    return _ProgrammeCash(
        received=net(running, pl.col("payee") == party),
        operation=-net(running, paid, ~capital),
        investment=-net(capital, paid),
        financing=net(kind == FlowKind.FINANCING.value),
        tax=-net(kind == FlowKind.TAX.value),
    )


_PROGRAMME_HEADS = (
    "month",
    "received (USD)",
    "operation (USD)",
    "investment (USD)",
    "net before financing (USD)",
    "cumulative (USD)",
    "discount factor (ratio)",
    "present value (USD)",
    "financing (USD)",
    "tax (USD)",
    "cash at the end (USD)",
)


def _programme_rows(study: Study, cash: _ProgrammeCash) -> Iterator[list[Value]]:
    calendar, net = study.inputs.calendar, cash.net
    factors = discount_factors(calendar, annual_rate_fraction=study.inputs.discount_rate_fraction)
    total = np.cumsum(net)
    balance = study.inputs.treasury.opening_cash_usd + np.cumsum(net + cash.financing - cash.tax)
    for index, month in enumerate(calendar.months):
        row = index + _FIRST
        before = "returns!$B$3" if index == 0 else f"K{row - 1}"
        exponent = f"(ROW()-{_FIRST})/{MONTHS_PER_YEAR}"
        yield [
            month,
            float(cash.received[index]),
            float(cash.operation[index]),
            float(cash.investment[index]),
            Formula(text=f"=B{row}-C{row}-D{row}", value=float(net[index])),
            Formula(text=f"=SUM(E${_FIRST}:E{row})", value=float(total[index])),
            Formula(text=f"=(1+returns!$B$2)^(-{exponent})", value=float(factors[index])),
            Formula(text=f"=E{row}*G{row}", value=float(net[index] * factors[index])),
            float(cash.financing[index]),
            float(cash.tax[index]),
            Formula(text=f"={before}+E{row}+I{row}-J{row}", value=float(balance[index])),
        ]


def _returns_rows(study: Study, cash: _ProgrammeCash) -> list[tuple[Value, ...]]:
    """Rates and worth of the programme before financing; the rates' formulas start from our answer."""
    inputs, net = study.inputs, cash.net
    last = _FIRST + net.size - 1
    peak_usd, peak_month = peak_funding(net)
    cumulative = f"programme!F{_FIRST}:F{last}"
    cash_range = f"programme!E{_FIRST}:E{last}"
    worth = net_present_value_usd(net, calendar=inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction)
    peak = f"=INDEX(programme!A{_FIRST}:A{last},MATCH(MIN({cumulative}),{cumulative},0))"
    multiple = f'=SUMIF({cash_range},">0")/-SUMIF({cash_range},"<0")'
    return [
        ("discount rate", inputs.discount_rate_fraction, "ratio per year"),
        ("opening cash", inputs.treasury.opening_cash_usd, "USD"),
        ("net present value", Formula(text=f"=SUM(programme!H{_FIRST}:H{last})", value=worth), "USD"),
        ("internal rate of return", _rate_formula(net, last=last), "ratio per year"),
        ("rate of return by date (XIRR)", _dated_rate_formula(study, net, last=last), "ratio per year"),
        ("multiple of money (MOIC)", _finite(multiple, multiple_of_money_ratio(net)), "ratio"),
        ("peak funding", Formula(text=f"=MAX(0,-MIN({cumulative}))", value=peak_usd), "USD"),
        ("month of peak funding", Formula(text=peak, value=inputs.calendar.months[peak_month]), "month"),
    ]


def _rate_formula(net: FloatArray, *, last: int) -> Value:
    rate = internal_rate_of_return_fraction(net)
    monthly = (1.0 + rate) ** (1.0 / MONTHS_PER_YEAR) - 1.0
    text = f"=(1+IRR(programme!E{_FIRST}:E{last},{monthly!r}))^{MONTHS_PER_YEAR}-1"
    return _finite(text, rate)


def _dated_rate_formula(study: Study, net: FloatArray, *, last: int) -> Value:
    """XIRR from the first month with cash on: a spreadsheet answers wrongly where the first amount is nothing."""
    paid = np.flatnonzero(net)
    if not paid.size:
        return None
    begin = int(paid[0])
    rate = dated_rate_of_return_fraction(net[begin:], days=study.inputs.calendar.months[begin:])
    rows = f"{_FIRST + begin}:{{}}{last}"
    amounts, days = (f"programme!{column}{rows.format(column)}" for column in ("E", "A"))
    return _finite(f"=XIRR({amounts},{days},{rate!r})", rate)


def _finite(text: str, value: float) -> Value:
    """The formula, or nothing where the figure does not exist."""
    return Formula(text=text, value=value) if np.isfinite(value) else "none"


_ADDED = {
    "closing_cash_usd": (("opening_cash_usd", "operating_usd", "investing_usd", "financing_usd"), ()),
    "net_income_usd": (
        ("revenue_usd", "interest_income_usd", "other_income_usd"),
        ("operating_cost_usd", "depreciation_usd", "interest_expense_usd", "other_expense_usd", "tax_usd"),
    ),
    "total_assets_usd": (
        ("cash_usd", "fixed_assets_usd", "investments_usd", "loans_given_usd", "advances_paid_usd"),
        ("accumulated_depreciation_usd",),
    ),
    "total_claims_usd": (
        (
            "debt_usd",
            "advances_received_usd",
            "opening_capital_usd",
            "paid_in_capital_usd",
            "retained_earnings_usd",
        ),
        (),
    ),
}
"""Lines that a statement calculates from its others: what is added and what is taken off."""


def _statement_sheets(book: Book, study: Study) -> None:
    """Cash flow, income and balance sheet of every party by year; sums are formulas, the last balances to nothing."""
    of_all = study_statements(study)
    for name, table, balances in (
        ("cash flow statement", of_all.cash_flow, False),
        ("income statement", of_all.income, False),
        ("balance sheet", of_all.balance_sheet, True),
    ):
        parties = [party.id for party in study.inputs.parties]
        yearly = [(party, by_year(table.filter(pl.col("party") == party), balances=balances)) for party in parties]
        columns = yearly[0][1].columns
        heads = ["party", "year", *(f"{column.removesuffix('_usd').replace('_', ' ')} (USD)" for column in columns[1:])]
        if balances:
            heads.append("assets less claims (USD)")
        rows = [(party, *row) for party, years in yearly for row in years.iter_rows()]
        book.sheet(name, heads, _statement_rows(columns, rows, balances=balances))


def _statement_rows(columns: list[str], rows: list[tuple[Value, ...]], *, balances: bool) -> Iterator[list[Value]]:
    letters = {column: xl_col_to_name(index) for index, column in enumerate(["party", *columns])}
    for number, row in enumerate(rows, start=_FIRST):
        cells: list[Value] = list(row)
        for index, column in enumerate(["party", *columns]):
            if column in _ADDED:
                plus, minus = _ADDED[column]
                added = "+".join(f"{letters[name]}{number}" for name in plus)
                taken = "".join(f"-{letters[name]}{number}" for name in minus)
                cells[index] = Formula(text=f"={added}{taken}", value=_float(row[index]))
        if balances:
            assets, claims = (f"{letters[name]}{number}" for name in ("total_assets_usd", "total_claims_usd"))
            cells.append(Formula(text=f"=ROUND({assets}-{claims},2)", value=0.0))
        yield cells


def _circle_sheets(book: Book, study: Study) -> None:
    payments = measures.payments_usd(study)
    payers, payees = (sorted({pair[side] for pair in payments}) for side in (0, 1))
    heads = ("payer, then payees (USD)", *payees, "all (USD)")
    book.sheet("circle", heads, _matrix_rows(study, payments, payers, payees))
    heads = ("investor", "puts in (USD)", "sells (USD)", "back with purchases of those it paid (USD)",
             "back with purchases of everybody (USD)", "share of those it paid (ratio)", "share of everybody (ratio)",
             "after (months)", "half back by")  # fmt: skip
    book.sheet("investors", heads, _investor_rows(study))


def _matrix_rows(
    study: Study, payments: dict[tuple[str, str], float], payers: Sequence[str], payees: Sequence[str]
) -> Iterator[list[Value]]:
    """Who pays whom, added up from the sheet of all payments."""
    last = study.appraisal.flows.height + 1
    amounts, paying, paid = (f"'{CASH_FLOWS}'!${column}$2:${column}${last}" for column in "HBC")
    end = xl_col_to_name(len(payees))
    for row, payer in enumerate(payers, start=_FIRST):
        cells: list[Value] = [payer]
        for column, payee in enumerate(payees, start=1):
            letter = xl_col_to_name(column)
            text = f"=SUMIFS({amounts},{paying},$A{row},{paid},{letter}$1)"
            cells.append(Formula(text=text, value=payments.get((payer, payee), 0.0)))
        total = sum(usd for pair, usd in payments.items() if pair[0] == payer)
        yield [*cells, Formula(text=f"=SUM(B{row}:{end}{row})", value=total)]
    if payers:
        below = len(payers) + 1
        sums = [sum(usd for pair, usd in payments.items() if pair[1] == payee) for payee in payees]
        letters = [xl_col_to_name(column) for column in range(1, len(payees) + 2)]
        totals = zip(letters, [*sums, sum(sums)], strict=True)
        yield ["all (USD)", *(Formula(text=f"=SUM({c}{_FIRST}:{c}{below})", value=usd) for c, usd in totals)]


def _investor_rows(study: Study) -> Iterator[list[Value]]:
    for row, each in enumerate(investor_circles(study.inputs, appraisal=study.appraisal), start=_FIRST):
        direct, whole = each.of_recipients, each.of_everybody
        yield [
            each.investor,
            float(each.invested_usd.sum()),
            float(whole.bought_usd.sum()),
            float(direct.returned_usd.sum()),
            float(whole.returned_usd.sum()),
            Formula(text=f"=D{row}/B{row}", value=direct.share_fraction),
            Formula(text=f"=E{row}/B{row}", value=whole.share_fraction),
            whole.mean_months,
            whole.half_by,
        ]


def _loans_sheet(book: Book, study: Study) -> None:
    """Each loan by year, with its coverage and loan to value."""
    heads = ("contract", "year", "available (USD)", "interest (USD)", "principal (USD)", "unpaid at the end (USD)",
             "owed at the end (USD)", "collateral at the end (USD)", "DSCR (ratio)", "LTV (ratio)")  # fmt: skip
    yearly = (
        study.appraisal.loans.sort("contract", "month")
        .group_by("contract", pl.col("month").dt.year().alias("year"), maintain_order=True)
        .agg(
            *(pl.col(f"{name}_usd").sum() for name in ("available", "interest", "principal")),
            *(pl.col(f"{name}_usd").last() for name in ("unpaid", "balance", "collateral")),
        )
    )
    book.sheet("loans", heads, (_loan_row(row, number) for number, row in enumerate(yearly.iter_rows(), _FIRST)))


def _loan_row(row: tuple[Value, ...], number: int) -> list[Value]:
    available, interest, principal, unpaid, owed, collateral = map(_float, row[2:])
    due = interest + principal + unpaid
    service = f"(D{number}+E{number}+F{number})"
    return [
        *row,
        Formula(text=f"=C{number}/{service}", value=available / due) if due else None,
        Formula(text=f"=G{number}/H{number}", value=owed / collateral) if collateral else None,
    ]


def _levelized_sheet(book: Book, study: Study) -> None:
    """Cost of compute by layer for each platform and site: present values of cost and of what it yields, divided."""
    costs = compute_costs(study.inputs, study.history, flows=study.appraisal.flows)
    units = tuple(name for name in WATERFALL_SCHEMA if name.startswith("usd_per_") and name != _TOKENS)
    words = [name.removeprefix("usd_per_").replace("_", " ") for name in units]
    heads = ("of", "layer", "cost (USD, present value)", *(f"{word} (count, present value)" for word in words),
             *(f"cost (USD per {word})" for word in words), "cost (USD per million tokens)")  # fmt: skip
    chosen = [("all", waterfall(costs))]
    chosen += [(site, waterfall(costs, site=site)) for site in costs.sites]
    chosen += [(platform, waterfall(costs, platform=platform)) for platform in costs.platforms]
    rows: list[list[Value]] = []
    for name, table in chosen:
        if table["cost_usd"][-1] and table[units[0]][-1]:
            rows += _levelized_rows(name, table, units=units, first=_FIRST + len(rows))
    book.sheet("levelized cost", heads, rows)


def _levelized_rows(name: str, table: pl.DataFrame, *, units: tuple[str, ...], first: int) -> Iterator[list[Value]]:
    whole = table.row(table.height - 1, named=True)
    counts = [whole["cost_usd"] / whole[unit] if whole[unit] else None for unit in units]
    for row, cost in enumerate(table.iter_rows(named=True), start=first):
        total = f"=SUM(C{first}:C{first + table.height - 2})"
        cells: list[Value] = [name, cost["layer"]]
        cells.append(Formula(text=total, value=cost["cost_usd"]) if cost["layer"] == "all" else cost["cost_usd"])
        cells += counts
        for column, unit in enumerate(units, start=3):
            text = f"=C{row}/{xl_col_to_name(column)}{row}"
            cells.append(None if cost[unit] is None else Formula(text=text, value=cost[unit]))
        yield [*cells, cost[_TOKENS]]


def _float(value: Value) -> float:
    """A cell that is known to hold a number."""
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return float(value)
