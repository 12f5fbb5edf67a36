"""`gigawatt perf` answers in tables and JSON, and refuses in words."""

import json

import pytest
from typer.testing import CliRunner

from gigawatt.cli.perf import perf_app
from gigawatt.errors import CatalogError, GigawattError, InfeasibleError, InputError

RUN = CliRunner()


def answer(*arguments):
    result = RUN.invoke(perf_app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


def test_train_prints_one_object_that_adds_up():
    said = answer("train", "llama-3.1-405b", "dgx-h100", "--gpus", "16384", "--batch", "16777216")
    assert sum(said["step_parts_s"].values()) == pytest.approx(said["step_time_s"]["p50"])
    assert said["step_time_s"]["p10"] > said["step_time_s"]["p50"] > said["step_time_s"]["p90"]
    layout = said["layout"]
    assert layout["tp_count"] * layout["pp_count"] * layout["dp_count"] <= said["accelerators_count"] == 16_384
    assert said["memory_bytes"] <= said["usable_memory_bytes"]
    assert said["tokens_per_s"]["p50"] == pytest.approx(16_777_216 / said["step_time_s"]["p50"])


def test_tables_name_every_part():
    trained = RUN.invoke(perf_app, ["train", "deepseek-v3", "gb200-nvl72", "--gpus", "2304"])
    assert "expert-parallel exchanges" in trained.stdout


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["train", "no-such-model", "dgx-h100", "--gpus", "8"], CatalogError),
        (["train", "llama-3.1-8b", "no-such-platform", "--gpus", "8"], CatalogError),
        (["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--batch", "100"], InputError),
        (["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--batch", "inf"], InputError),
        (["train", "llama-3.1-405b", "dgx-h100", "--gpus", "8"], InfeasibleError),
    ],
)
def test_bad_questions_end_in_our_own_errors(arguments, kind):
    result = RUN.invoke(perf_app, arguments)
    assert isinstance(result.exception, GigawattError)
    assert isinstance(result.exception, kind)


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "0"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--sequence", "99999999999999999999"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--precision", "fp6"],
        ["train", "llama-3.1-8b", "dgx-h100", "--gpus", "8", "--batch", "nan"],
    ],
)
def test_impossible_numbers_are_usage_errors(arguments):
    assert RUN.invoke(perf_app, arguments).exit_code == 2


def test_extremes_do_not_break_the_arithmetic():
    said = answer("train", "llama-3.1-8b", "dgx-h100", "--gpus", "1000000000", "--batch", "1e18")
    assert said["mfu_fraction"]["p50"] > 0
