"""Records say what was fitted, and are refused when they do not."""

from dataclasses import asdict

import polars as pl
import pytest
from typer.testing import CliRunner

from gigawatt.calibration.records import write_record
from gigawatt.calibration.run import calibrated_family
from gigawatt.catalog import load
from gigawatt.catalog.kernels import kernel_evidence, load_kernels, read_family, read_kernels, shipped_processors
from gigawatt.cli.calibrate import calibrate_app
from gigawatt.errors import CatalogError, InputError
from tests.calibration.samples import SOURCES, observations


@pytest.fixture(scope="module")
def family():
    return calibrated_family(SOURCES["all-gather"], observations("all-gather"), load(), shipped_processors())


def test_a_record_is_read_back_as_it_was_fitted(family, tmp_path):
    path = write_record(tmp_path, SOURCES["all-gather"], family, table_version="0.0")
    again = read_family(path)
    assert again.measured.keys() == family.measured.keys()
    assert again.left_out.keys() == {"ampere", "hopper", "blackwell", "blackwell-ultra"}
    for key, fit in family.measured.items():
        assert asdict(again.measured[key].coefficients) == pytest.approx(asdict(fit.coefficients), rel=1e-4)
        assert again.measured[key].points_count == fit.points_count == 40
    assert asdict(again.projected.step_band) == pytest.approx(asdict(family.projected.step_band), rel=1e-4)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('law = "collective"', 'law = "alchemy"'),
        ("launch-s =", "lunch-s ="),
        ("points = 40", 'points = "many"'),
        ('id = "all-gather"', 'id = "another"'),
        (' s"', ' parsec"'),
        ("[projected]", "[projected"),
    ],
)
def test_a_malformed_record_is_refused(family, tmp_path, old, new):
    path = write_record(tmp_path, SOURCES["all-gather"], family, table_version="0.0")
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogError, match=r"all-gather\.toml"):
        read_family(path)


def test_a_folder_without_processors_is_refused(family, tmp_path):
    write_record(tmp_path, SOURCES["all-gather"], family, table_version="0.0")
    with pytest.raises(CatalogError, match=r"processors\.toml"):
        read_kernels(tmp_path)


def test_every_family_is_shipped_with_its_bands_in_order():
    library = load_kernels()
    assert set(library.families) == set(SOURCES)
    for shipped in library.families.values():
        for fit in (*shipped.measured.values(), shipped.projected, *shipped.left_out.values()):
            assert fit.operator_band.p10 <= fit.operator_band.p50 <= fit.operator_band.p90
            assert fit.step_band.p10 <= fit.step_band.p50 <= fit.step_band.p90


def test_processors_of_unpublished_devices_follow_their_peak():
    """16.4 TFLOP/s are assumed per processor: 164 TFLOP/s make ten, with 16 exponentials each."""
    sheet = shipped_processors()
    units = sheet.processors("no-such-platform", peak_dense_bf16_flop_per_s=164e12)
    assert units.processors_count == pytest.approx(10.0)
    assert units.exponential_units_count == pytest.approx(160.0)
    assert units.dies_count == 2.0
    assert sheet.processors("dgx-a100", peak_dense_bf16_flop_per_s=1.0).processors_count == 108.0
    alike = sheet.processors("hgx-h20", peak_dense_bf16_flop_per_s=1.0, silicon_of="dgx-h100")
    assert (alike.processors_count, alike.dies_count) == (78.0, 1.0)


def test_relatives_enter_what_is_shared_and_nothing_else():
    """Short passes on cards of one die lower the shared launch; no platform's own fit knows them."""
    few = observations("streaming")
    cards = few.filter(pl.col("platform") == "dgx-h100").with_columns(
        platform=pl.lit("l40s-server"), time_s=pl.col("time_s") / 2
    )
    alone, beside = (
        calibrated_family(SOURCES["streaming"], few, load(), shipped_processors(), relatives=relatives)
        for relatives in (None, cards)
    )
    assert beside.measured == alone.measured
    assert beside.projected.coefficients.launch_s < alone.projected.coefficients.launch_s


def test_evidence_marks_measured_and_projected():
    catalog, library = load(), load_kernels()
    notes = {entry.key: entry.note for entry in kernel_evidence(catalog, library, "dgx-a100")}
    assert notes["kernels/dense-gemm-bf16/dgx-a100"].startswith("measured")
    assert notes["kernels/dense-gemm-nvfp4/dgx-a100"].startswith("projected")


@pytest.mark.parametrize("arguments", [["--tables", "/nonexistent"], ["--tables", "{folder}", "--out", "{file}"]])
def test_the_command_refuses_what_it_cannot_use(tmp_path, arguments):
    (tmp_path / "h100_sxm").mkdir()
    (tmp_path / "file").write_text("x", encoding="utf-8")
    filled = [text.format(folder=tmp_path, file=tmp_path / "file") for text in arguments]
    answer = CliRunner().invoke(calibrate_app, filled)
    assert isinstance(answer.exception, InputError)
