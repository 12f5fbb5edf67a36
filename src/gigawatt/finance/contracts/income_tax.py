"""Income tax of a party, year by year."""

import numpy as np

from gigawatt.entities.contracts import IncomeTax
from gigawatt.finance.assets import Assets, assets, retirements
from gigawatt.finance.contracts.given import Given, Outcome, paid_usd, purposes_of
from gigawatt.finance.depreciation import depreciation_usd
from gigawatt.finance.flows import FlowKind, Purpose, Stream
from gigawatt.finance.tax import CarriedForward, TaxRegime
from gigawatt.finance.tax import income_tax as tax_by_step
from gigawatt.timeline import Calendar, FloatArray, IntArray

_TAXED = (*purposes_of(FlowKind.OPEX, FlowKind.REVENUE), Purpose.INTEREST)


def income_tax(contract: IncomeTax, given: Given) -> Outcome:
    """Tax of each calendar year, paid in its last month.

    Income = revenue - operation - interest - tax depreciation of what was placed in service, of what leaves all that is
    left of it; losses and credits are carried forward as in `gigawatt.finance.tax`.
    """
    calendar = given.inputs.calendar
    regime = TaxRegime(
        rate_fraction=contract.rate_fraction,
        losses=CarriedForward(limit_fraction=contract.loss_offset_fraction),
    )
    year, ends = _years(calendar)
    owned = [found for found in assets(given.inputs, given.history) if found.owner == contract.taxpayer]
    earned = paid_usd(given, payee=contract.taxpayer, purposes=_TAXED)
    spent = paid_usd(given, payer=contract.taxpayer, purposes=_TAXED)
    income = _by_year(earned - spent, year=year) - written_off_for_tax(contract, owned, calendar=calendar)
    facilities = np.sum([np.zeros(calendar.month_count), *(a.placed_usd for a in owned if not a.platform)], axis=0)
    credit = contract.credit_fraction * _by_year(facilities, year=year)
    tax_usd = np.zeros(calendar.month_count)
    tax_usd[ends] = tax_by_step(income, regime=regime, credits_usd=credit).tax_usd
    stream = Stream(
        payer=contract.taxpayer, payee=contract.authority, purpose=Purpose.TAX, amount_usd=np.clip(tax_usd, 0.0, None)
    )
    return Outcome(streams=(stream,))


def written_off_for_tax(contract: IncomeTax, owned: list[Assets], *, calendar: Calendar) -> FloatArray:
    """Tax depreciation of each calendar year, of what leaves all that is left in its year, `(year,)`."""
    year, _ = _years(calendar)
    written = np.zeros(int(year[-1]) + 1)
    for found in owned:
        fractions = np.array(contract.systems_fractions if found.platform else contract.facilities_fractions)
        additions = _by_year(found.placed_usd, year=year)
        written += depreciation_usd(additions, fractions=fractions)
        for placed, retired, count in retirements(found):
            age, cost_usd = int(year[retired] - year[placed]), count * found.unit_usd[placed]
            later = fractions[age + 1 :]
            written[year[retired]] += cost_usd * later.sum()
            ends = written[year[retired] + 1 :][: later.size]
            ends -= cost_usd * later[: ends.size]
    return written


def _years(calendar: Calendar) -> tuple[IntArray, IntArray]:
    """The calendar year of each month, counted from 0, and the index of each year's last month."""
    years = np.array([day.year for day in calendar.months])
    year = years - years[0]
    return year, np.flatnonzero(np.diff(year, append=year[-1] + 1))


def _by_year(monthly: FloatArray, *, year: IntArray) -> FloatArray:
    return np.asarray(np.bincount(year, weights=monthly), dtype=np.float64)
