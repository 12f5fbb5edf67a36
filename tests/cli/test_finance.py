"""`gigawatt finance`: what it prints agrees with the study, and bad words are refused with a cure."""

import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from typer.testing import CliRunner

from gigawatt import store
from gigawatt.cli import app
from gigawatt.entities.site import PowerStep
from gigawatt.errors import InputError, StudyFolderError
from gigawatt.finance.statements import statements
from gigawatt.report.accounts import by_year, find_party
from tests.finance.programmes import RACK, play
from tests.report.studies import rich_study
from tests.samples import TRANCHES, service, site, small_inputs, small_performance
from tests.simulation.plans import small_plan

RUNNER = CliRunner()
STUDY = rich_study()
PROGRAMME = STUDY.inputs.programme


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("finance") / "rich"
    store.write(STUDY, place, documents={})
    return str(place)


def answer(*words: str) -> dict:
    """What a command prints, which its schema describes."""
    ran = RUNNER.invoke(app, ["finance", *words, "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    schema = RUNNER.invoke(app, ["schema", "circle" if words[0] == "circle" else "finance"])
    jsonschema.validate(told, json.loads(schema.stdout))
    return told


def test_years_add_up_to_the_statements(folder: str):
    told = answer(folder)
    monthly = statements(STUDY.inputs, STUDY.history, appraisal=STUDY.appraisal)
    mine = monthly.income.filter(pl.col("party") == PROGRAMME)
    assert sum(row["revenue_usd"] for row in told["income"]) == pytest.approx(mine["revenue_usd"].sum())
    balance = monthly.balance_sheet.filter(pl.col("party") == PROGRAMME)
    assert told["balance_sheet"][-1]["cash_usd"] == balance["cash_usd"][-1]
    for row in told["balance_sheet"]:
        assert row["total_assets_usd"] == row["total_claims_usd"]
    for before, after in zip(told["cash_flow"], told["cash_flow"][1:], strict=False):
        assert before["closing_cash_usd"] == after["opening_cash_usd"]


def test_payments_add_up_to_the_cash(folder: str):
    told = answer(folder, "--party", "nvidia")
    sign = {"pays": -1.0, "receives": 1.0}
    paid = sum(sign[row["direction"]] * row["amount_usd"] for row in told["payments"])
    assert paid == pytest.approx(told["cash_flow"][-1]["closing_cash_usd"], abs=0.01)
    assert "levelized_cost" not in told


def test_the_programme_has_its_levelized_cost(folder: str):
    told = answer(folder)
    (whole,) = [row for row in told["levelized_cost"]["all"] if row["layer"] == "all"]
    by_site = told["levelized_cost"]["by_site"].values()
    assert sum(row["cost_usd"] for rows in by_site for row in rows if row["layer"] == "all") == pytest.approx(
        whole["cost_usd"]
    )
    assert set(told["runway_months"]) == {month.isoformat() for month in STUDY.inputs.calendar.months}


def test_tables_of_the_programme_and_of_another(folder: str):
    for party in STUDY.inputs.parties[:2]:
        ran = RUNNER.invoke(app, ["finance", "--party", party.name, folder])
        assert ran.exit_code == 0, ran.output
        assert "balance sheet" in ran.stdout


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small study that can be played again: two gigawatts, with milestone tranches that do not bind."""
    inputs = small_inputs(
        sites=(site("alpha", power_steps=(PowerStep(start=date(2027, 1, 1), facility_mw=4000.0),)),),
        services=(service(tokens_per_month=1e16),),
        runs=(),
        contracts=(replace(TRANCHES, unit_mw=1000.0, sites=("alpha",), amount_usd=10e9, cap_usd=100e9),),
    )
    orders = {("alpha", RACK, 0): 6400, ("alpha", RACK, 2): 6400}
    found = play(inputs, small_plan(inputs, ordered=orders, built={("alpha", 2): 1056.0, ("alpha", 4): 2112.0}))
    study = replace(
        STUDY,
        inputs=inputs,
        performance=small_performance(),
        plan=found.plan,
        history=found.history,
        appraisal=found.appraisal,
        bands=replace(STUDY.bands, headline={}, draws_count=0),
    )
    hashed = replace(study.manifest, content_sha256=store.content_sha256(study))
    place = tmp_path_factory.mktemp("circle") / "small"
    store.write(replace(study, manifest=hashed), place, documents={})
    return str(place)


def test_the_circle_holds_every_payment(played: str):
    told = answer("circle", played)
    flows = store.read(Path(played)).appraisal.flows
    assert sum(row["amount_usd"] for row in told["matrix"]) == pytest.approx(flows["amount_usd"].sum())
    (investor,) = told["investors"]
    ways = investor["purchases_of_everybody"]
    assert sum(ways["returned_usd"]) == pytest.approx(ways["share_fraction"] * sum(investor["invested_usd"]))
    # two tranches of 10 bn, withheld: the programme loses what the investor keeps
    lost = {row["party"]: row["loss_usd"] for row in told["losses"] if row["case"] == "tranches withheld after 0"}
    assert (lost["openai"], lost["nvidia"]) == (pytest.approx(20e9), pytest.approx(-20e9))


def test_the_circle_is_drawn_without_a_network(played: str, tmp_path: Path):
    page = tmp_path / "circle.html"
    ran = RUNNER.invoke(app, ["finance", "circle", played, "--out", str(page)])
    assert ran.exit_code == 0, ran.output
    text = page.read_text(encoding="utf-8")
    assert "sankey" in text
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "http" not in policy[1]
    assert "What comes back to investors" in ran.stdout
    assert "stops at 1 GW" in ran.stdout
    # the page beside the study does not spoil it
    assert RUNNER.invoke(app, ["finance", "circle", played]).exit_code == 0
    assert RUNNER.invoke(app, ["finance", played]).exit_code == 0


def test_a_page_that_cannot_be_written_is_told(played: str, tmp_path: Path):
    ran = RUNNER.invoke(app, ["finance", "circle", played, "--out", str(tmp_path / "no" / "c.html")])
    assert isinstance(ran.exception, StudyFolderError)


def test_balances_are_not_added_up():
    table = pl.DataFrame(
        {
            "month": pl.Series(STUDY.inputs.calendar.months, dtype=pl.Date),
            "party": ["x"] * STUDY.inputs.calendar.month_count,
            "cash_usd": [float(i) for i in range(STUDY.inputs.calendar.month_count)],
        }
    )
    first = by_year(table, balances=True).row(0, named=True)
    assert first["cash_usd"] == sum(day.year == first["year"] for day in STUDY.inputs.calendar.months) - 1


def test_strangers_are_refused_with_close_matches(folder: str):
    with pytest.raises(InputError, match="nvidia"):
        find_party(STUDY, "nvida")
    assert find_party(STUDY, "NVIDIA").id == "nvidia"
    assert isinstance(RUNNER.invoke(app, ["finance", folder, "--party", "nobody"]).exception, InputError)
    assert RUNNER.invoke(app, ["finance"]).exit_code == 2
