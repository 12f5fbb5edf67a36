"""Commands on studies: what they print, their exit codes, and that they never end in a traceback."""

import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import typer
from typer.testing import CliRunner

from gigawatt import store
from gigawatt.cli import app, main
from gigawatt.cli.lazy import PLACES
from gigawatt.entities.stages import Study
from gigawatt.errors import StudyFolderError
from tests.report.studies import rich_study

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two studies, `one` and `two`; the second is worth less."""
    root = tmp_path_factory.mktemp("place") / "studies"
    first = rich_study()
    second = _renamed(first)
    store.write(first, root / "one", documents={})
    store.write(second, root / "two", documents={})
    return root


def _renamed(study: Study) -> Study:
    changed = replace(
        study,
        inputs=replace(study.inputs, title="Half as much"),
        appraisal=replace(study.appraisal, npv_usd=study.appraisal.npv_usd * 0.4),
    )
    return replace(changed, manifest=replace(changed.manifest, content_sha256=store.content_sha256(changed)))


@pytest.mark.parametrize("name", list(PLACES))
def test_every_command_of_the_table_exists(name: str) -> None:
    place = PLACES[name]
    assert isinstance(getattr(importlib.import_module(place.module), place.attribute), typer.Typer)


@pytest.mark.parametrize("name", list(PLACES))
def test_every_command_has_help_without_the_root_options(name: str) -> None:
    answer = RUNNER.invoke(app, [name, "--help"])
    assert answer.exit_code == 0
    assert "--install-completion" not in answer.output


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, gigawatt.cli as c\n"
        "try:\n    c.app(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'linopy', 'plotly', 'polars', 'xarray', 'pydantic', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_a_mistyped_command_is_suggested() -> None:
    answer = RUNNER.invoke(app, ["compair"])
    assert answer.exit_code == 2
    assert "compare" in answer.output


def test_schema_study_prints_a_schema() -> None:
    answer = RUNNER.invoke(app, ["schema", "study"])
    assert answer.exit_code == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(answer.stdout))


def test_compare_says_what_changes(studies: Path) -> None:
    answer = RUNNER.invoke(app, ["compare", str(studies / "one"), str(studies / "two")])
    assert answer.exit_code == 0, answer.output
    assert "Half as much" in answer.output
    words = " ".join(answer.output.split())
    assert "$16.5 bn instead of $41.3 bn" in words  # 41.3 x 0.4 = 16.52


def test_compare_finds_studies_by_name(studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(studies.parent)
    answer = RUNNER.invoke(app, ["compare", "one", "two", "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["measures"]["npv_usd"]["second"] == pytest.approx(41.3e9 * 0.4)


def test_compare_writes_a_page(studies: Path, tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    answer = RUNNER.invoke(app, ["compare", str(studies / "one"), str(studies / "two"), "--out", str(page)])
    assert answer.exit_code == 0, answer.output
    assert "Half as much" in page.read_text(encoding="utf-8")


def test_report_draws_a_study_again(studies: Path) -> None:
    place = studies / "one"
    before = json.loads((place / "manifest.json").read_text())["content_sha256"]
    answer = RUNNER.invoke(app, ["report", str(place)])
    assert answer.exit_code == 0, answer.output
    assert {"report.html", "report.md", "report.xlsx", "summary.json"} <= {path.name for path in place.iterdir()}
    assert json.loads((place / "manifest.json").read_text())["content_sha256"] == before


def test_report_as_json_is_the_summary(studies: Path) -> None:
    answer = RUNNER.invoke(app, ["report", str(studies / "one"), "--json"])
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["report"] == str(studies / "one" / "report.html")
    assert json.loads(answer.stdout)["npv_usd"] == rich_study().appraisal.npv_usd


@pytest.mark.parametrize("arguments", [["report", "nowhere"], ["compare", "nowhere", "nowhere"]])
def test_a_missing_study_is_refused(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    answer = RUNNER.invoke(app, arguments)
    assert isinstance(answer.exception, StudyFolderError)


def test_our_errors_end_with_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["gigawatt", "report", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "no such folder" in shown.err
    assert "Traceback" not in shown.err
