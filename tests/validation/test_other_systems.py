"""Rows of systems and models beyond the usual: expressed where one reading is left, else refused row by row."""

import csv

import pytest

from gigawatt.catalog import load
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.step import step_assumptions
from gigawatt.errors import InputError
from gigawatt.performance.kernels.calibrated import CalibratedOperators
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.validation.comparison import compare
from gigawatt.validation.expression import expression
from gigawatt.validation.metrics import MemoryBytes
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import read_rows
from tests.validation.rows import ROW, written

MOE = {"model": "mixtral-8x7b", "layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "8", "ffn": "14336"}
MOE |= {"vocab": "32000", "experts": "8", "topk": "2", "params_total_b": "46.7", "tp": "1", "dp": "8", "ep": "8"}


@pytest.fixture(scope="module")
def catalog():
    return load()


def expressed(folder, catalog, **change):
    (row,) = read_rows(written(folder, change))
    return expression(row, catalog, step_assumptions(catalog))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"platform": "A100-0GB"}, "states"),
        ({"platform": "A100 (NVLink 0GB/s)"}, "states"),
        ({"precision": "FP8"}, "dgx-a100 has no products in fp8"),
        ({"platform": "H100", "precision": "NVFP4"}, "dgx-h100 has no products in fp4"),
        ({"metric": "tokens_per_s_per_gpu", "unit": "s"}, "not known"),
        ({"metric": "mem_peak_allocated", "unit": "acre"}, "memory in acre"),
        ({"tp": "", "dp": "3"}, "no layout splits"),
        ({"tp": "", "dp": "", "pp": "", "metric": "mem_peak_allocated", "unit": "GiB"}, "memory depends on"),
        ({"model": "novel-3b", "params_total_b": "", "tp": "1", "dp": "8"}, "columns do not make one up"),
    ],
)
def test_a_row_without_a_reading_costs_no_other(tmp_path, catalog, change, reason):
    rows = read_rows(written(tmp_path, {}, change))
    comparison = compare(rows, catalog, training_operators(catalog))
    assert [item.row.number for item in comparison.compared] == [2]
    assert reason in comparison.refused[0].reason


def test_a_doubled_column_is_refused(tmp_path):
    path = tmp_path / "twice.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*ROW, "num_gpus"], [*ROW.values(), "16"]])
    with pytest.raises(InputError, match="num_gpus"):
        read_rows(path)


@pytest.mark.parametrize(
    ("change", "tp", "pp"),
    [
        ({"tp": "", "pp": "", "dp": "8"}, 1, 1),  # all eight are replicas
        ({"tp": "4", "pp": "", "dp": "2"}, 4, 1),
        ({"tp": "", "pp": "2", "dp": "1"}, 4, 2),  # 8 / (2 x 1) are left
        ({"tp": "", "pp": "", "dp": "", "zero": "FSDP"}, 1, 1),
    ],
)
def test_ranks_that_one_reading_leaves(tmp_path, catalog, change, tp, pp):
    layouts = expressed(tmp_path, catalog, **change).layouts
    assert (layouts.tp_count[0], layouts.pp_count[0]) == (tp, pp)


def test_silence_about_the_format_leaves_16_bits_where_there_is_nothing_else(tmp_path, catalog):
    assert expressed(tmp_path, catalog, precision="").task.number_format is NumberFormat.BF16
    with pytest.raises(Inexpressible, match="not stated"):
        expressed(tmp_path, catalog, precision="", platform="H100")


@pytest.mark.parametrize(
    ("platform", "link_gb_per_s", "memory_tb_per_s"),
    [
        ("A100 40GB", 300, 1.56),  # the smaller variant's memory is slower
        ("A800-80GB", 200, 2.039),  # 400 GB/s in both directions
        ("H800 cluster", 200, 3.35),
        ("H20 96GB", 450, 4.0),
        ("A100 (NVLink 600GB/s)", 300, 2.039),  # both directions printed together
        ("H800 (NVLink 160GB/s eff)", 160, 3.35),  # below one direction, so it is one
        ("NVIDIA L40S (l40s_n16)", 32, 0.864),
        ("Intel Gaudi2", 262.5, 2.46),
        ("AWS Trainium2", 640, 2.9),
    ],
)
def test_variants_of_a_device_have_their_own_links_and_memory(
    tmp_path, catalog, platform, link_gb_per_s, memory_tb_per_s
):
    device = expressed(tmp_path, catalog, platform=platform, precision="bf16").platform.accelerator
    assert device.scale_up_bandwidth_bytes_per_s == pytest.approx(link_gb_per_s * 1e9)
    assert device.memory_bandwidth_bytes_per_s == pytest.approx(memory_tb_per_s * 1e12)


