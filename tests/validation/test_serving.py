import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from gigawatt.catalog import load, platform
from gigawatt.catalog.engine import engine_figures
from gigawatt.catalog.served_models import published_model
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.cli.search_serve import search_app
from gigawatt.cli.validate_serving import validate_app
from gigawatt.entities.hardware import Precision
from gigawatt.errors import CatalogError, InfeasibleError, InputError
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.serving import Judged, compare_serving, overall, serving_summary, workers_stated_share
from gigawatt.validation.serving_expression import serve_task, serving_expression
from gigawatt.validation.serving_rows import read_serving_rows

HEADER = (
    "case,measured_date,model,system,engine,engine_version,precision,mode,isl,osl,concurrency,batch_size,tp_size,pp_size,"
    "attention_dp_size,moe_tp_size,moe_ep_size,prefill_num_workers,prefill_tp_size,prefill_attention_dp_size,"
    "prefill_moe_ep_size,decode_num_workers,decode_tp_size,decode_attention_dp_size,decode_moe_ep_size,ttft_ms,tpot_ms,flag"
)
# Invented points: only their shapes matter here.
DENSE = "d,,llama-3.1-8b,h100_sxm,vllm,,fp8,agg,1000,100,8,8,1,1,1,1,1,,,,,,,,,100,10,"
TWICE = "t,2026-01-05,deepseek-r1,b200_sxm,trtllm,,fp8,agg,1000,100,64,64,64,1,1,8,8,,,,,,,,,100,10,"
COPIED = "c,2026-01-05,deepseek-r1,b200_sxm,trtllm,,fp4,agg,1000,100,64,16,4,1,,1,4,,,,,,,,,100,10,"
SUMMED = "s,2026-01-05,deepseek-r1,gb200,trtllm,,fp4,agg,1000,100,64,64,28,1,1,28,1,,,,,,,,,100,10,"
FLAGGED = "f,2026-01-05,deepseek-r1,b200_sxm,trtllm,,fp4,agg,1000,100,64,64,8,1,1,8,1,,,,,,,,,100,10,differs"
POOLS = "p,2026-02-05,deepseek-v3,gb200,sglang,,fp8,disagg,1000,100,256,,,,,,,2,4,1,4,1,1,8,8,500,12,"
UNKNOWN = "u,2026-02-05,deepseek-v3,gb200,sglang,,fp8,disagg,1000,100,256,,,,,,,,4,1,4,,1,8,8,500,12,"


def rows(tmp_path: Path, *lines: str):
    path = tmp_path / "points.csv"
    path.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    return read_serving_rows(path)


def expressed(tmp_path, line):
    return serving_expression(rows(tmp_path, line)[0], load())


def sizes(layout):
    return tuple(
        float(getattr(layout, name)[0]) for name in ("tp_count", "copies_count", "expert_tp_count", "ep_count")
    )


def test_models_and_systems_beyond_the_published_rows_are_expressed(tmp_path):
    found = expressed(tmp_path, DENSE.replace("llama-3.1-8b", "llama-3.1-405b").replace("h100_sxm", "gb300"))
    assert (found.model.id, found.platform.id) == ("llama-3.1-405b", "gb300-nvl72")


def test_a_request_is_its_first_token_and_the_others(tmp_path):
    # 0.1 s + 99 x 10 ms.
    assert rows(tmp_path, DENSE)[0].request_s == pytest.approx(1.09)


def test_parallel_sizes_become_workers(tmp_path):
    assert sizes(expressed(tmp_path, DENSE).pools.layouts[0]) == (1.0, 1.0, 1.0, 1.0)
    # 64 counts tensor and expert parallelism of the same eight accelerators twice.
    assert sizes(expressed(tmp_path, TWICE).pools.layouts[0]) == (8.0, 1.0, 1.0, 8.0)
    # Sixty-four clients in batches of 16: four copies of attention on four accelerators.
    assert sizes(expressed(tmp_path, COPIED).pools.layouts[0]) == (1.0, 4.0, 1.0, 4.0)
    pools = expressed(tmp_path, POOLS).pools
    assert [sizes(layout) for layout in pools.layouts] == [(4.0, 1.0, 1.0, 4.0), (1.0, 8.0, 1.0, 8.0)]
    assert pools.workers_count == (2.0, 1.0)


