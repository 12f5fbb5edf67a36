"""The desk where words become numbers: whoever asks for one leaves its evidence in the ledger."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeVar, final

from gigawatt.catalog import Catalog, quantity, ranged
from gigawatt.entities.assumptions import SURE, Ranged
from gigawatt.errors import CatalogError, QuantityError, ScenarioError
from gigawatt.provenance import Evidence, Grade
from gigawatt.scenario.checks import known_id
from gigawatt.scenario.loading import Scenario
from gigawatt.scenario.places import Step, address
from gigawatt.scenario.quantities import Stated
from gigawatt.scenario.schema import FractionRange, RatioRange, SecondsRange
from gigawatt.units import Dimension

WHOLE_TOLERANCE: Final = 1e-6
Answer = TypeVar("Answer")


def slug(name: str) -> str:
    """A party's name as an id: what stands before a bracket, slash or comma, in lower case with hyphens."""
    first = re.split(r"[(/,]", name)[0]
    return re.sub(r"[^a-z0-9]+", "-", first.lower()).strip("-") or "party"


@final
class Desk:
    """Turns what a scenario states, cites or leaves to the catalogue into numbers, and keeps the evidence."""

    def __init__(self, scenario: Scenario, catalog: Catalog) -> None:
        self.scenario = scenario
        self.catalog = catalog
        self._entries: list[Evidence] = []
        self._names: dict[str, str] = {}

    @property
    def introduced(self) -> Mapping[str, str]:
        """Names of the parties that take part although the scenario does not declare them, by id."""
        return self._names

    @property
    def entries(self) -> tuple[Evidence, ...]:
        """The evidence of everything asked so far."""
        return tuple(self._entries)

    def cite(self, *entries: Evidence) -> None:
        """Keep evidence that came with something else, such as a platform."""
        self._entries.extend(entries)

    def number(self, stated: Stated, *steps: Step) -> float:
        """The number that stands at `steps`, in the canonical unit of its dimension."""
        if stated.reference:
            return self._from_catalog(stated.reference, stated.dimension, *steps, origin="catalogue")
        self._entries.append(self._statement(stated.text, *steps))
        return stated.value

    def number_or(self, stated: Stated | None, *steps: Step, default: str, dimension: Dimension) -> float:
        """The number at `steps`, or the catalogue's figure `default` where the scenario is silent."""
        if stated is not None:
            return self.number(stated, *steps)
        return self._from_catalog(default, dimension, *steps, origin="default")

    def months_or(self, stated: Stated | None, *steps: Step, default: str, dimension: Dimension) -> int:
        """Like `number_or`, for durations that must be whole months."""
        months = self.number_or(stated, *steps, default=default, dimension=dimension)
        if stated is None:
            return round(months)
        return self.whole(months, stated, *steps)

    def whole(self, number: float, stated: Stated, *steps: Step) -> int:
        """`number` as an integer; refuses fractions."""
        if abs(number - round(number)) > WHOLE_TOLERANCE:
            raise ScenarioError(
                where=self.scenario.place(*steps),
                found=f'"{stated.text}", which is {number:g} {stated.dimension.canonical}',
                expected=f"a whole number in {stated.dimension.canonical}",
                fix=f"Write it like {stated.dimension.example}.",
            )
        return round(number)

    def range_or(
        self,
        stated: FractionRange | RatioRange | SecondsRange | None,
        *steps: Step,
        default: str,
        dimension: Dimension,
    ) -> Ranged:
        """P10, best and P90 at `steps`, or those of the catalogue's figure `default`."""
        if stated is not None:
            return self._stated_range(stated, *steps)
        return self.placed(lambda: self._cited_range(default, dimension, origin="default"), *steps)

    def spread(self, stated: Stated | None, *steps: Step, default: str, dimension: Dimension) -> Ranged:
        """The range of the figure that stands for the number at `steps`, as factors of it; a stated number is sure."""
        key = default if stated is None else stated.reference
        if not key:
            return SURE
        found = self.placed(lambda: ranged(self.catalog.figure(key), dimension), *steps)
        if found.best == 0.0:
            return SURE
        return Ranged(low=found.low / found.best, best=1.0, high=found.high / found.best)

    def choose(self, word: str | None, *steps: Step, default: str, note: str) -> str:
        """The word at `steps`, or the convention `default`, which then stands in the ledger with its note."""
        if word is not None:
            return word
        self._entries.append(
            Evidence(
                key=self._key(*steps), text=default, grade=Grade.ASSUMED, origin="default", note=f"convention: {note}"
            )
        )
        return default

    def note(self, *steps: Step, text: str, note: str) -> None:
        """Something that follows from what is stated at `steps`, for the ledger."""
        self._entries.append(
            Evidence(key=self._key(*steps), text=text, grade=Grade.DERIVED, origin="scenario", note=note)
        )

    def party(self, named: str | None, *steps: Step, default: str) -> str:
        """The id of a declared party, or of the one called `default`, who then takes part undeclared."""
        declared = {party.id: party.name for party in self.scenario.document.parties}
        if named is not None:
            return known_id(self.scenario, named, *steps, known=tuple(declared), noun="party")
        party_id = slug(default)
        if party_id not in declared:
            self._names.setdefault(party_id, default)
        return party_id

    def placed(self, ask: Callable[[], Answer], *steps: Step) -> Answer:
        """The answer of `ask`; what the catalogue refuses is told with its place in the scenario."""
        try:
            return ask()
        except (CatalogError, QuantityError) as error:
            raise CatalogError(
                where=f"{self.scenario.place(*steps)} -> {error.where}",
                found=error.found,
                expected=error.expected,
                fix=error.fix,
            ) from error

    def refuse(self, *steps: Step, found: str, expected: str, fix: str) -> ScenarioError:
        """A refusal of the value at `steps`."""
        return ScenarioError(where=self.scenario.place(*steps), found=found, expected=expected, fix=fix)

    def _key(self, *steps: Step) -> str:
        return f"scenario/{address(steps, self.scenario.raw)}"

    def _statement(self, text: str, *steps: Step) -> Evidence:
        return Evidence(key=self._key(*steps), text=text, grade=Grade.ASSUMED, origin="scenario")

    def _from_catalog(self, key: str, dimension: Dimension, *steps: Step, origin: str) -> float:
        def ask() -> float:
            figure = self.catalog.figure(key)
            value = quantity(figure, dimension)
            self._entries.append(replace(figure.evidence, origin=origin))
            return value

        return self.placed(ask, *steps)

    def _cited_range(self, key: str, dimension: Dimension, *, origin: str) -> Ranged:
        figure = self.catalog.figure(key)
        answer = ranged(figure, dimension)
        self._entries.append(replace(figure.evidence, origin=origin))
        return answer

    def _stated_range(self, stated: FractionRange | RatioRange | SecondsRange, *steps: Step) -> Ranged:
        if stated.best.reference and stated.low is None and stated.high is None:
            return self.placed(
                lambda: self._cited_range(stated.best.reference, stated.best.dimension, origin="catalogue"), *steps
            )
        best = self.number(stated.best, *steps, "best")
        low = best if stated.low is None else self.number(stated.low, *steps, "low")
        high = best if stated.high is None else self.number(stated.high, *steps, "high")
        if not low <= best <= high:
            raise self.refuse(
                *steps,
                found=f"low {low:g}, best {best:g}, high {high:g}",
                expected="low at most best and best at most high",
                fix="Put the three in order.",
            )
        return Ranged(low=low, best=best, high=high)
