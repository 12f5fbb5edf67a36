"""What rows leave empty: filled from their submission, from the configuration they cite, or from every layout."""

import re
import tomllib
from importlib import resources

import pytest

from gigawatt.catalog import load
from gigawatt.catalog.operators import training_operators
from gigawatt.catalog.step import step_assumptions
from gigawatt.entities.hardware import Precision
from gigawatt.performance.step.formats import NumberFormat
from gigawatt.performance.step.task import Recompute
from gigawatt.validation.comparison import compare
from gigawatt.validation.expression import expression
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import read_rows
from gigawatt.validation.submissions import as_submitted
from gigawatt.validation.wording import is_no_decoder, recomputations, sharding
from tests.validation.rows import written

SILENT = dict.fromkeys(("tp", "cp", "pp", "dp", "vpp", "zero", "precision", "recompute", "micro_batch"), "")
ANY = {Recompute.NONE, Recompute.SELECTIVE, Recompute.FULL}


@pytest.fixture(scope="module")
def catalog():
    return load()


def submitted(folder, **change):
    (row,) = read_rows(written(folder, {**SILENT, **change}))
    return as_submitted(row)


def test_a_submission_fills_what_its_row_leaves_empty(tmp_path):
    gaudi = "https://github.com/mlcommons/training_results_v4.0/tree/main/Intel/results/HLS-Gaudi2-PT/llama2_70b_lora"
    row = submitted(tmp_path, source_url=gaudi)
    assert (row.precision, row.zero, row.recompute, row.tp, row.pp, row.dp) == ("fp8", "3", "full", 1, 1, 8)
    # A cell of the row goes before all that.
    assert submitted(tmp_path, source_url=gaudi, precision="bf16", tp="2").precision == "bf16"
    assert submitted(tmp_path, source_url=gaudi, precision="bf16", tp="2").tp == 2
    elsewhere = submitted(tmp_path, source_url="https://example.org")
    assert (elsewhere.precision, elsewhere.tp) == ("", None)


def test_some_facts_hold_on_some_platforms_only(tmp_path):
    results = "https://github.com/mlcommons/training_results_v5.1/tree/main/x/results/y/llama31_8b"
    assert submitted(tmp_path, source_url=results, platform="NVIDIA H200-SXM5-141GB").precision == "fp8"
    # Blackwell computes in four bits too, and ran both in that round.
    assert submitted(tmp_path, source_url=results, platform="NVIDIA Blackwell GPU (B200)").precision == ""
    cited = submitted(tmp_path, source_url=results, platform="B200", notes="cfg config_DGXB200_8x8x1xtp1pp1cp2_8b.sh")
    assert (cited.precision, cited.cp) == ("fp8", 2)
    narrow = submitted(tmp_path, source_url=results, platform="B200", notes="cfg config_B200_1x8x1xtp1pp1cp1_fp4.sh")
    assert narrow.precision == "nvfp4"


def test_every_fact_of_a_submission_cites_where_it_stands():
    text = resources.files("gigawatt.validation").joinpath("submissions.toml").read_text(encoding="utf-8")
    counts = {"tp", "cp", "pp", "vpp", "dp", "micro-batch"}
    known = {"match", "platform", "notes", "cites", "note", "precision", "zero", "recompute"} | counts
    for record in tomllib.loads(text)["submission"]:
        assert set(record) <= known, record["match"]
        assert record["cites"].startswith("https://github.com/mlcommons/training_results_v"), record["match"]
        assert all(isinstance(record[key], int) and record[key] > 0 for key in counts & set(record))
        assert re.compile(record["match"]).search("") is None


def test_the_name_of_a_configuration_says_how_the_model_is_cut(tmp_path):
    cited = submitted(tmp_path, notes="10 runs; cfg config_GB300_128x4x72xtp2pp8cp2_cg_fp4.sh")
    assert (cited.tp, cited.pp, cited.cp, cited.precision) == (2, 8, 2, "nvfp4")
    assert submitted(tmp_path, notes="cfg config_DGXH100_1x8x4xtp4pp1cp1.sh", tp="8").tp == 8
    assert submitted(tmp_path, notes="no cfg file matched").tp is None
    earlier = submitted(tmp_path, notes="includes eval; cfg config_DGXH100_64x8x128x4x8_mbs2.sh")
    assert (earlier.tp, earlier.pp, earlier.micro_batch) == (4, 8, 2)


