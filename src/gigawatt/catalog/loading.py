"""The catalogue's door: TOML files of the package in, a `Catalog` out, every malformed file refused."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import TypeVar

from pydantic import ValidationError

from gigawatt.catalog.items import (
    BenchmarkTable,
    CensusTable,
    ConvergenceTable,
    DealTable,
    ModelTable,
    NotesTable,
    PlatformTable,
    SiteTable,
    TimelineTable,
    TopicTable,
)
from gigawatt.catalog.records import Catalog, Details, Figure, Record
from gigawatt.catalog.schema import QUANTITY, FigureTable, SourceTable, Statement, Table
from gigawatt.errors import CatalogError
from gigawatt.provenance import Grade, Source

KINDS: Mapping[str, type[Details]] = MappingProxyType(
    {
        "platforms": PlatformTable,
        "models": ModelTable,
        "sites": SiteTable,
        "deals": DealTable,
        "economics": TopicTable,
        "assumptions": TopicTable,
        "benchmarks": BenchmarkTable,
    }
)
_T = TypeVar("_T", bound=Table)


@cache
def load() -> Catalog:
    """The catalogue that is shipped with the package."""
    return read(resources.files("gigawatt.catalog") / "data")


def read(folder: Traversable) -> Catalog:
    """The catalogue in a folder with one subfolder per kind, and `sources` and `notes`."""
    files = dict(_files(folder))
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name] + b"\0")
    sources = _sources(files)
    records = {kind: _records(kind, table, files, sources) for kind, table in KINDS.items()}
    notes = {
        name.split("/")[1].removesuffix(".toml"): _table(NotesTable, _toml(name, content), name)
        for name, content in files.items()
        if name.startswith("notes/")
    }
    return Catalog(
        records=MappingProxyType({kind: MappingProxyType(found) for kind, found in records.items()}),
        sources=MappingProxyType(sources),
        notes=MappingProxyType(notes),
        sha256=digest.hexdigest(),
    )


def _files(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    for sub in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if sub.is_dir():
            for entry in sorted(sub.iterdir(), key=lambda entry: entry.name):
                if entry.name.endswith(".toml"):
                    yield f"{sub.name}/{entry.name}", entry.read_bytes()


def _toml(name: str, content: bytes) -> dict[str, object]:
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise CatalogError(
            where=f"catalogue file {name}", found=str(error), expected="a TOML file in UTF-8", fix="Mend the file."
        ) from error


def _table(model: type[_T], content: object, name: str) -> _T:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "the table"
        raise CatalogError(
            where=f"catalogue file {name}, {key}",
            found=repr(first["input"])[:80],
            expected=first["msg"],
            fix=f"Mend {key}; the shape of a record is described in docs/catalogue.md.",
        ) from error


def _sources(files: Mapping[str, bytes]) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for name, content in files.items():
        if name.startswith("sources/"):
            for source_id, raw in _toml(name, content).items():
                if source_id in found:
                    raise _twice(name, source_id)
                table = _table(SourceTable, raw, f"{name}, {source_id}")
                found[source_id] = Source(id=source_id, **table.model_dump())
    return found


def _records(
    kind: str, model: type[Details], files: Mapping[str, bytes], sources: Mapping[str, Source]
) -> dict[str, Record]:
    found: dict[str, Record] = {}
    names: set[str] = set()
    for name, content in files.items():
        if not name.startswith(f"{kind}/"):
            continue
        table = _table(model, _toml(name, content), name)
        if f"{kind}/{table.id}.toml" != name:
            raise CatalogError(
                where=f"catalogue file {name}, id",
                found=f'"{table.id}"',
                expected="the file's own name",
                fix="Rename the file or the id.",
            )
        for taken in (table.id, *table.aliases):
            if taken in names:
                raise _twice(name, taken)
            names.add(taken)
        found[table.id] = _record(kind, table, name, sources)
    return found


def _record(kind: str, table: Details, name: str, sources: Mapping[str, Source]) -> Record:
    address = f"{kind}/{table.id}"
    figures = {key: _figure(f"{address}/{key}", stated, name, sources) for key, stated in table.figures.items()}
    if isinstance(table, SiteTable) and table.timeline is not None:
        figures |= _timeline_figures(address, table.timeline, name, sources)
    if isinstance(table, TopicTable) and table.census is not None:
        figures |= _census_figures(address, table.census, name, sources)
    if isinstance(table, BenchmarkTable):
        figures |= _convergence_figures(address, table.convergence, name, sources)
    return Record(
        kind=kind,
        id=table.id,
        name=table.name,
        aliases=table.aliases,
        figures=MappingProxyType(figures),
        details=table,
    )


def _figure(key: str, stated: FigureTable, name: str, sources: Mapping[str, Source]) -> Figure:
    others = tuple(_statement(f"{key}/{other.id}", other, name, sources) for other in stated.alternatives)
    return replace(
        _statement(key, stated, name, sources),
        why=stated.rationale or stated.why,
        derived_from=stated.derived_from,
        alternatives=others,
    )


def _statement(key: str, stated: Statement, name: str, sources: Mapping[str, Source]) -> Figure:
    match = QUANTITY.match(stated.value or "")
    bound = QUANTITY.match(stated.low or stated.high or "")
    unit = match[2] if match else bound[2] if bound else stated.unit or ""
    return Figure(
        key=key,
        text=stated.value or stated.words or "",
        value=float(match[1].replace(",", "")) if match else None,
        unit=unit,
        grade=stated.grade,
        sources=tuple(_source(source_id, key, name, sources) for source_id in stated.sources),
        as_of=stated.date,
        low=stated.low or "",
        high=stated.high or "",
        note=stated.note,
        label=stated.label,
        locator=stated.locator,
        qualifier=stated.qualifier,
        basis=stated.basis,
        scope=stated.scope,
        direction=stated.direction,
        price_year=stated.price_year,
        tier=stated.tier,
        in_sum=stated.in_sum,
        cites=stated.cites,
    )


def _source(source_id: str, key: str, name: str, sources: Mapping[str, Source]) -> Source:
    if source_id not in sources:
        raise CatalogError(
            where=f"catalogue file {name}, {key}",
            found=f'the source "{source_id}"',
            expected="the id of a record in sources/",
            fix="Add the source, or correct its id.",
        )
    return sources[source_id]


def _timeline_figures(
    address: str, timeline: TimelineTable, name: str, sources: Mapping[str, Source]
) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for row in timeline.rows:
        scope = "projected" if row.projected else ""
        for key in ("it_power", "facility_power", "h100_equivalents", "capital"):
            figure_key = f"timeline-{row.date}-{key.replace('_', '-')}"
            stated = _stated(timeline, key, value=getattr(row, key), as_of=row.date, scope=scope, label=timeline.name)
            found[figure_key] = _statement(f"{address}/{figure_key}", stated, name, sources)
    return found


def _census_figures(address: str, census: CensusTable, name: str, sources: Mapping[str, Source]) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for row in census.rows:
        for key in ("facility_power", "h100_equivalents", "capital"):
            figure_key = f"{row.id}-{key.replace('_', '-')}"
            stated = _stated(census, key, value=getattr(row, key), as_of=census.date, scope="", label=row.name)
            found[figure_key] = _statement(f"{address}/{figure_key}", stated, name, sources)
    return found


def _stated(
    shared: TimelineTable | CensusTable, key: str, *, value: str, as_of: str, scope: str, label: str
) -> Statement:
    return Statement.model_validate(
        {
            "value": value,
            "grade": Grade(shared.grade),
            "sources": shared.sources,
            "date": as_of,
            "scope": scope,
            "label": label,
            "basis": "H100 equivalent" if key == "h100_equivalents" else "",
            "price-year": shared.price_year if key == "capital" else "",
        }
    )


def _convergence_figures(
    address: str, stated: ConvergenceTable, name: str, sources: Mapping[str, Source]
) -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    shared = {"grade": stated.grade, "sources": stated.sources, "locator": stated.locator, "date": stated.date}
    for point in stated.points:
        batch = point.batch.split()[0]
        said = {f"to-target-at-{batch}": point.mean, f"deviation-at-{batch}": point.deviation}
        for key, value in said.items():
            statement = Statement.model_validate({"value": value, "label": f"{point.runs} runs", **shared})
            found[key] = replace(_statement(f"{address}/{key}", statement, name, sources), note=point.note)
    return found


def _twice(name: str, taken: str) -> CatalogError:
    return CatalogError(
        where=f"catalogue file {name}",
        found=f'"{taken}" a second time',
        expected="an id or alias that nothing else has",
        fix="Choose another id or alias.",
    )
