"""`gigawatt finance project`: sums by hand, the case that NREL's model computes too, and what is refused."""

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from gigawatt.cli import app
from gigawatt.errors import InputError
from gigawatt.report.finance_schema import project_schema

RUNNER = CliRunner()
SPENT = ("--capital", "100 MUSD")


def answer(*words: str) -> dict:
    told = RUNNER.invoke(app, ["finance", "project", *words, "--json"])
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    jsonschema.validate(found, project_schema())
    return found


def test_two_years_without_loan_by_hand():
    # 100 spent; 80 - 20 = 60, then 88 - 20 + 10 residual = 78. Straight line over two years with the half-year
    # convention: 25, 50 (and 25 after the end). Tax 20 %: (60 - 25) x 0.2 = 7; (78 - 50) x 0.2 = 5.6.
    # After tax -100, 53, 72.4: 100 x^2 - 53 x - 72.4 = 0, x = (53 + sqrt(2809 + 28,960)) / 200 = 1.15619.
    found = answer(
        *SPENT, "--revenue", "80 MUSD/year", "--operating", "20 MUSD/year", "--years", "2", "--loan", "none",
        "--revenue-growth", "10 percent/year", "--residual", "10 percent", "--schedule", "straight-line",
        "--federal-tax", "20 percent",
    )  # fmt: skip
    assert found["aftertax_usd"] == pytest.approx([-100e6, 53e6, 72.4e6])
    assert [year["federal_tax_usd"] for year in found["years"]] == pytest.approx([7e6, 5.6e6])
    assert found["aftertax_return_fraction"] == pytest.approx(0.15619, abs=1e-5)
    assert found["debt_usd"] == 0.0
    assert found["least_dscr_ratio"] is None
    assert found["defaults"] == {}


def test_the_first_case_of_the_peer():
    # The golden answer of NREL's PySAM for the same terms: tests/finance/data/single_owner.json, "level, grace".
    kept = Path(__file__).parents[1] / "finance" / "data" / "single_owner.json"
    golden = json.loads(kept.read_text(encoding="utf-8"))["cases"]["level, grace"]
    found = answer(
        *SPENT, "--revenue", "17.52 MUSD/year", "--operating", "5 MUSD/year", "--operating-growth", "2 percent/year",
        "--years", "20", "--loan", "level", "--share", "60 percent", "--rate", "6 percent/year", "--tenor", "10 year",
        "--grace", "2 year", "--losses", "relieved",
    )  # fmt: skip
    assert found["debt_usd"] == pytest.approx(golden["debt_usd"], rel=1e-3)
    assert found["aftertax_usd"] == pytest.approx(golden["aftertax_usd"], rel=1e-3)
    assert found["aftertax_return_fraction"] == pytest.approx(golden["aftertax_return_fraction"], rel=1e-3)


def test_what_is_left_to_the_catalogue_is_told():
    told = RUNNER.invoke(app, ["finance", "project", *SPENT, "--revenue", "40 MUSD/year", "--operating", "8 MUSD/year"])
    assert told.exit_code == 0
    for option in ("--rate", "--tenor", "--dscr", "--federal-tax"):
        assert f"Assumed: {option}" in told.stdout


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["--tenor", "30 month"], "--tenor"),
        (["--tenor", "20 year"], "--tenor"),
        (["--tenor", "2 year", "--grace", "2 year"], "--tenor"),
        (["--dscr", "0.9 ratio"], "--dscr"),
        (["--share", "60 percent"], "--share"),
        (["--loan", "level", "--dscr", "1.3 ratio"], "--dscr"),
        (["--loan", "none", "--rate", "5 percent/year"], "--rate"),
        (["--rate", "5"], "--rate"),
        (["--loan", "level", "--share", "99 percent", "--tenor", "1 year", "--reserve", "24 month"], "--share"),
        (["--capital", "0 USD"], "--capital"),
        (["--capital", "5 EUR"], "--capital"),
    ],
)
def test_what_cannot_be_is_refused(words, where):
    given = [*SPENT, "--revenue", "40 MUSD/year", "--operating", "8 MUSD/year", *words]
    told = RUNNER.invoke(app, ["finance", "project", *given])
    assert isinstance(told.exception, InputError)
    assert told.exception.where == where
