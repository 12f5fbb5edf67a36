"""Vesting warrants: shares that come with gigawatts, if the share price is high enough."""

import numpy as np
import polars as pl

from gigawatt.entities.contracts import VestingStep, VestingWarrant
from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.contracts.given import COUNT_TOLERANCE, EVENT_SCHEMA, STAKE_SCHEMA, Outcome, reached_mw
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import FloatArray


def vesting_warrant(contract: VestingWarrant, inputs: Inputs, history: History) -> Outcome:
    """Steps vested and exercised.

    A step vests in the first month, not after `expires`, in which the highest counted power so far is at least its
    level and the share price at least its hurdle and above the strike. The holder then pays strike x shares; what it
    gets is worth shares x (price - strike).
    """
    price = np.array([contract.share_price_usd[month] for month in inputs.calendar.months])
    power = reached_mw(history, basis=contract.basis, platforms=contract.platforms, sites=contract.sites)
    vested = [(step, month) for step in contract.steps if (month := _vests(step, contract, inputs, power)) is not None]
    strike_usd = np.zeros(inputs.calendar.month_count)
    for step, month in vested:
        strike_usd[month] += step.shares_count * contract.strike_usd_per_share
    stream = Stream(
        payer=contract.holder, payee=contract.issuer, purpose=Purpose.WARRANT_EXERCISE, amount_usd=strike_usd
    )
    rows = [
        {
            "contract": contract.id,
            "month": inputs.calendar.months[month],
            "issuer": contract.issuer,
            "holder": contract.holder,
            "paid_usd": step.shares_count * contract.strike_usd_per_share,
            "shares_count": step.shares_count,
            "value_usd": step.shares_count * (float(price[month]) - contract.strike_usd_per_share),
        }
        for step, month in vested
    ]
    events = [
        {
            "contract": row["contract"],
            "month": row["month"],
            "party": contract.holder,
            "event": "warrant vested",
            "amount_usd": row["value_usd"],
        }
        for row in rows
    ]
    return Outcome(
        streams=(stream,),
        stakes=pl.DataFrame(rows, schema=STAKE_SCHEMA),
        events=pl.DataFrame(events, schema=EVENT_SCHEMA),
    )


def _vests(step: VestingStep, contract: VestingWarrant, inputs: Inputs, power: FloatArray) -> int | None:
    """Index of the month in which a step vests; None if it never does."""
    price = np.array([contract.share_price_usd[month] for month in inputs.calendar.months])
    months = np.arange(inputs.calendar.month_count)
    holds = (
        (power / step.unit_mw >= 1.0 - COUNT_TOLERANCE)
        & (price >= step.hurdle_usd_per_share)
        & (price > contract.strike_usd_per_share)
        & (months <= inputs.calendar.month_index(contract.expires))
    )
    return int(np.argmax(holds)) if holds.any() else None
