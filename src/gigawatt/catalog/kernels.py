"""The fitted laws of operator time: records of the catalogue in, a `KernelLibrary` out."""

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from gigawatt.catalog.dimensions import COMPUTE_RATE
from gigawatt.catalog.records import Catalog
from gigawatt.catalog.schema import FigureTable, Kebab, Quantity, SourceIds, Table
from gigawatt.errors import CatalogError
from gigawatt.performance.kernels.attention import DecodeCoefficients, PrefillCoefficients
from gigawatt.performance.kernels.collective import CollectiveCoefficients, RingProtocol
from gigawatt.performance.kernels.gemm import GemmCoefficients
from gigawatt.performance.kernels.grouped import GroupedCoefficients
from gigawatt.performance.kernels.library import Band, Coefficients, Family, Fit, KernelLibrary, ProcessorSheet
from gigawatt.performance.kernels.scan import ScanCoefficients
from gigawatt.performance.kernels.streaming import StreamingCoefficients
from gigawatt.provenance import Evidence, Grade
from gigawatt.units import DURATION_SECONDS, parse

COEFFICIENTS: Mapping[str, type[Coefficients]] = MappingProxyType(
    {
        "dense-gemm": GemmCoefficients,
        "expert-layer": GroupedCoefficients,
        "attention-prefill": PrefillCoefficients,
        "attention-decode": DecodeCoefficients,
        "chunked-scan": ScanCoefficients,
        "streaming": StreamingCoefficients,
        "collective": CollectiveCoefficients,
    }
)
PROCESSORS, PROTOCOLS = "processors", "ring-protocols"
KERNEL_SOURCE = "aiconfigurator-core"
MEASURED_NOTE = "measured: fitted to timings of this platform"
PROJECTED_NOTE = "projected: the law of all measured platforms, with the error of leaving a generation out"
_T = TypeVar("_T", bound=Table)


class BandTable(Table):
    """Natural logarithm of measured over predicted time at three quantiles."""

    p10: Quantity
    p50: Quantity
    p90: Quantity


class FitTable(Table):
    """Coefficients with their units, and what is left over."""

    points: int
    median_abs_error: Quantity
    operator_band: BandTable
    step_band: BandTable
    coefficients: Annotated[dict[Kebab, Quantity], Field(min_length=1)]


class FamilyTable(Table):
    """One operator family, fitted; `measured` by platform, `left-out` by generation."""

    id: Kebab
    name: str
    law: Kebab
    peak: str
    grade: Grade
    sources: SourceIds
    tables: tuple[str, ...]
    table_version: str
    unlike: tuple[Kebab, ...] = ()
    projected: FitTable
    measured: dict[Kebab, FitTable]
    left_out: dict[Kebab, FitTable]


class ProcessorsTable(Table):
    """Processors of accelerators by platform, and what is assumed of those without a published figure."""

    id: Kebab
    name: str
    processors: dict[Kebab, FigureTable]
    exponentials_per_clock: dict[Kebab, FigureTable]
    dies: dict[Kebab, FigureTable]
    assumed_bf16_peak_per_processor: FigureTable
    assumed_exponentials_per_clock: FigureTable
    assumed_dies: FigureTable


class ProtocolTable(Table):
    """Hops of one protocol of collectives between domains, and the bandwidth that it carries payload with."""

    hop_between_domains: FigureTable
    hop_inside_a_domain: FigureTable
    bandwidth: FigureTable


class ProtocolsTable(Table):
    """The protocols among which a library of collectives chooses."""

    id: Kebab
    name: str
    protocols: Annotated[dict[Kebab, ProtocolTable], Field(min_length=1)]


@cache
def load_kernels() -> KernelLibrary:
    """The fitted laws that are shipped with the package."""
    return read_kernels(_shipped())


def shipped_processors() -> ProcessorSheet:
    """The processors of platforms, which a fit needs before there are fitted laws."""
    return read_processors(_shipped() / f"{PROCESSORS}.toml")


def _shipped() -> Traversable:
    return resources.files("gigawatt.catalog") / "data" / "kernels"


def read_kernels(folder: Traversable) -> KernelLibrary:
    """The fitted laws in a folder with one file per family, `processors.toml` and `ring-protocols.toml`."""
    entries = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda e: e.name)
    beside = {f"{PROCESSORS}.toml", f"{PROTOCOLS}.toml"}
    families = [read_family(entry) for entry in entries if entry.name not in beside]
    return KernelLibrary(
        families=MappingProxyType({family.id: family for family in families}),
        sheet=read_processors(folder / f"{PROCESSORS}.toml"),
        protocols=read_protocols(folder / f"{PROTOCOLS}.toml"),
    )


