"""The committed coefficients against the committed measurements, and the fit repeated on them.

A median of n absolute log errors that scatter by about 10 % has a standard error of about 1.25 x 0.1/sqrt(n). With some
250 rows that is 0.8 points; the limit is four of them.
"""

from pathlib import Path

import numpy as np
import pytest

from gigawatt.calibration.fitting import fitted, log_errors, points_of
from gigawatt.calibration.laws import LAWS
from gigawatt.calibration.sheets import device_sheets
from gigawatt.calibration.tabulate import left_out_rows, markdown, measured_rows, misses
from gigawatt.catalog import load
from gigawatt.catalog.kernels import load_kernels, shipped_processors
from gigawatt.entities.hardware import Precision
from tests.calibration.samples import SOURCES, observations

STANDARD_ERRORS = 4.0
SPREAD = 0.1
FAMILIES = sorted(SOURCES)


def sheets_for(family):
    frame = observations(family)
    platforms = sorted(frame["platform"].unique())
    return frame, device_sheets(load(), shipped_processors(), platforms, peak=Precision(SOURCES[family].peak))


@pytest.mark.parametrize("family", FAMILIES)
def test_shipped_coefficients_give_the_tabulated_medians(family):
    frame, sheets = sheets_for(family)
    law, shipped = LAWS[SOURCES[family].law], load_kernels().families[family]
    assert set(shipped.measured) == set(sheets)
    errors, tabulated = [], []
    for platform, fit in shipped.measured.items():
        rows = points_of(frame.filter(frame["platform"] == platform), sheets)
        found = np.abs(np.expm1(-log_errors(law, fit.coefficients, rows)))
        errors.append(found)
        tabulated += [fit.median_abs_error_fraction] * len(found)
    pooled = np.concatenate(errors)
    tolerance = STANDARD_ERRORS * 1.25 * SPREAD / np.sqrt(len(pooled))
    assert np.median(pooled) == pytest.approx(np.mean(tabulated), abs=tolerance)


@pytest.mark.parametrize("family", ["dense-gemm-bf16", "expert-layer-fp8", "decode-gqa-bf16", "all-gather"])
def test_the_fit_repeated_on_the_sample_predicts_what_the_shipped_one_does(family):
    frame, sheets = sheets_for(family)
    law, rows = LAWS[SOURCES[family].law], points_of(frame, sheets)
    ours, shipped = fitted(law, rows), load_kernels().families[family].projected.coefficients
    apart = log_errors(law, ours, rows) - log_errors(law, shipped, rows)
    assert np.median(np.abs(apart)) < SPREAD / 2
    assert np.median(np.abs(log_errors(law, ours, rows))) < np.median(np.abs(log_errors(law, shipped, rows))) + 0.01


def test_the_fit_is_deterministic():
    frame, sheets = sheets_for("all-reduce")
    rows = points_of(frame, sheets)
    assert fitted(LAWS["collective"], rows) == fitted(LAWS["collective"], rows)


def test_a_wrong_law_would_be_noticed():
    """Half the bandwidth is 0.69 in the logarithm of long messages: far beyond any tolerance here."""
    frame, sheets = sheets_for("all-gather")
    long = frame.filter(frame["volume_bytes"] > 1e8)
    shipped = load_kernels().families["all-gather"].projected.coefficients
    right = points_of(long, sheets)
    halved = {
        name: type(device)(
            peak_dense_flop_per_s=device.peak_dense_flop_per_s,
            memory_bytes_per_s=device.memory_bytes_per_s,
            link_bytes_per_s=device.link_bytes_per_s / 2,
            processors_count=device.processors_count,
            exponential_units_count=device.exponential_units_count,
        )
        for name, device in sheets.items()
    }
    law = LAWS["collective"]
    assert abs(np.median(log_errors(law, shipped, right))) < 0.2
    assert np.median(log_errors(law, shipped, points_of(long, halved))) < -0.4


def test_the_pages_tables_are_those_of_the_shipped_records():
    families = [load_kernels().families[name] for name in SOURCES]
    page = (Path(__file__).parents[2] / "docs" / "kernels.md").read_text(encoding="utf-8")
    assert markdown(measured_rows(families)) in page
    assert markdown(left_out_rows(families)) in page
    assert all(f"- {line}" in page for line in misses(families))


def test_dense_bf16_is_within_its_limit_on_every_measured_platform():
    shipped = load_kernels().families["dense-gemm-bf16"]
    assert len(shipped.measured) == 7
    assert all(fit.median_abs_error_fraction <= 0.08 for fit in shipped.measured.values())
