"""The error tables of a calibration, as rows for people and for machines."""

from collections.abc import Mapping, Sequence

from gigawatt.calibration.tables import GENERATIONS, PLATFORMS
from gigawatt.performance.kernels.library import Family, Fit

# What a fit is held to: median absolute errors on measured platforms and on a generation left out.
DENSE_BF16 = "dense-gemm-bf16"
DENSE_BF16_LIMIT = 0.08
OTHER_LIMIT = 0.12
LEFT_OUT_LIMIT = 0.15
PERCENT = 100.0

Row = Mapping[str, str | int | float | None]


def measured_rows(families: Sequence[Family]) -> tuple[Row, ...]:
    """Median absolute error of each family on each measured platform, in per cent."""
    return tuple(
        {
            "family": family.id,
            "points": sum(fit.points_count for fit in family.measured.values()),
            **{platform: _percent(family.measured.get(platform)) for platform in PLATFORMS.values()},
        }
        for family in families
    )


def left_out_rows(families: Sequence[Family]) -> tuple[Row, ...]:
    """Median absolute error on each generation left out of the fit, and the projected bands, as factors of time."""
    return tuple(
        {
            "family": family.id,
            **{generation: _percent(family.left_out.get(generation)) for generation in GENERATIONS},
            "median": _rounded(family.projected.median_abs_error_fraction * PERCENT, 1),
            "operator_p10": _rounded(family.projected.operator_band.p10, 2),
            "operator_p90": _rounded(family.projected.operator_band.p90, 2),
            "step_p10": _rounded(family.projected.step_band.p10, 2),
            "step_p90": _rounded(family.projected.step_band.p90, 2),
        }
        for family in families
    )


def misses(families: Sequence[Family]) -> tuple[str, ...]:
    """In words, every median error above what the fit is held to."""
    found = []
    for family in families:
        limit = DENSE_BF16_LIMIT if family.id == DENSE_BF16 else OTHER_LIMIT
        found += [
            f"{family.id} on {platform}: {fit.median_abs_error_fraction:.1%} over {limit:.0%}"
            for platform, fit in family.measured.items()
            if fit.median_abs_error_fraction > limit
        ]
        found += [
            f"{family.id} without {generation}: {fit.median_abs_error_fraction:.1%} over {LEFT_OUT_LIMIT:.0%}"
            for generation, fit in family.left_out.items()
            if fit.median_abs_error_fraction > LEFT_OUT_LIMIT
        ]
    return tuple(found)


def markdown(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    heads = tuple(rows[0])
    lines = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    lines += [f"| {' | '.join('' if row[head] is None else str(row[head]) for head in heads)} |" for row in rows]
    return "\n".join(lines)


def _percent(fit: Fit | None) -> float | None:
    return None if fit is None else _rounded(fit.median_abs_error_fraction * PERCENT, 1)


def _rounded(value: float, digits: int) -> float:
    return round(value, digits) + 0.0
