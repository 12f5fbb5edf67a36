"""Projections against published values, and outlines that are small and lie in their frame."""

import pytest

from gigawatt.report.maps import albers, equal_earth, is_contiguous_us, outlines


def test_albers_repeats_snyders_worked_example() -> None:
    # Snyder (1987), p. 291 (sphere): parallels 29.5 and 45.5 N, origin 23 N 96 W; 35 N 75 W gives x = 0.2952720 R and
    # y = 0.2416774 R. Our origin lies at 37.5 N, which shifts y only: compare the difference of two latitudes instead.
    x, y = albers(-75.0, 35.0)
    _, origin_y = albers(-96.0, 23.0)
    assert x == pytest.approx(0.2952720, abs=1e-6)
    assert y - origin_y == pytest.approx(0.2416774, abs=1e-6)


def test_equal_earth_keeps_areas_near_the_equator() -> None:
    # On the unit sphere a cell of dlon x dlat at the equator has the area dlon dlat.
    step = 1e-3
    x, _ = equal_earth(step, 0.0)
    _, y = equal_earth(0.0, step)
    assert x * y == pytest.approx((step * 3.14159265 / 180) ** 2, rel=1e-4)


def test_outlines_are_in_degrees() -> None:
    shapes = outlines()
    assert all(-180 <= lon <= 180 and -90 <= lat <= 90 for ring in shapes["land"] for lon, lat in ring)
    assert all(is_contiguous_us(lon, lat) for ring in shapes["states"] for lon, lat in ring)
