"""Measured points as a truth file states them, one per line."""

import csv
import io
import math
from dataclasses import dataclass, replace
from pathlib import Path

from gigawatt.errors import InputError

_LARGEST_FILE_BYTES = 64 * 1000 * 1000
_NEEDED = ("source_url", "date", "model", "platform", "num_gpus", "metric", "value", "unit")

# What people write where they know nothing.
_SILENT = frozenset({"", "-", "?", "n/a", "na", "nan", "none", "null", "unknown", "unstated", "not stated"})

# More than this of anything is a slip of the pen.
_MOST = 1e9
_MOST_OF = {"layers": 1e4, "num_gpus": 1e7, "value": 1e30, "params_total_b": 1e6}
_REAL = ("params_total_b", "value")
# What no prediction of a known model rests on, and where zero means that there is none.
_BESIDE = ("params_total_b",)
_OR_NONE = ("experts", "topk", "ep", "etp", "cp", "vpp")

_NUMBERS = (
    *("params_total_b", "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "experts", "topk", "seq_len"),
    *("global_batch_seqs", "micro_batch", "num_gpus", "tp", "cp", "pp", "vpp", "ep", "etp", "dp", "value"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthRow:
    """One measured point; `None` where the source is silent.

    `fault` names the cells that cannot be read or cannot be true; such a row has no prediction, but it counts.
    """

    number: int
    source_url: str
    date: str
    model: str
    params_total_b: float | None
    layers: int | None
    hidden: int | None
    heads: int | None
    kv_heads: int | None
    ffn: int | None
    vocab: int | None
    experts: int | None
    topk: int | None
    seq_len: int | None
    global_batch_seqs: int | None
    micro_batch: int | None
    platform: str
    num_gpus: int
    tp: int | None
    cp: int | None
    pp: int | None
    vpp: int | None
    ep: int | None
    etp: int | None
    dp: int | None
    zero: str
    precision: str
    recompute: str
    metric: str
    value: float
    unit: str
    notes: str
    full_config: str
    evidence: str
    fault: str


def read_rows(path: Path) -> tuple[TruthRow, ...]:
    """All rows of a truth file; raises `InputError` when it cannot be read as one."""
    return completed(tuple(row for row, _ in read_cells(path)))


def read_cells(path: Path, *, unmeasured: bool = False) -> tuple[tuple[TruthRow, dict[str, str]], ...]:
    """Each row of a truth file as it stands there, with its cells; `unmeasured` rows may lack a value, then NaN."""
    table = csv.DictReader(io.StringIO(_text(path)))
    columns = _columns(table, path)
    doubled = sorted({name for name in columns if name and columns.count(name) > 1})
    if doubled:
        raise InputError(
            where=str(path),
            found=f"more than one column {', '.join(doubled)}",
            expected="each column once",
            fix="Keep the one that holds.",
        )
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise InputError(
            where=str(path),
            found=f"no column {', '.join(missing)}",
            expected="a table of measured training points",
            fix="Name the columns as in docs/validation-training.md.",
        )
    try:
        found = tuple((_row(line, number, unmeasured), line) for number, line in enumerate(table, start=2))
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error
    if not found:
        raise InputError(
            where=str(path), found="columns without a row", expected="a row for each point", fix="Add the rows."
        )
    return found


def _columns(table: "csv.DictReader[str]", path: Path) -> tuple[str, ...]:
    try:
        return tuple(table.fieldnames or ())
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error


def completed(rows: tuple[TruthRow, ...]) -> tuple[TruthRow, ...]:
    """The rows, with interleaving that one leaves open taken from others of the same configuration if they agree."""
    stated: dict[tuple[object, ...], set[int]] = {}
    for row in rows:
        if row.vpp is not None:
            stated.setdefault(_configuration(row), set()).add(row.vpp)
    return tuple(_completed(row, stated.get(_configuration(row), set())) for row in rows)


def _completed(row: TruthRow, agreed: set[int]) -> TruthRow:
    return replace(row, vpp=min(agreed)) if row.vpp is None and len(agreed) == 1 else row


def _configuration(row: TruthRow) -> tuple[object, ...]:
    return (row.model, row.num_gpus, row.tp, row.cp, row.pp, row.dp, row.global_batch_seqs, row.micro_batch)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise _unreadable(path, "a file of more than 64 MB")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, found: str) -> InputError:
    return InputError(
        where=str(path),
        found=found,
        expected="a readable CSV file in UTF-8",
        fix="Check the path and save the table as UTF-8; docs/validation-training.md says what it holds.",
    )


def _row(line: dict[str, str], number: int, unmeasured: bool) -> TruthRow:
    cells = {name: (text or "").strip() for name, text in line.items() if name is not None}
    read = {name: _number(cells.get(name, ""), name) for name in _NUMBERS}
    faults = [found for name, found in read.items() if isinstance(found, str) and name not in _BESIDE]
    reals = {name: None if isinstance(found, str) else found for name, found in read.items()}
    wholes = {name: None if value is None else round(value) for name, value in reals.items()}
    if reals["value"] is None and not unmeasured and not isinstance(read["value"], str):
        faults.append("no measured value")
    if wholes["num_gpus"] is None and not isinstance(read["num_gpus"], str):
        faults.append("no number of accelerators")
    return TruthRow(
        number=number,
        source_url=cells["source_url"],
        date=cells["date"],
        model=cells["model"],
        params_total_b=reals["params_total_b"],
        layers=wholes["layers"],
        hidden=wholes["hidden"],
        heads=wholes["heads"],
        kv_heads=wholes["kv_heads"],
        ffn=wholes["ffn"],
        vocab=wholes["vocab"],
        experts=wholes["experts"],
        topk=wholes["topk"],
        seq_len=wholes["seq_len"],
        global_batch_seqs=wholes["global_batch_seqs"],
        micro_batch=wholes["micro_batch"],
        platform=cells["platform"],
        num_gpus=wholes["num_gpus"] or 0,
        tp=wholes["tp"],
        cp=wholes["cp"],
        pp=wholes["pp"],
        vpp=wholes["vpp"],
        ep=wholes["ep"],
        etp=wholes["etp"],
        dp=wholes["dp"],
        zero=cells.get("zero", ""),
        precision=cells.get("precision", ""),
        recompute=cells.get("recompute", ""),
        metric=cells["metric"],
        value=math.nan if reals["value"] is None else reals["value"],
        unit=cells["unit"],
        notes=cells.get("notes", ""),
        full_config=cells.get("full_config", ""),
        evidence=cells.get("evidence", ""),
        fault="; ".join(faults),
    )


def _number(text: str, name: str) -> float | str | None:
    """The number in a cell, `None` where it is silent, or what is wrong with it."""
    if text.lower() in _SILENT or (text == "0" and name in _OR_NONE):
        return None
    try:
        value = float(text.replace(",", "").replace("_", ""))
    except ValueError:
        return f'{name} is "{text[:40]}", no number'
    if not 0.0 < value <= _MOST_OF.get(name, _MOST):
        return f'{name} is "{text[:40]}", which nothing is'
    if name not in _REAL and value != round(value):
        return f'{name} is "{text[:40]}", no whole number'
    return value
