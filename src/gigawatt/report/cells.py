"""Tables of the report: text to read, beside the number to sort by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What stands in a table's cell, what it sorts by, and a colour dot before it (none when empty)."""

    text: str
    sort: float | None = None
    colour: str = ""
    sub: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A column's title; numeric columns are set to the right."""

    text: str
    numeric: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A table's row; a total is set apart."""

    cells: tuple[Cell, ...]
    total: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with its columns and rows."""

    heads: tuple[Head, ...]
    rows: tuple[Row, ...]
    css: str = ""
    id: str = ""


def heads_of(*titles: str) -> tuple[Head, ...]:
    """Columns; a title that begins with `#` is numeric."""
    return tuple(Head(text=title.lstrip("#"), numeric=title.startswith("#")) for title in titles)


def row_of(*cells: Cell | str, total: bool = False) -> Row:
    """A row of cells; text alone is a cell."""
    return Row(cells=tuple(Cell(text=cell) if isinstance(cell, str) else cell for cell in cells), total=total)
