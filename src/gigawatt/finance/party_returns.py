"""What a party's payments return, seen in four ways, and how well the loans of a programme are covered.

project      what it invests, runs and earns: before financing and tax
equity       everything but what shareholders pay in: what is left for them
investment   shares and loans alone, given and received, with the shares it holds at their last valuation
everything   every payment it makes and receives
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

import numpy as np
import polars as pl

from gigawatt.entities.contracts import GpuDebt, ProjectDebt, VendorFinancing
from gigawatt.entities.stages import Appraisal, Inputs
from gigawatt.finance.debt_sizing import (
    DebtService,
    interest_per_month_fraction,
    life_coverage_ratio,
    loan_to_value_ratio,
)
from gigawatt.finance.flows import FlowKind, Purpose, monthly_usd
from gigawatt.finance.returns import (
    dated_rate_of_return_fraction,
    multiple_of_money_ratio,
    net_present_value_usd,
    payback_step,
    peak_funding,
    runway_months,
)
from gigawatt.timeline import FloatArray
from gigawatt.units import CENTS_PER_USD

SHARE_PURPOSES = (Purpose.TRANCHE, Purpose.EQUITY, Purpose.WARRANT_EXERCISE)
"""Payments for shares."""


_CENT_USD = 1.0 / CENTS_PER_USD


class View(StrEnum):
    """Which payments count."""

    PROJECT = "project"
    EQUITY = "equity"
    INVESTMENT = "investment"
    EVERYTHING = "everything"


_KINDS = {
    View.PROJECT: (FlowKind.CAPEX, FlowKind.OPEX, FlowKind.REVENUE),
    View.INVESTMENT: (FlowKind.FINANCING,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CashReturns:
    """What payments of a view come to. `held_usd` is the value of shares at the horizon's end, counted as received.

    It is NaN where shares were bought at no stated valuation; then the rate and the multiple are NaN too. So they are
    where there is none: `rate_fraction` (XIRR), `multiple_ratio` (MOIC). `payback` is None where cumulative cash is
    negative at the end, or never was.
    """

    view: View
    paid_usd: float
    received_usd: float
    held_usd: float
    npv_usd: float
    rate_fraction: float
    multiple_ratio: float
    payback: date | None
    peak_funding_usd: float
    peak_funding_month: date


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanCoverage:
    """A loan at its weakest: least DSCR of a calendar year and that year, least LLCR, greatest LTV; NaN where none."""

    contract: str
    drawn_usd: float
    least_dscr_ratio: float
    least_dscr_year: int
    least_llcr_ratio: float
    greatest_ltv_ratio: float


def party_returns(inputs: Inputs, *, appraisal: Appraisal, party: str) -> tuple[CashReturns, ...]:
    """Every view of a party in which it pays or receives anything, one of those that hold the same payments."""
    found: dict[tuple[float, float], CashReturns] = {}
    for view in View:
        seen = _cash_returns(inputs, appraisal=appraisal, party=party, view=view)
        if seen.paid_usd or seen.received_usd:
            found.setdefault((seen.paid_usd, seen.received_usd), seen)
    return tuple(found.values())


def holdings(stakes: pl.DataFrame) -> pl.DataFrame:
    """Shares at the end: `issuer`, `holder`, `stake_fraction`, `value_usd`, from `Appraisal.stakes`.

    A later payment of any holder dilutes what was bought before by the fraction that it buys. Value is the fraction of
    the issuer's value after its last payment (what was paid over what it bought); shares from warrants have no
    fraction and count as when they vested.
    """
    priced = stakes.filter(pl.col("stake_fraction").is_not_null()).sort("month", maintain_order=True)
    fractions: dict[tuple[str, str], float] = {}
    post_money: dict[str, float] = {}
    bought = priced.select("issuer", "holder", "stake_fraction", "paid_usd")
    for issuer, holder, fraction, paid in bought.iter_rows():
        fractions = {key: held * (1.0 - fraction if key[0] == issuer else 1.0) for key, held in fractions.items()}
        fractions[issuer, holder] = fractions.get((issuer, holder), 0.0) + fraction
        post_money[issuer] = paid / fraction
    values = {key: held * post_money[key[0]] for key, held in fractions.items()}
    exercised = stakes.filter(pl.col("stake_fraction").is_null()).select("issuer", "holder", "paid_usd", "value_usd")
    for issuer, holder, paid, gain in exercised.iter_rows():
        values[issuer, holder] = values.get((issuer, holder), 0.0) + paid + gain
    rows = [
        {"issuer": issuer, "holder": holder, "stake_fraction": fractions.get((issuer, holder)), "value_usd": value}
        for (issuer, holder), value in sorted(values.items())
    ]
    schema = {"issuer": pl.String, "holder": pl.String, "stake_fraction": pl.Float64, "value_usd": pl.Float64}
    return pl.DataFrame(rows, schema=schema)


def loan_coverages(inputs: Inputs, *, appraisal: Appraisal) -> tuple[LoanCoverage, ...]:
    """Every loan of the programme that was drawn, at its weakest."""
    loans = [each for each in inputs.contracts if isinstance(each, VendorFinancing | GpuDebt | ProjectDebt)]
    tables = [(each, appraisal.loans.filter(pl.col("contract") == each.id).sort("month")) for each in loans]
    return tuple(
        _coverage(each.id, table, interest_fraction=interest_per_month_fraction(each.terms.rate_fraction_per_year))
        for each, table in tables
        if table["drawn_usd"].sum() > 0.0
    )


def programme_runway_months(inputs: Inputs, *, appraisal: Appraisal) -> FloatArray:
    """Whole months that the programme's cash at each month's end lasts without further financing, `(month,)`.

    What it owes, interest and repayment too, stays due; only money that investors and lenders would bring is left out.
    """
    flows, calendar = appraisal.flows, inputs.calendar
    brought = flows.filter((pl.col("kind") == FlowKind.FINANCING.value) & (pl.col("payee") == inputs.programme))
    everything = monthly_usd(flows, party=inputs.programme, calendar=calendar)
    unfinanced = everything - monthly_usd(brought, party=inputs.programme, calendar=calendar)
    cash_usd = inputs.treasury.opening_cash_usd + np.cumsum(everything)
    return runway_months(np.asarray(cash_usd, dtype=np.float64), unfinanced_usd=unfinanced)


def _cash_returns(inputs: Inputs, *, appraisal: Appraisal, party: str, view: View) -> CashReturns:
    flows = _seen(appraisal.flows, view=view)
    held_usd = _held_usd(appraisal, party=party) if view is View.INVESTMENT else 0.0
    net_usd = monthly_usd(flows, party=party, calendar=inputs.calendar)
    valued = bool(np.isfinite(held_usd))
    net_usd[-1] += held_usd if valued else 0.0
    months = inputs.calendar.months
    peak_usd, peak_month = peak_funding(net_usd)
    payback = payback_step(net_usd)
    return CashReturns(
        view=view,
        paid_usd=float(flows.filter(pl.col("payer") == party)["amount_usd"].sum()),
        received_usd=float(flows.filter(pl.col("payee") == party)["amount_usd"].sum()),
        held_usd=held_usd,
        npv_usd=net_present_value_usd(
            net_usd, calendar=inputs.calendar, annual_rate_fraction=inputs.discount_rate_fraction
        ),
        rate_fraction=dated_rate_of_return_fraction(net_usd, days=months) if valued else float("nan"),
        multiple_ratio=multiple_of_money_ratio(net_usd) if valued else float("nan"),
        payback=None if payback is None or not peak_usd else months[payback],
        peak_funding_usd=peak_usd,
        peak_funding_month=months[peak_month],
    )


def _held_usd(appraisal: Appraisal, *, party: str) -> float:
    """Value of the shares that a party bought; NaN where it paid for some at no stated valuation."""
    shares = pl.col("purpose").is_in([purpose.value for purpose in SHARE_PURPOSES])
    paid_usd = float(appraisal.flows.filter(shares, pl.col("payer") == party)["amount_usd"].sum())
    valued_usd = float(appraisal.stakes.filter(pl.col("holder") == party)["paid_usd"].sum())
    if paid_usd > valued_usd + _CENT_USD:
        return float("nan")
    return float(holdings(appraisal.stakes).filter(pl.col("holder") == party)["value_usd"].sum())


def _seen(flows: pl.DataFrame, *, view: View) -> pl.DataFrame:
    """The payments of a view."""
    if view is View.EQUITY:
        return flows.filter(~pl.col("purpose").is_in([purpose.value for purpose in SHARE_PURPOSES]))
    kinds = _KINDS.get(view)
    return flows if kinds is None else flows.filter(pl.col("kind").is_in([kind.value for kind in kinds]))


def _coverage(contract: str, table: pl.DataFrame, *, interest_fraction: float) -> LoanCoverage:
    closing = table["balance_usd"].to_numpy()
    debt = DebtService(
        opening_usd=np.concatenate([[0.0], closing[:-1]]),
        interest_usd=table["interest_usd"].to_numpy(),
        principal_usd=table["principal_usd"].to_numpy(),
        shortfall_usd=table["unpaid_usd"].to_numpy(),
    )
    available = table["available_usd"].to_numpy()
    llcr = life_coverage_ratio(available, debt=debt, interest_fraction=interest_fraction)
    ltv = loan_to_value_ratio(closing, asset_value_usd=table["collateral_usd"].to_numpy())[closing > 0.0]
    year, dscr = _weakest_year(table)
    return LoanCoverage(
        contract=contract,
        drawn_usd=float(table["drawn_usd"].sum()),
        least_dscr_ratio=dscr,
        least_dscr_year=year,
        least_llcr_ratio=float(np.nanmin(llcr, initial=np.inf)) if np.isfinite(llcr).any() else float("nan"),
        greatest_ltv_ratio=float(ltv.max()) if ltv.size else float("nan"),
    )


def _weakest_year(table: pl.DataFrame) -> tuple[int, float]:
    """Calendar year with the least cash over debt service, and that ratio; service missed at year's end is due too."""
    yearly = (
        table.group_by(pl.col("month").dt.year().alias("year"), maintain_order=True)
        .agg(
            available=pl.col("available_usd").sum(),
            due=pl.col("interest_usd").sum() + pl.col("principal_usd").sum() + pl.col("unpaid_usd").last(),
        )
        .filter(pl.col("due") > 0.0)
        .with_columns(ratio=pl.col("available") / pl.col("due"))
        .sort("ratio")
    )
    return (int(yearly["year"][0]), float(yearly["ratio"][0])) if yearly.height else (0, float("nan"))
