"""The fit: coefficients that bring a law nearest to measured times, and how far it stays from them.

Robust least squares on the logarithm of time. Kernels of a few microseconds are as many as all others together and
say little about the laws' physics, so a timing weighs t/(t + 10 us); errors are always told without weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl
from scipy.optimize import least_squares

from gigawatt.calibration.laws import Columns, Law, columns_of
from gigawatt.calibration.tables import GENERATIONS
from gigawatt.performance.kernels.device import Device
from gigawatt.performance.kernels.library import STEP_OPERATORS_COUNT, Band, Coefficients, Family, Fit
from gigawatt.timeline import FloatArray

POINTS_PER_PLATFORM = 4000
LATENCY_BOUND_S = 1e-5
# Residuals beyond this logarithm count linearly: a tenth is what repeated timings differ by.
LOSS_SCALE = 0.1
STEP_DRAWS = 400
STEP_SHORTEST_S = 2e-5
MOST_EVALUATIONS = 80

# 90th percentile of the standard normal distribution.
Z90 = 1.2815515655446004
QUANTILES = (0.1, 0.5, 0.9)
SEED = 2026


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Measured points with the data sheet of each row."""

    columns: Columns
    device: Device
    time_s: FloatArray
    platforms: FloatArray


def points_of(frame: pl.DataFrame, sheets: Mapping[str, Device]) -> Points:
    """Points of a frame of observations; each row gets the data sheet of its platform."""
    names = sorted(frame["platform"].unique())
    index = frame["platform"].replace_strict({name: at for at, name in enumerate(names)}).to_numpy()
    spread = {
        item.name: np.array([float(getattr(sheets[name], item.name)) for name in names])[index]
        for item in fields(Device)
    }
    return Points(
        columns=columns_of(frame),
        device=Device(**spread),
        time_s=frame["time_s"].to_numpy(),
        platforms=index.astype(np.float64),
    )


def thinned(frame: pl.DataFrame, *, count: int, seed: int = SEED) -> pl.DataFrame:
    """At most `count` rows of each platform, drawn with a fixed seed, in the order of the frame."""
    parts = [
        part.sample(min(count, part.height), seed=seed, shuffle=False)
        for _, part in sorted(frame.group_by("platform"), key=lambda item: str(item[0]))
    ]
    return pl.concat(parts)


def log_errors(law: Law, coefficients: Coefficients, points: Points) -> FloatArray:
    """Logarithm of measured over predicted time."""
    ratio = points.time_s / law.predict(points.columns, points.device, coefficients)
    return np.asarray(np.log(ratio), dtype=np.float64)


def fitted(law: Law, points: Points) -> Coefficients:
    """The coefficients that suit `points` best, every platform with the same weight."""
    priors = [law.priors[name] for name in law.names]
    start, low, high = (
        np.log(np.array([getattr(prior, side) for prior in priors])) for side in ("start", "low", "high")
    )
    weights: FloatArray = np.sqrt(points.time_s / (points.time_s + LATENCY_BOUND_S))
    counts = np.bincount(points.platforms.astype(np.int64))
    weights = weights * np.sqrt(counts.max() / counts[points.platforms.astype(np.int64)])

    def residuals(logs: FloatArray) -> FloatArray:
        return np.asarray(weights * log_errors(law, law.from_logs(logs), points), dtype=np.float64)

    inside = np.clip(start, low + 1e-9, high - 1e-9)
    answer = least_squares(
        residuals, inside, bounds=(low, high), loss="soft_l1", f_scale=LOSS_SCALE, max_nfev=MOST_EVALUATIONS
    )
    return law.from_logs(np.asarray(answer.x, dtype=np.float64))


def assessed(law: Law, coefficients: Coefficients, points: Points) -> Fit:
    """The coefficients with their error on `points`."""
    errors = log_errors(law, coefficients, points)
    return Fit(
        coefficients=coefficients,
        operator_band=_band(errors),
        step_band=_band(_step_errors(errors, points.time_s)),
        points_count=len(errors),
        median_abs_error_fraction=float(np.median(np.abs(np.expm1(-errors)))),
    )


def _band(errors: FloatArray) -> Band:
    p10, p50, p90 = (float(value) for value in np.quantile(errors, QUANTILES))
    return Band(p10=p10, p50=p50, p90=p90)


def _step_errors(errors: FloatArray, time_s: FloatArray) -> FloatArray:
    """Log error of sums over operators that take the same time each, none of them bound by latency."""
    long = errors[time_s >= min(STEP_SHORTEST_S, float(np.quantile(time_s, QUANTILES[-1])))]
    draws = np.random.default_rng(SEED).choice(long, size=(STEP_DRAWS, STEP_OPERATORS_COUNT))
    return np.asarray(np.log(np.mean(np.exp(draws), axis=1)), dtype=np.float64)


def family_fit(
    family: str,
    law: Law,
    observations: pl.DataFrame,
    sheets: Mapping[str, Device],
    *,
    unlike: Sequence[str] = (),
    relatives: pl.DataFrame | None = None,
) -> Family:
    """A law fitted to each measured platform, to all together, and to all but each generation.

    Platforms in `unlike` have kernels of another kind and stay out of what is transferred; `relatives` are observations
    that enter only there.
    """
    sample = thinned(observations, count=POINTS_PER_PLATFORM)
    measured = {}
    for platform in sorted(observations["platform"].unique()):
        own = points_of(observations.filter(pl.col("platform") == platform), sheets)
        few = points_of(sample.filter(pl.col("platform") == platform), sheets)
        measured[platform] = assessed(law, fitted(law, few), own)
    alike = ~pl.col("platform").is_in(list(unlike))
    known = sample.filter(alike)
    if relatives is not None and relatives.height:
        known = pl.concat([known, thinned(relatives, count=POINTS_PER_PLATFORM)], how="diagonal_relaxed")
    left_out = _left_out(law, observations.filter(alike), known, sheets)
    shared = points_of(known, sheets)
    return Family(
        id=family,
        law=law.id,
        measured=measured,
        projected=_with_bands_of(assessed(law, fitted(law, shared), shared), left_out),
        left_out=left_out,
    )


def _left_out(
    law: Law, observations: pl.DataFrame, sample: pl.DataFrame, sheets: Mapping[str, Device]
) -> dict[str, Fit]:
    found = {}
    for generation, platforms in GENERATIONS.items():
        others = sample.filter(~pl.col("platform").is_in(platforms))
        held = observations.filter(pl.col("platform").is_in(platforms))
        if others.height and held.height:
            without = fitted(law, points_of(others, sheets))
            found[generation] = assessed(law, without, points_of(held, sheets))
    return found


def _with_bands_of(pooled: Fit, left_out: Mapping[str, Fit]) -> Fit:
    """The pooled coefficients with the bands and the error that generations left out have shown."""
    if not left_out:
        return pooled
    fits = list(left_out.values())
    return replace(
        pooled,
        operator_band=_spanning([fit.operator_band for fit in fits]),
        step_band=_spanning([fit.step_band for fit in fits]),
        median_abs_error_fraction=float(np.median([fit.median_abs_error_fraction for fit in fits])),
    )


def _spanning(bands: Sequence[Band]) -> Band:
    """Quantiles of the equal mixture of generations, each taken as normal to either side of its median."""
    normal = np.random.default_rng(SEED).standard_normal(STEP_DRAWS * STEP_OPERATORS_COUNT)
    draws = [band.p50 + normal * np.where(normal < 0, band.p50 - band.p10, band.p90 - band.p50) / Z90 for band in bands]
    return _band(np.concatenate(draws))
