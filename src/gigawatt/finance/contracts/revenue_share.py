"""Revenue shares: a part of what somebody earns, up to a cap."""

import numpy as np

from gigawatt.entities.contracts import RevenueShare
from gigawatt.finance.contracts.given import Given, Outcome, paid_usd, up_to
from gigawatt.finance.flows import Purpose, Stream


def revenue_share(contract: RevenueShare, given: Given) -> Outcome:
    """Share x revenue of each month from start to end, until the sum reaches the cap."""
    calendar = given.inputs.calendar
    months = np.arange(calendar.month_count)
    shared = (months >= calendar.month_index(contract.start)) & (months <= calendar.month_index(contract.end))
    revenue_usd = paid_usd(given, payee=contract.payer, purposes=(Purpose.TOKENS,)) * shared
    stream = Stream(
        payer=contract.payer,
        payee=contract.payee,
        purpose=Purpose.REVENUE_SHARE,
        amount_usd=up_to(contract.share_fraction * revenue_usd, cap_usd=contract.cap_usd),
    )
    return Outcome(streams=(stream,))
