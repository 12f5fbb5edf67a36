"""How a day's sun falls on a site: a shape by geometry, month by month, at a level that is stated.

The shape is that of the clear sky on level ground. Its mean over the year is set to the capacity factor that a
scenario or the catalogue states, what exceeds the nameplate being cut off, as an inverter does. So clouds lower every
hour alike: a mean day, not the worst one.
"""

from datetime import date

import numpy as np
from scipy.optimize import brentq

from gigawatt.timeline import FloatArray
from gigawatt.units import HOURS_PER_DAY, MONTHS_PER_YEAR

BLOCKS_PER_DAY = 8
"""Equal parts of a day that are told apart, three hours each."""

_YEAR = 2026
_MID_MONTH_DAY = 15
_STEPS_PER_BLOCK = 60


def sun_share_fraction(latitude_degree: float, *, mean_fraction: float) -> FloatArray:
    """Mean power over nameplate by month of the year and block of the day, solar time, `(12, block)`.

    Raises ValueError where the sun is not up long enough for such a mean.
    """
    clear = _clear_sky(latitude_degree)
    days = np.array([_days_in_month(month) for month in range(1, MONTHS_PER_YEAR + 1)])
    weight = days / days.sum()
    most = float(weight @ (clear > 0.0).mean(axis=(1, 2)))
    if not 0.0 < mean_fraction < most:
        raise ValueError(f"a mean of {mean_fraction:g} of the nameplate; the sun is up {most:.3g} of the time")

    def excess(scale: float) -> float:
        return float(weight @ np.minimum(scale * clear, 1.0).mean(axis=(1, 2))) - mean_fraction

    high = 1.0
    while excess(high) < 0.0:
        high *= 2.0
    scale = brentq(excess, 0.0, high)
    return np.asarray(np.minimum(scale * clear, 1.0).mean(axis=2), dtype=np.float64)


def _clear_sky(latitude_degree: float) -> FloatArray:
    """Clear-sky irradiance on level ground over its constant, by month, block and step, `(12, block, step)`.

    cos z exp(-0.057 / cos z) (Haurwitz, Journal of Meteorology 2, 1945, p. 154), z the zenith angle in the middle of
    the month, whose day n has the declination 23.45 degree sin(360 degree (284 + n) / 365) (Cooper, Solar Energy 12,
    1969).
    """
    numbers = np.array([_day_number(month) for month in range(1, MONTHS_PER_YEAR + 1)])
    declination = np.radians(23.45) * np.sin(2.0 * np.pi * (284.0 + numbers) / 365.0)
    count = BLOCKS_PER_DAY * _STEPS_PER_BLOCK
    hour = (np.arange(count) + 0.5) * HOURS_PER_DAY / count
    angle = 2.0 * np.pi * (hour / HOURS_PER_DAY - 0.5)
    latitude = np.radians(latitude_degree)
    height = np.sin(latitude) * np.sin(declination)[:, None] + np.cos(latitude) * np.cos(declination)[:, None] * np.cos(
        angle
    )
    up = np.clip(height, 1e-9, None)
    shape = np.where(height > 0.0, up * np.exp(-0.057 / up), 0.0)
    return shape.reshape(MONTHS_PER_YEAR, BLOCKS_PER_DAY, _STEPS_PER_BLOCK)


def _day_number(month: int) -> int:
    return date(_YEAR, month, _MID_MONTH_DAY).timetuple().tm_yday


def _days_in_month(month: int) -> int:
    following = date(_YEAR + month // MONTHS_PER_YEAR, month % MONTHS_PER_YEAR + 1, 1)
    return (following - date(_YEAR, month, 1)).days
