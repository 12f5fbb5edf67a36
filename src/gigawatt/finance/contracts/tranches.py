"""Milestone tranches: money for each unit of power, for shares at a fixed valuation or that of the day."""

from datetime import date
from math import floor

import numpy as np

from gigawatt.entities.contracts import MilestoneTranches
from gigawatt.entities.stages import History, Inputs, Milestone
from gigawatt.finance.contracts.given import COUNT_TOLERANCE, Outcome, dated_usd, months_later, reached_mw
from gigawatt.finance.contracts.shares import bought
from gigawatt.finance.flows import Purpose, Stream


def milestone_tranches(contract: MilestoneTranches, inputs: Inputs, history: History) -> Outcome:
    """Tranches earned and paid, and the shares they buy.

    Tranche k is earned in the first month, not before the signature, in which the highest counted power so far is at
    least k x `unit_mw`, and paid `payment_lag_months` later. The first `paid_on_signature_count` are earned and paid
    on signature instead. Tranches are whole: floor(cap / amount) at most. Each buys shares of the recipient at the
    valuation of the month in which it is paid.
    """
    calendar = inputs.calendar
    earned = tuple(
        Milestone(contract=contract.id, gigawatt=number, reached=reached, paid=paid, amount_usd=contract.amount_usd)
        for number, (reached, paid) in enumerate(_milestone_months(contract, inputs, history), start=1)
    )
    payments = [(milestone.paid, milestone.amount_usd) for milestone in earned]
    stream = Stream(
        payer=contract.investor,
        payee=contract.recipient,
        purpose=Purpose.TRANCHE,
        amount_usd=dated_usd(payments, calendar=calendar),
    )
    return Outcome(streams=(stream,), milestones=earned, stakes=bought(contract, payments))


def _milestone_months(contract: MilestoneTranches, inputs: Inputs, history: History) -> tuple[tuple[date, date], ...]:
    """When each tranche is earned and when it is paid, in order."""
    most = floor(contract.cap_usd / contract.amount_usd + COUNT_TOLERANCE) if contract.amount_usd > 0.0 else 0
    signed = contract.signed.replace(day=1)
    signature_count = min(contract.paid_on_signature_count, most)
    power = reached_mw(history, basis=contract.basis, platforms=contract.platforms, sites=contract.sites)
    units = np.floor(power / contract.unit_mw + COUNT_TOLERANCE)
    units[np.array(inputs.calendar.months) < signed] = 0.0
    first_months = np.searchsorted(units, np.arange(signature_count + 1, most + 1))
    reached = [inputs.calendar.months[index] for index in first_months if index < inputs.calendar.month_count]
    earned = [(day, months_later(day, contract.payment_lag_months)) for day in reached]
    return (*[(signed, signed)] * signature_count, *earned)
