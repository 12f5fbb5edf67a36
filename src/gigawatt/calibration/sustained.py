"""How much the longest measured products slow down: the clock that the power limit leaves under sustained load.

Power depends on the values: a product of zeros switches few transistors and keeps its clock, so only engines that fill
weights with random numbers count. On A100 the products of the one that leaves them as allocated reach 291 TFLOP/s
where theirs reach 261, as zeros and normally distributed values do elsewhere (295 against 257,
https://www.thonking.ai/p/strangely-matrix-multiplications).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from gigawatt.calibration.families import DTYPES, FAMILIES, VALUE_BYTES, products_of_values
from gigawatt.calibration.sheets import device_sheets
from gigawatt.calibration.tables import MILLISECONDS_PER_SECOND, TableSet, read_table
from gigawatt.catalog import Catalog
from gigawatt.entities.hardware import Precision
from gigawatt.performance.kernels.device import Device
from gigawatt.performance.kernels.gemm import GemmCoefficients, gemm_time_s
from gigawatt.performance.kernels.library import Family, ProcessorSheet
from gigawatt.timeline import FloatArray

_SHAPE = ("m", "n", "k")
# Kernels that last this long, of matrices with no side shorter than this many values.
LONG_S = 4e-3
SHORTEST_SIDE = 1000
_FEWEST = 20
# When these tables were read.
READ_ON = "2026-11-23"
# All engines call the vendor's library for these, so that their timings are repetitions; elsewhere the fastest counts.
_ONE_LIBRARY = DTYPES["bf16"]

# Family of products and its precision.
PRODUCTS = {f"dense-gemm-{precision}": precision for precision in ("bf16", "fp8", "fp8-block", "nvfp4")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Slowdown:
    """Computation time under sustained load over that at full clock, less one: P10, median and P90 over shapes."""

    low: float
    best: float
    high: float
    shapes_count: int


def slowdowns(
    tables: TableSet, family: str, *, fits: Mapping[str, GemmCoefficients], devices: Mapping[str, Device]
) -> dict[str, Slowdown]:
    """The slowdown of a family's products by platform, against its own fitted law without throttling."""
    precision = PRODUCTS[family]
    timings = read_table(tables, "gemm_perf", shape=("gemm_dtype", *_SHAPE))
    timings = products_of_values(timings, precision).filter(pl.all_horizontal(pl.col(*_SHAPE) >= SHORTEST_SIDE))
    found = {}
    for platform, fit in fits.items():
        ratios = _ratios(timings.filter(pl.col("platform") == platform), fit, devices[platform], VALUE_BYTES[precision])
        if ratios.size >= _FEWEST:
            low, best, high = (float(np.quantile(ratios, q)) - 1.0 for q in (0.1, 0.5, 0.9))
            found[platform] = Slowdown(low=low, best=best, high=high, shapes_count=ratios.size)
    return found


def _ratios(timings: pl.DataFrame, fit: GemmCoefficients, device: Device, value_bytes: float) -> FloatArray:
    one_library = timings["gemm_dtype"].first() == _ONE_LIBRARY
    time = pl.col("latency").mean() if one_library else pl.col("latency").min()
    shapes = timings.group_by(*_SHAPE).agg(time_s=time, engines=pl.col("engine").n_unique())
    shapes = shapes.filter(
        (pl.col("engines") == pl.col("engines").max()) & (pl.col("time_s") >= LONG_S * MILLISECONDS_PER_SECOND)
    )
    m, n, k, measured = (shapes[name].to_numpy().astype(np.float64) for name in (*_SHAPE, "time_s"))
    cool = replace(fit, throttle_fraction=0.0)
    law = gemm_time_s(m, n, k, value_bytes=value_bytes, device=device, coefficients=cool)
    return np.asarray(measured / MILLISECONDS_PER_SECOND / law, dtype=np.float64)


def write_slowdowns(
    folder: Path, tables: TableSet, families: Iterable[Family], catalog: Catalog, processors: ProcessorSheet
) -> None:
    """Write the record of every family of dense products into `folder`."""
    peaks = {source.id: Precision(source.peak) for source in FAMILIES}
    for family in families:
        if family.id not in PRODUCTS:
            continue
        kernels = {name: fit.coefficients for name, fit in family.measured.items()}
        fits = {name: kernel for name, kernel in kernels.items() if isinstance(kernel, GemmCoefficients)}
        devices = device_sheets(catalog, processors, fits, peak=peaks[family.id])
        found = slowdowns(tables, family.id, fits=fits, devices=devices)
        lines = slowdown_lines(family.id, found, date=READ_ON)
        (folder / f"sustained-{family.id}.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def slowdown_lines(family: str, found: Mapping[str, Slowdown], *, date: str) -> Iterator[str]:
    """A record of the catalogue."""
    yield f'id = "sustained-{family}"'
    yield f'name = "How much longer {family} computes under sustained load than at full clock"'
    for platform, item in sorted(found.items()):
        yield ""
        yield f"[figures.{platform}]"
        yield f'value = "{item.best:.4f} ratio"'
        yield f'low = "{min(item.low, item.best):.4f} ratio"'
        yield f'high = "{item.high:.4f} ratio"'
        yield 'grade = "derived"'
        yield f'date = "{date}"'
        yield 'sources = ["aiconfigurator-core"]'
        shortest = f"{LONG_S * MILLISECONDS_PER_SECOND:.0f} ms"
        yield (
            f'rationale = "Median, P10 and P90 of {item.shapes_count} products of random values that take {shortest} '
            'and more (aiconfigurator-core 0.12.0, gemm_perf) over the fitted law at full clock, less one."'
        )
