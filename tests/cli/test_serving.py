"""`gigawatt perf serve` and `perf search serve`: what is asked, what is told, what is refused."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from gigawatt.cli.perf import perf_app
from gigawatt.errors import CatalogError, GigawattError, InfeasibleError, InputError, QuantityError, TraceError

RUN = CliRunner()
SMALL = ["llama-3.1-8b", "dgx-h100", "--isl", "1000", "--osl", "200", "--gpus", "4"]


def answer(*arguments):
    result = RUN.invoke(perf_app, [*arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def plain():
    return answer("serve", *SMALL, "--gpu-hour", "2 USD/GPU/h")


def test_serve_keeps_the_service_level_and_tells_every_basis(plain):
    assert plain["tpot_s"]["p50"] <= plain["tpot_limit_s"]
    assert plain["ttft_s"]["p50"] <= plain["ttft_limit_s"]
    rate = plain["output_tokens_per_s_per_accelerator"]
    assert rate["p10"] < rate["p50"] < rate["p90"]
    # 1,000 in and 200 out: six tokens for every one that is put out.
    assert plain["tokens_per_s_per_accelerator"]["p50"] == pytest.approx(6.0 * rate["p50"])
    # Two dollars an hour buy 3,600 seconds of tokens; a DGX H100 has eight accelerators in 10.2 kW.
    assert plain["output_tokens_per_usd"]["p50"] == pytest.approx(rate["p50"] * 3600.0 / 2.0)
    assert plain["usd_per_mtoken"]["p50"] == pytest.approx(1e6 / plain["output_tokens_per_usd"]["p50"])
    assert plain["output_tokens_per_s_per_it_mw"]["p50"] == pytest.approx(rate["p50"] * 8.0 / 10200.0 * 1e6)


def test_the_parts_of_a_step_add_up_to_its_time(plain):
    # A token takes a decode step, and what prompts of others and the host add: at most a pass and a millisecond.
    step_s, pass_s = (sum(plain[name].values()) for name in ("decode_parts_s", "prefill_parts_s"))
    assert step_s < plain["tpot_s"]["p50"] < step_s + pass_s + 0.001


def test_a_price_comes_from_the_catalogue_where_none_is_stated(plain):
    found = answer("serve", *SMALL)
    assert plain["usd_per_accelerator_hour_origin"] == "stated"
    assert "platforms/dgx-h100" in found["usd_per_accelerator_hour_origin"]
    assert 0.5 < found["usd_per_accelerator_hour"] < 5.0


def test_guesses_that_are_accepted_serve_more(plain):
    sure, refused = (answer("serve", *SMALL, "--speculate", text) for text in ("3:1", "3:0"))
    rate = [said["output_tokens_per_s_per_accelerator"]["p50"] for said in (sure, plain, refused)]
    assert rate[0] > rate[1] > rate[2]


def test_cached_prefixes_serve_more_and_slow_storage_is_left_alone(plain):
    held = answer("serve", *SMALL, "--hit", "0.8", "--offload", "50 GB/s", "--offload-capacity", "100 GB")
    assert held["output_tokens_per_s_per_accelerator"]["p50"] > plain["output_tokens_per_s_per_accelerator"]["p50"]
    moved = held["offload"]
    # 800 tokens of 32 layers with keys and values of 8 heads of 128, in FP8.
    assert moved["prefix_bytes"] == pytest.approx(800 * 32 * 2 * 8 * 128)
    assert moved["reload_s"] == pytest.approx(moved["prefix_bytes"] / 50e9)
    assert moved["pays"]
    assert moved["prompts_held_count"] == pytest.approx(100e9 / moved["prefix_bytes"])
    slow = answer("serve", *SMALL, "--hit", "0.8", "--offload", "1 MB/s", "--gpu-hour", "2 USD/GPU/h")
    assert not slow["offload"]["pays"]
    assert slow["output_tokens_per_s_per_accelerator"] == plain["output_tokens_per_s_per_accelerator"]


def test_lengths_of_a_trace(tmp_path):
    trace = tmp_path / "trace.csv"
    rows = [(0, 500, 100), (1, 1500, 300), (2, 500, 100), (3, 1500, 300)]
    trace.write_text("arrival_s,input_tokens,output_tokens\n" + "\n".join(",".join(map(str, r)) for r in rows))
    found = answer("serve", "llama-3.1-8b", "dgx-h100", "--gpus", "4", "--lengths", str(trace))
    assert (found["input_tokens"], found["output_tokens"]) == (1000.0, 200.0)
    assert found["input_tokens_deviation"] == pytest.approx(500.0)
    assert found["output_tokens_deviation"] == pytest.approx(100.0)
    assert found["length_correlation_fraction"] == pytest.approx(1.0)
    # Long answers decode longer and over longer prompts, and long prompts see more of themselves.
    assert found["usd_per_mtoken"]["p50"] > answer("serve", *SMALL)["usd_per_mtoken"]["p50"]


def test_search_finds_the_front_of_every_kind_and_draws_it(tmp_path):
    page = tmp_path / "front.html"
    found = answer("search", "serve", *SMALL, "--beside", "vr-nvl72", "--plot", str(page))
    assert found["cheapest"] == found["front"][0]
    best = max(
        found[name]["output_tokens_per_s_per_accelerator"]
        for name in ("cheapest_aggregated", "cheapest_prefill_and_decode")
    )
    assert found["cheapest"]["output_tokens_per_s_per_accelerator"] == best
    assert np.all(np.diff(found["picture"]["tokens_per_s_per_user"]) > 0.0)
    assert np.all(np.diff(found["picture"]["output_tokens_per_usd"]) <= 0.0)
    for point in found["front"]:
        for name, band in point["band"].items():
            assert min(band["p10"], band["p90"]) <= band["p50"] <= max(band["p10"], band["p90"]), name
    other = found["beside"][0]
    assert (other["platform"], other["measured"]) == ("vr-nvl72", False)
    text = page.read_text(encoding="utf-8")
    assert "Vera Rubin NVL72" in text
    assert "Per megawatt" in text
    assert "<script src" not in text


def test_tables_say_what_a_reader_must_know():
    served = RUN.invoke(perf_app, ["serve", "llama-3.1-8b", "vr-nvl72", "--gpus", "2"]).stdout
    assert "projected" in served
    assert "prefill pass" in served
    assert "A GPU-hour costs" in served
    searched = RUN.invoke(perf_app, ["search", "serve", *SMALL]).stdout
    assert "deployments judged" in searched


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["llama-3.1-8b", "dgx-h100", "--ttft", "2"], QuantityError),
        (["llama-3.1-8b", "dgx-h100", "--ttft", "2 MW IT"], QuantityError),
        (["llama-3.1-8b", "dgx-h100", "--offload", "fast", "--hit", "0.5"], QuantityError),
        (["llama-3.1-8b", "dgx-h100", "--gpu-hour", "cheap"], QuantityError),
        (["llama-3.1-8b", "dgx-h100", "--speculate", "many"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--speculate", "0:0.5"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--lengths", "/nonexistent.csv"], TraceError),
        (["llama-3.1-8b", "dgx-h100", "--lengths", "/nonexistent.csv", "--isl", "5"], InputError),
        (["llama-3.1-8b", "dgx-h100", "--kernels", "measured", "--tables", "/nonexistent"], InputError),
        (["no-such-model", "dgx-h100"], CatalogError),
        (["deepseek-v3", "dgx-h100"], InfeasibleError),
        (["llama-3.1-8b", "dgx-h100", "--isl", "1000000"], InfeasibleError),
        (["llama-3.1-8b", "dgx-h100", "--tpot", "1 us"], InfeasibleError),
    ],
)
def test_bad_questions_end_in_our_own_errors(arguments, kind):
    for command in (["serve"], ["search", "serve"]):
        result = RUN.invoke(perf_app, [*command, *arguments])
        assert isinstance(result.exception, GigawattError)
        assert isinstance(result.exception, kind)


def test_impossible_numbers_are_usage_errors():
    for option in (["--isl", "-5"], ["--hit", "1.5"], ["--gpus", "0"], ["--kernels", "guessed"]):
        assert RUN.invoke(perf_app, ["serve", "llama-3.1-8b", "dgx-h100", *option]).exit_code == 2
    nowhere = RUN.invoke(perf_app, ["search", "serve", *SMALL, "--plot", "/nonexistent/front.html"])
    assert isinstance(nowhere.exception, InputError)
