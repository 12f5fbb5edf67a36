"""Equity rounds: instalments on their days, some of them on conditions."""

from datetime import date

import numpy as np

from gigawatt.entities.contracts import EquityRound, Instalment
from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.contracts.given import COUNT_TOLERANCE, Outcome, dated_usd, reached_mw
from gigawatt.finance.contracts.shares import bought
from gigawatt.finance.flows import Purpose, Stream


def equity_round(contract: EquityRound, inputs: Inputs, history: History) -> Outcome:
    """Instalments on their days, or in the first month in which their condition holds if that is later."""
    due = [(_due(instalment, inputs, history), instalment.amount_usd) for instalment in contract.instalments]
    payments = [(day, usd) for day, usd in due if day is not None]
    stream = Stream(
        payer=contract.investor,
        payee=contract.recipient,
        purpose=Purpose.EQUITY,
        amount_usd=dated_usd(payments, calendar=inputs.calendar),
    )
    return Outcome(streams=(stream,), stakes=bought(contract, payments))


def _due(instalment: Instalment, inputs: Inputs, history: History) -> date | None:
    """The day on which an instalment is paid; None where its condition never holds."""
    asked = instalment.condition
    if asked is None:
        return instalment.on
    power = reached_mw(history, basis=asked.basis, platforms=asked.platforms, sites=asked.sites)
    holds = power / asked.level_mw >= 1.0 - COUNT_TOLERANCE
    if not holds.any():
        return None
    return max(instalment.on, inputs.calendar.months[int(np.argmax(holds))])
