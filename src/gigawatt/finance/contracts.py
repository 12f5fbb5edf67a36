"""What each contract pays: one pure function per kind, from the history to dated payments.

What falls due outside the calendar is not paid within the programme and leaves no payment.
"""

from dataclasses import dataclass, field
from datetime import date
from math import floor

import numpy as np
import polars as pl

from gigawatt.entities.capital import Contract, EquityRound, MilestoneTranches, PowerBasis, ResidualGuarantee
from gigawatt.entities.site import Leased, Site
from gigawatt.entities.stages import History, Inputs, Milestone
from gigawatt.errors import ScenarioError
from gigawatt.facility.electrical import facility_power_mw
from gigawatt.finance.costs import facility_operation_usd, rent_usd, values
from gigawatt.finance.flows import Purpose, Stream
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import CENTS_PER_USD, MONTHS_PER_YEAR

COUNT_TOLERANCE = 1e-6
"""A unit counts as energized when its megawatts are met to this part of it: the accuracy of the plan's own solver."""

EXPOSURE_SCHEMA = {"contract": pl.String, "party": pl.String, "month": pl.Date, "amount_usd": pl.Float64}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a contract came to: payments, milestones earned, and `exposures` as in `Appraisal.exposures`."""

    streams: tuple[Stream, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    exposures: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=EXPOSURE_SCHEMA))


def outcome(contract: Contract, inputs: Inputs, history: History) -> Outcome:
    """What a contract of any kind came to in a history."""
    match contract:
        case MilestoneTranches():
            return milestone_tranches(contract, inputs, history)
        case EquityRound():
            return equity_round(contract, inputs)
        case ResidualGuarantee():
            return residual_guarantee(contract, inputs, history)


def milestone_tranches(contract: MilestoneTranches, inputs: Inputs, history: History) -> Outcome:
    """Tranches earned and paid.

    Tranche k is earned in the first month, not before the signature, in which the highest counted power so far is at
    least k x `unit_mw`, and paid `payment_lag_months` later. The first `paid_on_signature_count` are earned and paid
    on signature instead. Tranches are whole: floor(cap / amount) at most.
    """
    months = _milestone_months(contract, inputs, history)
    calendar = inputs.calendar
    earned = tuple(
        Milestone(
            contract=contract.id,
            gigawatt=number,
            reached=reached,
            paid=paid,
            amount_usd=contract.amount_usd,
        )
        for number, (reached, paid) in enumerate(months, start=1)
    )
    payments = [(milestone.paid, milestone.amount_usd) for milestone in earned]
    paid_usd = _dated_usd(payments, calendar=calendar)
    stream = Stream(payer=contract.investor, payee=contract.recipient, purpose=Purpose.TRANCHE, amount_usd=paid_usd)
    return Outcome(streams=(stream,), milestones=earned)


def equity_round(contract: EquityRound, inputs: Inputs) -> Outcome:
    """Instalments on their dates, whatever is built."""
    payments = [(instalment.on, instalment.amount_usd) for instalment in contract.instalments]
    paid_usd = _dated_usd(payments, calendar=inputs.calendar)
    stream = Stream(payer=contract.investor, payee=contract.recipient, purpose=Purpose.EQUITY, amount_usd=paid_usd)
    return Outcome(streams=(stream,))


def residual_guarantee(contract: ResidualGuarantee, inputs: Inputs, history: History) -> Outcome:
    """No payment, and the guarantor's exposure in each month: the lessor's outlay that rent has not yet returned.

    exposure = min(cap, max(0, sum over months so far of (cost of covered power completed + its operation - its rent)))

    Covered is the first `covered_it_mw` built. It is what the lessor would lose if the lessee stopped paying and the
    building were worth nothing to anybody else.
    """
    site = _leased_site(contract, inputs)
    built = values(inputs, history.state["built_facility_mw"], "site", "month")[inputs.sites.index(site)]
    covered = np.minimum(built, facility_power_mw(contract.covered_it_mw, pue=site.peak_pue))
    completed_usd = np.diff(covered, prepend=0.0) * inputs.costs.facility_usd_per_facility_mw
    operation_usd = facility_operation_usd(inputs, built_facility_mw=covered)
    outlay_usd = np.cumsum(completed_usd + operation_usd - rent_usd(inputs, site, built_facility_mw=covered))
    exposure_usd = np.rint(np.clip(outlay_usd, 0.0, contract.cap_usd) * CENTS_PER_USD) / CENTS_PER_USD
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


def counted_mw(contract: MilestoneTranches, history: History) -> FloatArray:
    """Highest power so far of the racks that the contract counts, on its basis, `(month,)`."""
    name = "energized_facility_mw" if contract.basis is PowerBasis.FACILITY else "energized_it_mw"
    power = history.state[name].transpose("site", "platform", "month")
    sites = np.isin(power["site"].values, contract.sites)
    platforms = np.isin(power["platform"].values, contract.platforms)
    return np.asarray(np.maximum.accumulate(power.values[sites][:, platforms].sum(axis=(0, 1))), dtype=np.float64)


def _milestone_months(contract: MilestoneTranches, inputs: Inputs, history: History) -> tuple[tuple[date, date], ...]:
    """When each tranche is earned and when it is paid, in order."""
    most = floor(contract.cap_usd / contract.amount_usd + COUNT_TOLERANCE) if contract.amount_usd > 0.0 else 0
    signed = contract.signed.replace(day=1)
    signature_count = min(contract.paid_on_signature_count, most)
    units = np.floor(counted_mw(contract, history) / contract.unit_mw + COUNT_TOLERANCE)
    units[np.array(inputs.calendar.months) < signed] = 0.0
    first_months = np.searchsorted(units, np.arange(signature_count + 1, most + 1))
    reached = [inputs.calendar.months[index] for index in first_months if index < inputs.calendar.month_count]
    earned = [(day, _months_later(day, contract.payment_lag_months)) for day in reached]
    return (*[(signed, signed)] * signature_count, *earned)


def _dated_usd(payments: list[tuple[date, float]], *, calendar: Calendar) -> FloatArray:
    """Payments by month, those outside the calendar left out, `(month,)`."""
    amount_usd = np.zeros(calendar.month_count)
    for day, usd in payments:
        month = calendar.month_index(day)
        if 0 <= month < calendar.month_count:
            amount_usd[month] += usd
    return amount_usd


def _months_later(day: date, month_count: int) -> date:
    ordinal = day.year * MONTHS_PER_YEAR + day.month - 1 + month_count
    return date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1)


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
