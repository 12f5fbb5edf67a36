"""Tables that may be wider than a terminal."""

from collections.abc import Sequence

from rich.table import Column, Table
from rich.text import Text

from gigawatt.cli.console import out

# Words wrap down to this many characters; numbers are never cut.
_WORDS_WIDTH = 24
# Two spaces and a rule.
_AROUND = 3


def print_whole(table: Table) -> None:
    """Prints a table; one too wide for the terminal in pieces, each with the first column, so that no number is cut."""
    first, *others = table.columns
    pieces: list[list[Column]] = [[first]]
    for column in others:
        if sum(_needed(each) for each in (*pieces[-1], column)) >= out.width and len(pieces[-1]) > 1:
            pieces.append([first])
        pieces[-1].append(column)
    for number, columns in enumerate(pieces):
        out.print(_piece(columns, title="" if number else table.title))


def _needed(column: Column) -> int:
    longest = max(Text.from_markup(str(cell)).cell_len for cell in (column.header, *column.cells))
    return _AROUND + (longest if column.justify == "right" else min(longest, _WORDS_WIDTH))


def _piece(columns: Sequence[Column], *, title: object) -> Table:
    shown = Table(title=str(title) if title else None, title_justify="left")
    for column in columns:
        shown.add_column(
            column.header,
            justify=column.justify,
            no_wrap=column.justify == "right",
            min_width=_needed(column) - _AROUND,
        )
    for row in zip(*(list(column.cells) for column in columns), strict=True):
        shown.add_row(*row)
    return shown
