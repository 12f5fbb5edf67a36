"""Racks that a vendor's allocation makes the programme pay for without taking them."""

from collections.abc import Iterator

import numpy as np

from gigawatt.entities.stages import Inputs
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import FloatArray


def purchase_streams(inputs: Inputs, *, delivered_racks: FloatArray) -> Iterator[Stream]:
    """What is missing of each allocation at its window's end, from deliveries `(site, platform, month)`."""
    calendar = inputs.calendar
    month = np.arange(calendar.month_count)
    for column, offer in enumerate(inputs.offers):
        delivered = delivered_racks[:, column].sum(axis=0)
        for item in offer.allocations:
            first, last = calendar.month_index(item.first), calendar.month_index(item.last)
            if item.shortfall_usd_per_rack is None or last >= calendar.month_count:
                continue
            taken = float(delivered[(month >= first) & (month <= last)].sum())
            missing = max(0.0, item.least_racks_count - taken)
            yield Stream(
                payer=inputs.programme,
                payee=offer.vendor,
                purpose=Purpose.SHORTFALL,
                amount_usd=(month == last) * (missing * item.shortfall_usd_per_rack),
                platform=offer.platform.id,
            )
