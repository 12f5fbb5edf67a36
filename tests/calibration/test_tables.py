"""Which timings count: the newest full version, no timings of the host, only shapes that all engines measured."""

import polars as pl
import pytest

from gigawatt.calibration.families import FAMILIES
from gigawatt.calibration.tables import TableSet, installed_tables, read_table, reference
from gigawatt.errors import InputError

GEMM = next(source for source in FAMILIES if source.id == "dense-gemm-bf16")


def write(root, system, engine, version, rows):
    """A table of products: rows of (m, n, k, milliseconds)."""
    folder = root / system / "gemm" / engine / version
    folder.mkdir(parents=True)
    columns = {"kernel_source": engine, "gemm_dtype": "bfloat16"}
    frame = pl.DataFrame(rows, schema=["m", "n", "k", "latency"], orient="row")
    frame.with_columns(**{key: pl.lit(value) for key, value in columns.items()}).write_parquet(
        folder / "gemm_perf.parquet"
    )


@pytest.fixture
def root(tmp_path):
    write(tmp_path, "h100_sxm", "alpha", "1.9.0", [(1, 8, 8, 9.0), (2, 8, 8, 9.0), (4, 8, 8, 9.0)])
    write(tmp_path, "h100_sxm", "alpha", "1.10.0", [(1, 8, 8, 0.010), (2, 8, 8, 0.020)])
    write(tmp_path, "h100_sxm", "alpha", "2.0.0", [(1, 8, 8, 0.001)])
    write(tmp_path, "h100_sxm", "beta", "0.1", [(1, 8, 8, 0.012), (2, 8, 8, 0.015), (8, 8, 8, 0.030)])
    write(tmp_path, "h100_sxm", "host", "7", [(1, 8, 8, 0.050), (2, 8, 8, 0.050)])
    return tmp_path


def test_the_newest_version_with_half_of_the_shapes_counts(root):
    """alpha measured 3, 2 and 1 shapes: 1.10.0 is the newest with at least 1.5."""
    timings = read_table(TableSet(root=root, version="x"), "gemm_perf", shape=("m", "n", "k"))
    alpha = timings.filter(pl.col("engine") == "alpha")
    assert alpha["latency"].to_list() == [0.010, 0.020]


def test_the_reference_is_the_fastest_engine_where_all_measured(root):
    """The host's 50 us exceed four times 10 us; m = 8 was measured by beta alone. Milliseconds become seconds."""
    observed = GEMM.observe(TableSet(root=root, version="x"))
    assert observed.select("platform", "m", "time_s").rows() == [
        ("dgx-h100", 1, pytest.approx(10e-6)),
        ("dgx-h100", 2, pytest.approx(15e-6)),
    ]


def test_products_of_unfilled_weights_do_not_count(root):
    """vLLM's collector leaves BF16 weights as allocated: its 5 us for m = 1 and its gap at m = 2 change nothing."""
    before = GEMM.observe(TableSet(root=root, version="x"))
    write(root, "h100_sxm", "vllm", "1", [(1, 8, 8, 0.005)])
    assert GEMM.observe(TableSet(root=root, version="x")).equals(before)


def test_gaps_of_an_engine_may_be_allowed(root):
    timings = read_table(TableSet(root=root, version="x"), "gemm_perf", shape=("m", "n", "k"))
    shapes = reference(timings, inputs=("gemm_dtype",), shape=("m", "n", "k"), all_engines=False)
    assert shapes["m"].to_list() == [1, 2, 8]


def test_without_the_package_the_refusal_says_how_to_install_it():
    with pytest.raises(InputError, match="pip install"):
        installed_tables(None, package="a-package-that-does-not-exist")


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(InputError, match="systems/data"):
        installed_tables(tmp_path)


def test_a_missing_table_is_refused(root):
    with pytest.raises(InputError, match="moe_perf"):
        read_table(TableSet(root=root, version="x"), "moe_perf", shape=("m",))