def test_an_open_layout_is_the_fastest_of_those_that_agree(tmp_path, catalog):
    open_row = {"tp": "", "pp": "", "dp": "", "cp": "", "recompute": "full"}
    changes = (open_row, {"recompute": "full"}, {**open_row, "tp": "2"}, {**open_row, "dp": "4"})
    comparison = compare(read_rows(written(tmp_path, *changes)), catalog, training_operators(catalog))
    free, stated, two, four = comparison.compared
    assert set(free.chosen) >= {"tp_count", "cp_count", "pp_count"}
    assert (free.layout_stated, stated.layout_stated) == (False, True)
    assert free.predicted <= min(stated.predicted, two.predicted, four.predicted)
    assert (two.layout["tp_count"], four.layout["dp_count"]) == (2.0, 4.0)
    # The batch of 4 sequences splits evenly over the ranks that have some of it.
    assert all(4 % item.layout["dp_count"] == 0 for item in comparison.compared)
    assert (comparison.times, comparison.laid_out) == ((stated,), (free, two, four))


@pytest.mark.parametrize(
    ("text", "stage", "shards"),
    [
        ("", 1.0, 64.0),
        ("distopt", 1.0, 64.0),
        ("ZeRO-3", 3.0, 64.0),
        ("zero_2", 2.0, 64.0),
        ("stage 1", 1.0, 64.0),
        ("0", 0.0, 64.0),
        ("none", 0.0, 64.0),
        ("DDP", 0.0, 64.0),
        ("FSDP", 3.0, 64.0),
        ("FSDP2", 3.0, 64.0),
        ("FSDP8", 3.0, 8.0),
        ("fully sharded 2D", 3.0, 64.0),
    ],
)
def test_what_people_call_sharding(text, stage, shards):
    assert sharding(text, ranks=64.0) == (stage, shards)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("", ANY),
        ("unstated", ANY),
        ("None", {Recompute.NONE}),
        ("none_in_recipe", {Recompute.NONE}),
        ("off", {Recompute.NONE}),
        ("Full", {Recompute.FULL}),
        ("full+SP", {Recompute.FULL}),
        ("activation checkpointing", {Recompute.FULL}),
        ("selective:layernorm", {Recompute.SELECTIVE}),
        ("core_attn", {Recompute.SELECTIVE}),
    ],
)
def test_what_people_call_recomputation(text, levels):
    assert set(recomputations(text)) == levels


def test_networks_that_are_no_decoders_are_known_by_name():
    named = ("bert", "stable_diffusion", "ResNet-50", "dlrm_dcnv2", "flux1", "RGAT", "retinanet", "unet3d")
    assert all(map(is_no_decoder, named))
    models = ("llama3.1-405b", "gpt3-175b", "gpt-oss-20b", "deepseek-v3", "nemotron3-nano", "qwen3-next", "gemma-2b")
    assert not any(map(is_no_decoder, models))


def test_products_of_integers_run_at_their_published_rate(tmp_path, catalog):
    change = {"platform": "TPU-v5p", "precision": "int8", "source_url": "https://github.com/google/maxtext"}
    (row,) = read_rows(written(tmp_path, change))
    found = expression(row, catalog, step_assumptions(catalog))
    assert found.task.number_format is NumberFormat.FP8_TENSOR
    # 918 TOP/s of 8-bit integers, twice the 459 TFLOP/s of BF16.
    assert found.platform.accelerator.peak_dense_flop_per_s[Precision.FP8] == pytest.approx(918e12)
    (row,) = read_rows(written(tmp_path, {**change, "platform": "Gaudi 2"}))
    with pytest.raises(Inexpressible, match="no published rate of 8-bit integers"):
        expression(row, catalog, step_assumptions(catalog))


@pytest.mark.parametrize(
    ("named", "platform"),
    [
        ("NVIDIA Blackwell Ultra GPU (GB300)", "gb300-nvl72"),
        ("NVIDIA Blackwell Ultra GPU (B300-SXM-270GB)", "dgx-b300"),
        ("Vera Rubin NVL72", "vr-nvl72"),
        ("AMD Instinct MI350X", "mi350x"),
        ("Intel HL-225H", "gaudi2"),
        ("HL-325L OAM", "gaudi3"),
        ("Trillium (v6e-256)", "tpu-v6e"),
        ("AWS Trn2 UltraServer", "trn2"),
    ],
)
def test_what_people_call_platforms(tmp_path, catalog, named, platform):
    (row,) = read_rows(written(tmp_path, {"platform": named, "precision": "bf16"}))
    assert expression(row, catalog, step_assumptions(catalog)).platform.id == platform


@pytest.mark.parametrize("card", ["H200 NVL", "NVIDIA H100-NVL-94GB", "A100 PCIe 80GB"])
def test_cards_with_other_clocks_and_links_are_refused_by_name(tmp_path, catalog, card):
    (row,) = read_rows(written(tmp_path, {"platform": card, "precision": "bf16"}))
    with pytest.raises(Inexpressible, match=f"no platform for {card}"):
        expression(row, catalog, step_assumptions(catalog))
