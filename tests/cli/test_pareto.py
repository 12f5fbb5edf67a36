"""`gigawatt plan --pareto` on the smallest scenario: the front, its page, and what is refused."""

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from gigawatt.cli import app
from gigawatt.errors import ScenarioError
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


@pytest.mark.parametrize("pair", ["npv", "npv,npv", "npv,beauty", "npv,earliest-target"])
def test_what_is_no_pair_is_refused(pair: str, tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["plan", "minimal", "--pareto", pair, "--out", str(tmp_path / "front")])
    assert isinstance(answer.exception, ScenarioError)
    assert answer.exception.where == "--pareto"
