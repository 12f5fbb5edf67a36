"""`gigawatt simulate requests` answers in a table and in JSON, and refuses in words."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gigawatt.cli.simulate import simulate_app
from gigawatt.errors import CatalogError, GigawattError, InfeasibleError, InputError, QuantityError, TraceError

RUN = CliRunner()
DATA = Path(__file__).parent / "data"
AZURE, MOONCAKE = str(DATA / "azure-conversation.csv"), str(DATA / "mooncake-conversation.jsonl")
SMALL = ["--model", "llama-3.1-8b", "--platform", "dgx-h100"]


def run(*arguments):
    return RUN.invoke(simulate_app, ["requests", *arguments])


def answer(*arguments):
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.exception
    return json.loads(result.stdout)


def test_json_adds_up_and_repeats():
    said = answer(AZURE, *SMALL, "--replicas", "2")
    assert said["requests_completed"] + said["requests_dropped"] == said["requests_count"] == 300
    assert 0.0 <= said["goodput_fraction"] <= 1.0
    for name in ("ttft_s", "tpot_s", "end_to_end_s"):
        assert 0.0 < said[name]["p50"] <= said[name]["p90"] <= said[name]["p99"]
    assert said["pools"]["aggregated"]["replicas"] == 2
    assert 0.0 < said["pools"]["aggregated"]["utilization_fraction"] <= 1.0
    assert said["energy_mwh"] > 0.0
    assert said == answer(AZURE, *SMALL, "--replicas", "2")


def test_slow_hardware_is_slower_and_a_hurried_trace_waits_longer():
    usual = answer(AZURE, *SMALL)
    slow = answer(AZURE, *SMALL, "--quantile", "p10")
    hurried = answer(AZURE, *SMALL, "--speed", "20")
    assert slow["tpot_s"]["mean"] > usual["tpot_s"]["mean"]
    assert hurried["ttft_s"]["p99"] > usual["ttft_s"]["p99"]


def test_prefixes_pools_scaling_and_failures():
    reused = answer(MOONCAKE, *SMALL, "--policy", "prefix-affinity", "--replicas", "2")
    assert reused["reused_input_fraction"] > answer(MOONCAKE, *SMALL, "--no-prefix-reuse")["reused_input_fraction"] == 0
    pools = answer(AZURE, *SMALL, "--disaggregate", "1:2")["pools"]
    assert (pools["prefill"]["replicas"], pools["decode"]["replicas"]) == (1, 2)
    scaled = answer(AZURE, *SMALL, "--autoscale", "1:4", "--target", "2")
    assert 1.0 <= scaled["pools"]["aggregated"]["mean_replicas_on"] <= 4.0
    failing = answer(AZURE, *SMALL, "--replicas", "2", "--mtbf", "20 s", "--repair", "5 s")
    assert failing["restarts"] > 0
    assert failing["requests_completed"] == 300


def test_prefixes_kept_beside_the_device():
    tight = [*SMALL, "--replicas", "2", "--speed", "4"]
    alone = answer(MOONCAKE, *tight)
    kept = answer(MOONCAKE, *tight, "--offload", "50 GB/s", "--offload-capacity", "400 GB")
    # What the device still holds is not read: only what it gave up.
    assert alone["loaded_input_fraction"] == 0.0
    assert kept["reused_input_fraction"] >= alone["reused_input_fraction"]
    # A link so slow that computing is quicker keeps nothing.
    slow = answer(MOONCAKE, *tight, "--offload", "1 MB/s", "--offload-capacity", "400 GB")
    assert (slow["loaded_input_fraction"], slow["ttft_s"]) == (0.0, alone["ttft_s"])
    assert isinstance(run(MOONCAKE, *SMALL, "--offload", "50 GB/s").exception, InputError)


def test_the_table_shows_what_was_asked_for():
    result = run(AZURE, *SMALL, "--layout", "tp=2")
    assert result.exit_code == 0
    for words in ("TTFT", "goodput", "2 accelerators: TP 2", "300 requests"):
        assert words in result.stdout


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ([AZURE, "--model", "no-such-model", "--platform", "dgx-h100"], CatalogError),
        ([AZURE, "--model", "llama-3.1-8b", "--platform", "nowhere"], CatalogError),
        ([str(DATA / "none.csv"), *SMALL], TraceError),
        ([AZURE, *SMALL, "--ttft", "2"], QuantityError),
        ([AZURE, *SMALL, "--tpot", "1 us"], InfeasibleError),
        ([AZURE, "--model", "deepseek-v3", "--platform", "dgx-h100"], InfeasibleError),
        ([AZURE, "--model", "deepseek-v3", "--platform", "dgx-h100", "--layout", "tp=8"], InputError),
        ([AZURE, *SMALL, "--policy", "best"], InputError),
        ([AZURE, *SMALL, "--order", "best"], InputError),
        ([AZURE, *SMALL, "--quantile", "p20"], InputError),
        ([AZURE, *SMALL, "--disaggregate", "2"], InputError),
        ([AZURE, *SMALL, "--disaggregate", "0:2"], InputError),
        ([AZURE, *SMALL, "--disaggregate", "1:2", "--autoscale", "1:2"], InputError),
        ([AZURE, *SMALL, "--autoscale", "3:2"], InputError),
        ([AZURE, *SMALL, "--mtbf", "30 h"], InputError),
        ([AZURE, *SMALL, "--layout", "tp=x"], InputError),
        ([AZURE, *SMALL, "--layout", "tp=2,ep=3"], InputError),
        ([AZURE, *SMALL, "--columns", "arrival"], InputError),
        ([AZURE, *SMALL, "--batch", "512", "--step-tokens", "256"], InputError),
        ([MOONCAKE, *SMALL, "--block", "100"], InputError),
    ],
)
def test_bad_questions_end_in_our_own_errors(arguments, kind):
    result = run(*arguments)
    assert isinstance(result.exception, GigawattError), result.output
    assert isinstance(result.exception, kind)


POLICIES = """
import numpy as np

