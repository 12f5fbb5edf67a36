"""The file that says what has really happened: TOML, quantities with units, nothing unknown, names checked.

What the file leaves out is as planned. Its tables: `[[site]]` (what is energized, what slips), `[[racks]]` (in
service), `[[order]]` (on their way), `[[platform]]` (new quotes), `[[plant]]` (what is late), and `cash`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from gigawatt.entities.actuals import Actuals, Ordered, PlantNews, Quote, RacksInService, SiteNews
from gigawatt.entities.hardware import SupplyStep
from gigawatt.entities.site import PowerStep
from gigawatt.entities.stages import Inputs
from gigawatt.errors import ScenarioError
from gigawatt.scenario.refusals import quoted, suggestion
from gigawatt.units import (
    DURATION_MONTHS,
    FACILITY_POWER,
    MONEY,
    MONEY_PER_RACK,
    RACK_COUNT,
    RACKS_PER_MONTH,
    Dimension,
    parse,
)

_KEYS = ("cash", "site", "racks", "order", "platform", "plant")
_WHOLE = 1e-9
_RACKS = replace(RACK_COUNT, exclusive=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A table of the file with its place; every key is asked for by name."""

    where: str
    table: Mapping[str, Any]

    def text(self, key: str) -> str:
        """A text that must be there."""
        value = self.table.get(key)
        if not isinstance(value, str):
            raise _refused(self.place(key), found=_found(value), expected="a text", fix=f'Write {key} = "...".')
        return value

    def place(self, key: str) -> str:
        """Where a key stands, for a message."""
        return f"{self.where}.{key}" if self.where[-1:] != " " else f"{self.where}{key}"

    def number(self, key: str, dimension: Dimension) -> float:
        """A quantity that must be there."""
        if key not in self.table:
            raise _refused(
                self.place(key), found="nothing", expected=dimension.name, fix=f"Write {key} = {dimension.example}."
            )
        return parse(self.table[key], dimension, where=self.place(key))

    def number_or_none(self, key: str, dimension: Dimension) -> float | None:
        """A quantity, or None where the file is silent."""
        return self.number(key, dimension) if key in self.table else None

    def whole(self, key: str, dimension: Dimension) -> int:
        """A quantity that must be a whole number."""
        value = self.number(key, dimension)
        if abs(value - round(value)) > _WHOLE:
            raise _refused(
                self.place(key),
                found=quoted(self.table[key]),
                expected=f"a whole number of {dimension.canonical}s",
                fix="Round it.",
            )
        return round(value)

    def month(self, key: str) -> date:
        """A month written as YYYY-MM."""
        text = self.text(key)
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError as error:
            raise _refused(
                self.place(key), found=quoted(text), expected="a month, YYYY-MM", fix='Write it like "2027-07".'
            ) from error

    def name(self, key: str, known: Sequence[str], noun: str) -> str:
        """One of the names that the study knows."""
        text = self.text(key)
        if text not in known:
            raise _refused(
                self.place(key),
                found=f"the unknown {noun} {quoted(text)}",
                expected=f"a {noun} of the study",
                fix=suggestion(text, tuple(known)),
            )
        return text

    def entries(self, key: str) -> tuple["_Entry", ...]:
        """The tables of a list; none where the key is missing."""
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise _refused(
                self.place(key), found=_found(value), expected="a list of tables", fix=f"Write it under [[{key}]]."
            )
        return tuple(_Entry(where=f"{self.place(key)}[{index}]", table=item) for index, item in enumerate(value))

    def only(self, *keys: str) -> "_Entry":
        """This table, refused where it has other keys."""
        for key in self.table:
            if key not in keys:
                raise _refused(
                    self.place(key),
                    found="an unknown key",
                    expected=f"one of {', '.join(keys)}",
                    fix=suggestion(key, keys),
                )
        return self


def _found(value: object) -> str:
    return "nothing" if value is None else quoted(value)


def _refused(where: str, *, found: str, expected: str, fix: str) -> ScenarioError:
    return ScenarioError(where=where, found=found, expected=expected, fix=fix)


