"""Capacity leases: IT power rented for years, used or not."""

import numpy as np

from gigawatt.entities.contracts import CapacityLease
from gigawatt.entities.schedules import lease_rent_usd_per_it_mw
from gigawatt.finance.contracts.given import Given, Outcome
from gigawatt.finance.costs import values
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import FloatArray


def capacity_lease(contract: CapacityLease, given: Given) -> Outcome:
    """Rent of all leased power but what is built at the lease's own site, where the site's own rent is paid.

    rent = max(0, leased - built IT power) x rent per MW x (1 + escalator)^full years since the start, in the term.
    """
    unbuilt_mw = np.clip(contract.leased_it_mw - _built_it_mw(contract, given), 0.0, None)
    rent_usd = unbuilt_mw * lease_rent_usd_per_it_mw(contract, given.inputs.calendar)
    stream = Stream(
        payer=contract.lessee,
        payee=contract.lessor,
        purpose=Purpose.LEASE,
        amount_usd=rent_usd,
        site=contract.site,
    )
    return Outcome(streams=(stream,))


def _built_it_mw(contract: CapacityLease, given: Given) -> FloatArray:
    for row, site in enumerate(given.inputs.sites):
        if site.id == contract.site:
            built = values(given.inputs, given.history.state["built_facility_mw"], "site", "month")[row]
            return np.asarray(built / site.peak_pue, dtype=np.float64)
    return np.zeros(given.inputs.calendar.month_count)
