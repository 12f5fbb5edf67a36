"""What every command prints as JSON can be read as JSON."""

import json

import pytest

from gigawatt.cli.console import print_json


def test_what_has_no_value_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"rate": float("nan"), "runway": {"months": [float("inf"), 2.5]}, "name": "x", "found": True})
    assert json.loads(capsys.readouterr().out) == {
        "rate": None,
        "runway": {"months": [None, 2.5]},
        "name": "x",
        "found": True,
    }
