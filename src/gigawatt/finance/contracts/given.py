"""What a contract is judged by, and what it comes to."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from gigawatt.entities.capital import PowerBasis
from gigawatt.entities.stages import History, Inputs, Milestone
from gigawatt.finance.flows import FlowKind, Purpose, Stream
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import MONTHS_PER_YEAR

COUNT_TOLERANCE = 1e-6
"""A unit counts as energized when its megawatts are met to this part of it: the accuracy of the plan's own solver."""

EXPOSURE_SCHEMA = {"contract": pl.String, "party": pl.String, "month": pl.Date, "amount_usd": pl.Float64}
STAKE_SCHEMA = {
    "contract": pl.String,
    "month": pl.Date,
    "issuer": pl.String,
    "holder": pl.String,
    "paid_usd": pl.Float64,
    "pre_money_usd": pl.Float64,
    "stake_fraction": pl.Float64,
    "shares_count": pl.Float64,
    "value_usd": pl.Float64,
}
EVENT_SCHEMA = {
    "contract": pl.String,
    "month": pl.Date,
    "party": pl.String,
    "event": pl.String,
    "amount_usd": pl.Float64,
}
LOAN_SCHEMA = {
    "contract": pl.String,
    "month": pl.Date,
    "drawn_usd": pl.Float64,
    "interest_usd": pl.Float64,
    "principal_usd": pl.Float64,
    "unpaid_usd": pl.Float64,
    "balance_usd": pl.Float64,
    "available_usd": pl.Float64,
    "collateral_usd": pl.Float64,
    "reserve_usd": pl.Float64,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A history and all that has been paid in it so far; `delivered_racks` `(site, platform, month)`."""

    inputs: Inputs
    history: History
    delivered_racks: FloatArray
    streams: tuple[Stream, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a contract came to: payments, milestones earned, and rows of the tables of `Appraisal`."""

    streams: tuple[Stream, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    exposures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EXPOSURE_SCHEMA))
    stakes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STAKE_SCHEMA))
    events: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EVENT_SCHEMA))
    loans: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=LOAN_SCHEMA))


def paid_usd(
    given: Given,
    *,
    payer: str = "",
    payee: str = "",
    purposes: Iterable[Purpose] = tuple(Purpose),
    sites: tuple[str, ...] | None = None,
    platforms: tuple[str, ...] | None = None,
) -> FloatArray:
    """What was paid so far for `purposes`, by and to whom (anybody where empty), at which sites, `(month,)`."""
    wanted = frozenset(purposes)
    found = [
        stream.amount_usd
        for stream in given.streams
        if stream.purpose in wanted
        and payer in ("", stream.payer)
        and payee in ("", stream.payee)
        and (sites is None or stream.site in sites)
        and (platforms is None or stream.platform in platforms)
    ]
    return np.asarray(np.sum([np.zeros(given.inputs.calendar.month_count), *found], axis=0), dtype=np.float64)


def purposes_of(*kinds: FlowKind) -> tuple[Purpose, ...]:
    """All purposes of some kinds."""
    return tuple(purpose for purpose in Purpose if purpose.kind in kinds)


def dated_usd(payments: Iterable[tuple[date, float]], *, calendar: Calendar) -> FloatArray:
    """Payments by month, those outside the calendar left out, `(month,)`."""
    amount_usd = np.zeros(calendar.month_count)
    for day, usd in payments:
        month = calendar.month_index(day)
        if 0 <= month < calendar.month_count:
            amount_usd[month] += usd
    return amount_usd


def up_to(amount_usd: FloatArray, *, cap_usd: float) -> FloatArray:
    """Payments in turn until their sum reaches the cap, `(month,)`."""
    return np.diff(np.minimum(np.cumsum(amount_usd), cap_usd), prepend=0.0)


def later(amount_usd: FloatArray, *, lag_months: int) -> FloatArray:
    """The same payments so many months later; what falls behind the end is left out, `(month,)`."""
    if lag_months == 0:
        return amount_usd
    return np.concatenate([np.zeros(lag_months), amount_usd])[: amount_usd.size]


def months_later(day: date, month_count: int) -> date:
    """The first of the month so many months after `day`'s."""
    ordinal = day.year * MONTHS_PER_YEAR + day.month - 1 + month_count
    return date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1)


def reached_mw(
    history: History, *, basis: PowerBasis, platforms: tuple[str, ...], sites: tuple[str, ...]
) -> FloatArray:
    """Highest power so far of racks in service of some platforms at some sites, `(month,)`."""
    name = "energized_facility_mw" if basis is PowerBasis.FACILITY else "energized_it_mw"
    power = history.state[name].transpose("site", "platform", "month")
    at_sites = np.isin(power["site"].values, sites)
    of_platforms = np.isin(power["platform"].values, platforms)
    summed = power.values[at_sites][:, of_platforms].sum(axis=(0, 1))
    return np.asarray(np.maximum.accumulate(summed), dtype=np.float64)
