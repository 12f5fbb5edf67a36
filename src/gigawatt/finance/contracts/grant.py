"""Grants: public money for part of what facilities cost."""

from gigawatt.entities.contracts import Grant
from gigawatt.finance.contracts.given import Given, Outcome, later, paid_usd, up_to
from gigawatt.finance.flows import ESTATE_PURPOSES, Purpose, Stream


def grant(contract: Grant, given: Given) -> Outcome:
    """Fraction of the recipient's spending on facilities at the sites, up to the cap, after the lag."""
    spent_usd = paid_usd(given, payer=contract.recipient, purposes=ESTATE_PURPOSES, sites=contract.sites)
    earned_usd = up_to(contract.capex_fraction * spent_usd, cap_usd=contract.cap_usd)
    stream = Stream(
        payer=contract.giver,
        payee=contract.recipient,
        purpose=Purpose.GRANT,
        amount_usd=later(earned_usd, lag_months=contract.payment_lag_months),
    )
    return Outcome(streams=(stream,))
