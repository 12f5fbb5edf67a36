"""`gigawatt replan` on the smallest study: the new study, what it says, and what it refuses."""

import json
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from gigawatt import store
from gigawatt.cli import app
from gigawatt.errors import InputError
from gigawatt.planning import replan as module
from gigawatt.report.replan import replan_schema


def _replan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["replan", *arguments])


def test_a_late_site_makes_a_new_study(minimal_study: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = minimal_study
    news = tmp_path / "actuals.toml"
    news.write_text('[[site]]\nid = "stargate-milam"\nslip = "6 month"\n', encoding="utf-8")
    place = tmp_path / "later"
    answer = _replan(
        str(folder), "--as-of", "2027-06", "--actuals", str(news), "--out", str(place), "--draws", "0", "--json"
    )
    assert answer.exit_code == 0, answer.output
    printed = json.loads(answer.stdout)
    jsonschema.validate(printed, replan_schema())
    assert not printed["unchanged"]
    assert printed["value_now"] < printed["value_before"]
    assert {item["reason"] for item in printed["changes"]} == {"its power comes 6 months later than was expected"}
    before, now = store.read(folder), store.read(place)
    # what was ordered before June stays ordered when it was; nothing of it is ordered twice
    first, second = (study.plan.decisions["ordered_racks"].values for study in (before, now))
    assert (second[..., :5] == first[..., :5]).all()
    assert first[..., :5].sum() > 0.0
    assert second.sum() == now.plan.decisions["arrived_racks"].values.sum()
    assert "6 months later" in (place / "changes.md").read_text(encoding="utf-8")


def test_a_signal_during_the_search_leaves_the_earlier_plan_as_a_study(
    minimal_study: tuple[Path, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three times the racks would fill the site sooner; stopped before that is found, the earlier plan goes on
    folder, _ = minimal_study
    news = tmp_path / "actuals.toml"
    news.write_text(
        '[[platform]]\nid = "gb300-nvl72"\nsupply = [{ from = "2027-01", rate = "600 rack/month" }]\n', encoding="utf-8"
    )
    pursue = module.pursue

    def stopped(*arguments: Any, **settings: Any) -> Any:  # whatever the search takes and gives
        signal.raise_signal(signal.SIGTERM)
        return pursue(*arguments, **settings)

    monkeypatch.setattr(module, "pursue", stopped)
    place = tmp_path / "later"
    answer = _replan(str(folder), "--as-of", "2027-02", "--actuals", str(news), "--out", str(place), "--draws", "0")
    assert answer.exit_code == 130, answer.output
    assert "goes on unchanged" in answer.output
    assert "Interrupted; the best plan so far was written." in answer.output
    before, now = store.read(folder), store.read(place)
    assert str(now.plan.status) == "interrupted"
    assert 0.0 < now.plan.gap_fraction < 1.0
    assert now.plan.decisions["arrived_racks"].equals(before.plan.decisions["arrived_racks"])


def test_a_study_made_anew_is_explained(minimal_study: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = minimal_study
    news, place = tmp_path / "actuals.toml", tmp_path / "same"
    news.write_text("", encoding="utf-8")
    made = _replan(str(folder), "--as-of", "2027-02", "--actuals", str(news), "--out", str(place), "--draws", "0")
    assert made.exit_code == 0, made.output
    answer = CliRunner().invoke(app, ["explain", str(place), "--without", "all", "--json"])
    assert answer.exit_code == 0, answer.output
    printed = json.loads(answer.stdout)
    assert {f"{item['without']}:{item['label']}" for item in printed["counterfactuals"]} >= {"site:stargate-milam"}
    assert all(item["least_worth"] > 0.0 for item in printed["counterfactuals"])
    assert printed["sites"]["stargate-milam"]["usd_per_month_earlier"] is not None


@pytest.mark.parametrize(
    ("as_of", "where"), [("soon", "--as-of"), ("2027-01", "--as-of"), ("2040-01", "--as-of"), ("2027-06", "--actuals")]
)
def test_what_cannot_be_used_is_refused(
    as_of: str, where: str, minimal_study: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    news = tmp_path / "actuals.toml"
    if where == "--as-of":
        news.write_text("", encoding="utf-8")
    answer = _replan(
        str(minimal_study[0]), "--as-of", as_of, "--actuals", str(news), "--out", str(tmp_path / "x"), "--draws", "0"
    )
    assert isinstance(answer.exception, InputError)
    assert where in answer.exception.where
    assert not (tmp_path / "x").exists()


def test_the_schema_is_printed() -> None:
    answer = CliRunner().invoke(app, ["schema", "replan"])
    jsonschema.Draft202012Validator.check_schema(json.loads(answer.stdout))
