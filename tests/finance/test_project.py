"""One project after tax: a sum by hand, and NREL's single-owner model on three shared cases.

The peer's answers are kept with its version in `data/single_owner.json`; `benchmarks/finance/single_owner.py` makes
them again and prints the table.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gigawatt.finance.depreciation import straight_line_fractions
from gigawatt.finance.project import AssetClass, Financing, LevelLoan, Project, SculptedLoan, project_returns
from gigawatt.finance.tax import RelievedAtOnce, TaxRegime
from tests.finance.owner_cases import CASES, project

PEER = json.loads((Path(__file__).parent / "data" / "single_owner.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-3  # debt, depreciation by year and returns after tax agree to 0.1 %

NO_TAX = TaxRegime(rate_fraction=0.0, losses=RelievedAtOnce())
SMALL = Project(
    capital_usd=100.0,
    revenue_usd=np.array([80.0, 80.0]),
    operating_usd=np.array([20.0, 20.0]),
    assets=(AssetClass(share_fraction=1.0, fractions=straight_line_fractions(2)),),
    financing=Financing(loan=LevelLoan(share_fraction=0.5, interest_fraction=0.10, years_count=2)),
    federal=TaxRegime(rate_fraction=0.20, losses=RelievedAtOnce()),
    state=NO_TAX,
)


def close_by_year(ours, theirs):
    """Every year within the tolerance of its own value, or a millionth of the largest where it is near 0."""
    return ours == pytest.approx(theirs, rel=TOLERANCE, abs=TOLERANCE * 1e-3 * max(map(abs, theirs), default=1.0))


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_single_owner_model(name):
    ours, theirs = project_returns(project(CASES[name])), PEER["cases"][name]
    assert ours.debt_usd == pytest.approx(theirs["debt_usd"], rel=TOLERANCE)
    assert close_by_year(ours.federal_depreciation_usd.tolist(), theirs["federal_depreciation_usd"])
    assert close_by_year(ours.state_depreciation_usd.tolist(), theirs["state_depreciation_usd"])
    assert close_by_year(ours.aftertax_usd.tolist(), theirs["aftertax_usd"])
    assert ours.aftertax_return_fraction == pytest.approx(theirs["aftertax_return_fraction"], rel=TOLERANCE)


def test_the_agreement_can_fail():
    name = "sculpted, reserves, bonus, state tax"
    ours = project_returns(project(replace(CASES[name], bonus_fraction=0.41)))
    assert not close_by_year(ours.aftertax_usd.tolist(), PEER["cases"][name]["aftertax_usd"])


def test_two_years_by_hand():
    # Debt 50 at 10 %: payment 28.8095, interest 5 and 2.6190 (50 - 23.8095 = 26.1905 owed). Income 60 - 5 - 50 = 5 and
    # 60 - 2.6190 - 50 = 7.3810; tax 1 and 1.4762; equity 50 in, 60 - 28.8095 - tax = 30.1905 and 29.7143 out.
    returns = project_returns(SMALL)
    assert returns.debt_usd == pytest.approx(50.0)
    assert returns.federal_tax_usd == pytest.approx([1.0, 1.476190])
    assert returns.aftertax_usd == pytest.approx([-50.0, 30.190476, 29.714286])
    assert returns.coverage_ratio == pytest.approx([60.0 / 28.809524] * 2)
    # 30.190476 / g + 29.714286 / g^2 = 50 at g = (30.190476 + sqrt(30.190476^2 + 200 x 29.714286)) / 100 = 1.129982
    growth = (30.190476 + np.sqrt(30.190476**2 + 200 * 29.714286)) / 100
    assert returns.aftertax_return_fraction == pytest.approx(growth - 1.0)


def test_a_mechanism_switched_off_changes_nothing_else():
    # A loan of nothing leaves the project's own cash: 60 a year, less 20 % of 60 - 50.
    returns = project_returns(
        replace(SMALL, financing=Financing(loan=LevelLoan(share_fraction=0.0, interest_fraction=0.10, years_count=2)))
    )
    assert returns.aftertax_usd == pytest.approx([-100.0, 58.0, 58.0])


def test_reserves_come_back():
    # What is set aside is paid out at the end: without interest, equity's cash over all years is the same.
    financing = Financing(loan=SculptedLoan(coverage_ratio=2.0, interest_fraction=0.05, years_count=2))
    bare = project_returns(replace(SMALL, financing=financing))
    kept = project_returns(
        replace(SMALL, financing=replace(financing, service_reserve_years=0.5, operating_reserve_years=0.25))
    )
    # service is 30 a year, operating cost 20: half of 30 and a quarter of 20 are set aside
    assert kept.equity_usd - bare.equity_usd == pytest.approx(20.0)
    assert kept.aftertax_usd.sum() == pytest.approx(bare.aftertax_usd.sum())
