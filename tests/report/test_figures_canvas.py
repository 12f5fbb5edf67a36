"""Ticks of logarithmic axes say their whole value."""

import pytest

from gigawatt.report.figures.canvas import log_ticks, make_logarithmic, sheet


@pytest.mark.parametrize(
    ("low", "high", "some"),
    [(3.0, 8.0, [3.0, 4.0, 5.0, 6.0, 8.0]), (6.5, 75.0, [10.0, 20.0, 50.0]), (0.2, 9000.0, [1.0, 10.0, 1000.0])],
)
def test_ticks_cover_the_range(low, high, some):
    ticks = log_ticks(low, high)
    assert set(some) <= set(ticks)
    assert ticks == sorted(ticks)
    assert ticks[0] <= low
    assert ticks[-1] >= high or ticks[-1] * 10.0 > high


def test_a_tick_is_never_a_bare_digit_of_its_decade():
    figure = sheet(height=100)
    figure.add_scatter(x=[16, 2_048], y=[2e6, 4e7])
    make_logarithmic(figure, "x", "y")
    assert "200" in figure.layout.xaxis.ticktext
    assert "2,000" in figure.layout.xaxis.ticktext
    assert "5 million" in figure.layout.yaxis.ticktext
