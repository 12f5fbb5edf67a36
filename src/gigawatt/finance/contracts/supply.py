"""Supply agreements: price and volume stand in the offer; here is what racks not bought cost."""

import numpy as np

from gigawatt.entities.contracts import SupplyAgreement
from gigawatt.finance.contracts.given import Given, Outcome, dated_usd
from gigawatt.finance.flows import Purpose, Stream


def supply_agreement(contract: SupplyAgreement, given: Given) -> Outcome:
    """Shortfall fraction x price x racks of the commitment that are not delivered by its month."""
    calendar = given.inputs.calendar
    platforms = [offer.platform.id for offer in given.inputs.offers]
    delivered = np.cumsum(given.delivered_racks[:, platforms.index(contract.platform)].sum(axis=0))
    month = calendar.month_index(contract.committed_by)
    by_then = float(delivered[month]) if 0 <= month < calendar.month_count else contract.committed_racks_count
    missing = max(0.0, contract.committed_racks_count - by_then)
    due_usd = contract.shortfall_fraction * contract.price_usd_per_rack * missing
    stream = Stream(
        payer=contract.buyer,
        payee=contract.vendor,
        purpose=Purpose.SHORTFALL,
        amount_usd=dated_usd([(contract.committed_by, due_usd)], calendar=calendar),
    )
    return Outcome(streams=(stream,))
