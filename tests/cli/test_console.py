"""What every command prints as JSON can be read as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gigawatt.cli.console import print_json

FULL = Path("/dev/full")


def test_what_has_no_value_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rate": float("nan"), "runway": {"months": [float("inf"), 2.5]}, "name": "x", "found": True})
    assert json.loads(capsys.readouterr().out) == {
        "rate": None,
        "runway": {"months": [None, 2.5]},
        "name": "x",
        "found": True,
    }


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_words() -> None:
    with FULL.open("w", encoding="utf-8") as full:
        said = subprocess.run(
            [sys.executable, "-m", "gigawatt", "scenario", "list", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert said.returncode == 2
    assert "Error in standard output" in said.stderr
    assert "Traceback" not in said.stderr
