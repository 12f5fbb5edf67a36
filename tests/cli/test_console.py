"""What every command prints as JSON can be read as JSON."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table

from gigawatt.cli.console import print_json
from gigawatt.cli.wide import print_whole

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


def test_a_wide_table_comes_in_pieces_and_no_number_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title="Payments")
    table.add_column("payer")
    for year in range(2026, 2038):
        table.add_column(str(year), justify="right")
    table.add_row("a party with a name of many words", *(f"$1{year}.25 bn" for year in range(2026, 2038)))
    print_whole(table)
    said = capsys.readouterr().out
    assert all(f"$1{year}.25 bn" in said for year in range(2026, 2038))
    assert "…" not in said
    assert max(len(line) for line in said.splitlines()) <= 80
