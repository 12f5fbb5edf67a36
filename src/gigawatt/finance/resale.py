"""What racks that leave early are sold for."""

from collections.abc import Iterator

import numpy as np

from gigawatt.entities.stages import History, Inputs
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.finance.parties import bearers


def resale_streams(inputs: Inputs, history: History) -> Iterator[Stream]:
    """Each age's part of the price, paid to the owner of the systems in the month in which racks leave."""
    for site in inputs.sites:
        owner = bearers(inputs, site).systems
        for offer in inputs.offers:
            if not offer.resale:
                continue
            sold = (
                history.state["sold_racks"].sel(site=site.id, platform=offer.platform.id).transpose("resale", "month")
            )
            worth_usd = np.array([offer.price_usd_per_rack * item.value_fraction for item in offer.resale])
            yield Stream(
                payer=offer.buyer,
                payee=owner,
                purpose=Purpose.RESALE,
                amount_usd=np.asarray(worth_usd @ sold.values[: len(offer.resale)], dtype=np.float64),
                site=site.id,
                platform=offer.platform.id,
            )
