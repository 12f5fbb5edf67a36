"""From a line of a truth file to a configuration, a measured quantity and an error."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from gigawatt.catalog import load
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.step import step_assumptions
from gigawatt.cli.validate import validate_app
from gigawatt.entities.workload import LatentAttention, MixtureOfExperts
from gigawatt.errors import InputError
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import Module, Recompute
from gigawatt.validation.comparison import compare, full_share, scale, summaries, summary
from gigawatt.validation.expression import expression
from gigawatt.validation.metrics import MemoryBytes
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import read_rows
from tests.validation.rows import ROW, written


@pytest.fixture(scope="module")
def catalog():
    return load()


def expressed(folder, catalog, **change):
    (row,) = read_rows(written(folder, change))
    return expression(row, catalog, step_assumptions(catalog))


def test_a_row_becomes_a_configuration(tmp_path, catalog):
    found = expressed(tmp_path, catalog)
    assert (found.platform.id, found.task.model.layers_count) == ("dgx-a100", 48)
    assert found.layouts.candidates_count == 1
    assert found.layouts.tp_count[0] == 8
    assert found.layouts.recompute_level[0] == Recompute.FULL
    assert found.layouts.sequence_parallel[0] == 0.0  # "no SP"
    assert not found.task.practice.fused_attention
    assert found.measured.value == 1.42
    assert found.chosen == ()


def test_what_a_row_leaves_open_becomes_candidates(tmp_path, catalog):
    found = expressed(tmp_path, catalog, micro_batch="", recompute="", notes="")
    assert found.chosen == ("micro_batch_count", "recompute_level")
    assert sorted(set(found.layouts.micro_batch_count)) == [1, 2, 4]


@pytest.mark.parametrize(
    ("change", "seconds"),
    [
        # Narayanan et al. (2021), equation 3: F = 96 B s l h^2 (1 + s / 6h + V / 16 l h) over 8 x 137 TFLOP/s.
        (
            {"metric": "hw_tflops_per_gpu", "value": "137", "unit": "TFLOP/s/GPU"},
            96 * 4 * 2048 * 48 * 6144**2 * (1 + 2048 / (6 * 6144) + 51200 / (16 * 48 * 6144)) / (8 * 137e12),
        ),
        # Korthikanti et al. (2022), equation 7: model FLOP 72 B l s h^2 (1 + s / 6h + v / 12 h l), at 41.5 % of 312.
        (
            {"metric": "mfu", "value": "41.5", "unit": "%"},
            72 * 4 * 48 * 2048 * 6144**2 * (1 + 2048 / (6 * 6144) + 51200 / (12 * 6144 * 48)) / (8 * 0.415 * 312e12),
        ),
        # 4 x 2048 tokens at 1024 tokens/s on each of 8 accelerators take 1 s.
        ({"metric": "tokens_per_s_per_gpu", "value": "1024", "unit": "tok/s/GPU"}, 1.0),
        ({"metric": "throughput_logged", "value": "2", "unit": "samples/s"}, 2.0),
        ({"metric": "Step_Time", "value": "0.5", "unit": "mins"}, 30.0),
        ({"metric": "throughput_logged", "value": "4096", "unit": "tokens/s"}, 2.0),
        # 1e12 tokens take 180,000 GPU hours, so 8192 tokens on 8 take 8192e-12 x 180000 x 3600 / 8 s.
        ({"metric": "gpu_hours_per_T_tokens", "value": "180000", "unit": "GPU-h"}, 8192e-12 * 180000 * 3600 / 8),
    ],
)
def test_every_metric_becomes_seconds_per_step(tmp_path, catalog, change, seconds):
    # The norms' weights, which the published formulas leave out, are 0.02 % of a layer.
    assert expressed(tmp_path, catalog, **change).measured.value == pytest.approx(seconds, rel=1e-3)


def test_memory_becomes_bytes(tmp_path, catalog):
    found = expressed(tmp_path, catalog, metric="mem_activations", value="2", unit="GiB").measured
    assert found == MemoryBytes(value=2.0 * 2**30, part="activations")


def test_a_release_says_what_its_recipe_computes_anew(tmp_path, catalog):
    source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/blob/main/docs/performance-summary-archive.md"
    stated = {"source_url": source, "model": "nemotron3-super-120b-a12b", "precision": "MXFP8"}
    on_b200 = expressed(tmp_path, catalog, platform="B200 HGX8", **stated).task.practice
    assert on_b200.recomputed_modules == {Module.ACTIVATION, Module.NORM}
    assert not on_b200.graphed_attention
    assert expressed(tmp_path, catalog, platform="GB200 NVL72", **stated).task.practice.graphed_attention


DGXC = "https://github.com/NVIDIA/dgxc-benchmarking/blob/{}/nemo_megatron/README_175b.md"


def test_a_release_replaces_what_its_software_usually_does(tmp_path, catalog):
    stated = {"model": "gpt3-175b", "platform": "H100 HGX8", "precision": "BF16"}
    late, early = (
        expressed(tmp_path, catalog, source_url=DGXC.format(tag), notes=f"dgxc-benchmarking {tag}: NeMo", **stated)
        for tag in ("v25.04", "v24.11.1")
    )
    # Dropout in both; FlashAttention-2 in the older one alone.
    assert late.task.practice.dropout
    assert early.task.practice.dropout
    assert late.attention_time.best == 1.0
    assert early.attention_time.best == pytest.approx(1.65)


def test_a_rate_is_that_of_a_batch_that_its_ranks_can_share(tmp_path, catalog):
    # 15 ranks cannot share 128 sequences: 9 x 15 is nearer to 128 than 8 x 15.
    changes = {"num_gpus": "120", "dp": "15", "global_batch_seqs": "128", "micro_batch": ""}
    rated = expressed(tmp_path, catalog, metric="hw_tflops_per_gpu", value="140", unit="TFLOP/s/GPU", **changes)
    timed = expressed(tmp_path, catalog, **changes)
    assert (rated.task.batch_sequences_count, timed.task.batch_sequences_count) == (135.0, 128.0)


def test_brain_floats_are_summed_wide_where_megatron_did(tmp_path, catalog):
    source = {"source_url": "https://arxiv.org/abs/2201.11990"}
    wide, half = (expressed(tmp_path, catalog, precision=name, **source).task.practice for name in ("bf16", "fp16"))
    assert (wide.gradient_bytes, wide.reduced_bytes) == (4.0, 4.0)
    assert (half.gradient_bytes, half.reduced_bytes) == (2.0, 2.0)


def test_packed_samples_see_only_themselves_and_releases_interleave(tmp_path, catalog):
    tuned = {"source_url": "https://github.com/NVIDIA/NeMo/blob/main/docs", "notes": "NeMo 24.07 finetune; model"}
    found = expressed(
        tmp_path, catalog, model="llama2-13b (SFT)", platform="H100 HGX8", pp="4", tp="1", dp="2", vpp="", **tuned
    )
    # Half of 200 tokens, in every one of the 48 layers that the row states.
    assert (found.task.variant.windowed_layers_count, found.task.variant.window_tokens_count) == (48, 100)
    np.testing.assert_array_equal(np.unique(found.layouts.chunks_count), [10.0])


def test_a_release_goes_before_todays_recipe_and_its_tables_stale_cells(tmp_path, catalog):
    # 5 of 48 layers are computed anew; the table's two sequences are one in the configuration of its release.
    source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/blob/main/docs/performance-summary-archive.md"
    stated = {"source_url": source, "platform": "H100 HGX8", "precision": "FP8", "full_config": "full_recipe_from_HEAD"}
    block = expressed(tmp_path, catalog, model="llama3-8b", notes="NeMo 25.11 Pre-Training", **stated).layouts
    assert block.recompute_level[0] == Recompute.FULL
    assert block.recomputed_share[0] == pytest.approx(5 / 48)
    before = expressed(tmp_path, catalog, model="llama3-8b", notes="NeMo 25.09 Pre-Training", **stated).layouts
    assert before.recompute_level[0] == Recompute.NONE
    unknown = expressed(tmp_path, catalog, model="llama3-8b", notes="", **stated).layouts
    assert (unknown.recompute_level[0], unknown.recomputed_share[0]) == (Recompute.FULL, 1.0)
    sizes = {"experts": "128", "topk": "8", "tp": "1", "pp": "2", "vpp": "24", "micro_batch": "2", "ep": "4", "dp": "4"}
    cells = expressed(tmp_path, catalog, model="qwen3-30b-a3b", notes="NeMo 25.11", **sizes, **stated).layouts
    assert (cells.micro_batch_count[0], cells.chunks_count[0]) == (1.0, 12.0)


@pytest.mark.parametrize(
    ("model", "platform", "notes", "graphed", "level"),
    [
        ("qwen3-30b-a3b", "B300 HGX8", "NeMo 26.06 Pre-Training", True, Recompute.NONE),
        ("qwen3-30b-a3b", "B300 HGX8", "NeMo 26.04 Pre-Training", False, Recompute.NONE),
        ("deepseek-v3", "GB300 NVL72", "NeMo 26.08 Pre-Training", True, Recompute.NONE),
        ("deepseek-v3", "GB300 NVL72", "NeMo 26.02 Pre-Training", False, Recompute.SELECTIVE),
        ("deepseek-v3", "GB200 NVL72", "NeMo 26.08 Pre-Training", True, Recompute.SELECTIVE),
        ("llama3-70b", "GB300 NVL72", "NeMo 26.04 Pre-Training", False, Recompute.NONE),
    ],
)
def test_each_release_and_platform_has_its_recipe(tmp_path, catalog, model, platform, notes, graphed, level):
    source = "https://github.com/NVIDIA-NeMo/Megatron-Bridge/blob/main/docs/performance-summary-archive.md"
    sizes = {"experts": "128", "topk": "8", "recompute": "", "precision": "MXFP8"}
    found = expressed(tmp_path, catalog, source_url=source, model=model, platform=platform, notes=notes, **sizes)
    assert found.task.practice.graphed is graphed
    assert list(found.layouts.recompute_level) == [level]


def test_a_rate_per_accelerator_is_that_of_the_printed_layout(tmp_path, catalog):
    # Two ranks, said to be eight accelerators: 4 x 100 model TFLOP/s on each would be 8 x 100, on two they are 2 x 100.
    stated = {"tp": "1", "cp": "2", "pp": "1", "dp": "1", "metric": "model_tflops_per_gpu", "unit": "TFLOP/s/GPU"}
    found = expressed(tmp_path, catalog, value="100", **stated)
    eight = expressed(tmp_path, catalog, value="100", **{**stated, "dp": "4"})
    assert (found.row.num_gpus, found.layouts.ranks_count[0]) == (2, 2.0)
    assert found.measured.value == pytest.approx(4 * eight.measured.value)
    with pytest.raises(Inexpressible, match="does not divide"):
        expressed(tmp_path, catalog, **{**stated, "value": "100", "dp": "1", "cp": "3"})


def test_fine_tuning_of_2025_keeps_activation_inputs_in_eight_bits(tmp_path, catalog):
    source = "https://github.com/mlcommons/training_results_v5.0/tree/main/NVIDIA/results/x/llama2_70b_lora"
    stated = {"model": "llama2-70b (LoRA)", "platform": "B200 HGX8", "precision": "FP8", "recompute": ""}
    kept, wide = (
        expressed(
            tmp_path, catalog, source_url=source, notes=f"MLPerf v5.0 train_step_time; cfg config_{name}.sh", **stated
        )
        for name in ("DGXB200_1x8x1xtp1pp1cp1", "DGXB200_1x4x4xtp1pp1cp2")
    )
    assert kept.task.practice.narrow_activation_inputs
    assert list(kept.layouts.recompute_level) == [Recompute.NONE]
    assert not wide.task.practice.narrow_activation_inputs


def test_names_of_recomputed_modules_are_whole_words(tmp_path, catalog):
    found = expressed(tmp_path, catalog, recompute="selective:layernorm,moe_act").task.practice.recomputed_modules
    assert found == {Module.NORM, Module.ACTIVATION}
    whole = expressed(tmp_path, catalog, recompute="selective:moe, core_attn").task.practice.recomputed_modules
    assert whole == {Module.EXPERTS, Module.CORE_ATTENTION}


def test_a_hybrid_comes_from_the_catalogue_with_its_shared_predictions(tmp_path, catalog):
    sizes = {"layers": "", "hidden": "", "heads": "", "ffn": "", "vocab": ""}
    found = expressed(tmp_path, catalog, model="nemotron3-super-120b-a12b", **sizes).task
    assert (found.model.hybrid.linear_layers_count, found.model.hybrid.attention_layers_count) == (40, 8)
    assert (found.variant.predicted_tokens_count, found.variant.prediction_layers_count) == (2, 1)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"metric": "mlperf_time_to_train_median"}, "no reference convergence to a target is known for 22b"),
        ({"model": "bert-large"}, "bert-large is no decoder-only language model"),
        ({"model": "something-new", "params_total_b": ""}, "no architecture"),
        ({"platform": "TPU v3"}, "no platform"),
        ({"precision": "", "platform": "H100"}, "number format"),
        ({"tp": "", "dp": "3"}, "no layout splits"),
        ({"tp": "3"}, "does not divide"),
        ({"hidden": ""}, "leaves layers"),
        ({"seq_len": ""}, "sequence length"),
    ],
)
def test_what_cannot_be_expressed_says_why(tmp_path, catalog, change, reason):
    with pytest.raises(Inexpressible, match=reason):
        expressed(tmp_path, catalog, **change)


def test_the_launchers_shortened_model_keeps_one_dense_layer(tmp_path, catalog):
    change = {"model": "deepseek-v3 (4 layers)", "layers": "4", "experts": "256", "topk": "8", "tp": "1", "ep": "8"}
    model = expressed(tmp_path, catalog, **change, source_url="https://github.com/x/SimuMax").task.model
    assert isinstance(model.attention, LatentAttention)
    assert isinstance(model.feed_forward, MixtureOfExperts)
    assert (model.layers_count, model.feed_forward.first_dense_layers_count) == (4, 1)


def test_notes_refine_the_practice(tmp_path, catalog):
    change = {
        "source_url": "https://github.com/NVIDIA-NeMo/Megatron-Bridge",
        "platform": "GB200 NVL72",
        "precision": "FP8",
        "recompute": "selective:layernorm,moe_act",
        "notes": 'recipe x_fp8cs_y: cg="none"/["full_iteration"] dispatcher="alltoall"/',
    }
    task = expressed(tmp_path, catalog, **change).task
    assert task.practice.graphed
    assert not task.practice.deduplicated_dispatch
    assert task.practice.recomputed_modules == {Module.NORM, Module.ACTIVATION}
    assert task.number_format is NumberFormat.FP8_TENSOR


def test_stated_links_replace_the_catalogues(tmp_path, catalog):
    found = expressed(tmp_path, catalog, platform="A100-80GB SXM (8x/node, 4x HDR200 = 800 Gb/s per node)")
    assert found.platform.accelerator.scale_out_bandwidth_bytes_per_s == pytest.approx(12.5e9)


def test_interleaving_is_completed_from_the_same_configuration(tmp_path):
    rows = read_rows(written(tmp_path, {"vpp": "3"}, {"vpp": "", "metric": "mem_activations"}, {"vpp": "", "pp": "2"}))
    assert [row.vpp for row in rows] == [3, 3, None]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"value": "fast"}, 'value is "fast", no number'),
        ({"value": ""}, "no measured value"),
        ({"value": "nan"}, "no measured value"),
        ({"value": "-1"}, 'value is "-1", which nothing is'),
        ({"num_gpus": "0"}, 'num_gpus is "0", which nothing is'),
        ({"num_gpus": "?"}, "no number of accelerators"),
        ({"tp": "inf"}, 'tp is "inf", which nothing is'),
        ({"pp": "1.5"}, 'pp is "1.5", no whole number'),
        ({"layers": "1e99"}, 'layers is "1e99", which nothing is'),
        ({"metric": "joy"}, "the metric joy is not known"),
        ({"unit": "furlong"}, "a time in furlong"),
        ({"precision": "posit8"}, "no number format posit8"),
        ({"platform": "A100 PCIe"}, "no platform for A100 PCIe"),
        ({"experts": "8", "topk": "2", "ep": "64", "num_gpus": "512"}, "EP 64 is more than 8 experts"),
    ],
)
def test_an_odd_cell_costs_its_row_and_no_other(tmp_path, catalog, change, fault):
    rows = read_rows(written(tmp_path, {}, change, {"num_gpus": "8"}))
    comparison = compare(rows, catalog, training_operators(catalog))
    assert [item.row.number for item in comparison.compared] == [2, 4]
    assert [item.row.number for item in comparison.refused] == [3]
    assert fault in comparison.refused[0].reason


def test_cells_are_read_as_people_write_them(tmp_path, catalog):
    rows = read_rows(
        written(tmp_path, {"vocab": "51,200", "micro_batch": "4.0", "ep": "n/a", "value": "1420", "unit": "ms"})
    )
    found = expression(rows[0], catalog, step_assumptions(catalog))
    assert (found.task.model.vocabulary_count, found.measured.value) == (51_200, pytest.approx(1.42))


def test_an_unknown_model_comes_from_its_columns_if_its_parameters_come_out(tmp_path, catalog):
    # Mistral 7B: 32 layers of (2 x 4096² + 2 x 4096 x 1024 + 3 x 4096 x 14 336) and 2 x 32 000 x 4096 are 7.24e9
    # weights with a gate, 5.36e9 without.
    sizes = {"layers": "32", "hidden": "4096", "heads": "32", "kv_heads": "8", "ffn": "14336", "vocab": "32000"}
    known = expressed(tmp_path, catalog, model="mistral-7b", params_total_b="7.24", **sizes).task.model
    assert known.feed_forward.gated
    with pytest.raises(Inexpressible, match="columns do not make one up"):
        expressed(tmp_path, catalog, model="mistral-7b", params_total_b="9", **sizes)


def test_a_step_needs_neither_power_nor_links_beyond_its_domain(tmp_path, catalog):
    change = {"platform": "AMD Instinct MI325X 256GB", "precision": "bf16", "value": "1.0"}
    rows = read_rows(written(tmp_path, change, {**change, "num_gpus": "64", "dp": "8"}))
    comparison = compare(rows, catalog, training_operators(catalog))
    assert [item.row.number for item in comparison.compared] == [2]
    assert "lacks a figure" in comparison.refused[0].reason


def test_other_files_are_refused(tmp_path):
    for name, content in (("empty.csv", b""), ("other.csv", b"a,b\n1,2\n"), ("binary.csv", b"\xff\xfe\x00")):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError):
            read_rows(path)
    with pytest.raises(InputError):
        read_rows(tmp_path / "absent.csv")


def test_no_row_disappears(tmp_path, catalog):
    changes = (
        {},
        {"recompute": "selective(attn)+SP", "value": "1.10"},
        {"model": "something-new", "params_total_b": ""},
    )
    comparison = compare(read_rows(written(tmp_path, *changes)), catalog, training_operators(catalog))
    assert (len(comparison.compared), len(comparison.refused)) == (2, 1)
    assert full_share(comparison) == (2, 3)
    # Predicted blind; an error of 15 % would be twice the median of all A100 rows and more.
    assert all(abs(item.error_fraction) < 0.15 for item in comparison.compared)
    assert all(item.low < item.predicted < item.high for item in comparison.compared)
    errors = sorted(abs(item.error_fraction) for item in comparison.compared)
    found = summary(comparison.times, group="all", name="time")
    assert found.median_abs_error_fraction == pytest.approx(sum(errors) / 2)
    assert {item.group for item in summaries(comparison.times)} >= {"platform", "scale", "model class"}


def test_size_classes():
    assert [scale(count) for count in (8, 9, 512, 2048, 2049)] == [
        "1 to 8",
        "9 to 64",
        "65 to 512",
        "513 to 2,048",
        "more than 2,048",
    ]


def test_the_command_prints_one_object(tmp_path):
    path = written(tmp_path, {}, {"model": "something-new", "params_total_b": ""})
    answer = CliRunner().invoke(validate_app, ["training", "--case", str(path), "--json"])
    found = json.loads(answer.stdout)
    assert (found["cases"], found["expressed"]) == (2, 1)
    assert found["unexpressed"] == [{"line": 3, "reason": "no architecture is known for the model something-new"}]
    assert set(found["groups"][0]) >= {"group", "name", "cases_count", "median_abs_error_fraction"}
    assert found["rows"][0]["measured"] == float(ROW["value"])


def test_the_command_says_where_measurements_are():
    answer = CliRunner().invoke(validate_app, ["training"])
    assert isinstance(answer.exception, InputError)


def test_a_table_without_a_row_is_refused(tmp_path):
    path = written(tmp_path, {})
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="without a row"):
        read_rows(path)
