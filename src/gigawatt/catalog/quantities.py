"""Figures as numbers: in the canonical unit of a dimension, with the range they are believed to lie in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from gigawatt.catalog.records import Figure
from gigawatt.entities.assumptions import Ranged
from gigawatt.errors import CatalogError
from gigawatt.provenance import Evidence
from gigawatt.units import Dimension, parse

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited(Generic[_T]):
    """A noun built from the catalogue, with the evidence of each figure that went into it."""

    item: _T
    evidence: tuple[Evidence, ...]


def quantity(figure: Figure, dimension: Dimension) -> float:
    """The figure in the canonical unit of `dimension`; the middle of the range when only that is published.

    Raises `CatalogError` when nothing is published, `QuantityError` when the figure measures something else.
    """
    if figure.value is not None:
        return parse(figure.text, dimension, where=figure.key)
    if figure.low and figure.high:
        return (parse(figure.low, dimension, where=figure.key) + parse(figure.high, dimension, where=figure.key)) / 2
    raise CatalogError(
        where=figure.key,
        found=f'"{figure.text}"' if figure.text else f"a figure that is not published ({figure.note or 'not found'})",
        expected=f"{dimension.name} with a value or a range",
        fix=f"State it in the scenario, like {dimension.example}.",
    )


def ranged(figure: Figure, dimension: Dimension) -> Ranged:
    """The figure with its range; a bound that is not published is the value itself."""
    best = quantity(figure, dimension)
    return Ranged(
        low=parse(figure.low, dimension, where=figure.key) if figure.low else best,
        best=best,
        high=parse(figure.high, dimension, where=figure.key) if figure.high else best,
    )


def published(figure: Figure | None) -> bool:
    """Whether the figure exists and has a number or a full range."""
    return figure is not None and (figure.value is not None or bool(figure.low and figure.high))


def evidences(figures: Iterable[Figure]) -> tuple[Evidence, ...]:
    """The evidence of figures, once per key, in their order."""
    return tuple({figure.key: figure.evidence for figure in figures}.values())
