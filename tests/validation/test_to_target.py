"""Times to train: from MLPerf's published convergence and rules to steps and evaluations, each sum by hand."""

import json
import math

import pytest
from typer.testing import CliRunner

from gigawatt.catalog import load
from gigawatt.catalog.benchmarks import ConvergencePoint, TrainingBenchmark, training_benchmarks
from gigawatt.catalog.operators import training_operators
from gigawatt.cli.validate import validate_app
from gigawatt.report.training_page import training_html
from gigawatt.validation.comparison import compare
from gigawatt.validation.refusal import Inexpressible
from gigawatt.validation.rows import read_rows
from gigawatt.validation.to_target import converged, quickest, run_to_target
from tests.validation.rows import written

RESULTS = "https://github.com/mlcommons/training_results_v{}/tree/main/NVIDIA/results/{}/{}"
ADAPTERS = {
    "source_url": RESULTS.format("4.1", "eos_ngc24.09_nemo", "llama2_70b_lora"),
    "model": "llama2-70b (LoRA)",
    "params_total_b": "69",
    "layers": "80",
    "hidden": "8192",
    "heads": "64",
    "kv_heads": "8",
    "ffn": "28672",
    "vocab": "32000",
    "seq_len": "8192",
    "global_batch_seqs": "8",
    "micro_batch": "1",
    "platform": "NVIDIA H100-SXM5-80GB (NVIDIA eos)",
    "tp": "4",
    "dp": "2",
    "precision": "FP8",
    "zero": "distopt",
    "recompute": "none",
    "metric": "mlperf_time_to_train_median",
    "value": "26.736",
    "unit": "min",
    "notes": "",
    "full_config": "partial",
}
NINETY = 1.2815515655446004


@pytest.fixture(scope="module")
def catalog():
    return load()


def run(folder, catalog, **change):
    (row,) = read_rows(written(folder, {**ADAPTERS, **change}))
    return run_to_target(row, catalog)


def test_a_batch_of_the_reference_takes_the_references_sequences(tmp_path, catalog):
    found = run(tmp_path, catalog)
    # Mean of the middle 18 of 20 runs of 8: 3,178.67 sequences; first test after 4 x 384, as floor(0.125 x 8 + 2) = 3.
    assert found.steps_count == pytest.approx(3178.67 / 8)
    assert found.evaluations_count == pytest.approx(3178.67 / 384 - 3)
    assert found.evaluated_sequences_count == 173
    # One run spreads by 299.91 sequences, and stops at a test somewhere in an interval of 384.
    spread = math.hypot(299.91, 384 / math.sqrt(12)) / 3178.67
    assert (found.early_log, found.late_log) == pytest.approx((NINETY * spread, NINETY * spread))


def test_between_batches_the_rules_interpolate(tmp_path, catalog):
    found = run(tmp_path, catalog, global_batch_seqs="9")
    samples = 3178.67 + (4032 - 3178.67) / 8
    assert found.steps_count == pytest.approx(samples / 9)
    # 384 sequences are 42.7 batches of 9, so that 43 x 9 = 387 are trained on between two tests.
    assert found.evaluations_count == pytest.approx(samples / 387 - 3)


def test_a_point_slower_than_its_neighbours_line_is_pruned(catalog):
    benchmark = next(one for one in training_benchmarks(catalog) if one.name == "llama2_70b_lora")
    # 6,037 at 32 lie above the line from 4,032 at 16 to 11,264 at 128, which is 5,065 there.
    assert [point.batch_sequences_count for point in quickest(benchmark.points)] == [8, 16, 128]
    assert converged(benchmark, 64.0).mean_sequences_count == pytest.approx(4032 + 48 / 112 * (11264 - 4032))
    # The reference's own runs at 32 stand all the same.
    assert converged(benchmark, 32.0).mean_sequences_count == pytest.approx(6037.33)


def test_the_example_of_the_rules():
    # Training rules, "Reference Convergence Points": of 10 epochs at 128, 20 at 256 and 20 at 512 the second is pruned.
    points = tuple(
        ConvergencePoint(batch_sequences_count=batch, mean_sequences_count=mean, deviation_sequences_count=0.0)
        for batch, mean in ((64.0, 12.0), (128.0, 10.0), (256.0, 20.0), (512.0, 20.0))
    )
    # Batches below the quickest one go too: nothing smaller converges more slowly.
    assert [point.batch_sequences_count for point in quickest(points)] == [128.0, 512.0]
    benchmark = TrainingBenchmark(
        name="example",
        rounds=("1.0",),
        points=points,
        interval_sequences_count=1.0,
        evaluation_sequences_count=1.0,
        skipped_count=0.0,
        skipped_per_sequence=0.0,
        accepted_earlier_sequences_count=0.0,
    )
    assert converged(benchmark, 320.0).mean_sequences_count == pytest.approx(15.0)


