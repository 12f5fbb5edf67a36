"""What each contract pays: one pure function per kind, from a history to dated payments.

What falls due outside the calendar is not paid within the programme and leaves no payment. Contracts that depend on
other payments (commitments, advances, loans, tax) come after those that do not, in the order of the scenario.
"""

from dataclasses import replace

from gigawatt.entities.contracts import (
    CapacityLease,
    Contract,
    Deposit,
    EquityRound,
    Grant,
    IncomeTax,
    Loan,
    MilestoneTranches,
    PowerPurchase,
    Prepayment,
    ResidualGuarantee,
    RevenueShare,
    SpendCommitment,
    SupplyAgreement,
    TakeOrPay,
    VestingWarrant,
)
from gigawatt.finance.contracts.advances import deposit, prepayment
from gigawatt.finance.contracts.commitment import spend_commitment
from gigawatt.finance.contracts.given import Given, Outcome
from gigawatt.finance.contracts.grant import grant
from gigawatt.finance.contracts.guarantee import guarantee_claim, residual_guarantee
from gigawatt.finance.contracts.income_tax import income_tax
from gigawatt.finance.contracts.lease import capacity_lease
from gigawatt.finance.contracts.loan import loan
from gigawatt.finance.contracts.power_purchase import power_purchase
from gigawatt.finance.contracts.revenue_share import revenue_share
from gigawatt.finance.contracts.rounds import equity_round
from gigawatt.finance.contracts.supply import supply_agreement
from gigawatt.finance.contracts.take_or_pay import take_or_pay
from gigawatt.finance.contracts.tranches import milestone_tranches
from gigawatt.finance.contracts.warrant import vesting_warrant

__all__ = ["Given", "Outcome", "guarantee_claim", "outcome", "outcomes"]

_AFTER_OTHERS: tuple[tuple[type, ...], ...] = ((SpendCommitment, Prepayment), Loan.__args__, (IncomeTax,))
"""Kinds that look at what others pay, in the order in which they are worked out."""


def outcomes(given: Given) -> tuple[Outcome, ...]:
    """What all contracts of the inputs came to, each in the knowledge of those before it; in the inputs' own order."""
    contracts = given.inputs.contracts
    found: dict[str, Outcome] = {}
    for contract in sorted(contracts, key=_rank):
        paid = [stream for each in found.values() for stream in each.streams]
        found[contract.id] = outcome(contract, replace(given, streams=(*given.streams, *paid)))
    return tuple(found[contract.id] for contract in contracts)


def _rank(contract: Contract) -> int:
    return 1 + next((rank for rank, kinds in enumerate(_AFTER_OTHERS) if isinstance(contract, kinds)), -1)


def outcome(contract: Contract, given: Given) -> Outcome:  # noqa: C901, PLR0912 - one line for each kind
    """What a contract of any kind came to."""
    match contract:
        case MilestoneTranches():
            return milestone_tranches(contract, given.inputs, given.history)
        case EquityRound():
            return equity_round(contract, given.inputs, given.history)
        case VestingWarrant():
            return vesting_warrant(contract, given.inputs, given.history)
        case CapacityLease():
            return capacity_lease(contract, given)
        case ResidualGuarantee():
            return residual_guarantee(contract, given.inputs, given.history)
        case TakeOrPay():
            return take_or_pay(contract, given)
        case SpendCommitment():
            return spend_commitment(contract, given)
        case Prepayment():
            return prepayment(contract, given)
        case Deposit():
            return deposit(contract, given)
        case SupplyAgreement():
            return supply_agreement(contract, given)
        case RevenueShare():
            return revenue_share(contract, given)
        case PowerPurchase():
            return power_purchase(contract, given.inputs)
        case IncomeTax():
            return income_tax(contract, given)
        case Grant():
            return grant(contract, given)
        case _:
            return loan(contract, given)
