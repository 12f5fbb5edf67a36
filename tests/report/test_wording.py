"""Figures read as a person would say them."""

from datetime import date

import pytest

from gigawatt.report import wording


@pytest.mark.parametrize(
    ("usd", "said"),
    [(41.34e9, "$41.3 bn"), (-3.2e6, "−$3.20 m"), (1.2e12, "$1.20 tn"), (999.96e9, "$1.00 tn"), (0.0, "$0"),
     (float("nan"), "–"), (1234.0, "$1,234")],
)  # fmt: skip
def test_money(usd: float, said: str) -> None:
    assert wording.money(usd) == said


@pytest.mark.parametrize(("mw", "said"), [(9870.0, "9.87 GW"), (518.0, "518 MW"), (999.9, "1.00 GW"), (0.0, "0 MW")])
def test_gigawatts(mw: float, said: str) -> None:
    assert wording.gigawatts(mw) == said


def test_tokens() -> None:
    assert wording.tokens(2.61e18) == "2.61 quintillion"


def test_span_says_a_shared_unit_once() -> None:
    assert wording.span(28e9, 52e9, wording.money) == "$28.0 to $52.0 bn"
    assert wording.span(900e6, 52e9, wording.money) == "$900 m to $52.0 bn"


def test_months_after_a_start() -> None:
    assert wording.after(date(2026, 7, 1), 42.0) == "January 2030"
    assert wording.after(date(2026, 7, 1), float("inf")) == wording.NEVER


def test_listing() -> None:
    assert wording.listing(["a", "b", "c"]) == "a, b and c"
    assert wording.listing([]) == ""
