"""Operator times from measured tables; a table of a few invented timings stands for the published ones."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from gigawatt.calibration.backends import measured_backend
from gigawatt.calibration.measured import measured_platform
from gigawatt.calibration.tables import TableSet, installed_tables
from gigawatt.catalog import load, platform
from gigawatt.catalog.kernels import load_kernels
from gigawatt.catalog.operators import kernel_efficiency
from gigawatt.catalog.serving_operators import serving_operators
from gigawatt.cli.validate_serving import validate_app
from gigawatt.entities.hardware import Precision
from gigawatt.errors import InputError
from gigawatt.performance.kernels.calibrated import calibrated_operators
from gigawatt.performance.kernels.measured import MeasuredOperators, timing_ratios
from tests.validation.test_serving import COPIED, DENSE, rows

PLATFORM = platform(load(), "dgx-h100").item
LAWS = calibrated_operators(load_kernels())(PLATFORM, kernel_efficiency(load()), 0.5)
SIZES = (64, 128, 256)


def written(root, name, columns, *, system="h100_sxm"):
    folder = root / system / "trtllm" / "trtllm" / "1.0"
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"kernel_source": "k", **columns}).write_parquet(folder / f"{name}.parquet")


@pytest.fixture
def tables(tmp_path):
    """Products of 1 ms, expert layers of 2 ms and sums of 0.5 ms, whatever their size."""
    root = tmp_path / "data"
    shapes = [(m, n, k) for m in SIZES for n in SIZES for k in SIZES]
    written(
        root,
        "gemm_perf",
        {"gemm_dtype": "bfloat16", "latency": 1.0}
        | dict(zip("mnk", map(list, zip(*shapes, strict=True)), strict=True)),
    )
    layer = {"hidden_size": 1024, "inter_size": 512, "topk": 2, "num_experts": 8, "moe_tp_size": 1, "moe_ep_size": 1}
    written(
        root,
        "moe_perf",
        {"moe_dtype": "bfloat16", "num_tokens": [16, 64], "distribution": "balanced", "latency": 2.0, **layer},
    )
    links = {"nccl_dtype": "half", "num_gpus": 8, "message_size": [1024, 4096], "latency": 0.5}
    written(root, "nccl_perf", {"op_name": "all_gather", **links})
    return root


def brought(root):
    known = measured_platform(TableSet(root=root, version="0"), load(), load_kernels(), "dgx-h100")
    return known, MeasuredOperators(
        operators=LAWS,
        accelerator=PLATFORM.accelerator,
        scale_up_domain_count=PLATFORM.scale_up_domain_count,
        ratios=known.ratios,
    )


def test_a_ratio_between_two_points_by_hand():
    # 100 lies at 6.64 binary orders, 0.64 from 64 and 0.36 from 128: weights 1/0.415 and 1/0.127.
    ratios = timing_ratios(np.array([[64.0], [128.0]]), np.array([1.0, 2.0]))
    low, high = 1.0 / np.log2(100 / 64) ** 2, 1.0 / np.log2(128 / 100) ** 2
    assert ratios.at(100.0) == pytest.approx(2.0 ** (high / (low + high)))
    assert ratios.at(np.array([64.0, 128.0])) == pytest.approx([1.0, 2.0])
    # Beyond the points the nearer one weighs more, and no ratio leaves the range of those measured.
    assert 1.0 < float(ratios.at(1e9)) < 2.0


def test_measured_shapes_take_their_measured_time(tables):
    _, operators = brought(tables)
    assert operators.gemm_s(64.0, 128.0, 256.0, precision=Precision.BF16) == pytest.approx(1e-3)
    # Both products of a layer of 64 tokens: 128 rows in 8 groups; their sum is the layer's up to what only a layer has.
    up = operators.grouped_gemm_s(128.0, 1024.0, 1024.0, groups=8.0, precision=Precision.BF16)
    down = operators.grouped_gemm_s(128.0, 1024.0, 512.0, groups=8.0, precision=Precision.BF16)
    assert up + down == pytest.approx(2e-3, rel=0.1)
    gather = operators.all_gather_s(np.array([2048.0, 2048.0]), ranks_count=np.array([8.0, 16.0]), stride_count=1.0)
    by_law = LAWS.all_gather_s(np.array([2048.0, 2048.0]), ranks_count=np.array([8.0, 16.0]), stride_count=1.0)
    # Sixteen ranks leave the domain of eight that was measured.
    assert gather == pytest.approx([0.5e-3, float(by_law[1])])


def test_what_is_not_measured_keeps_its_law_and_is_named(tables):
    known, operators = brought(tables)
    assert set(known.ratios) == {"dense-gemm-bf16", "expert-layer-bf16", "all-gather"}
    assert known.stand_ins["streaming"] == "the law fitted to this platform"
    assert known.stand_ins["dense-gemm-nvfp4"] == "the law of all measured platforms"
    assert operators.memory_s(1e6) == LAWS.memory_s(1e6)
    assert operators.gemm_s(64.0, 64.0, 64.0, precision=Precision.FP8) == LAWS.gemm_s(
        64.0, 64.0, 64.0, precision=Precision.FP8
    )


def test_a_platform_without_tables_keeps_all_its_laws(tables):
    backend, vera = measured_backend(load(), tables), platform(load(), "vr-nvl72").item
    assert len(backend.stand_ins("vr-nvl72")) == len(load_kernels().families)
    ours, laws = backend.operators(False)(vera, 0.1), serving_operators(load(), blocks=False)(vera, 0.1)
    assert ours.gemm_s(64.0, 64.0, 64.0, precision=Precision.BF16) == laws.gemm_s(
        64.0, 64.0, 64.0, precision=Precision.BF16
    )


def test_measured_products_have_no_band_of_the_fit(tables):
    # What is left of the band is the clock under load: the fast end has none of it, where the law's is faster still.
    backend = measured_backend(load(), tables)
    fast = backend.operators(False)(PLATFORM, 0.9).gemm_s(64.0, 64.0, 64.0, precision=Precision.BF16)
    assert fast <= 1e-3
    slow = backend.operators(False)(PLATFORM, 0.1).gemm_s(64.0, 64.0, 64.0, precision=Precision.BF16)
    assert slow > fast


def test_without_the_package_the_error_says_how_to_install_it():
    with pytest.raises(InputError) as caught:
        installed_tables(None, package="no-such-package", where="--kernels measured")
    assert caught.value.where == "--kernels measured"
    assert "pip install aiconfigurator-core" in caught.value.fix


def test_validation_sets_both_backends_side_by_side(tmp_path, tables):
    rows(tmp_path, DENSE.replace(",fp8,", ",bf16,"), COPIED)
    asked = ["serving", "--case", str(tmp_path / "points.csv"), "--kernels", "both", "--tables", str(tables)]
    run = CliRunner().invoke(validate_app, [*asked, "--json"])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    fitted, measured = (found["kernels"][name]["tpot_s"] for name in ("fitted", "measured"))
    assert measured["median_abs_error_fraction"] != fitted["median_abs_error_fraction"]
    assert "dense-gemm-bf16" in found["stand_ins"]["dgx-b200"]
    assert "dense-gemm-bf16" not in found["stand_ins"]["dgx-h100"]
    shown = CliRunner().invoke(validate_app, asked).stdout.replace("\n", " ")
    assert "The tables have no timings of dgx-b200" in shown
    assert "dgx-h100: no timings of" in shown
    assert "by source of operator times" in shown
