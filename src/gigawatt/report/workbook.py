"""A workbook under construction: numbers as numbers, each column's unit in its head, sums as formulas."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from io import BytesIO

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.workbook import Workbook

from gigawatt.report.wording import QUADRILLION

MOST_CHARACTERS_WIDE = 60
_EXCEL_EPOCH = date(1899, 12, 30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A live formula with what it comes to, so that a reader that does not calculate shows the same."""

    text: str
    value: "float | date"


Value = str | float | date | Formula | None


class Book:
    """A workbook with the formats of the house."""

    def __init__(self, buffer: BytesIO) -> None:
        self._book = Workbook(buffer, {"in_memory": True, "strings_to_urls": False, "strings_to_formulas": False})
        self._head = self._book.add_format({"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"})
        self._month = self._book.add_format({"num_format": "yyyy-mm", "align": "left"})
        self._number = self._book.add_format({"num_format": "#,##0.00"})
        self._large = self._book.add_format({"num_format": "#,##0"})
        self._huge = self._book.add_format({"num_format": "0.000E+00"})

    def sheet(self, name: str, heads: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """A sheet with a frozen head, a filter and columns as wide as their content."""
        sheet = self._book.add_worksheet(name)
        widths = [len(head) for head in heads]
        sheet.write_row(0, 0, heads, self._head)
        last = 0
        for last, row in enumerate(rows, start=1):
            for column, value in enumerate(row):
                self._write(sheet, last, column, value)
                widths[column] = max(widths[column], _shown_width(value))
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(width + 2, MOST_CHARACTERS_WIDE))
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(last, 1), len(heads) - 1)

    def _write(self, sheet: "xlsxwriter.worksheet.Worksheet", row: int, column: int, value: Value) -> None:
        if value is None or (isinstance(value, float) and not math.isfinite(value)):
            sheet.write_blank(row, column, None)
        elif isinstance(value, Formula):
            self._write_formula(sheet, row, column, value)
        elif isinstance(value, date):
            sheet.write_datetime(row, column, value, self._month)
        elif isinstance(value, str):
            sheet.write_string(row, column, value)
        else:
            sheet.write_number(row, column, value, self._number_format(float(value)))

    def _write_formula(self, sheet: "xlsxwriter.worksheet.Worksheet", row: int, column: int, formula: Formula) -> None:
        if isinstance(formula.value, date):
            sheet.write_formula(row, column, formula.text, self._month, (formula.value - _EXCEL_EPOCH).days)
        else:
            sheet.write_formula(row, column, formula.text, self._number_format(formula.value), formula.value)

    def _number_format(self, value: float) -> Format:
        if abs(value) >= QUADRILLION:
            return self._huge
        return self._large if value == round(value) else self._number

    def close(self) -> None:
        """Finish the workbook."""
        self._book.close()


def _shown_width(value: Value) -> int:
    shown = value.value if isinstance(value, Formula) else value
    if isinstance(shown, float | int):
        return len(f"{shown:,.2f}") if abs(shown) < QUADRILLION else 10
    return len(str(shown)) if isinstance(shown, str) else 8
