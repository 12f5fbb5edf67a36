"""Months know how many hours they have, and planning periods are whole numbers of months."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from gigawatt.units import HOURS_PER_DAY, MONTHS_PER_YEAR

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Consecutive months from `start` (the first of a month), grouped into planning periods.

    `month_count` is a multiple of `months_per_period` (1: monthly, 3: quarterly).
    """

    start: date
    month_count: int
    months_per_period: int

    @property
    def period_count(self) -> int:
        """Number of planning periods."""
        return self.month_count // self.months_per_period

    @property
    def months(self) -> tuple[date, ...]:
        """First day of each month, `(month,)`."""
        first = self.start.year * MONTHS_PER_YEAR + self.start.month - 1
        return tuple(
            date(ordinal // MONTHS_PER_YEAR, ordinal % MONTHS_PER_YEAR + 1, 1)
            for ordinal in range(first, first + self.month_count)
        )

    @property
    def periods(self) -> tuple[date, ...]:
        """First day of each planning period, `(period,)`."""
        return self.months[:: self.months_per_period]

    @property
    def month_hours(self) -> FloatArray:
        """Hours in each month, `(month,)`."""
        return np.array([monthrange(day.year, day.month)[1] * HOURS_PER_DAY for day in self.months])

    @property
    def period_hours(self) -> FloatArray:
        """Hours in each planning period, `(period,)`."""
        return np.add.reduceat(self.month_hours, np.arange(0, self.month_count, self.months_per_period))

    @property
    def period_of_month(self) -> IntArray:
        """Index of the planning period that each month lies in, `(month,)`."""
        return np.arange(self.month_count) // self.months_per_period

    def month_index(self, day: date) -> int:
        """Index of the month that `day` lies in; negative before the start, `month_count` or more after the end."""
        return months_between(self.start, day)


def months_between(first: date, second: date) -> int:
    """Months from the month of `first` to the month of `second`."""
    return (second.year - first.year) * MONTHS_PER_YEAR + second.month - first.month


def discount_factors(calendar: Calendar, *, annual_rate_fraction: float) -> FloatArray:
    """Present value at the calendar's start of one dollar paid in each month, `(month,)`.

    Money of month i is discounted by (1 + r)^(-i/12), i = 0 for the first month.
    """
    years = np.arange(calendar.month_count, dtype=np.float64) / MONTHS_PER_YEAR
    return np.asarray(np.power(1.0 + annual_rate_fraction, -years), dtype=np.float64)


def end_discount_factor(calendar: Calendar, *, annual_rate_fraction: float) -> float:
    """Present value at the calendar's start of one dollar on the day after its last month."""
    return float((1.0 + annual_rate_fraction) ** (-calendar.month_count / MONTHS_PER_YEAR))
