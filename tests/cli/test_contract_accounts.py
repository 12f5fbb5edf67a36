"""`gigawatt finance stress` and `shares` on a stored study: what they print is what the functions say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gigawatt import store
from gigawatt.cli import app
from gigawatt.entities.contracts import MilestoneTranches
from gigawatt.risk.stress import cases, exposures
from gigawatt.store import content_sha256
from tests.finance.programmes import hundreds_with_a_price
from tests.report.studies import rich_study

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def study():
    """A study whose tranches buy shares, with the accounts of its own plan."""
    played = hundreds_with_a_price()
    bare = replace(
        rich_study(),
        inputs=played.inputs,
        plan=played.plan,
        history=played.history,
        appraisal=played.appraisal,
        performance=played.performance,
    )
    return replace(bare, manifest=replace(bare.manifest, content_sha256=content_sha256(bare)))


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory: pytest.TempPathFactory) -> str:
    place: Path = tmp_path_factory.mktemp("contracts") / "priced"
    store.write(study, place, documents={})
    return str(place)


def test_losses_are_those_of_the_cases(study, folder):
    ran = RUNNER.invoke(app, ["finance", "stress", folder, "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)["cases"]
    expected = exposures(study, chosen=cases(study))
    assert [(row["case"], row["party"]) for row in told] == list(expected.select("case", "party").iter_rows())
    assert [row["loss_usd"] for row in told] == pytest.approx(expected["loss_usd"].to_list())
    tranches = next(c for c in study.inputs.contracts if isinstance(c, MilestoneTranches))
    lost = next(row for row in told if row["case"].startswith(tranches.id) and row["party"] == "openai")
    assert lost["loss_usd"] == sum(m.amount_usd for m in study.appraisal.milestones)
    shown = RUNNER.invoke(app, ["finance", "stress", folder])
    assert shown.exit_code == 0
    assert "demand x 0.5" in shown.output


def test_stakes_add_up(folder):
    told = json.loads(RUNNER.invoke(app, ["finance", "shares", folder, "--json"]).stdout)
    assert [row["paid_usd"] for row in told["stakes"]] == [5e8, 5e8]
    assert sum(told["holdings"]["openai"].values()) == pytest.approx(1.0)
    # $1 bn in all at $9.5 bn before: 1 / 10.5.
    assert told["holdings"]["openai"]["nvidia"] == pytest.approx(1 / 10.5)
    shown = RUNNER.invoke(app, ["finance", "shares", folder])
    assert shown.exit_code == 0
    assert "9.52" in shown.output
