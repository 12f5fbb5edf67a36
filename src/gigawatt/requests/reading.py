"""Reading a trace: a door to the outside, a block of lines at a time.

A block is cut at a line's end, parsed by polars, checked, and forgotten once it has been simulated; so a trace may be
larger than memory. Every refusal names the file and the line. Known formats: Azure's CSV (`TIMESTAMP`, `ContextTokens`,
`GeneratedTokens`), Mooncake's JSONL (`timestamp` in ms, `input_length`, `output_length`, `hash_ids`), and any CSV or
JSONL whose columns have telling names or are named by the caller.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from gigawatt.errors import TraceError
from gigawatt.requests.columns import Columns, Format, TimeUnit, columns_of, format_of
from gigawatt.requests.parsing import Table, line_of, table
from gigawatt.requests.traces import Requests, Trace
from gigawatt.timeline import FloatArray

BoolArray = NDArray[np.bool_]

BLOCK_BYTES = 1 << 24
MOST_TOKENS = float(1 << 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceOptions:
    """What the caller says about a trace: names of columns by role, the unit of times, the size of prefix blocks.

    `speed` 2 plays it in half its time.
    """

    names: tuple[tuple[str, str], ...] = ()
    time_unit: TimeUnit | None = None
    hash_tokens_count: int | None = None
    speed: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """Whole lines of a file; `first_line` is the number of the first of them."""

    text: bytes
    first_line: int


def read_trace(path: Path, options: TraceOptions | None = None) -> Trace:
    """A trace from a CSV or JSONL file, gzipped or not; its head is checked now, the rest as it is read."""
    asked = options or TraceOptions()
    with _opened(path) as stream:
        head = stream.readline(BLOCK_BYTES)
        second = stream.readline(BLOCK_BYTES)
    if not head.strip():
        raise TraceError(
            where=str(path),
            found="an empty file" if not head else "an empty first line",
            expected="a CSV with a header, or JSON lines",
            fix="Give a trace with at least one request.",
        )
    form = format_of(head)
    columns = columns_of(path, form, head=head, second=second, names=asked.names, time_unit=asked.time_unit)
    hash_tokens = _hash_tokens(path, columns, asked)
    return Trace(name=path.name, pieces=_pieces(path, form, columns, head, asked.speed), hash_tokens_count=hash_tokens)


def _hash_tokens(path: Path, columns: Columns, asked: TraceOptions) -> int:
    if columns.prefix is None:
        return 0
    found = asked.hash_tokens_count or columns.hash_tokens_count
    if found is None:
        raise TraceError(
            where=str(path),
            found=f'prefix hashes in "{columns.prefix}" without the size of their blocks',
            expected="the number of tokens of a prefix block",
            fix="State it with --prefix-block.",
        )
    return found


def _opened(path: Path) -> BinaryIO:
    try:
        if path.suffix == ".gz":
            return gzip.open(path, "rb")  # type: ignore[return-value]  # a GzipFile reads like any binary file
        return path.open("rb")
    except OSError as error:
        raise TraceError(
            where=str(path),
            found=error.strerror or str(error),
            expected="a readable file",
            fix="Check the path and its permissions.",
        ) from error


def _blocks(path: Path, *, skip: int) -> Iterator[_Block]:
    """The file in blocks of whole lines, after its first `skip` lines."""
    with _opened(path) as stream:
        for _ in range(skip):
            stream.readline()
        line, rest = skip + 1, b""
        while True:
            read = _read(path, stream)
            whole = rest + read
            cut = whole.rfind(b"\n") + 1 if read else len(whole)
            if read and cut == 0 and len(whole) > 4 * BLOCK_BYTES:
                raise TraceError(
                    where=f"{path}:{line}",
                    found=f"a line of more than {4 * BLOCK_BYTES:,} bytes",
                    expected="one request per line",
                    fix="Write one request per line.",
                )
            text, rest = whole[:cut], whole[cut:]
            if text.strip():
                yield _Block(text=text, first_line=line)
            line += text.count(b"\n")
            if not read:
                return


def _read(path: Path, stream: BinaryIO) -> bytes:
    try:
        return stream.read(BLOCK_BYTES)
    except (OSError, EOFError) as error:
        raise TraceError(
            where=str(path), found=str(error), expected="a complete file", fix="Copy or compress the file again."
        ) from error


def _pieces(path: Path, form: Format, columns: Columns, head: bytes, speed: float) -> Iterator[Requests]:
    header = head if form is Format.CSV else b""
    start_s, last_s, any_found = 0.0, -np.inf, False
    for block in _blocks(path, skip=1 if header else 0):
        rows = table(path, form, columns, header=header, text=block.text, first_line=block.first_line)
        if not len(rows.arrival_s):
            continue
        _check(path, columns, rows, block, last_s=last_s)
        if not any_found:
            start_s, any_found = float(rows.arrival_s[0]), True
        last_s = float(rows.arrival_s[-1])
        yield Requests(
            arrival_s=(rows.arrival_s - start_s) / speed,
            input_tokens_count=rows.input_tokens.astype(np.int64),
            output_tokens_count=rows.output_tokens.astype(np.int64),
            priority=rows.priority.astype(np.int64),
            hash_start=rows.hash_start,
            hashes=rows.hashes,
        )
    if not any_found:
        raise TraceError(
            where=str(path),
            found="no request",
            expected="at least one request",
            fix="Give a trace with at least one request.",
        )


def _check(path: Path, columns: Columns, rows: Table, block: _Block, *, last_s: float) -> None:
    """Refuse the first row that cannot be a request."""
    _refuse_first(path, block, ~np.isfinite(rows.arrival_s), rows, column=columns.arrival, expected="a time")
    for name, values in ((columns.input, rows.input_tokens), (columns.output, rows.output_tokens)):
        _refuse_first(path, block, ~_is_count(values), rows, column=name, expected="a whole number of at least 1 token")
    if columns.priority is not None:
        bad = ~np.isfinite(rows.priority)
        _refuse_first(path, block, bad, rows, column=columns.priority, expected="a whole number")
    back = np.flatnonzero(np.diff(rows.arrival_s, prepend=last_s) < 0)
    if len(back):
        raise TraceError(
            where=f"{path}:{line_of(block.text, block.first_line, int(back[0]))}",
            found="an arrival before the one above",
            expected="requests in order of arrival",
            fix=f'Sort the file by "{columns.arrival}".',
        )


def _is_count(values: FloatArray) -> BoolArray:
    with np.errstate(invalid="ignore"):
        return np.asarray((values >= 1.0) & (values <= MOST_TOKENS) & (values == np.floor(values)), dtype=np.bool_)


def _refuse_first(path: Path, block: _Block, bad: BoolArray, rows: Table, *, column: str, expected: str) -> None:
    at = np.flatnonzero(bad)
    if not len(at):
        return
    row = int(at[0])
    text = rows.written(column, row)
    raise TraceError(
        where=f"{path}:{line_of(block.text, block.first_line, row)}",
        found=f'"{text}" in "{column}"' if text else f'nothing in "{column}"',
        expected=expected,
        fix="Correct the line, or leave the request out.",
    )
