"""Spend commitments: what is not spent by the end of an interval is paid for."""

import numpy as np

from gigawatt.entities.contracts import SpendCommitment
from gigawatt.entities.schedules import committed_so_far_usd, in_term, settlement_months
from gigawatt.finance.contracts.given import Given, Outcome, paid_usd, purposes_of
from gigawatt.finance.flows import FlowKind, Purpose, Stream

COUNTED = tuple(purpose for purpose in purposes_of(FlowKind.CAPEX, FlowKind.OPEX) if purpose is not Purpose.SHORTFALL)


def spend_commitment(contract: SpendCommitment, given: Given) -> Outcome:
    """Shortfall payments at the ends of intervals.

    With C the commitment and S the spending since the start (of the term, or of the programme if that is later), what
    is missing so far is M_k = max(M_(k-1), C_k - S_k) and shortfall fraction x (M_k - M_(k-1)) is paid.
    """
    calendar = given.inputs.calendar
    spent_usd = np.cumsum(
        paid_usd(given, payer=contract.buyer, payee=contract.seller, purposes=COUNTED)
        * in_term(calendar, start=contract.start, term_months=contract.term_months)
    )
    committed_usd = committed_so_far_usd(contract, calendar)
    payment_usd = np.zeros(calendar.month_count)
    missing_usd = 0.0
    for month in settlement_months(contract, calendar):
        worse_usd = max(missing_usd, float(committed_usd[month] - spent_usd[month]))
        payment_usd[month] = contract.shortfall_fraction * (worse_usd - missing_usd)
        missing_usd = worse_usd
    stream = Stream(payer=contract.buyer, payee=contract.seller, purpose=Purpose.SHORTFALL, amount_usd=payment_usd)
    return Outcome(streams=(stream,))
