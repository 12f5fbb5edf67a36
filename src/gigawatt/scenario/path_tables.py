"""Values over the months as a scenario writes them: one value that grows, or anchors to pass through."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Field, Tag

from gigawatt.scenario import quantities as q
from gigawatt.scenario.tables import Shorthand, Shown, Table


class GrowthTable(Table):
    """From a month on, so much more (or less) a year."""

    start: Annotated[q.Month, Field(alias="from"), Shown('"2028-01"')]
    rate: q.YearlyGrowth


class DemandGrowth(Table):
    """Demand in the month `at` (the programme's start when left out), growing from there."""

    start: q.TokenRate
    at: q.Month | None = None
    growth: tuple[GrowthTable, ...] = ()


class DemandAnchors(Table):
    """Demand at given months, geometric between them, level before the first and after the last."""

    anchors: Annotated[Mapping[q.Month, q.TokenRate], Field(min_length=1)]


class PriceGrowth(Table):
    """Price in the month `at` (the programme's start when left out), changing from there."""

    start: q.TokenPrice
    at: q.Month | None = None
    growth: tuple[GrowthTable, ...] = ()


class PriceAnchors(Table):
    """Price at given months, geometric between them, level before the first and after the last."""

    anchors: Annotated[Mapping[q.Month, q.TokenPrice], Field(min_length=1)]


class MoneyGrowth(Table):
    """An amount in the month `at` (the programme's start when left out), changing from there."""

    start: q.Money
    at: q.Month | None = None
    growth: tuple[GrowthTable, ...] = ()


class MoneyAnchors(Table):
    """An amount at given months, geometric between them, level before the first and after the last."""

    anchors: Annotated[Mapping[q.Month, q.Money], Field(min_length=1)]


class ShareGrowth(Table):
    """A share price in the month `at` (the programme's start when left out), changing from there."""

    start: q.SharePrice
    at: q.Month | None = None
    growth: tuple[GrowthTable, ...] = ()


class ShareAnchors(Table):
    """A share price at given months, geometric between them, level before the first and after the last."""

    anchors: Annotated[Mapping[q.Month, q.SharePrice], Field(min_length=1)]


Growth = DemandGrowth | PriceGrowth | MoneyGrowth | ShareGrowth
Anchors = DemandAnchors | PriceAnchors | MoneyAnchors | ShareAnchors


def _path_tag(value: object) -> str:
    anchored = isinstance(value, Anchors) or (isinstance(value, Mapping) and "anchors" in value)
    return "path by anchors" if anchored else "path by growth"


DemandPath = Annotated[
    Annotated[DemandGrowth, Tag("path by growth")] | Annotated[DemandAnchors, Tag("path by anchors")],
    Discriminator(_path_tag),
    Shorthand("start"),
]
PricePath = Annotated[
    Annotated[PriceGrowth, Tag("path by growth")] | Annotated[PriceAnchors, Tag("path by anchors")],
    Discriminator(_path_tag),
    Shorthand("start"),
]
MoneyPath = Annotated[
    Annotated[MoneyGrowth, Tag("path by growth")] | Annotated[MoneyAnchors, Tag("path by anchors")],
    Discriminator(_path_tag),
    Shorthand("start"),
]
SharePath = Annotated[
    Annotated[ShareGrowth, Tag("path by growth")] | Annotated[ShareAnchors, Tag("path by anchors")],
    Discriminator(_path_tag),
    Shorthand("start"),
]
