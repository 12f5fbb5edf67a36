"""`gigawatt explain` on the smallest study: what it prints, and what it refuses."""

import json
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from gigawatt.cli import app
from gigawatt.errors import ScenarioError, StudyFolderError
from gigawatt.planning import explanation as module
from gigawatt.report.explanation import explanation_schema


def _explain(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["explain", *arguments])


def test_the_json_fits_its_schema(minimal_study: tuple[Path, dict[str, Any]]) -> None:
    folder, planned = minimal_study
    answer = _explain(str(folder), "--json")
    assert answer.exit_code == 0, answer.output
    printed = json.loads(answer.stdout)
    jsonschema.validate(printed, explanation_schema())
    assert printed["sentences"] == planned["binding"]
    assert "chips" in {item["scarcity"] for item in printed["binding"]}
    assert printed["sites"]["stargate-milam"]["usd_per_mw"] >= 0.0
    assert printed["counterfactuals"] == []


def test_a_month_and_a_site_are_told_in_words(minimal_study: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = minimal_study
    everything = json.loads(_explain(str(folder), "--json").stdout)["binding"]
    bound = next(item for item in everything if item["scarcity"] == "chips")
    answer = _explain(str(folder), "--month", bound["period"])
    assert answer.exit_code == 0, answer.output
    assert "chips: gb300-nvl72: one rack more is worth $" in answer.output
    assert "chips" not in _explain(str(folder), "--month", bound["period"], "--site", "stargate-milam").output


def test_a_signal_leaves_what_is_known_so_far(
    minimal_study: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = module._sites

    def stopped(*arguments: Any) -> Any:  # whatever it takes and gives
        signal.raise_signal(signal.SIGINT)
        return sites(*arguments)

    monkeypatch.setattr(module, "_sites", stopped)
    answer = _explain(str(minimal_study[0]), "--json")
    assert answer.exit_code == 130, answer.output
    printed = json.loads(answer.stdout)
    jsonschema.validate(printed, explanation_schema())
    assert printed["interrupted"]
    assert printed["sentences"] == minimal_study[1]["binding"]
    assert printed["sites"]["stargate-milam"]["usd_per_month_earlier"] is None
    assert "what was found so far is told" in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["--site", "nowhere"], "--site"),
        (["--month", "2020-01"], "--month"),
        (["--month", "soon"], "--month"),
        (["--without", "site:stargate-milam"], "--without"),  # the only site
    ],
)
def test_what_the_study_has_not_is_refused(
    arguments: list[str], where: str, minimal_study: tuple[Path, dict[str, Any]]
) -> None:
    answer = _explain(str(minimal_study[0]), *arguments)
    assert isinstance(answer.exception, ScenarioError)
    assert answer.exception.where == where


def test_a_missing_study_is_refused(tmp_path: Path) -> None:
    assert isinstance(_explain(str(tmp_path / "none")).exception, StudyFolderError)


def test_the_schema_is_printed() -> None:
    answer = CliRunner().invoke(app, ["schema", "explain"])
    jsonschema.Draft202012Validator.check_schema(json.loads(answer.stdout))