def test_practice_follows_engine_platform_and_version(tmp_path):
    catalog = load()
    figures = engine_figures(catalog)
    trt = serve_task(expressed(tmp_path, TWICE), figures, quantile=0.5)
    assert trt.formats.cache is Precision.FP8
    assert (trt.engine.mixed, trt.engine.reserved) == (True, True)
    # Published points draw lengths evenly from 0.8 to 1 of what is stated.
    assert trt.input_tokens_count == pytest.approx(900.0)
    assert serve_task(expressed(tmp_path, DENSE), figures, quantile=0.5).input_tokens_count == 1000.0
    guessing = TWICE.replace("trtllm,,", "trtllm,1.2.0rc6.post3,")
    assert serve_task(expressed(tmp_path, guessing), figures, quantile=0.5).engine.speculation.draft_tokens_count == 3.0


def test_launch_recipes_refine_practices(tmp_path):
    figures = engine_figures(load())
    line = TWICE.replace(",1000,100,", ",1024,1024,")
    trt = serve_task(expressed(tmp_path, line), figures, quantile=0.5).engine
    # Sixty-four clients of equal lengths in 2026: forty steps of gathering, up to 0.8 of 8,192 tokens, compiled passes.
    assert (trt.gather_steps_count, trt.gather_tokens_count) == (40.0, pytest.approx(0.8 * 8192.0))
    assert trt.issue_s == figures.issue_s.best
    fewer = serve_task(expressed(tmp_path, line.replace(",64,64,64,", ",32,32,64,")), figures, quantile=0.5).engine
    assert (fewer.gather_steps_count, fewer.issue_s) == (0.0, figures.python_issue_s.best)
    early = serve_task(expressed(tmp_path, line.replace("2026-01", "2025-11")), figures, quantile=0.5).engine
    # One prompt of 1,024 tokens at most.
    assert (early.gather_steps_count, early.chunk_tokens_count) == (0.0, 1024.0)
    assert serve_task(expressed(tmp_path, COPIED), figures, quantile=0.5).engine.gather_steps_count == 60.0


def test_software_matures(tmp_path):
    figures = engine_figures(load())
    early, late = (
        serve_task(expressed(tmp_path, COPIED.replace("2026-01", when)), figures, quantile=0.5).engine.time_factor
        for when in ("2025-03", "2025-09")
    )
    # Announced in 2024-03: an excess of 0.15 after twelve months, half of it six months later.
    assert early == pytest.approx(1.15)
    assert late == pytest.approx(1.075)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (SUMMED, "does not divide 128 heads"),
        (UNKNOWN, "numbers of prefill and decode workers"),
        (DENSE.replace("h100_sxm", "abacus"), "no platform for abacus"),
        (DENSE.replace("llama-3.1-8b", "parrot"), "no architecture is known"),
        (DENSE.replace("vllm", "quill"), "nothing is known of the engine"),
        (DENSE.replace("100,8,8,", "100,,,"), "concurrency is not stated"),
    ],
)
def test_what_cannot_be_expressed_is_named(tmp_path, line, reason):
    with pytest.raises(Inexpressible, match=reason):
        expressed(tmp_path, line)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (",100,10,", ",-100,10,", 'ttft_ms is "-100"'),
        (",100,10,", ",nan,10,", 'ttft_ms is "nan"'),
        (",8,8,", ",eight,8,", 'concurrency is "eight"'),
        (",8,8,", ",1e300,8,", 'concurrency is "1e300"'),
        (",1000,100,", ",,100,", "no positive isl"),
        (",100,10,", "", "no positive ttft_ms"),
    ],
)
def test_a_line_that_is_no_measurement_is_named_and_the_others_count(tmp_path, old, new, fault):
    found = compare_serving(rows(tmp_path, DENSE.replace(old, new), DENSE), load())
    assert len(found.compared) == 1
    assert fault in found.refused[0].reason
    assert workers_stated_share(found) == (1, 1)


def test_files_without_the_columns_are_refused(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("model,system\nx,y\n", encoding="utf-8")
    with pytest.raises(InputError, match="osl"):
        read_serving_rows(path)


def test_files_that_are_not_text_are_refused(tmp_path):
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError):
        read_serving_rows(path)
    with pytest.raises(InputError):
        read_serving_rows(tmp_path / "absent.csv")


