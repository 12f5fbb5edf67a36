"""The circle: who pays whom, and how much of an investor's cash comes back as purchases of what it sells.

Every dollar that an investor puts in (for shares, or as a loan) waits until somebody buys of it: first in, first out.

    waiting_t  = max(0, waiting_(t-1) + invested_t - bought_t)
    returned_t = waiting_(t-1) + invested_t - waiting_t

Purchases before an investment return nothing of it, and no more returns than was invested. With I and R the running
sums, the dollars that came back took (sum over t of min(I_t, R_end) - R_t) / R_end months on average.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from gigawatt.entities.stages import Appraisal, Inputs
from gigawatt.finance.flows import FlowKind, Purpose, monthly_usd, whole_cents
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import CENTS_PER_USD

INVESTING_PURPOSES = (Purpose.TRANCHE, Purpose.EQUITY, Purpose.LOAN)
"""Payments that put money in."""

_BUYING_KINDS = (FlowKind.CAPEX, FlowKind.OPEX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Purchases from an investor and what of its cash came back with them, `(month,)` each.

    `share_fraction` is of all it put in; `mean_months` NaN when nothing came back; `half_by` the month by which half
    of all it put in had come back, None if never.
    """

    bought_usd: FloatArray
    returned_usd: FloatArray
    share_fraction: float
    mean_months: float
    half_by: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvestorCircle:
    """An investor's cash `(month,)` and its way back: with purchases of those it paid, and of everybody."""

    investor: str
    invested_usd: FloatArray
    of_recipients: Returned
    of_everybody: Returned


def payment_matrix(flows: pl.DataFrame) -> pl.DataFrame:
    """All payments between two parties by kind: `payer`, `payee`, `kind`, `amount_usd`, exact to the cent."""
    keys = ["payer", "payee", "kind"]
    sums = flows.group_by(keys).agg(cents=whole_cents(pl.col("amount_usd")).sum()).sort(keys)
    return sums.select(*keys, amount_usd=pl.col("cents") / CENTS_PER_USD)


def investor_circles(inputs: Inputs, *, appraisal: Appraisal) -> tuple[InvestorCircle, ...]:
    """Every party that puts money in, largest first."""
    flows, calendar = appraisal.flows, inputs.calendar
    given = flows.filter(pl.col("purpose").is_in([purpose.value for purpose in INVESTING_PURPOSES]))
    found = [_circle(flows, given, calendar=calendar, investor=investor) for investor in given["payer"].unique()]
    return tuple(sorted(found, key=lambda each: (-float(each.invested_usd.sum()), each.investor)))


def returned(invested_usd: FloatArray, *, bought_usd: FloatArray, calendar: Calendar) -> Returned:
    """What comes back of money put in, first in first out, with purchases from the investor."""
    waiting_usd = 0.0
    back_usd = np.zeros_like(invested_usd)
    for month, (put_in, bought) in enumerate(zip(invested_usd, bought_usd, strict=True)):
        before_usd = waiting_usd + float(put_in)
        waiting_usd = max(0.0, before_usd - float(bought))
        back_usd[month] = before_usd - waiting_usd
    total_usd, back_total_usd = float(invested_usd.sum()), float(back_usd.sum())
    ahead_usd = np.minimum(np.cumsum(invested_usd), back_total_usd) - np.cumsum(back_usd)
    half = np.flatnonzero(np.cumsum(back_usd) >= total_usd / 2.0)
    return Returned(
        bought_usd=bought_usd,
        returned_usd=back_usd,
        share_fraction=back_total_usd / total_usd if total_usd else float("nan"),
        mean_months=float(ahead_usd.sum()) / back_total_usd if back_total_usd else float("nan"),
        half_by=calendar.months[int(half[0])] if half.size and total_usd else None,
    )


def _circle(flows: pl.DataFrame, given: pl.DataFrame, *, calendar: Calendar, investor: str) -> InvestorCircle:
    put_in = given.filter(pl.col("payer") == investor)
    recipients = put_in["payee"].unique().to_list()
    bought = flows.filter((pl.col("payee") == investor) & pl.col("kind").is_in([kind.value for kind in _BUYING_KINDS]))
    invested_usd = -monthly_usd(put_in, party=investor, calendar=calendar)

    def way_back(purchases: pl.DataFrame) -> Returned:
        bought_usd = monthly_usd(purchases, party=investor, calendar=calendar)
        return returned(invested_usd, bought_usd=bought_usd, calendar=calendar)

    return InvestorCircle(
        investor=investor,
        invested_usd=invested_usd,
        of_recipients=way_back(bought.filter(pl.col("payer").is_in(recipients))),
        of_everybody=way_back(bought),
    )
