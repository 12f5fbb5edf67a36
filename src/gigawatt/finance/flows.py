"""Dated payments between parties: rounded to whole cents once, when they are made, so that no cent is ever lost.

A stream is one purpose between two parties over all months; the flow table lists its payments. A payment leaves one
party and reaches another in the same row, so cash between parties sums to zero by construction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import polars as pl

from gigawatt.entities.stages import Appraisal
from gigawatt.timeline import Calendar, FloatArray, IntArray
from gigawatt.units import CENTS_PER_USD


class Purpose(StrEnum):
    """What a payment is for."""

    SYSTEMS = "systems"
    NETWORK = "network"
    STORAGE = "storage"
    BUILDING = "building"
    COOLING = "cooling"
    POWER = "power"
    POWER_PLANT = "power plant"
    GRID = "grid"
    ENERGY = "energy"
    GENERATION = "generation"
    PLANT_OPERATION = "power plant operation"
    FACILITY_OPERATION = "facility operation"
    SYSTEMS_OPERATION = "systems operation"
    GOODS = "goods"
    RENT = "rent"
    CLOUD = "cloud"
    TOKENS = "tokens"
    RESALE = "resale"
    LEASE = "capacity lease"
    TAKE_OR_PAY = "take or pay"
    SHORTFALL = "shortfall"
    REVENUE_SHARE = "revenue share"
    POWER_PURCHASE = "power purchase"
    TRANCHE = "tranche"
    EQUITY = "equity"
    WARRANT_EXERCISE = "warrant exercise"
    LOAN = "loan"
    INTEREST = "interest"
    PRINCIPAL = "principal"
    ADVANCE = "advance"
    CREDIT = "credit"
    DEPOSIT = "deposit"
    DEPOSIT_RETURN = "deposit returned"
    SEIZURE = "collateral seized"
    GRANT = "grant"
    GUARANTEE_CLAIM = "guarantee claim"
    TAX = "tax"

    @property
    def kind(self) -> "FlowKind":
        """Investment, running cost, revenue or financing."""
        return _KINDS.get(self, FlowKind.FINANCING)


class FlowKind(StrEnum):
    """How a payment counts in the accounts."""

    CAPEX = "capex"
    OPEX = "opex"
    REVENUE = "revenue"
    FINANCING = "financing"
    TAX = "tax"


_KINDS = {
    Purpose.SYSTEMS: FlowKind.CAPEX,
    Purpose.NETWORK: FlowKind.CAPEX,
    Purpose.STORAGE: FlowKind.CAPEX,
    Purpose.BUILDING: FlowKind.CAPEX,
    Purpose.COOLING: FlowKind.CAPEX,
    Purpose.POWER: FlowKind.CAPEX,
    Purpose.POWER_PLANT: FlowKind.CAPEX,
    Purpose.GRID: FlowKind.CAPEX,
    Purpose.ENERGY: FlowKind.OPEX,
    Purpose.GENERATION: FlowKind.OPEX,
    Purpose.PLANT_OPERATION: FlowKind.OPEX,
    Purpose.FACILITY_OPERATION: FlowKind.OPEX,
    Purpose.SYSTEMS_OPERATION: FlowKind.OPEX,
    Purpose.GOODS: FlowKind.OPEX,
    Purpose.RENT: FlowKind.OPEX,
    Purpose.CLOUD: FlowKind.OPEX,
    Purpose.TOKENS: FlowKind.REVENUE,
    Purpose.RESALE: FlowKind.REVENUE,
    Purpose.LEASE: FlowKind.OPEX,
    Purpose.TAKE_OR_PAY: FlowKind.OPEX,
    Purpose.SHORTFALL: FlowKind.OPEX,
    Purpose.REVENUE_SHARE: FlowKind.OPEX,
    Purpose.POWER_PURCHASE: FlowKind.OPEX,
    Purpose.TAX: FlowKind.TAX,
}
"""The kind of each purpose; what is not named is financing."""

TRANSFERS = (
    Purpose.GOODS,
    Purpose.RENT,
    Purpose.CLOUD,
    Purpose.LEASE,
    Purpose.TAKE_OR_PAY,
    Purpose.SHORTFALL,
    Purpose.REVENUE_SHARE,
    Purpose.POWER_PURCHASE,
)
"""Prices between parties, for goods, capacity and by contract: the costs that they pay for are in already."""

FACILITY_PURPOSES = (Purpose.BUILDING, Purpose.COOLING, Purpose.POWER, Purpose.GRID)
"""What a facility is made of."""

ESTATE_PURPOSES = (*FACILITY_PURPOSES, Purpose.POWER_PLANT)
"""What stands at a site for good: the facility and its power plants, which grants and lenders to projects count."""

FABRIC_PURPOSES = (Purpose.NETWORK, Purpose.STORAGE)
"""What joins racks outside the rack."""


def operating_cost_usd(opex_usd: Mapping[str, float]) -> float:
    """What all parties together spend on operation: transfers stay out, for they pay for costs that are in already."""
    return sum(amount_usd for purpose, amount_usd in opex_usd.items() if purpose not in TRANSFERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Payments of one purpose from `payer` to `payee`, never negative, `(month,)`."""

    payer: str
    payee: str
    purpose: Purpose
    amount_usd: FloatArray
    site: str = ""
    platform: str = ""