def test_comparison_counts_and_covers(tmp_path):
    found = compare_serving(rows(tmp_path, DENSE, COPIED, POOLS, SUMMED, FLAGGED, UNKNOWN), load())
    assert (len(found.compared), len(found.refused)) == (3, 3)
    # Flagged rows and unknown worker counts stand outside the share.
    assert workers_stated_share(found) == (3, 4)
    for item in found.compared:
        assert item.request_s.low < item.request_s.predicted < item.request_s.high
    assert [item.name for item in overall(found)] == ["request_s", "tpot_s", "ttft_s"]


def test_summary_by_hand():
    judged = [
        Judged(measured=1.0, predicted=1.2, low=0.9, high=1.5),
        Judged(measured=2.0, predicted=1.0, low=0.8, high=1.5),
    ]
    found = serving_summary(judged, group="all", name="x")
    # +20 % and -50 %: mean and median of both 35 %, one of two inside.
    assert found.mean_abs_error_fraction == pytest.approx(0.35)
    assert found.median_error_fraction == pytest.approx(-0.15)
    assert found.band_coverage_fraction == 0.5


def test_models_bring_their_windows():
    model, pattern = published_model(load(), "gpt-oss-120b")
    assert (pattern.windowed_layers_count, pattern.window_tokens_count) == (model.layers_count // 2, 128.0)
    hybrid, pattern = published_model(load(), "qwen3.5-397b-a17b")
    assert hybrid.layers_count - pattern.linear_layers_count == 15


def test_models_bring_their_sparse_attention_and_hybrids_their_states():
    catalog = load()
    _, sparse = published_model(catalog, "deepseek-v3.2")
    assert (sparse.selected_tokens_count, sparse.indexer_heads_count, sparse.indexer_values_count) == (2048, 64, 128)
    _, full = published_model(catalog, "deepseek-v3")
    assert not np.isfinite(full.selected_tokens_count)
    _, local = published_model(catalog, "mimo-v2-flash")
    assert (local.windowed_layers_count, local.window_tokens_count) == (39, 128.0)
    hybrid, states = published_model(catalog, "qwen3.5-122b-a10b")
    assert 4 * states.linear_layers_count == 3 * hybrid.layers_count
    with pytest.raises(CatalogError, match="Mamba"):
        published_model(catalog, "nemotron-3-nano-30b-a3b")


def test_block_scaled_models_use_the_laws_of_blocks(tmp_path):
    assert expressed(tmp_path, TWICE).block_scaled
    assert not expressed(tmp_path, DENSE).block_scaled
    where = platform(load(), "hgx-h200").item
    by_tensor, by_block = (
        serving_operators(load(), blocks=blocks)(where, 0.5).grouped_gemm_s(
            512.0, 512.0, 7168.0, groups=256.0, precision=Precision.FP8
        )
        for blocks in (False, True)
    )
    assert by_block != by_tensor


def test_validate_command(tmp_path):
    rows(tmp_path, DENSE, SUMMED)
    run = CliRunner().invoke(validate_app, ["serving", "--case", str(tmp_path / "points.csv"), "--json"])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert (found["cases"], found["expressed"], found["full_configuration_cases"]) == (2, 1, 2)
    assert found["rows"][0]["case"] == "d"
    assert found["median_abs_error_fraction"] == pytest.approx(abs(found["rows"][0]["error_fraction"]))
    assert "28" in found["unexpressed"][0]["reason"]
    with pytest.raises(InputError):
        CliRunner().invoke(validate_app, ["serving"], catch_exceptions=False)


def test_search_command():
    asked = ["serve", "llama-3.1-8b", "dgx-h100", "--isl", "500", "--osl", "100", "--gpu-hour", "2 USD/GPU/h"]
    run = CliRunner().invoke(search_app, [*asked, "--json"])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    best = found["cheapest"]
    rate = best["output_tokens_per_s_per_accelerator"]
    # Two dollars an hour over 3,600 seconds of tokens.
    assert best["usd_per_mtoken"] == pytest.approx(2.0 / (rate * 3600.0) * 1e6)
    assert max(found["picture"]["output_tokens_per_s_per_accelerator"]) == rate
    assert np.all(np.diff(found["picture"]["tokens_per_s_per_user"]) > 0.0)
    assert CliRunner().invoke(search_app, asked).exit_code == 0
    with pytest.raises(InfeasibleError):
        CliRunner().invoke(search_app, [*asked, "--tpot", "1 us"], catch_exceptions=False)
