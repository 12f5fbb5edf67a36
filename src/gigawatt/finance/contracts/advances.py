"""Prepayments and deposits: money that somebody else keeps for a while."""

import numpy as np

from gigawatt.entities.contracts import Deposit, Prepayment
from gigawatt.finance.contracts.given import Given, Outcome, dated_usd, paid_usd, purposes_of, up_to
from gigawatt.finance.flows import FlowKind, Purpose, Stream

PURCHASES = tuple(purpose for purpose in purposes_of(FlowKind.CAPEX, FlowKind.OPEX) if purpose is not Purpose.SHORTFALL)


def prepayment(contract: Prepayment, given: Given) -> Outcome:
    """The advance, and its credit against purchases from its month on until it is used up."""
    calendar = given.inputs.calendar
    since = np.arange(calendar.month_count) >= calendar.month_index(contract.on)
    bought_usd = paid_usd(given, payer=contract.payer, payee=contract.payee, purposes=PURCHASES) * since
    advance = Stream(
        payer=contract.payer,
        payee=contract.payee,
        purpose=Purpose.ADVANCE,
        amount_usd=dated_usd([(contract.on, contract.amount_usd)], calendar=calendar),
    )
    credit = Stream(
        payer=contract.payee,
        payee=contract.payer,
        purpose=Purpose.CREDIT,
        amount_usd=up_to(contract.credit_fraction * bought_usd, cap_usd=contract.amount_usd),
    )
    return Outcome(streams=(advance, credit))


def deposit(contract: Deposit, given: Given) -> Outcome:
    """The deposit and its return."""
    calendar = given.inputs.calendar
    paid = Stream(
        payer=contract.payer,
        payee=contract.payee,
        purpose=Purpose.DEPOSIT,
        amount_usd=dated_usd([(contract.on, contract.amount_usd)], calendar=calendar),
    )
    back = Stream(
        payer=contract.payee,
        payee=contract.payer,
        purpose=Purpose.DEPOSIT_RETURN,
        amount_usd=dated_usd([(contract.returned, contract.amount_usd)], calendar=calendar),
    )
    return Outcome(streams=(paid, back))