def flow_table(streams: Sequence[Stream], *, calendar: Calendar) -> pl.DataFrame:
    """One row per payment of at least half a cent, in order of month; see `Appraisal.flows` for the columns."""
    amounts = np.array([stream.amount_usd for stream in streams]).reshape(len(streams), calendar.month_count)
    cents = np.rint(amounts * CENTS_PER_USD)
    if (cents < 0.0).any():
        wrong = streams[int(np.argmax((cents < 0.0).any(axis=1)))]
        raise ValueError(f"a payment for {wrong.purpose} from {wrong.payer} to {wrong.payee} is negative")
    month, stream = np.nonzero(cents.T)

    def column(values: Sequence[str]) -> pl.Series:
        return pl.Series(values, dtype=pl.String).gather(stream)

    return pl.DataFrame(
        {
            "month": pl.Series(calendar.months, dtype=pl.Date).gather(month),
            "payer": column([s.payer for s in streams]),
            "payee": column([s.payee for s in streams]),
            "purpose": column([s.purpose.value for s in streams]),
            "kind": column([s.purpose.kind.value for s in streams]),
            "site": column([s.site for s in streams]),
            "platform": column([s.platform for s in streams]),
            "amount_usd": pl.Series(cents[stream, month] / CENTS_PER_USD, dtype=pl.Float64),
        }
    )


def whole_cents(amount_usd: pl.Expr) -> pl.Expr:
    """The amount in cents as an integer, to be added without error."""
    return (amount_usd * CENTS_PER_USD).round().cast(pl.Int64)


def monthly_usd(flows: pl.DataFrame, *, party: str, calendar: Calendar) -> FloatArray:
    """What `party` receives less what it pays in each month, `(month,)`, exact to the cent."""
    received = _monthly_cents(flows.filter(pl.col("payee") == party), calendar=calendar)
    paid = _monthly_cents(flows.filter(pl.col("payer") == party), calendar=calendar)
    return np.asarray((received - paid) / CENTS_PER_USD, dtype=np.float64)


def _monthly_cents(flows: pl.DataFrame, *, calendar: Calendar) -> IntArray:
    months = pl.DataFrame({"month": pl.Series(calendar.months, dtype=pl.Date)})
    sums = flows.group_by("month").agg(whole_cents(pl.col("amount_usd")).sum().alias("cents"))
    joined = months.join(sums, on="month", how="left", maintain_order="left")
    return joined["cents"].fill_null(0).to_numpy().astype(np.int64)


def cash_by_party(appraisal: Appraisal, calendar: Calendar) -> pl.DataFrame:
    """Cash that each party receives and pays in each month: `month`, `party`, `cash_in_usd`, `cash_out_usd`.

    Every party that pays or is paid at all has a row for every month. Over all parties cash in equals cash out, to the
    cent.
    """
    flows = appraisal.flows.with_columns(whole_cents(pl.col("amount_usd")).alias("cents"))
    received = flows.group_by("month", party=pl.col("payee")).agg(cash_in=pl.col("cents").sum())
    paid = flows.group_by("month", party=pl.col("payer")).agg(cash_out=pl.col("cents").sum())
    parties = pl.concat([received["party"], paid["party"]]).unique().sort().to_frame("party")
    months = pl.DataFrame({"month": pl.Series(calendar.months, dtype=pl.Date)})
    keys = ["month", "party"]
    every = months.join(parties, how="cross").join(received, on=keys, how="left").join(paid, on=keys, how="left")
    return every.sort(keys).select(
        *keys,
        cash_in_usd=pl.col("cash_in").fill_null(0) / CENTS_PER_USD,
        cash_out_usd=pl.col("cash_out").fill_null(0) / CENTS_PER_USD,
    )
