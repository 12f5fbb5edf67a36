"""`gigawatt plan --pareto` on the smallest scenario: the front, its page, and what is refused."""

import json
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from gigawatt.cli import app
from gigawatt.errors import ScenarioError
from gigawatt.planning import pareto as module
from gigawatt.report.pareto_page import pareto_schema


def test_a_front_of_value_and_tokens(tmp_path: Path) -> None:
    arguments = ["minimal", "--pareto", "npv,served-tokens", "--points", "3", "--out", str(tmp_path / "front")]
    quarterly = ["--set", "programme.period=quarter", "--gap", "0.02"]
    answer = CliRunner().invoke(app, ["plan", *arguments, *quarterly, "--json"])
    assert answer.exit_code == 0, answer.output
    printed = json.loads(answer.stdout)
    jsonschema.validate(printed, pareto_schema())
    points = printed["points"]
    assert [point["first"] for point in points] == sorted((point["first"] for point in points), reverse=True)
    assert [point["second"] for point in points] == sorted(point["second"] for point in points)
    assert "data-figure" in (tmp_path / "front" / "pareto.html").read_text(encoding="utf-8")


def test_a_signal_leaves_the_points_so_far_with_their_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    between = module._between

    def stopped(*arguments: Any, **settings: Any) -> Any:  # whatever it takes and gives
        signal.raise_signal(signal.SIGTERM)
        return between(*arguments, **settings)

    monkeypatch.setattr(module, "_between", stopped)
    arguments = ["minimal", "--pareto", "npv,served-tokens", "--points", "5", "--out", str(tmp_path / "front")]
    quarterly = ["--set", "programme.period=quarter", "--gap", "0.02"]
    answer = CliRunner().invoke(app, ["plan", *arguments, *quarterly, "--json"])
    assert answer.exit_code == 130, answer.output
    printed = json.loads(answer.stdout)
    jsonschema.validate(printed, pareto_schema())
    assert printed["interrupted"]
    assert len(printed["points"]) == 2
    assert "Interrupted: 2 points of 5 asked for." in (tmp_path / "front" / "pareto.html").read_text(encoding="utf-8")


def test_dates_stand_on_the_picture_as_dates(tmp_path: Path) -> None:
    target = 'target=[{ facility = "100 MW facility", by = "2028-12" }]'
    arguments = ["minimal", "--set", target, "--pareto", "cost-of-target,earliest-target", "--points", "3"]
    quarterly = ["--set", "programme.period=quarter", "--gap", "0.02", "--out", str(tmp_path / "front")]
    answer = CliRunner().invoke(app, ["plan", *arguments, *quarterly])
    assert answer.exit_code == 0, answer.output
    assert "from Oct 2028" in answer.output
    page = (tmp_path / "front" / "pareto.html").read_text(encoding="utf-8")
    assert "Largest target stands from" in page
    assert "2028-10-01" in page


@pytest.mark.parametrize(
    "pair", ["npv", "npv,npv", "npv,beauty", "npv within 1 percent,served-tokens", "npv,served-tokens,training-compute"]
)
def test_what_is_no_pair_is_refused(pair: str, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["plan", "minimal", "--pareto", pair, "--out", str(tmp_path / "front")])
    assert isinstance(answer.exception, ScenarioError)
    assert answer.exception.where == "--pareto"
