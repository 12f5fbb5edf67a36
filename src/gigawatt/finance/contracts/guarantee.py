"""Residual-value guarantees of leases: an exposure while the rent is paid, a claim once it is not."""

from datetime import date

import numpy as np
import polars as pl

from gigawatt.entities.contracts import ResidualGuarantee
from gigawatt.entities.site import Leased, Site
from gigawatt.entities.stages import History, Inputs
from gigawatt.errors import ScenarioError
from gigawatt.facility.electrical import facility_power_mw
from gigawatt.finance.contracts.given import EVENT_SCHEMA, EXPOSURE_SCHEMA, Outcome, dated_usd, months_later
from gigawatt.finance.costs import facility_operation_usd, rent_usd, rented_facility_mw, values
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import FloatArray
from gigawatt.units import CENTS_PER_USD


def residual_guarantee(contract: ResidualGuarantee, inputs: Inputs, history: History) -> Outcome:
    """No payment, and the guarantor's exposure in each month: the lessor's outlay that rent has not yet returned.

    exposure = min(cap, (1 - recovery) x max(0, sum over months so far of (cost of covered power completed + its
    operation - its rent)))

    Covered is the first `covered_it_mw` built. It is what the lessor would lose if the lessee stopped paying.
    """
    exposure_usd = np.rint(_claimable_usd(contract, inputs, history) * CENTS_PER_USD) / CENTS_PER_USD
    exposures = pl.DataFrame(
        {
            "contract": [contract.id] * exposure_usd.size,
            "party": [contract.guarantor] * exposure_usd.size,
            "month": inputs.calendar.months,
            "amount_usd": exposure_usd,
        },
        schema=EXPOSURE_SCHEMA,
    )
    return Outcome(exposures=exposures)


def guarantee_claim(contract: ResidualGuarantee, inputs: Inputs, history: History, *, defaulted: date) -> Outcome:
    """What the guarantor pays the lessor when the lessee pays no rent from the month of `defaulted` on.

    The guarantee is called `trigger_months` later for the outlay that rent had not returned before the default, less
    the recovery, at most the cap; nothing where that month lies behind the calendar's end.
    """
    calendar = inputs.calendar
    month = calendar.month_index(defaulted)
    claim_usd = 0.0
    if 0 < month <= calendar.month_count:
        claim_usd = float(_claimable_usd(contract, inputs, history)[month - 1])
    called = months_later(defaulted, contract.trigger_months)
    stream = Stream(
        payer=contract.guarantor,
        payee=contract.lessor,
        purpose=Purpose.GUARANTEE_CLAIM,
        amount_usd=dated_usd([(called, claim_usd)], calendar=calendar),
        site=contract.site,
    )
    event = {
        "contract": contract.id,
        "month": called,
        "party": contract.guarantor,
        "event": "guarantee called",
        "amount_usd": claim_usd,
    }
    return Outcome(streams=(stream,), events=pl.DataFrame([event], schema=EVENT_SCHEMA))


def _claimable_usd(contract: ResidualGuarantee, inputs: Inputs, history: History) -> FloatArray:
    """What the guarantor owes if the rent stops after each month, `(month,)`."""
    site = _leased_site(contract, inputs)
    built = values(inputs, history.state["built_facility_mw"], "site", "month")[inputs.sites.index(site)]
    covered = np.minimum(built, facility_power_mw(contract.covered_it_mw, pue=site.peak_pue))
    completed_usd = np.diff(covered, prepend=0.0) * inputs.costs.facility_usd_per_facility_mw
    operation_usd = facility_operation_usd(inputs, built_facility_mw=covered)
    rented = np.minimum(covered, rented_facility_mw(inputs, history, site))
    outlay_usd = np.cumsum(completed_usd + operation_usd - rent_usd(inputs, site, rented_facility_mw=rented))
    lost_usd = np.clip(outlay_usd, 0.0, None) * (1.0 - contract.recovery_fraction)
    return np.asarray(np.minimum(lost_usd, contract.cap_usd), dtype=np.float64)


def _leased_site(contract: ResidualGuarantee, inputs: Inputs) -> Site:
    """The site that the guarantee covers: one that the guaranteed lessor leases out."""
    for site in inputs.sites:
        leased = isinstance(site.ownership, Leased) and site.ownership.lessor == contract.lessor
        if site.id == contract.site and leased:
            return site
    raise ScenarioError(
        where=f"contracts.{contract.id}.site",
        found=f'"{contract.site}"',
        expected=f"a site leased from {contract.lessor}",
        fix="Name a leased site of this lessor, or correct the lessor.",
    )
