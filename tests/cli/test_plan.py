"""`gigawatt plan` on the least scenario: what it writes, prints and refuses."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from gigawatt import store
from gigawatt.cli import app, main
from gigawatt.report.schema import study_schema
from gigawatt.report.summary import summary

QUICK = ["--draws", "2", "--seed", "3", "--no-open"]


def _plan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", *arguments])


@pytest.fixture
def planned(minimal_study: tuple[Path, dict[str, object]]) -> tuple[Path, dict[str, object]]:
    return minimal_study


def _refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["gigawatt", "plan", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "Traceback" not in shown.err
    return int(str(ended.value.code)), shown.err


def test_the_json_fits_the_schema_and_the_folder(planned: tuple[Path, dict[str, object]]) -> None:
    folder, printed = planned
    jsonschema.validate(printed, study_schema())
    assert printed == json.loads(json.dumps(summary(store.read(folder), report=str(folder / "report.html"))))
    assert max(printed["energized_facility_mw"].values()) > 0  # type: ignore[attr-defined]  # by the schema


def test_the_folder_holds_study_and_reports(planned: tuple[Path, dict[str, object]]) -> None:
    folder, _ = planned
    assert {"manifest.json", "inputs.json", "report.html", "report.md", "report.xlsx", "summary.json"} <= {
        path.name for path in folder.iterdir()
    }


def test_the_same_scenario_and_seed_have_the_same_content(
    planned: tuple[Path, dict[str, object]], tmp_path: Path
) -> None:
    _, first = planned
    answer = _plan("minimal", "--out", str(tmp_path / "again"), *QUICK)
    assert answer.exit_code == 0, answer.output
    assert "report.html" in answer.stdout
    again = store.read(tmp_path / "again").manifest
    assert again.content_sha256 == first["manifest"]["content_sha256"]  # type: ignore[index]  # by the schema


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-scenario"],
        ["minimal", "--set", "programme.opening_cash=6"],
        ["minimal", "--set", "programme.opening_cash=6 MW"],
        ["minimal", "--set", "programme.nonsense=1"],
        ["minimal", "--set", "nonsense"],
    ],
)
def test_bad_input_exits_2_and_leaves_the_study(
    planned: tuple[Path, dict[str, object]],
    arguments: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, _ = planned
    before = (folder / "manifest.json").read_bytes()
    code, said = _refused([*arguments, "--out", str(folder)], capsys, monkeypatch)
    assert code == 2
    assert "fix" in said
    assert (folder / "manifest.json").read_bytes() == before


def test_a_folder_of_something_else_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    code, said = _refused(["minimal", "--out", str(tmp_path)], capsys, monkeypatch)
    assert code == 2
    assert "not a study" in said


SLOW = """
import sys, time
import gigawatt.cli.plan as plan
def forever(*arguments, **settings):
    print("working", flush=True)
    time.sleep(60)
plan.run = forever
sys.argv = ["gigawatt", "plan", "minimal", "--out", sys.argv[1]]
from gigawatt.cli import main
main()
"""


def test_an_interrupt_says_one_line_and_exits_130(planned: tuple[Path, dict[str, object]]) -> None:
    folder, _ = planned
    before = (folder / "manifest.json").read_bytes()
    running = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "working\n"
    started = time.monotonic()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert running.returncode == 130
    assert said == "Interrupted; nothing was written, an existing study is untouched.\n"
    assert time.monotonic() - started < 20
    assert (folder / "manifest.json").read_bytes() == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


STOPPED = """
import signal, sys
import gigawatt.cli.plan as plan
import gigawatt.planning.solve as solve
search = solve.search
def asked(model, *, settings, report, start=None):
    # the whole search begins from a plan: then somebody stops it
    signal.raise_signal(signal.SIGTERM)
    return search(model, settings=settings, report=report, start=start)
def last(built, best, **rest):
    solve.search = asked
    return searched(built, best, **rest)
searched, solve._searched = solve._searched, last
sys.argv = ["gigawatt", "plan", "minimal", "--out", sys.argv[1], "--draws", "0", "--no-open", "--gap", "0"]
from gigawatt.cli import main
main()
"""


def test_a_signal_during_the_search_leaves_the_best_plan(tmp_path: Path) -> None:
    running = subprocess.run(
        [sys.executable, "-c", STOPPED, str(tmp_path / "study")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in running.stderr
    assert running.returncode == 130, running.stderr
    assert "Interrupted; the best plan so far was written." in running.stderr
    study = store.read(tmp_path / "study")
    assert str(study.plan.status) == "interrupted"
    assert 0.0 < study.plan.gap_fraction < 1.0
    assert study.plan.decisions["arrived_racks"].sum() > 0.0


def test_too_little_time_is_said_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["--set", "solver.time_limit=0.001 s", "--out", str(tmp_path / "study"), *QUICK]
    code, said = _refused(["minimal", *settings], capsys, monkeypatch)
    assert code == 2
    assert "no plan was found within 0.001 s" in said
    assert not (tmp_path / "study").exists()
