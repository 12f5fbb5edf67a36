"""The shape of a day's sun: by symmetry, by sums done by hand, and by the laws of the seasons."""

from math import cos, exp, pi

import numpy as np
import pytest

from gigawatt.facility.sun import BLOCKS_PER_DAY, sun_share_fraction

DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])


@pytest.mark.parametrize(("latitude", "mean"), [(32.5, 0.25), (32.5, 0.36), (0.0, 0.2), (-35.0, 0.22), (60.0, 0.11)])
def test_the_year_has_the_mean_that_is_stated(latitude: float, mean: float) -> None:
    share = sun_share_fraction(latitude, mean_fraction=mean)
    assert share.shape == (12, BLOCKS_PER_DAY)
    assert float(DAYS @ share.mean(axis=1)) / 365 == pytest.approx(mean)
    assert share.min() >= 0.0
    assert share.max() <= 1.0
    assert share == pytest.approx(share[:, ::-1])  # morning and afternoon


def test_seasons_turn_over_with_the_hemisphere() -> None:
    north, south = (sun_share_fraction(latitude, mean_fraction=0.2).mean(axis=1) for latitude in (32.5, -32.5))
    assert north.argmax() == 5
    assert south.argmin() == 5
    assert north[5] / north[11] > 1.7


def test_at_the_equator_in_march_noon_over_morning_is_haurwitz() -> None:
    # In mid-March the sun's declination is -2.8 degree, so cos z is cos(hour angle) within 0.2 %. Means of Haurwitz's
    # law over 9 to 12 and 6 to 9 o'clock by midpoints; no hour is cut off at so low a mean
    def clear(hour: float) -> float:
        height = cos(2.0 * pi * (hour / 24.0 - 0.5))
        return height * exp(-0.057 / height)

    noon = sum(clear(9.05 + 0.1 * i) for i in range(30))
    morning = sum(clear(6.05 + 0.1 * i) for i in range(30))
    share = sun_share_fraction(0.0, mean_fraction=0.1)[2]
    assert share[3] / share[2] == pytest.approx(noon / morning, rel=5e-3)
    assert share[:2].tolist() == [0.0, 0.0]


def test_more_than_the_sun_gives_is_refused() -> None:
    with pytest.raises(ValueError, match="the sun is up 0"):
        sun_share_fraction(0.0, mean_fraction=0.6)
