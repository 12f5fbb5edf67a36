"""The catalogue in memory: records of figures, each figure with everything said about it."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gigawatt.catalog.items import (
    BenchmarkTable,
    DealTable,
    ModelTable,
    NotesTable,
    PlatformTable,
    SiteTable,
    TopicTable,
)
from gigawatt.errors import CatalogError
from gigawatt.provenance import Evidence, Grade, Source

Details = PlatformTable | ModelTable | SiteTable | DealTable | TopicTable | BenchmarkTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure about the world, as printed, and who says so.

    `text` is the value with its unit ("" when only a range or nothing is published), `value` its number in `unit`.
    `low` and `high` are printed the same way. `alternatives` are superseded or conflicting statements; `why` says
    why this one is preferred, or on what ground an assumption is made.
    """

    key: str
    text: str
    value: float | None
    unit: str
    grade: Grade
    sources: tuple[Source, ...]
    as_of: str
    low: str = ""
    high: str = ""
    note: str = ""
    label: str = ""
    locator: str = ""
    qualifier: str = ""
    basis: str = ""
    scope: str = ""
    direction: str = ""
    price_year: str = ""
    tier: str = ""
    in_sum: bool | None = None
    cites: tuple[str, ...] = ()
    why: str = ""
    derived_from: tuple[str, ...] = ()
    alternatives: tuple["Figure", ...] = ()

    @property
    def printed(self) -> str:
        """Value or range as one would write it in a sentence."""
        nothing = "not published" if self.grade is Grade.UNKNOWN else f"none ({self.note})"
        body = self.text or self.spread or nothing
        price_year = f"(USD of {self.price_year})" if self.price_year else ""
        return " ".join(part for part in (self.qualifier, body, price_year) if part)

    @property
    def spread(self) -> str:
        """The range as one would write it, empty when none is given."""
        return f"{self.low} to {self.high}" if self.low and self.high else self.low or self.high

    @property
    def remarks(self) -> str:
        """What limits the figure: direction, basis, scope, the note and the reason of the choice."""
        parts = (self.direction, self.basis and f"basis: {self.basis}", self.scope, self.note, self.why)
        return "; ".join(part for part in parts if part)

    @property
    def evidence(self) -> Evidence:
        """The figure as a run's ledger records it."""
        return Evidence(
            key=self.key,
            text=self.text or self.printed,
            grade=self.grade,
            origin="catalogue",
            sources=self.sources,
            low=self.low,
            high=self.high,
            as_of=self.as_of,
            note=self.remarks,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One item of the catalogue; `details` holds what its file says in words and dimensions."""

    kind: str
    id: str
    name: str
    aliases: tuple[str, ...]
    figures: Mapping[str, Figure]
    details: Details


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All records, sources and notes; `sha256` is that of all data files in the order of their names."""

    records: Mapping[str, Mapping[str, Record]]
    sources: Mapping[str, Source]
    notes: Mapping[str, NotesTable]
    sha256: str

    def record(self, kind: str, record_id: str) -> Record:
        """The record of a kind, by id or alias; raises `CatalogError` with close matches."""
        of_kind = self.records.get(kind)
        if of_kind is None:
            raise _unknown("kind of record", kind, self.records)
        found = of_kind.get(record_id) or next((r for r in of_kind.values() if record_id in r.aliases), None)
        if found is None:
            names = (*of_kind, *(alias for r in of_kind.values() for alias in r.aliases))
            raise _unknown(f"{kind} record", record_id, names)
        return found

    def find(self, name: str) -> Record:
        """The record that `name` means: `kind/id`, or an id or alias of any kind; raises `CatalogError`."""
        if "/" in name:
            kind, _, record_id = name.partition("/")
            return self.record(kind, record_id)
        found = [r for of_kind in self.records.values() for r in of_kind.values() if name in (r.id, *r.aliases)]
        if not found:
            known = (n for of_kind in self.records.values() for r in of_kind.values() for n in (r.id, *r.aliases))
            raise _unknown("record", name, known)
        if len(found) > 1:
            raise CatalogError(
                where="catalogue",
                found=f'{len(found)} records called "{name}"',
                expected="one",
                fix=f"Say which: {', '.join(f'{r.kind}/{r.id}' for r in found)}.",
            )
        return found[0]

    def figure(self, key: str) -> Figure:
        """The figure at an address like `platforms/vr-nvl72/hbm-capacity`; an alternative adds `/its-id`."""
        parts = key.split("/")
        if len(parts) not in (3, 4):
            raise CatalogError(
                where="catalogue",
                found=f'the address "{key}"',
                expected="kind/record/figure",
                fix='Write it like "platforms/vr-nvl72/hbm-capacity".',
            )
        record = self.record(parts[0], parts[1])
        figure = record.figures.get(parts[2])
        if figure is None:
            raise _unknown(f"figure of {record.kind}/{record.id}", parts[2], record.figures)
        if len(parts) == 3:
            return figure
        named = {other.key.rsplit("/", 1)[1]: other for other in figure.alternatives}
        if parts[3] not in named:
            raise _unknown(f"alternative of {figure.key}", parts[3], named)
        return named[parts[3]]


def _unknown(what: str, name: str, known: Iterable[str]) -> CatalogError:
    names = sorted(set(known))
    close = difflib.get_close_matches(name, names, n=5, cutoff=0.4)
    listed = ", ".join(close or names[:12]) or "none"
    return CatalogError(
        where="catalogue",
        found=f'no {what} called "{name}"',
        expected=f"one of the {len(names)} known",
        fix=f"{'Close matches' if close else 'Known'}: {listed}.",
    )
