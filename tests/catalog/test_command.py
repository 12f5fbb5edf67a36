"""`gigawatt catalog` on the command line."""

import json
import sys

import pytest
from typer.testing import CliRunner

from gigawatt.cli import app, main

RUNNER = CliRunner()


def answer(*words: str) -> dict[str, object]:
    """The JSON object that a catalogue command prints."""
    result = RUNNER.invoke(app, ["catalog", *words, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("kind", "count"), [("platforms", 29), ("models", 36), ("sites", 44), ("deals", 24), ("economics", 22)]
)
def test_lists(kind, count):
    assert RUNNER.invoke(app, ["catalog", kind]).exit_code == 0
    assert len(answer(kind)[kind]) >= count


def listed(kind):
    """The second column of a list by the first, and the lines printed."""
    lines = RUNNER.invoke(app, ["catalog", kind]).stdout.splitlines()
    rows = [line.split("│") for line in lines if "│" in line]
    return {row[1].strip(): row[2].strip() for row in rows}, lines


def test_platforms_that_can_be_computed_are_marked():
    marks, _ = listed("platforms")
    assert (marks["vr-nvl72"], marks["mi355x"], marks["feynman"]) == ("yes", "times", "no")
    marks, _ = listed("models")
    assert (marks["llama-3.1-405b"], marks["nemotron-3-nano-30b-a3b"], marks["deepseek-v4-pro"]) == (
        "yes",
        "trains",
        "no",
    )


@pytest.mark.parametrize("kind", ["platforms", "models", "sites", "deals"])
def test_a_list_has_a_line_per_record_on_a_narrow_terminal(kind):
    rows, lines = listed(kind)
    assert len([line for line in lines if "│" in line]) == len(rows) == len(answer(kind)[kind])
    assert max(len(line) for line in lines) <= 80
    assert any("also shows" in line for line in lines)


def test_assumptions_are_listed_with_their_reasons():
    result = RUNNER.invoke(app, ["catalog", "assumptions"])
    assert result.exit_code == 0
    assert "kernel-efficiency" in result.stdout
    assert len(answer("assumptions")["assumptions"]) >= 6


def test_show_prints_value_grade_and_source():
    result = RUNNER.invoke(app, ["catalog", "show", "vr-nvl72"])
    assert result.exit_code == 0
    for word in ("35000 TFLOP/s", "official", "nv-vr-page", "not preferred"):
        assert word in result.stdout


def test_show_as_json_has_every_figure_with_its_sources():
    found = answer("show", "platforms/h200")
    assert found["id"] == "hgx-h200"
    figure = found["figures"]["hbm-capacity"]
    assert (figure["value"], figure["number"], figure["unit"], figure["grade"]) == ("141 GB", 141, "GB", "official")
    assert figure["sources"][0]["url"].startswith("https://")


def test_show_one_figure():
    assert answer("show", "deals/loi-2025/amount")["value"] == "100 bn USD"


def test_compare_h200_gb200_and_vera_rubin():
    result = RUNNER.invoke(app, ["catalog", "compare", "h200", "gb200-nvl72", "vr-nvl72"])
    assert result.exit_code == 0
    found = answer("compare", "h200", "gb200-nvl72", "vr-nvl72")
    assert [record["id"] for record in found["records"]] == ["hgx-h200", "gb200-nvl72", "vr-nvl72"]
    assert found["derived"]["gb200-nvl72"]["rack-peak-dense-fp8"]["value"] == "360 PFLOP/s"
    assert "rack-peak-dense-fp4" not in found["derived"]["hgx-h200"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "vr-nvl27"), "vr-nvl72"),
        (("show", "platforms/nothing-like-it"), "platforms"),
        (("compare", "h200", "ports-pike"), "one kind"),
        (("compare", "h200"), "two or more"),
    ],
)
def test_what_does_not_exist_ends_with_exit_code_2(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["gigawatt", "catalog", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert "Traceback" not in printed
