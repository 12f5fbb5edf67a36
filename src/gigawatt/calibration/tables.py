"""Measured kernel tables: where they lie, and which of their timings are the reference for a shape.

The tables are those of the package `aiconfigurator-core` (Apache-2.0): `system/family/engine/version/table.parquet`,
latencies in milliseconds. Several serving engines measured the same shapes with kernels of their own, some without
CUDA graphs, so that a timing may be that of the host. The reference for a shape is the fastest engine's kernel, with
three rules: of each engine the newest version that measured at least half as many shapes as its fullest; no kernel
whose shortest timing is `HOST_BOUND` times that of the best kernel for the same inputs; and only shapes which every
engine that is left measured, so that the reference does not jump where one has gaps.
"""

import importlib.metadata
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gigawatt.errors import InputError

PACKAGE = "aiconfigurator-core"
PACKAGE_VERSION = "0.12.0"
HOST_BOUND = 4.0
MILLISECONDS_PER_SECOND = 1e3

# Directory of a system in the tables, and the platform of the catalogue that it is.
PLATFORMS = {
    "a100_sxm": "dgx-a100",
    "h100_sxm": "dgx-h100",
    "h200_sxm": "hgx-h200",
    "b200_sxm": "dgx-b200",
    "b300_sxm": "dgx-b300",
    "gb200": "gb200-nvl72",
    "gb300": "gb300-nvl72",
}

# Devices of other classes whose tables tell what those of the platforms cannot: what a second die costs.
RELATIVES = {"l40s": "l40s-server", "rtx_pro_6000_server": "rtx-pro-6000-server"}
SYSTEMS = PLATFORMS | RELATIVES

GENERATIONS = {
    "ampere": ("dgx-a100",),
    "hopper": ("dgx-h100", "hgx-h200"),
    "blackwell": ("dgx-b200", "gb200-nvl72"),
    "blackwell-ultra": ("dgx-b300", "gb300-nvl72"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSet:
    """A folder of measured tables, the version of its package, and the platforms whose tables are read."""

    root: Path
    version: str
    platforms: tuple[str, ...] = tuple(PLATFORMS.values())

    def holds(self, name: str) -> bool:
        """Whether any of the platforms has a table of this name."""
        systems = [system for system, platform in SYSTEMS.items() if platform in self.platforms]
        return any(any((self.root / system).glob(f"*/*/*/{name}.parquet")) for system in systems)


def installed_tables(folder: Path | None, *, package: str = PACKAGE, where: str = "gigawatt calibrate") -> TableSet:
    """The tables in `folder`, or those of the installed package; raises `InputError` when there are none."""
    if folder is not None:
        return _checked(TableSet(root=folder, version="of a folder given by hand"))
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            where=where,
            found=f"no package {package} in this environment",
            expected="the measured kernel tables that come with it",
            fix=f'Install it with "pip install {PACKAGE}=={PACKAGE_VERSION}", or give a folder with --tables.',
        ) from error
    root = Path(str(distribution.locate_file("aiconfigurator_core"))) / "systems" / "data"
    return _checked(TableSet(root=root, version=distribution.version))


def _checked(tables: TableSet) -> TableSet:
    if not any((tables.root / system).is_dir() for system in PLATFORMS):
        raise InputError(
            where="--tables",
            found=f"{tables.root} without a folder of any of {', '.join(PLATFORMS)}",
            expected="the folder systems/data of the package, with one folder per system",
            fix=f'Give that folder, or install the package with "pip install {PACKAGE}=={PACKAGE_VERSION}".',
        )
    return tables


def read_table(tables: TableSet, name: str, *, shape: Sequence[str]) -> pl.DataFrame:
    """All timings of a table on the platforms we know, with `platform`, `engine` and `kernel_source`.

    Of each engine only the version that the module's rule chooses; `shape` are the columns that make a shape.
    """
    frames = []
    for system, platform in SYSTEMS.items():
        if platform not in tables.platforms:
            continue
        by_engine: dict[str, list[tuple[tuple[int, ...], pl.DataFrame]]] = {}
        for path in sorted((tables.root / system).glob(f"*/*/*/{name}.parquet")):
            frame = pl.read_parquet(path).with_columns(platform=pl.lit(platform), engine=pl.lit(path.parts[-3]))
            by_engine.setdefault(path.parts[-3], []).append((_version_key(path.parts[-2]), frame))
        frames += [_chosen_version(versions, shape) for versions in by_engine.values()]
    if not frames:
        raise InputError(
            where=str(tables.root), found=f"no table {name}", expected=f"{name}.parquet", fix="Reinstall the package."
        )
    return pl.concat(frames, how="diagonal_relaxed").filter(pl.col("latency") > 0.0)


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


def _chosen_version(versions: list[tuple[tuple[int, ...], pl.DataFrame]], shape: Sequence[str]) -> pl.DataFrame:
    shapes = [frame.select([column for column in shape if column in frame.columns]).n_unique() for _, frame in versions]
    full = [entry for entry, count in zip(versions, shapes, strict=True) if 2 * count >= max(shapes)]
    return max(full, key=lambda entry: entry[0])[1]


def reference(timings: pl.DataFrame, *, inputs: Sequence[str], shape: Sequence[str], all_engines: bool) -> pl.DataFrame:
    """The reference timing `time_s` of each shape; `inputs` are the columns that tell kinds of kernels apart."""
    kinds = ["platform", *inputs]
    sources = timings.group_by(*kinds, "engine", "kernel_source").agg(floor=pl.col("latency").min())
    sources = sources.filter(pl.col("floor") < HOST_BOUND * pl.col("floor").min().over(kinds))
    left = timings.join(sources, on=[*kinds, "engine", "kernel_source"], how="semi", nulls_equal=True)
    shapes = left.group_by(*kinds, *shape).agg(
        time_s=pl.col("latency").min() / MILLISECONDS_PER_SECOND, engines_count=pl.col("engine").n_unique()
    )
    if all_engines:
        shapes = shapes.filter(pl.col("engines_count") == pl.col("engines_count").max().over(kinds))
    return shapes.sort([*kinds, *shape])