def test_beyond_the_reference_the_band_widens_or_the_row_is_refused(tmp_path, catalog):
    found = run(tmp_path, catalog, global_batch_seqs="4")
    assert found.steps_count == pytest.approx(3178.67 / 4)
    # The line of 8 and 16 comes down by 4 x 106.67 sequences until 4.
    assert found.early_log == pytest.approx(math.hypot(found.late_log, 4 * (4032 - 3178.67) / 8 / 3178.67))
    with pytest.raises(Inexpressible, match="no convergence of llama2_70b_lora is published for batches beyond 128"):
        run(tmp_path, catalog, global_batch_seqs="256")


def test_each_round_has_its_own_rules(tmp_path, catalog):
    change = {"model": "llama3.1-405b", "global_batch_seqs": "1152"}
    # 5.0: 322,560 sequences, a test every 46,080; one test earlier is accepted.
    first = run(tmp_path, catalog, **change, source_url=RESULTS.format("5.0", "x", "llama31_405b"))
    assert (first.steps_count, first.evaluations_count) == pytest.approx((280.0, 7.0))
    assert first.early_log == pytest.approx(math.hypot(first.late_log, 46080 / 322560))
    # 5.1: 313,344 sequences, every 18,432, the first floor(0.0026 x 1152 + 12) = 14 left out.
    later = run(tmp_path, catalog, **change, source_url=RESULTS.format("5.1", "x", "llama31_405b"))
    assert (later.steps_count, later.evaluations_count) == pytest.approx((272.0, 3.0))
    # A round that nobody has written down is judged by the nearest, a row that names none by the latest.
    assert run(tmp_path, catalog, **change, source_url=RESULTS.format("7.0", "x", "llama31_405b")) == later
    assert run(tmp_path, catalog, **change, source_url="https://example.org") == later


@pytest.mark.parametrize(
    ("model", "batch", "steps"),
    [
        # Tokens of the reference in sequences of 2,048: 614,400 at 4,096.
        ("gpt3-175b", "4096", 614400 / 4096),
        ("llama3.1-8b", "32", 178858.67 / 32),
        ("gpt-oss-20b", "16", 194560 / 16),
        ("deepseek-v3", "16384", 765952 / 16384),
    ],
)
def test_models_are_found_without_their_benchmarks_name(tmp_path, catalog, model, batch, steps):
    found = run(tmp_path, catalog, model=model, global_batch_seqs=batch, source_url="https://example.org")
    assert found.steps_count == pytest.approx(steps)


def test_a_row_that_says_how_long_it_was_is_believed(tmp_path, catalog):
    found = run(tmp_path, catalog, notes="MLPerf v5.0; 3,072 samples to the target")
    assert (found.steps_count, found.early_log, found.late_log) == (384.0, 0.0, 0.0)
    assert run(tmp_path, catalog, notes="384 steps to converge").steps_count == 384.0


def test_a_run_is_its_steps_and_the_evaluations_between_them(tmp_path, catalog):
    rows = read_rows(
        written(
            tmp_path,
            ADAPTERS,
            {**ADAPTERS, "metric": "step_time", "value": "3.66", "unit": "s"},
            {**ADAPTERS, "value": "26.736", "unit": ""},
        )
    )
    whole, step, silent = compare(rows, catalog, training_operators(catalog)).compared
    assert (whole.quantity, step.quantity) == ("run_s", "step_s")
    assert whole.measured == silent.measured == pytest.approx(26.736 * 60)
    tests_s = whole.predicted - 3178.67 / 8 * step.predicted
    # 5.28 tests of 173 sequences forward: less than the 87 steps that as many sequences would take to train on, more
    # than a quarter of them, as a step is forward and backward without gradients of frozen weights.
    trained_s = (3178.67 / 384 - 3) * 173 / 8 * step.predicted
    assert 0.25 * trained_s < tests_s < 0.6 * trained_s
    assert math.log(whole.high / whole.predicted) > math.log(step.high / step.predicted)


def test_runs_stand_beside_the_headline(tmp_path):
    path = written(tmp_path, {}, ADAPTERS)
    found = json.loads(CliRunner().invoke(validate_app, ["training", "--case", str(path), "--json"]).stdout)
    assert (found["expressed"], found["headline_cases"]) == (2, 1)
    assert found["time_to_train"]["cases_count"] == 1
    assert found["every_time"]["cases_count"] == 2
    assert [row["quantity"] for row in found["rows"]] == ["step_s", "run_s"]
    table = CliRunner().invoke(validate_app, ["training", "--case", str(path)]).stdout
    assert "Beside the time of a step: 0 without a stated layout, 1 times to train." in table
    alone = written(tmp_path, ADAPTERS)
    found = json.loads(CliRunner().invoke(validate_app, ["training", "--case", str(alone), "--json"]).stdout)
    assert found["median_abs_error_fraction"] == found["time_to_train"]["median_abs_error_fraction"]


def test_the_page_draws_runs_apart_from_steps(tmp_path, catalog):
    comparison = compare(read_rows(written(tmp_path, {}, ADAPTERS)), catalog, training_operators(catalog))
    page = training_html(comparison)
    assert "1 steps: median error" in page
    assert "1 times to train: median error" in page
    assert "s until the target" in page
