"""The page of training measurements: what it shows, and what it leaves out."""

from pathlib import Path

from typer.testing import CliRunner

from gigawatt.catalog import load
from gigawatt.catalog.operators import training_operators
from gigawatt.cli import app
from gigawatt.report.figures.scaling import scatter, weak_scaling
from gigawatt.report.training_page import training_html
from gigawatt.validation.comparison import Comparison, compare
from gigawatt.validation.rows import read_rows
from tests.validation.rows import written

DGXC = "https://github.com/NVIDIA/dgxc-benchmarking"


def _growing(folder: Path) -> Comparison:
    """One model on 8, 16 and 32 accelerators with 16 sequences each, and once with another batch."""
    sizes = ({"num_gpus": str(8 * n), "dp": str(n), "global_batch_seqs": str(128 * n)} for n in (1, 2, 4))
    changes = [{**size, "source_url": DGXC} for size in sizes]
    changes.append({"num_gpus": "8", "dp": "1", "global_batch_seqs": "64", "source_url": DGXC})
    catalog = load()
    return compare(read_rows(written(folder, *changes)), catalog, training_operators(catalog))


def test_weak_scaling_keeps_only_runs_that_grow_at_a_constant_share(tmp_path: Path) -> None:
    comparison = _growing(tmp_path)
    assert len(comparison.times) == 4
    line, marks = weak_scaling(comparison.times).data
    assert list(line.x) == list(marks.x) == [8, 16, 32]
    first = next(item for item in comparison.times if item.row.num_gpus == 8 and item.row.global_batch_seqs == 128)
    # 128 sequences in the measured time, by 8 accelerators.
    assert marks.y[0] == 128 * (first.row.seq_len or 0) / first.measured / 8


def test_every_point_is_on_the_scatter(tmp_path: Path) -> None:
    comparison = _growing(tmp_path)
    marks = [trace for trace in scatter(comparison.times).data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in marks) == 4


def test_the_page_leaves_out_pictures_without_points(tmp_path: Path) -> None:
    page = training_html(_growing(tmp_path))
    assert 'id="figure-weak"' in page
    assert 'id="figure-strong"' not in page
    assert "4 steps: median error" in page


def test_a_plot_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    case = written(tmp_path, {})
    nowhere = str(tmp_path / "no" / "page.html")
    answer = CliRunner().invoke(app, ["validate", "training", "--case", str(case), "--plot", nowhere])
    assert answer.exit_code != 0
    assert "folder that exists" in (answer.output + str(answer.exception))