def read_actuals(path: Path, inputs: Inputs, *, as_of: date) -> Actuals:
    """The state of a programme on the day `as_of` as a file tells it. Raises ScenarioError and QuantityError."""
    document = _Entry(where=f"{path.name}: ", table=_content(path)).only(*_KEYS)
    sites = [site.id for site in inputs.sites]
    platforms = [offer.platform.id for offer in inputs.offers]
    return Actuals(
        as_of=as_of,
        sites=tuple(_site(entry, sites, as_of=as_of) for entry in _once(document, "site", ("id",))),
        racks=tuple(_racks(entry, sites, platforms) for entry in _once(document, "racks", ("site", "platform"))),
        orders=tuple(_order(entry, sites, platforms) for entry in document.entries("order")),
        quotes=tuple(_quote(entry, platforms) for entry in _once(document, "platform", ("id",))),
        cash_usd=document.number_or_none("cash", MONEY),
        plants=tuple(_plant(entry, inputs) for entry in _once(document, "plant", ("site", "id"))),
    )


def _plant(entry: _Entry, inputs: Inputs) -> PlantNews:
    entry.only("site", "id", "slip")
    plants = {site.id: [plant.id for plant in site.plants] for site in inputs.sites}
    site = entry.name("site", [name for name, own in plants.items() if own], "site with plants")
    return PlantNews(
        site=site, plant=entry.name("id", plants[site], "plant"), slip_months=entry.whole("slip", DURATION_MONTHS)
    )


def _content(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _refused(
            f"--actuals {path}",
            found=f"{type(error).__name__}: {error.strerror or error}",
            expected="a TOML file that can be read",
            fix="Check the path; docs/replan.md shows what it may say.",
        ) from error
    except (ValueError, RecursionError) as error:
        found = "brackets nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise _refused(
            str(path), found=found, expected="a TOML file", fix="Mend the line; docs/replan.md shows the shape."
        ) from error


def _once(document: _Entry, key: str, identity: tuple[str, ...]) -> tuple[_Entry, ...]:
    """The tables of a list in which no two are about the same."""
    entries = document.entries(key)
    seen: set[tuple[object, ...]] = set()
    for entry in entries:
        name = tuple(str(entry.table.get(part)) for part in identity)
        if name in seen:
            raise _refused(
                entry.where,
                found=f"{' of '.join(map(str, name))} a second time",
                expected="one entry for each",
                fix="Join the two.",
            )
        seen.add(name)
    return entries


def _site(entry: _Entry, sites: Sequence[str], *, as_of: date) -> SiteNews:
    entry.only("id", "energized", "slip")
    site = entry.name("id", sites, "site")
    steps = tuple(
        PowerStep(
            start=step.only("from", "facility").month("from"), facility_mw=step.number("facility", FACILITY_POWER)
        )
        for step in entry.entries("energized")
    )
    for index, step in enumerate(steps):
        rises = index == 0 or (step.start > steps[index - 1].start and step.facility_mw > steps[index - 1].facility_mw)
        if not rises or step.start > as_of:
            raise _refused(
                f"{entry.place('energized')}[{index}]",
                found=f"{step.facility_mw:g} MW from {step.start:%Y-%m}",
                expected=f"steps that rise, each in a later month, none after {as_of:%Y-%m}",
                fix="State the site's power in all from each month on; what is to come follows from slip.",
            )
    slip = entry.whole("slip", DURATION_MONTHS) if "slip" in entry.table else 0
    return SiteNews(site=site, energized=steps if "energized" in entry.table else None, slip_months=slip)


def _racks(entry: _Entry, sites: Sequence[str], platforms: Sequence[str]) -> RacksInService:
    entry.only("site", "platform", "in_service")
    return RacksInService(
        site=entry.name("site", sites, "site"),
        platform=entry.name("platform", platforms, "platform"),
        racks_count=entry.whole("in_service", _RACKS),
    )


def _order(entry: _Entry, sites: Sequence[str], platforms: Sequence[str]) -> Ordered:
    entry.only("site", "platform", "arrives", "racks")
    return Ordered(
        site=entry.name("site", sites, "site"),
        platform=entry.name("platform", platforms, "platform"),
        arrives=entry.month("arrives"),
        racks_count=entry.whole("racks", _RACKS),
    )


def _quote(entry: _Entry, platforms: Sequence[str]) -> Quote:
    entry.only("id", "price", "lead", "supply")
    supply = tuple(
        SupplyStep(start=step.only("from", "rate").month("from"), racks_per_month=step.number("rate", RACKS_PER_MONTH))
        for step in entry.entries("supply")
    )
    return Quote(
        platform=entry.name("id", platforms, "platform"),
        price_usd_per_rack=entry.number_or_none("price", MONEY_PER_RACK),
        lead_months=entry.whole("lead", DURATION_MONTHS) if "lead" in entry.table else None,
        supply=supply if "supply" in entry.table else None,
    )
