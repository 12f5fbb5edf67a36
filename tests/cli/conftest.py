"""The smallest scenario, planned once for every test of commands on a study."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gigawatt.cli import app


@pytest.fixture(scope="session")
def minimal_study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The minimal scenario's folder, which no test changes, and the JSON that planning it printed."""
    folder = tmp_path_factory.mktemp("plan") / "minimal"
    arguments = ["plan", "minimal", "--out", str(folder), "--json", "--draws", "2", "--seed", "3", "--no-open"]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0, answer.output
    return folder, json.loads(answer.stdout)
