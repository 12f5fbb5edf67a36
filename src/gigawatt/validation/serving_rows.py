"""Measured serving points as a truth file states them, one per line."""

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path

from gigawatt.errors import InputError

_LARGEST_FILE_BYTES = 64 * 1000 * 1000
_TEXTS = (
    *("case", "measured_date", "model", "system", "engine", "engine_version", "precision"),
    *("gemm_precision", "moe_precision", "mode", "flag"),
)
_SHAPE = ("tp_size", "pp_size", "attention_dp_size", "moe_tp_size", "moe_ep_size")
_NUMBERS = (
    *("isl", "osl", "concurrency", "batch_size", *_SHAPE),
    *(f"{role}_{name}" for role in ("prefill", "decode") for name in ("batch_size", "num_workers", *_SHAPE)),
    *("ttft_ms", "tpot_ms"),
)
_NEEDED = ("case", "model", "system", "engine", "mode", "isl", "osl", "concurrency", "ttft_ms", "tpot_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRow:
    """One measured point: its texts, and its numbers where the source states them.

    `fault` says why a line is no measurement; it then has no numbers.
    """

    number: int
    texts: dict[str, str]
    numbers: dict[str, float]
    fault: str

    def text(self, name: str) -> str:
        """A text column; empty where the source is silent."""
        return self.texts.get(name, "")

    def stated(self, name: str) -> float | None:
        """A number column; `None` where the source is silent."""
        return self.numbers.get(name)

    @property
    def flagged(self) -> bool:
        """Whether the source contradicts itself."""
        return bool(self.text("flag"))

    @property
    def disaggregated(self) -> bool:
        """Whether prefill and decode run on workers of their own."""
        return self.text("mode") == "disagg"

    @property
    def workers_stated(self) -> bool:
        """Whether the number of workers is known."""
        return not self.disaggregated or self.stated("decode_num_workers") is not None

    @property
    def request_s(self) -> float:
        """Measured time from sending a request to its last token."""
        return self.numbers["ttft_s"] + (self.numbers["osl"] - 1.0) * self.numbers["tpot_s"]


def read_serving_rows(path: Path) -> tuple[ServingRow, ...]:
    """All rows of a truth file, faulty lines marked; raises `InputError` when it cannot be read as one."""
    table = csv.DictReader(io.StringIO(_text(path)))
    missing = [name for name in _NEEDED if name not in (table.fieldnames or ())]
    if missing:
        raise InputError(
            where=str(path),
            found=f"no column {', '.join(missing)}",
            expected="a table of measured serving points",
            fix="Name the columns as in docs/validation-serving.md.",
        )
    try:
        return tuple(_row(line, number) for number, line in enumerate(table, start=2))
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise _unreadable(path, "a file of more than 64 MB")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        where=str(path),
        found=found,
        expected="a readable CSV file in UTF-8",
        fix="Check the path; docs/validation-serving.md says what the file holds.",
    )


def _row(line: dict[str, str], number: int) -> ServingRow:
    cells = {name: (text or "").strip() for name, text in line.items() if name is not None}
    texts = {name: cells.get(name, "") for name in _TEXTS}
    read = {name: _number(cells[name]) for name in _NUMBERS if cells.get(name)}
    odd = [name for name, value in read.items() if value is None or not 0.0 <= value <= _LARGEST]
    numbers = {name: value for name, value in read.items() if value is not None}
    absent = [name for name in _POSITIVE if name not in odd and not numbers.get(name, 0.0) > 0.0]
    faults = [f'{name} is "{cells[name][:40]}"' for name in odd] + [f"no positive {name}" for name in absent]
    if faults:
        return ServingRow(number=number, texts=texts, numbers={}, fault=", ".join(faults))
    per_s = 1.0 / _MILLISECONDS
    numbers |= {"ttft_s": numbers.pop("ttft_ms") * per_s, "tpot_s": numbers.pop("tpot_ms") * per_s}
    return ServingRow(number=number, texts=texts, numbers=numbers, fault="")


_MILLISECONDS = 1000.0
_POSITIVE = ("isl", "osl", "ttft_ms", "tpot_ms")
# Beyond any token, client or accelerator that a measurement counts.
_LARGEST = 1e9


def _number(text: str) -> float | None:
    """A finite number, or `None`."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
