"""A spreadsheet's formulas calculated anew: the few functions that the workbook uses, rates by Newton and pyxirr."""

import re
from datetime import datetime
from functools import cache
from typing import Any

import pyxirr
from openpyxl import Workbook
from openpyxl.formula import Tokenizer
from openpyxl.formula.tokenizer import Token
from openpyxl.utils import range_boundaries
from scipy.optimize import newton

_OPERATORS = {"^": "**", "=": "==", "<>": "!="}
_CRITERION = re.compile(r"^(>=|<=|>|<)?(.*)$")


class Calculator:
    """Answers what a cell comes to, calculating every formula on the way; values are read, never the cached answers."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self.cell = cache(self._cell)

    def _cell(self, sheet: str, column: int, row: int) -> Any:
        value = self._book[sheet].cell(row=row, column=column).value
        return self.formula(sheet, row, value) if isinstance(value, str) and value.startswith("=") else value

    def formula(self, sheet: str, row: int, text: str) -> Any:
        """What a formula in a row of a sheet comes to."""
        words = [self._word(sheet, token) for token in Tokenizer(text).items]
        names = {name: getattr(self, f"_{name.lower()}") for name in _FUNCTIONS} | {"ROW": lambda: row}
        return eval("".join(words), {"__builtins__": {}}, {**names, "RANGE": self._range})  # our own text

    def _word(self, sheet: str, token: Token) -> str:
        if token.type == Token.OPERAND and token.subtype == Token.RANGE:
            return f"RANGE({sheet!r},{token.value!r})"
        if token.type == Token.OP_IN:
            return _OPERATORS.get(token.value, token.value)
        return str(token.value)

    def _range(self, sheet: str, address: str) -> Any:
        place, _, cells = address.rpartition("!")
        left, top, right, bottom = range_boundaries(cells.replace("$", ""))
        sheet = place.strip("'") or sheet
        found = [self.cell(sheet, c, r) for r in range(top, bottom + 1) for c in range(left, right + 1)]
        return found if ":" in cells else found[0]

    @staticmethod
    def _sum(*ranges: Any) -> float:
        return sum(value for part in ranges for value in (part if isinstance(part, list) else [part]) if value)

    @staticmethod
    def _sumif(values: list[float], criterion: str) -> float:
        sign, bound = _CRITERION.match(criterion).groups()  # type: ignore[union-attr]
        tests = {">": lambda x: x > float(bound), "<": lambda x: x < float(bound)}
        return sum(filter(tests[sign], values))

    @staticmethod
    def _sumifs(values: list[float], *pairs: Any) -> float:
        columns, wanted = pairs[::2], pairs[1::2]
        rows = zip(values, *columns, strict=True)
        return sum(value for value, *keys in rows if keys == list(wanted))

    @staticmethod
    def _irr(values: list[float], guess: float) -> float:
        return float(newton(lambda rate: sum(v * (1.0 + rate) ** -i for i, v in enumerate(values)), guess))

    @staticmethod
    def _xirr(values: list[float], days: list[datetime], guess: float) -> float:
        return pyxirr.xirr([day.date() for day in days], values, guess=guess)

    @staticmethod
    def _index(values: list[Any], position: int) -> Any:
        return values[position - 1]

    @staticmethod
    def _match(value: Any, values: list[Any], _exactly: int) -> int:
        return values.index(value) + 1

    @staticmethod
    def _min(values: list[float]) -> float:
        return min(values)

    @staticmethod
    def _max(*values: float) -> float:
        return max(values)

    @staticmethod
    def _round(value: float, digits: int) -> float:
        return round(value, digits)


_FUNCTIONS = ("SUM", "SUMIF", "SUMIFS", "IRR", "XIRR", "INDEX", "MATCH", "MIN", "MAX", "ROUND")