def read_protocols(file: Traversable) -> tuple[RingProtocol, ...]:
    """The protocols of collectives between domains."""
    return tuple(
        RingProtocol(
            hop_between_s=_seconds(stated.hop_between_domains.value, file.name),
            hop_inside_s=_seconds(stated.hop_inside_a_domain.value, file.name),
            bandwidth_fraction=_number(stated.bandwidth.value, file.name),
        )
        for stated in _table(ProtocolsTable, file).protocols.values()
    )


def read_processors(file: Traversable) -> ProcessorSheet:
    """How many processors the accelerators of platforms have."""
    table = _table(ProcessorsTable, file)
    return ProcessorSheet(
        processors_count={key: _number(stated.value, file.name) for key, stated in table.processors.items()},
        exponentials_per_processor={
            key: _number(stated.value, file.name) for key, stated in table.exponentials_per_clock.items()
        },
        dies_count={key: _number(stated.value, file.name) for key, stated in table.dies.items()},
        assumed_bf16_flop_per_s_per_processor=parse(
            table.assumed_bf16_peak_per_processor.value, COMPUTE_RATE, where=f"kernels/{file.name}"
        ),
        assumed_exponentials_per_processor=_number(table.assumed_exponentials_per_clock.value, file.name),
        assumed_dies_count=_number(table.assumed_dies.value, file.name),
    )


def read_family(file: Traversable) -> Family:
    """One family from its file; raises `CatalogError` when it is malformed."""
    table = _table(FamilyTable, file)
    kind = COEFFICIENTS.get(table.law)
    if kind is None or file.name != f"{table.id}.toml":
        raise CatalogError(
            where=f"catalogue file kernels/{file.name}",
            found=f'the law "{table.law}" under the id "{table.id}"',
            expected=f"the file's own name as id, and one of {', '.join(COEFFICIENTS)}",
            fix='Write the records anew with "gigawatt calibrate --out FOLDER".',
        )
    return Family(
        id=table.id,
        law=table.law,
        measured={key: _fit(fit, kind, file.name) for key, fit in table.measured.items()},
        projected=_fit(table.projected, kind, file.name),
        left_out={key: _fit(fit, kind, file.name) for key, fit in table.left_out.items()},
    )


def kernel_evidence(catalog: Catalog, library: KernelLibrary, platform_id: str) -> tuple[Evidence, ...]:
    """How well each family's law is known on a platform, as a run's ledger records it."""
    return tuple(
        Evidence(
            key=f"kernels/{family.id}/{platform_id}",
            text=f"{family.fit(platform_id).median_abs_error_fraction:.1%} median error",
            grade=Grade.DERIVED,
            origin="catalogue",
            sources=(catalog.sources[KERNEL_SOURCE],),
            note=MEASURED_NOTE if platform_id in family.measured else PROJECTED_NOTE,
        )
        for family in library.families.values()
    )


def unit_of(coefficient: str) -> str:
    """The unit that a coefficient's name ends with, as records write it."""
    return {"s": "s", "bytes": "B"}.get(coefficient.rsplit("_", 1)[-1], "ratio")


def _fit(table: FitTable, kind: type[Coefficients], name: str) -> Fit:
    wanted = {item.name: item.name.replace("_", "-") for item in fields(kind)}
    if set(wanted.values()) != set(table.coefficients):
        raise CatalogError(
            where=f"catalogue file kernels/{name}",
            found=f"the coefficients {', '.join(sorted(table.coefficients))}",
            expected=", ".join(sorted(wanted.values())),
            fix='Write the records anew with "gigawatt calibrate --out FOLDER".',
        )
    numbers = {field: _number(table.coefficients[key], name, unit=unit_of(field)) for field, key in wanted.items()}
    return Fit(
        coefficients=kind(**numbers),
        operator_band=_band(table.operator_band, name),
        step_band=_band(table.step_band, name),
        points_count=table.points,
        median_abs_error_fraction=_number(table.median_abs_error, name, unit="ratio"),
    )


def _band(table: BandTable, name: str) -> Band:
    p10, p50, p90 = (_number(text, name, unit="ratio") for text in (table.p10, table.p50, table.p90))
    return Band(p10=p10, p50=p50, p90=p90)


def _seconds(text: str | None, name: str) -> float:
    return parse(text or "", DURATION_SECONDS, where=f"kernels/{name}")


def _number(text: str | None, name: str, *, unit: str = "") -> float:
    number, written = (text or " ").split(" ", 1)
    if not number or (unit and written != unit):
        raise CatalogError(
            where=f"catalogue file kernels/{name}",
            found=f'"{text}"',
            expected=f"a number in {unit}" if unit else "a number with its unit",
            fix="Write the value with that unit.",
        )
    return float(number)


def _table(model: type[_T], file: Traversable) -> _T:
    try:
        return model.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError, FileNotFoundError) as error:
        raise CatalogError(
            where=f"catalogue file kernels/{file.name}",
            found=str(error).splitlines()[0],
            expected="a record of fitted coefficients",
            fix='Write the records anew with "gigawatt calibrate --out FOLDER".',
        ) from error
