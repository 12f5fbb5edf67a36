"""How a catalogue file is written: frozen pydantic models that refuse every key they do not know."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gigawatt.provenance import Grade

KEBAB = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
RECORD_ID = re.compile(r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$")
QUANTITY = re.compile(r"^([+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?) ([A-Za-z][A-Za-z_ /*]*)$")


def _kebab(text: str) -> str:
    if not KEBAB.match(text):
        raise ValueError(f'"{text}" is not kebab-case: write small letters and digits joined by hyphens')
    return text


def _record_id(text: str) -> str:
    if not RECORD_ID.match(text):
        raise ValueError(f'"{text}" is not kebab-case (a version may keep its dot)')
    return text


def _quantity(text: str) -> str:
    if not QUANTITY.match(text):
        raise ValueError(f'"{text}" is not a number, a space and a unit: write it like "22 TB/s"')
    return text


Kebab = Annotated[str, AfterValidator(_kebab)]
RecordId = Annotated[str, AfterValidator(_record_id)]
Quantity = Annotated[str, AfterValidator(_quantity)]
SourceIds = Annotated[tuple[Kebab, ...], Field(min_length=1)]


class Table(BaseModel):
    """A TOML table: kebab-case keys, none unknown, nothing changed after reading."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"), strict=False
    )


class SourceTable(Table):
    """A document, and how well we know it."""

    publisher: str
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    date: str
    tier: Literal["official", "reported", "estimate", "secondary", "assumed"]
    seen: Literal["direct", "via", "recall"]
    url_precision: Literal["page", "site", "unconfirmed"]
    licence: str = ""
    note: str = ""


class Statement(Table):
    """What one party says a quantity is; `unit` alone when the figure was looked for and not found."""

    value: Quantity | None = None
    words: str | None = None
    low: Quantity | None = None
    high: Quantity | None = None
    unit: str | None = None
    grade: Grade
    sources: tuple[Kebab, ...] = ()
    date: str
    locator: str = ""
    label: str = ""
    qualifier: str = ""
    basis: str = ""
    scope: str = ""
    direction: Literal["", "bidirectional", "each way", "not stated"] = ""
    price_year: str = ""
    tier: str = ""
    in_sum: bool | None = None
    cites: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        stated = [part for part in (self.value, self.words, self.low, self.high) if part is not None]
        if not stated and self.unit is None:
            raise ValueError("a figure without value, words or range states the unit it would have")
        if stated and self.grade is Grade.UNKNOWN:
            raise ValueError('a figure with a value cannot have the grade "unknown"')
        if self.grade is not Grade.ASSUMED and not self.sources:
            raise ValueError('only a figure of grade "assumed" may lack sources')
        return self


class Alternative(Statement):
    """A superseded or conflicting statement that is kept beside the preferred one."""

    id: Kebab


class FigureTable(Statement):
    """The preferred statement of a figure, and the others; `rationale` carries an assumption."""

    preferred: bool = False
    why: str = ""
    rationale: str = ""
    derived_from: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @model_validator(mode="after")
    def _chosen_explicitly(self) -> Self:
        if self.alternatives and not (self.preferred and self.why):
            raise ValueError("a figure with alternatives needs preferred = true and a why")
        if self.grade is Grade.ASSUMED and not self.rationale:
            raise ValueError('a figure of grade "assumed" needs a rationale')
        return self


Figures = dict[Kebab, FigureTable]


class RecordTable(Table):
    """What every record has."""

    id: RecordId
    name: str
    aliases: tuple[RecordId, ...] = ()
    figures: Figures = Field(default_factory=dict)