def test_the_same_silicon_runs_the_same_kernels(tmp_path, catalog):
    platform = expressed(tmp_path, catalog, platform="H800", precision="bf16").platform
    kernels = training_operators(catalog).middle(platform).operators
    assert isinstance(kernels, CalibratedOperators)
    assert (platform.id, kernels.is_measured("dense-gemm-bf16")) == ("hgx-h800", True)


@pytest.mark.parametrize(
    ("metric", "unit", "seconds"),
    [
        # 4 sequences of 2048 tokens, 8 accelerators, a value of 2.
        ("tokens_per_s_per_gpu", "tok/s/GPU", 4 * 2048 / (2 * 8)),
        ("tokens_per_s_per_chip", "tokens/s/chip", 4 * 2048 / (2 * 8)),
        ("throughput", "tokens/s", 4 * 2048 / 2),
        ("samples_per_s", "", 4 / 2),
        ("sequences_per_second_per_device", "sequences/s/device", 4 / (2 * 8)),
    ],
)
def test_rates_are_read_by_their_unit(tmp_path, catalog, metric, unit, seconds):
    assert expressed(tmp_path, catalog, metric=metric, unit=unit, value="2").measured.value == pytest.approx(seconds)


def test_memory_is_read_by_its_unit(tmp_path, catalog):
    found = expressed(tmp_path, catalog, metric="mem_reserved", unit="MiB", value="1024").measured
    assert found == MemoryBytes(value=2.0**30, part="peak")


def test_a_catalogued_model_needs_no_columns(tmp_path, catalog):
    bare = dict.fromkeys(("layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "params_total_b"), "")
    model = expressed(tmp_path, catalog, model="meta-llama/Llama-3.1-8B-Instruct", **bare).task.model
    assert (model.id, model.layers_count, model.hidden_dim) == ("llama-3.1-8b", 32, 4096)


def test_columns_say_how_many_experts_are_shared(tmp_path, catalog):
    assert expressed(tmp_path, catalog, **MOE).task.model.feed_forward.shared_experts_count == 0
    # Qwen2-57B-A14B (2024): 64 experts 2560 wide and shared ones 8 times as wide, 57.4e9 weights in all.
    sizes = {"layers": "28", "hidden": "3584", "heads": "28", "kv_heads": "4", "ffn": "2560", "vocab": "151936"}
    other = {**MOE, **sizes, "model": "qwen2-57b-a14b", "experts": "64", "topk": "8", "params_total_b": "57.4"}
    assert expressed(tmp_path, catalog, **other).task.model.feed_forward.shared_experts_count == 8


def test_the_name_says_the_parameters_where_no_column_does(tmp_path, catalog):
    sizes = {"layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "8", "ffn": "14336", "vocab": "32000"}
    model = expressed(tmp_path, catalog, model="other-7b", params_total_b="", **sizes).task.model
    assert model.feed_forward.gated  # 7.24e9 weights with a gate, 5.36e9 without


def test_a_run_that_trained_a_model_may_have_lost_time_to_uneven_work(tmp_path, catalog):
    """A benchmark and a production run of one configuration: the P90 alone differs, by no more than 1.27."""
    benchmark, run = (
        compare(read_rows(written(tmp_path, {"source_url": source})), catalog, training_operators(catalog)).compared[0]
        for source in ("https://arxiv.org/abs/2104.04473", "https://arxiv.org/abs/2201.11990")
    )
    assert (run.predicted, run.low) == (benchmark.predicted, benchmark.low)
    assert 1.0 < run.high / benchmark.high < 1.27


def test_interleaved_means_more_than_one_chunk(tmp_path, catalog):
    # 48 layers on 2 stages: 24 each, which 2, 3, 4, 6, 8, 12 and 24 chunks divide.
    change = {"vpp": "", "pp": "2", "tp": "4", "notes": "interleaved PP, no SP"}
    assert sorted(set(expressed(tmp_path, catalog, **change).layouts.chunks_count)) == [2, 3, 4, 6, 8, 12, 24]


def test_a_release_says_how_its_tokens_reach_their_experts(tmp_path, catalog):
    stated = {"source_url": "https://github.com/NVIDIA-NeMo/Megatron-Bridge", "model": "qwen3-235b-a22b"}
    stated |= {"precision": "FP8", "tp": "1", "dp": "8", "ep": "8", "recompute": "none"}
    plain = expressed(tmp_path, catalog, **stated, platform="H100 HGX8", notes="NeMo 26.04").task.practice
    fused = expressed(tmp_path, catalog, **stated, platform="GB200 NVL72", notes="NeMo 26.04").task.practice
    assert not plain.deduplicated_dispatch
    assert not plain.fused_dispatch
    assert fused.deduplicated_dispatch
