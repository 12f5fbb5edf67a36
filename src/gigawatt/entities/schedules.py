"""What terms alone say, whatever is built: of each month of a contract, of each age of an asset.

Accounts and plan read the same schedule.
"""

from datetime import date

import numpy as np

from gigawatt.entities.contracts import CapacityLease, PowerPurchase, SpendCommitment, TakeOrPay
from gigawatt.entities.hardware import Offer
from gigawatt.timeline import Calendar, FloatArray
from gigawatt.units import MONTHS_PER_YEAR


def in_term(calendar: Calendar, *, start: date, term_months: int) -> FloatArray:
    """1 in the months of a term, else 0, `(month,)`."""
    months = np.arange(calendar.month_count) - calendar.month_index(start)
    return ((months >= 0) & (months < term_months)).astype(np.float64)


def escalation(calendar: Calendar, *, start: date, escalator_fraction_per_year: float) -> FloatArray:
    """(1 + escalator)^full years since the start, 1 before it, `(month,)`."""
    months = np.clip(np.arange(calendar.month_count) - calendar.month_index(start), 0, None)
    return np.asarray((1.0 + escalator_fraction_per_year) ** (months // MONTHS_PER_YEAR), dtype=np.float64)


def lease_rent_usd_per_it_mw(contract: CapacityLease, calendar: Calendar) -> FloatArray:
    """Rent of a leased megawatt in each month of the term, escalated, `(month,)`."""
    term = in_term(calendar, start=contract.start, term_months=contract.term_months)
    growth = escalation(
        calendar, start=contract.start, escalator_fraction_per_year=contract.escalator_fraction_per_year
    )
    return term * growth * contract.rent_usd_per_it_mw_month


def minimum_payment_usd(contract: TakeOrPay, calendar: Calendar) -> FloatArray:
    """The least that a customer pays for its capacity in each month, `(month,)`."""
    months = np.arange(calendar.month_count) - calendar.month_index(contract.start)
    ramp = np.clip((months + 1) / max(1, contract.ramp_months), 0.0, 1.0)
    term = in_term(calendar, start=contract.start, term_months=contract.term_months)
    full_usd = contract.take_fraction * contract.capacity_mw * contract.price_usd_per_mw_month
    return np.asarray(term * ramp * full_usd, dtype=np.float64)


def committed_so_far_usd(contract: SpendCommitment, calendar: Calendar) -> FloatArray:
    """What is to be spent by the end of each month, evenly over the term, `(month,)`."""
    term = in_term(calendar, start=contract.start, term_months=contract.term_months)
    return np.asarray(np.cumsum(term) * (contract.amount_usd / contract.term_months), dtype=np.float64)


def settlement_months(contract: SpendCommitment, calendar: Calendar) -> list[int]:
    """Indices of the months in which a commitment is settled within the calendar."""
    first = calendar.month_index(contract.start)
    ends = range(first + contract.settlement_months - 1, first + contract.term_months, contract.settlement_months)
    return [month for month in ends if 0 <= month < calendar.month_count]


def power_difference_usd(contract: PowerPurchase, calendar: Calendar, *, energy_price_usd_per_mwh: float) -> FloatArray:
    """What a buyer of power pays its seller (negative: gets) in each month, `(month,)`."""
    growth = escalation(
        calendar, start=contract.start, escalator_fraction_per_year=contract.escalator_fraction_per_year
    )
    term = in_term(calendar, start=contract.start, term_months=contract.term_months)
    energy_mwh = term * contract.contracted_grid_mw * calendar.month_hours
    return np.asarray(energy_mwh * (contract.strike_usd_per_mwh * growth - energy_price_usd_per_mwh), dtype=np.float64)


def annuity_factor(payments_count: float, *, interest_fraction: float) -> float:
    """Present value of so many payments of one dollar: (1 - (1 + i)^-n) / i, and n without interest."""
    if interest_fraction == 0.0:
        return payments_count
    return -float(np.expm1(-payments_count * np.log1p(interest_fraction))) / interest_fraction


def level_balance_fractions(payments_count: int, *, interest_fraction: float) -> FloatArray:
    """What is owed of a dollar after each of n level payments, from 1 before the first to 0, `(1 + payment,)`.

    After k of them the annuity of those that are left over that of all: a(n - k) / a(n).
    """
    left = range(payments_count, -1, -1)
    factors = np.array([annuity_factor(count, interest_fraction=interest_fraction) for count in left])
    return np.asarray(factors / factors[0], dtype=np.float64)


def book_fractions(age_months: FloatArray, *, life_months: int, residual_fraction: float) -> FloatArray:
    """Part of an asset's cost that the books still carry at each age: written off evenly, but for the residual."""
    written = np.minimum(1.0, age_months / life_months) * (1.0 - residual_fraction)
    return np.asarray(1.0 - written, dtype=np.float64)


def rack_worth_fractions(age_months: FloatArray, *, offer: Offer) -> FloatArray:
    """Part of its price that a rack in service is worth at each age: what used ones sell for, else the books' part.

    Between ages that the offer lists worth falls in straight lines, from the whole price at age 0 to the residual at
    the end of the book life, where the list ends before that.
    """
    if not offer.resale:
        life, residual = offer.book_life_months, offer.residual_fraction
        return book_fractions(age_months, life_months=life, residual_fraction=residual)
    points = [(0, 1.0), *((item.age_months, item.value_fraction) for item in offer.resale)]
    if points[-1][0] < offer.book_life_months:
        points.append((offer.book_life_months, min(offer.residual_fraction, points[-1][1])))
    ages, worth = zip(*points, strict=True)
    return np.asarray(np.interp(age_months, ages, worth), dtype=np.float64)


def ordered_price_usd_per_rack(offer: Offer, calendar: Calendar) -> FloatArray:
    """Price of racks that are ordered in each month, `(month,)`."""
    return _price_usd_per_rack(offer, calendar, [former.ordered_before for former in offer.former_prices])


def delivered_price_usd_per_rack(offer: Offer, calendar: Calendar) -> FloatArray:
    """Price of racks that are delivered in each month, `(month,)`: that of the day on which they were ordered."""
    return _price_usd_per_rack(offer, calendar, [former.arrives_before for former in offer.former_prices])


def _price_usd_per_rack(offer: Offer, calendar: Calendar, ends: list[date]) -> FloatArray:
    price = np.full(calendar.month_count, offer.price_usd_per_rack)
    for former, end in reversed(list(zip(offer.former_prices, ends, strict=True))):
        price[: max(0, calendar.month_index(end))] = former.usd_per_rack
    return price
