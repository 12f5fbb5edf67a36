"""`gigawatt scenario` as a person calls it."""

import json

import pytest
from typer.testing import CliRunner

from gigawatt.cli.scenario import scenario_app
from gigawatt.scenario.loading import BUNDLED, digest, read

RUNNER = CliRunner()


def answer(*words: str) -> str:
    result = RUNNER.invoke(scenario_app, words)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_list_names_the_bundled_scenarios():
    named = json.loads(answer("list", "--json"))["scenarios"]
    assert [scenario["name"] for scenario in named] == ["deals-2026", "loi-2025", "minimal", "restructured-2026"]
    assert "loi-2025" in answer("list")


@pytest.mark.parametrize("name", ["deals-2026", "loi-2025", "minimal", "restructured-2026"])
def test_show_and_check_accept_every_bundled_scenario(name):
    shown = json.loads(answer("show", name, "--json"))
    assert shown["digest"] == digest(read(name))
    assert shown["resolved"]["defaults_taken"] > 0
    assert read(name).title in answer("show", name)
    assert answer("check", name).startswith(f"ok: {name}")


def test_show_says_the_terms_of_the_letter_of_intent():
    terms = json.loads(answer("show", "loi-2025", "--json"))["resolved"]["contracts"]["nvidia-tranches"]
    assert terms == "nvidia pays openai 10 bn USD per 1 GW facility, at most 100 bn USD"


def test_check_counts_one_default_less_when_a_value_is_stated():
    silent = json.loads(answer("check", "minimal", "--json"))
    stated = json.loads(answer("check", "minimal", "--json", "--set", "programme.discount_rate=9 percent"))
    assert stated["defaults_taken"] == silent["defaults_taken"] - 1
    assert stated["stated"] == silent["stated"] + 1
    assert stated["digest"] != silent["digest"]


def test_a_name_with_markup_is_printed_as_it_is(tmp_path):
    path = tmp_path / "[red]odd.toml"
    path.write_text((BUNDLED / "minimal.toml").read_text().replace("One site", "[bold]One[/bold] site"))
    assert "[bold]One[/bold] site" in answer("show", str(path))


def test_schema_prints_a_json_schema():
    assert json.loads(answer("schema"))["properties"]["programme"]
