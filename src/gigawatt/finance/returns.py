"""What dated cash is worth and returns: present value, rates and multiples, payback, the deepest need, the runway."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from scipy.optimize import brentq

from gigawatt.timeline import Calendar, FloatArray, discount_factors
from gigawatt.units import DAYS_PER_XIRR_YEAR, MONTHS_PER_YEAR

_LOG_GROWTHS = np.linspace(np.log(1e-2), np.log(1e2), 401)
"""Logarithms of yearly growth 1 + r where rates of return are looked for: from losing 99 % a year to a hundredfold."""


def net_present_value_usd(net_usd: FloatArray, *, calendar: Calendar, annual_rate_fraction: float) -> float:
    """Present value at the calendar's start of monthly net cash: sum of net_i (1 + r)^(-i/12)."""
    return float(net_usd @ discount_factors(calendar, annual_rate_fraction=annual_rate_fraction))


def internal_rate_of_return_fraction(net_usd: FloatArray, *, steps_per_year: int = MONTHS_PER_YEAR) -> float:
    """The yearly rate at which net cash by month (or step) has no present value; NaN unless there is exactly one.

    Present value is taken at rates between -99 % and +9,900 % a year; it must change its sign once.
    """
    return _only_rate_fraction(net_usd, years=np.arange(net_usd.size) / steps_per_year)


def dated_rate_of_return_fraction(net_usd: FloatArray, *, days: Sequence[date]) -> float:
    """XIRR: the yearly rate r with sum of net_i (1 + r)^(-days_i / 365) = 0; NaN unless there is exactly one."""
    elapsed = np.array([(day - days[0]).days for day in days], dtype=np.float64)
    return _only_rate_fraction(net_usd, years=elapsed / DAYS_PER_XIRR_YEAR)


def multiple_of_money_ratio(net_usd: FloatArray) -> float:
    """MOIC: cash that came back over cash that was put in; NaN when none was put in."""
    invested_usd = float(-net_usd[net_usd < 0.0].sum())
    return float(net_usd[net_usd > 0.0].sum()) / invested_usd if invested_usd > 0.0 else float("nan")


def payback_step(net_usd: FloatArray) -> int | None:
    """Index of the step from which cumulative cash is never negative again; None when it still is at the end."""
    under = np.flatnonzero(np.cumsum(net_usd) < 0.0)
    first = int(under[-1]) + 1 if under.size else 0
    return first if first < net_usd.size else None


def peak_funding(net_usd: FloatArray) -> tuple[float, int]:
    """The deepest cumulative cash need, as a positive amount, and the index of its month; 0 when none is needed."""
    balance = np.cumsum(net_usd)
    month = int(np.argmin(balance))
    deepest = float(-balance[month])
    return (deepest, month) if deepest > 0.0 else (0.0, 0)


def runway_months(cash_usd: FloatArray, *, unfinanced_usd: FloatArray) -> FloatArray:
    """Whole months that the cash at each month's end pays for if no further financing comes, `(month,)`.

    `unfinanced_usd` is the monthly net cash without financing. Infinite where cash lasts to the end of the horizon.
    """
    total_usd = np.cumsum(unfinanced_usd)
    runway = np.full(cash_usd.size, np.inf)
    for month, held_usd in enumerate(cash_usd):
        dry = np.flatnonzero(held_usd + total_usd[month + 1 :] - total_usd[month] < 0.0)
        if held_usd < 0.0:
            runway[month] = 0.0
        elif dry.size:
            runway[month] = float(dry[0])
    return runway


def _only_rate_fraction(net_usd: FloatArray, *, years: FloatArray) -> float:
    """The only yearly rate at which cash at `years` has no present value, or NaN."""
    if not net_usd.any():
        return float("nan")
    shares = net_usd / np.abs(net_usd).max()

    def worth(log_growth: float) -> float:
        return float(np.exp(-log_growth * years) @ shares)

    crossings = np.flatnonzero(np.diff(np.signbit([worth(growth) for growth in _LOG_GROWTHS])))
    if crossings.size != 1:
        return float("nan")
    low, high = _LOG_GROWTHS[crossings[0] : crossings[0] + 2]
    return float(np.expm1(brentq(worth, low, high, xtol=1e-14)))
