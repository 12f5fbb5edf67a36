"""What money buys of a company: new shares at its value before the payment."""

from collections.abc import Sequence
from datetime import date

import polars as pl

from gigawatt.entities.contracts import EquityRound, MilestoneTranches
from gigawatt.finance.contracts.given import STAKE_SCHEMA


def bought(contract: MilestoneTranches | EquityRound, payments: Sequence[tuple[date, float]]) -> pl.DataFrame:
    """One row per payment that buys shares; none where the contract has no valuation.

    What fraction it buys depends on all payments before it: `gigawatt.finance.dilution`.
    """
    values = contract.pre_money_usd
    rows = [
        {
            "contract": contract.id,
            "month": day.replace(day=1),
            "issuer": contract.recipient,
            "holder": contract.investor,
            "paid_usd": usd,
            "pre_money_usd": values[day.replace(day=1)],
            "value_usd": usd,
        }
        for day, usd in payments
        if day.replace(day=1) in values and usd > 0.0
    ]
    return pl.DataFrame(rows, schema=STAKE_SCHEMA)
