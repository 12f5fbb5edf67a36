"""`gigawatt finance shares` on a stored study."""

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from gigawatt import store
from gigawatt.cli import app
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


def test_stakes_add_up(folder):
    told = json.loads(RUNNER.invoke(app, ["finance", "shares", folder, "--json"]).stdout)
    jsonschema.validate(told, json.loads(RUNNER.invoke(app, ["schema", "shares"]).stdout))
    assert [row["paid_usd"] for row in told["stakes"]] == [5e8, 5e8]
    assert sum(told["holdings"]["openai"].values()) == pytest.approx(1.0)
    # $1 bn in all at $9.5 bn before: 1 / 10.5.
    assert told["holdings"]["openai"]["nvidia"] == pytest.approx(1 / 10.5)
    shown = RUNNER.invoke(app, ["finance", "shares", folder])
    assert shown.exit_code == 0
    assert "9.52" in shown.output