def first(replicas, request):
    return 0

def longest(requests):
    return np.zeros(len(requests), dtype=int), -requests.input_tokens_count

def always_three(load):
    return 3

def broken(replicas, request):
    return 1 // 0

def short(requests):
    return [0], [1]

number = 5
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(POLICIES, encoding="utf-8")
    return f"{path}:"


def test_policies_from_a_file(own):
    said = answer(AZURE, *SMALL, "--replicas", "2", "--policy", f"{own}first", "--order", f"{own}longest")
    assert said["requests_completed"] == 300
    # Everything at the first of two replicas: as one replica alone.
    alone = answer(AZURE, *SMALL, "--order", f"{own}longest")
    assert said["ttft_s"]["mean"] == pytest.approx(alone["ttft_s"]["mean"])
    scaled = answer(AZURE, *SMALL, "--autoscale", "1:4", "--scaler", f"{own}always_three")
    # Three, but for the time that two of them take to start.
    assert 2.0 < scaled["pools"]["aggregated"]["mean_replicas_on"] <= 3.0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--policy", "broken"], "ZeroDivisionError"),
        (["--order", "short"], "not two numbers"),
        (["--policy", "absent"], 'no function "absent"'),
        (["--policy", "number"], 'no function "number"'),
        (["--autoscale", "1:2", "--scaler", "first"], "TypeError"),
    ],
)
def test_policies_that_fail_are_told_by_file_and_line(own, options, told):
    result = run(AZURE, *SMALL, *options[:-1], own + options[-1])
    assert isinstance(result.exception, InputError)
    assert told in result.exception.found


def test_files_that_are_no_policies_are_refused(tmp_path):
    path = tmp_path / "wrong.py"
    path.write_text("this is no Python", encoding="utf-8")
    for text in (f"{path}:first", f"{tmp_path / 'absent.py'}:first"):
        assert isinstance(run(AZURE, *SMALL, "--policy", text).exception, InputError)
    lonely = run(AZURE, *SMALL, "--scaler", f"{path}:first")
    assert isinstance(lonely.exception, InputError)
