"""A block of lines as arrays; what cannot be read as a number is NaN and is refused by its line later."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from gigawatt.errors import TraceError
from gigawatt.requests.columns import Columns, Format, TimeUnit
from gigawatt.timeline import FloatArray, IntArray
from gigawatt.units import DURATION_SECONDS, parse

# Microseconds since 1970 use up a float's digits; those since a nearer day leave some for parts of a microsecond.
_NEAR_DAY = datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One block of requests, `(row,)`; prefix hashes of row i are `hashes[hash_start[i] : hash_start[i + 1]]`."""

    arrival_s: FloatArray
    input_tokens: FloatArray
    output_tokens: FloatArray
    priority: FloatArray
    hash_start: IntArray
    hashes: IntArray
    frame: pl.DataFrame

    def written(self, column: str, row: int) -> str:
        """What stands in a cell."""
        value = self.frame[column][row]
        return "" if value is None else str(value)[:60]


def line_of(text: bytes, first_line: int, row: int) -> int:
    """Number of the line that holds row `row`; blank lines hold none."""
    filled = [at for at, line in enumerate(text.split(b"\n")) if line.strip()]
    return first_line + filled[row]


def table(path: Path, form: Format, columns: Columns, *, header: bytes, text: bytes, first_line: int) -> Table:
    """The requests of a block."""
    if form is Format.CSV:
        frame = _csv_frame(path, columns, header=header, text=text, first_line=first_line)
    else:
        frame = _json_frame(path, columns, text=text, first_line=first_line)
    starts, hashes = _prefixes(frame, columns, path=path, first_line=first_line)
    count = frame.height
    return Table(
        arrival_s=_arrival_s(frame, columns),
        input_tokens=_numbers(frame, columns.input),
        output_tokens=_numbers(frame, columns.output),
        priority=np.zeros(count) if columns.priority is None else _numbers(frame, columns.priority),
        hash_start=starts,
        hashes=hashes,
        frame=frame,
    )


def _wanted(columns: Columns) -> list[str]:
    named = (columns.arrival, columns.input, columns.output, columns.priority, columns.prefix)
    return list(dict.fromkeys(name for name in named if name is not None))


def _csv_frame(path: Path, columns: Columns, *, header: bytes, text: bytes, first_line: int) -> pl.DataFrame:
    lines = b"\n".join(line for line in text.split(b"\n") if line.strip())
    body = header.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") + b"\n" + lines
    try:
        return pl.read_csv(io.BytesIO(body), columns=_wanted(columns), infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _bad_line(path, _ragged_line(text, header, first_line), str(error)) from error


def _ragged_line(text: bytes, header: bytes, first_line: int) -> int:
    """The first line that is not UTF-8 or has another number of fields than the header."""
    fields = header.count(b",")
    for at, line in enumerate(text.split(b"\n")):
        if line.strip() and (line.count(b",") != fields or not _is_text(line)):
            return first_line + at
    return first_line


def _is_text(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _json_frame(path: Path, columns: Columns, *, text: bytes, first_line: int) -> pl.DataFrame:
    schema: dict[str, pl.DataType] = {name: pl.Float64() for name in _wanted(columns)}
    if columns.time_unit is None:
        schema[columns.arrival] = pl.String()
    if columns.prefix is not None:
        schema[columns.prefix] = pl.List(pl.Int64())
    try:
        return pl.read_ndjson(io.BytesIO(text), schema=schema)
    except pl.exceptions.PolarsError as error:
        line, said = _bad_json(text, schema, first_line)
        raise _bad_line(path, line, said or str(error)) from error


def _bad_json(text: bytes, schema: Mapping[str, pl.DataType], first_line: int) -> tuple[int, str]:
    """The first line that is no JSON object with the right kinds of values, and what is wrong with it."""
    for at, line in enumerate(text.split(b"\n")):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            return first_line + at, str(error)
        if not isinstance(row, dict):
            return first_line + at, "no JSON object"
        wrong = [name for name, kind in schema.items() if not _is_kind(row.get(name), kind)]
        if wrong:
            return first_line + at, f'"{row[wrong[0]]}" in "{wrong[0]}"'[:100]
    return first_line, ""


def _is_kind(value: object, kind: pl.DataType) -> bool:
    """Whether a value of a JSON line is of a column's kind; one that is missing is refused later, by name."""
    if value is None:
        return True
    if isinstance(kind, pl.List):
        return isinstance(value, list) and all(type(each) is int for each in value)
    return isinstance(value, str if isinstance(kind, pl.String) else int | float) and not isinstance(value, bool)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _bad_line(path: Path, line: int, said: str) -> TraceError:
    return TraceError(
        where=f"{path}:{line}",
        found=f"a line that cannot be read ({said.splitlines()[0][:120]})",
        expected="one complete request",
        fix="Correct the line, or cut the file before it.",
    )


def _numbers(frame: pl.DataFrame, name: str) -> FloatArray:
    series = frame[name]
    if series.dtype == pl.String:
        series = series.str.strip_chars()
    return series.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _arrival_s(frame: pl.DataFrame, columns: Columns) -> FloatArray:
    if columns.time_unit is not None:
        return _numbers(frame, columns.arrival) * _seconds(columns.time_unit)
    written = frame[columns.arrival].str.strip_chars().str.replace("T", " ").str.strip_suffix("Z")
    times = written.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    ticks = (times - _NEAR_DAY).dt.total_microseconds()
    return ticks.cast(pl.Float64).fill_null(float("nan")).to_numpy() * _seconds(TimeUnit.US)


def _seconds(unit: TimeUnit) -> float:
    return parse(f"1 {unit.value}", DURATION_SECONDS)


def _prefixes(frame: pl.DataFrame, columns: Columns, *, path: Path, first_line: int) -> tuple[IntArray, IntArray]:
    if columns.prefix is None:
        return np.zeros(frame.height + 1, dtype=np.int64), np.empty(0, dtype=np.int64)
    lists = frame[columns.prefix]
    counts = lists.list.len().fill_null(0).to_numpy().astype(np.int64)
    hashes = lists.filter(lists.list.len() > 0).list.explode()
    if hashes.null_count():
        raise _bad_line(path, first_line, f'a hash in "{columns.prefix}" that is no whole number')
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return starts, hashes.to_numpy().astype(np.int64)
