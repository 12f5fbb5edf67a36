"""Who says so: the evidence behind every figure, and the ledger of what a run relied on."""

from dataclasses import dataclass, field
from enum import StrEnum


class Grade(StrEnum):
    """How well a figure is supported, best first."""

    OFFICIAL = "official"
    REPORTED = "reported"
    ESTIMATE = "estimate"
    DERIVED = "derived"
    UNVERIFIED = "unverified"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that a figure was taken from.

    `seen` says whether the document itself was read ("direct"), cited by another ("via") or remembered ("recall");
    `url_precision` whether the address is the page, only the site, or unconfirmed.
    """

    id: str
    publisher: str
    url: str
    date: str
    tier: str
    note: str = ""
    seen: str = ""
    url_precision: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One figure as a run used it, and where it comes from.

    `key` is the figure's address (`platforms/vr-nvl72/hbm` or `scenario/programme.discount_rate`);
    `text` is the value as printed with its unit; `low` and `high` are its range as printed, empty when none is given;
    `origin` is "catalogue", "scenario" (stated by the user) or "default" (taken because the scenario is silent).
    """

    key: str
    text: str
    grade: Grade
    origin: str
    sources: tuple[Source, ...] = ()
    low: str = ""
    high: str = ""
    as_of: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """All the evidence a run touched, once per key, in the order of the keys."""

    entries: tuple[Evidence, ...] = field(default=())

    def merged(self, *others: Evidence) -> "Ledger":
        """This ledger and the other entries; the first entry of a key stands."""
        by_key: dict[str, Evidence] = {}
        for entry in (*self.entries, *others):
            by_key.setdefault(entry.key, entry)
        return Ledger(entries=tuple(by_key[key] for key in sorted(by_key)))
