"""Tables of a study and of a comparison for the terminal."""

from rich.markup import escape
from rich.table import Table

from gigawatt.entities.stages import Study
from gigawatt.report import blocks, cells, words
from gigawatt.report.compare import Comparison, side_by_side


def headline_table(study: Study) -> Table:
    """The headline figures with their ranges and bases."""
    table = Table(title=escape(study.inputs.title), caption=escape(words.solution(study)), title_justify="left")
    for head, justify in (("Figure", "left"), ("Value", "right"), ("P10 to P90", "left"), ("Basis", "left")):
        table.add_column(head, justify="right" if justify == "right" else "left")
    for tile in blocks.tiles(study):
        table.add_row(*(escape(text) for text in (tile.name, tile.value, tile.band, tile.basis)))
    return table


def comparison_table(comparison: Comparison) -> Table:
    """Every figure of both studies."""
    return terminal_table("", side_by_side(comparison))


def terminal_table(title: str, shown: cells.Table) -> Table:
    """A table of the report for the terminal."""
    table = Table(title=escape(title), title_justify="left") if title else Table()
    for head in shown.heads:
        table.add_column(escape(head.text), justify="right" if head.numeric else "left")
    for row in shown.rows:
        table.add_row(*(escape(cell.text) for cell in row.cells))
    return table
