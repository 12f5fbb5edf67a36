"""Measured tables as ratios to the fitted laws: what `--kernels measured` brings the laws' times to.

The reference timing of each shape is the one that the laws were fitted to (see `tables`), so that both backends differ
only by what the laws leave over.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from gigawatt.calibration.families import FAMILIES, FamilySource
from gigawatt.calibration.fitting import points_of
from gigawatt.calibration.laws import LAWS, Columns
from gigawatt.calibration.sheets import device_sheets
from gigawatt.calibration.tables import TableSet
from gigawatt.catalog import Catalog
from gigawatt.entities.hardware import Precision
from gigawatt.performance.kernels.grouped import GATED_PROJECTIONS, ExpertShapes
from gigawatt.performance.kernels.library import Band, KernelLibrary
from gigawatt.performance.kernels.measured import TimingRatios, timing_ratios
from gigawatt.performance.step.load import replace_fits
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPlatform:
    """Ratios of one platform by family, and what stands in, in words, for each family that has no table."""

    ratios: Mapping[str, TimingRatios]
    stand_ins: Mapping[str, str]


def measured_platform(tables: TableSet, catalog: Catalog, library: KernelLibrary, platform_id: str) -> MeasuredPlatform:
    """All families that the tables hold of a platform; a platform without any keeps its laws."""
    own = replace(tables, platforms=(platform_id,))
    found = {source.id: _ratios(source, own, catalog, library, platform_id) for source in FAMILIES}
    return MeasuredPlatform(
        ratios={family: ratios for family, ratios in found.items() if ratios is not None},
        stand_ins={
            family: "the law fitted to this platform"
            if platform_id in library.families[family].measured
            else "the law of all measured platforms"
            for family, ratios in found.items()
            if ratios is None
        },
    )


def _ratios(
    source: FamilySource, tables: TableSet, catalog: Catalog, library: KernelLibrary, platform_id: str
) -> TimingRatios | None:
    if not all(tables.holds(name) for name in source.tables):
        return None
    frame: pl.DataFrame = source.observe(tables)
    if frame.is_empty():
        return None
    points = points_of(frame, device_sheets(catalog, library.sheet, [platform_id], peak=Precision(source.peak)))
    fit = library.families[source.id].fit(platform_id)
    law = LAWS[source.law].predict(points.columns, points.device, fit.coefficients) * np.exp(fit.step_band.p50)
    shapes = _SHAPES[source.law](points.columns)
    return timing_ratios(np.concatenate(shapes), np.tile(points.time_s / law, len(shapes)))


def _columns(columns: Columns, *names: str) -> FloatArray:
    return np.stack([columns[name] for name in names], axis=-1)


def _expert_products(columns: Columns) -> list[FloatArray]:
    """Rows, width, depth and groups of both products of a layer; a layer's ratio holds for either."""
    layer = ExpertShapes(
        tokens_count=columns["num_tokens"],
        hidden_dim=columns["hidden_size"],
        inter_dim=columns["inter_size"],
        top_k_count=columns["topk"],
        experts_count=columns["num_experts"],
        tp_count=columns["moe_tp_size"],
        ep_count=columns["moe_ep_size"],
        skew_fraction=0.0,
    )
    rows, groups = layer.rows_count, layer.touched_experts_count
    inner, hidden = columns["inter_size"] / columns["moe_tp_size"], columns["hidden_size"]
    up = np.stack([rows, GATED_PROJECTIONS * inner, hidden, groups], axis=-1)
    return [up, np.stack([rows, hidden, inner, groups], axis=-1)]


_ATTENTION = ("sequences", "queries", "context", "heads", "cached_values", "score_dim")
_SHAPES: Mapping[str, Callable[[Columns], Sequence[FloatArray]]] = {
    "dense-gemm": lambda columns: [_columns(columns, "m", "n", "k")],
    "expert-layer": _expert_products,
    "attention-prefill": lambda columns: [_columns(columns, *_ATTENTION)],
    "attention-decode": lambda columns: [_columns(columns, *_ATTENTION)],
    "chunked-scan": lambda columns: [_columns(columns, "sequences", "tokens", "heads", "chunk_flop")],
    "streaming": lambda columns: [_columns(columns, "volume_bytes")],
    "collective": lambda columns: [_columns(columns, "ranks", "volume_bytes")],
}


def without_bands(library: KernelLibrary, platform_id: str, measured: Mapping[str, TimingRatios]) -> KernelLibrary:
    """The library with no band of the fit where a platform's own timings are known."""
    families = {
        key: replace_fits(
            family,
            lambda fit, name: replace(fit, step_band=_flat(fit.step_band)) if name == platform_id else fit,
        )
        if key in measured
        else family
        for key, family in library.families.items()
    }
    return replace(library, families=families)


def _flat(band: Band) -> Band:
    return Band(p10=band.p50, p50=band.p50, p90=band.p50)
