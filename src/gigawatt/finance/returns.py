"""What a series of monthly cash is worth: present value, rate of return and the deepest need for money."""

import numpy as np
import pyxirr

from gigawatt.timeline import Calendar, FloatArray, discount_factors
from gigawatt.units import MONTHS_PER_YEAR

_YEARLY_GROWTHS = np.geomspace(1e-2, 1e2, 401)
"""Yearly growth 1 + r over which rates of return are looked for: from losing 99 % a year to a hundredfold."""


def net_present_value_usd(net_usd: FloatArray, *, calendar: Calendar, annual_rate_fraction: float) -> float:
    """Present value at the calendar's start of monthly net cash: sum of net_i (1 + r)^(-i/12)."""
    return float(net_usd @ discount_factors(calendar, annual_rate_fraction=annual_rate_fraction))


def internal_rate_of_return_fraction(net_usd: FloatArray) -> float:
    """The yearly rate at which monthly net cash has no present value; NaN unless there is exactly one.

    Present value is taken at rates between -99 % and +9,900 % a year; it must change its sign once.
    """
    years = np.arange(net_usd.size) / MONTHS_PER_YEAR
    worth = np.power(_YEARLY_GROWTHS[:, None], -years[None, :]) @ net_usd
    crossings = np.flatnonzero(np.diff(np.signbit(worth)))
    if crossings.size != 1 or not net_usd.any():
        return float("nan")
    growth = float(np.sqrt(_YEARLY_GROWTHS[crossings[0]] * _YEARLY_GROWTHS[crossings[0] + 1]))
    monthly = pyxirr.irr(net_usd, guess=growth ** (1.0 / MONTHS_PER_YEAR) - 1.0, silent=True)
    return float("nan") if monthly is None else float((1.0 + monthly) ** MONTHS_PER_YEAR - 1.0)


def peak_funding(net_usd: FloatArray) -> tuple[float, int]:
    """The deepest cumulative cash need, as a positive amount, and the index of its month; 0 when none is needed."""
    balance = np.cumsum(net_usd)
    month = int(np.argmin(balance))
    deepest = float(-balance[month])
    return (deepest, month) if deepest > 0.0 else (0.0, 0)
