"""Which column of a trace means what."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from gigawatt.errors import TraceError


class Format(StrEnum):
    """How a trace is written."""

    CSV = "csv"
    JSONL = "jsonl"


class TimeUnit(StrEnum):
    """Unit of arrival times that are numbers."""

    S = "s"
    MS = "ms"
    US = "us"


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Names of columns by role; `time_unit` is None where arrivals are dates with a time."""

    arrival: str
    input: str
    output: str
    priority: str | None
    prefix: str | None
    time_unit: TimeUnit | None
    hash_tokens_count: int | None


# Mooncake's traces name prefix blocks of 512 tokens and count arrivals in ms: Qin et al. (2025), "Mooncake", FAST '25,
# and the README of the traces.
_MOONCAKE = {"timestamp", "input_length", "output_length", "hash_ids"}
_MOONCAKE_BLOCK_TOKENS = 512

_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "arrival": ("arrival", "arrivaltime", "arrivedat", "timestamp", "time", "arrivaltimestamp", "requesttime", "ts"),
    "input": (
        "contexttokens",
        "inputlength",
        "inputtokens",
        "prompttokens",
        "numprefilltokens",
        "promptlength",
        "requesttokens",
        "isl",
        "input",
        "inputlen",
        "promptlen",
    ),
    "output": (
        "generatedtokens",
        "outputlength",
        "outputtokens",
        "completiontokens",
        "numdecodetokens",
        "responsetokens",
        "osl",
        "output",
        "outputlen",
    ),
    "priority": ("priority",),
    "prefix": ("hashids", "prefixhashes", "blockhashes"),
}
ROLE_NAMES = tuple(_ROLES)
_REQUIRED = ("arrival", "input", "output")
_VIDUR_ARRIVAL = "arrivedat"


def format_of(head: bytes) -> Format:
    """JSON lines begin with a brace, everything else is CSV."""
    return Format.JSONL if head.lstrip().startswith(b"{") else Format.CSV


def columns_of(
    path: Path,
    form: Format,
    *,
    head: bytes,
    second: bytes,
    names: tuple[tuple[str, str], ...],
    time_unit: TimeUnit | None,
) -> Columns:
    """The columns of a trace: those that the caller names, and the others by their names."""
    first = _first_row(path, form, head, second)
    chosen = {role: _named(path, first, role, name) for role, name in names}
    found = {role: chosen.get(role) or _detected(path, first, role) for role in _ROLES}
    for role in _REQUIRED:
        if found[role] is None:
            raise TraceError(
                where=f"{path}:1",
                found="columns " + ", ".join(f'"{name}"' for name in first),
                expected=f"a column with the {_WORDS[role]}",
                fix=f"Name it with --columns {role}=NAME.",
            )
    arrival = found["arrival"] or ""
    mooncake = form is Format.JSONL and set(first) >= _MOONCAKE
    return Columns(
        arrival=arrival,
        input=found["input"] or "",
        output=found["output"] or "",
        priority=found["priority"],
        prefix=found["prefix"] if form is Format.JSONL else None,
        time_unit=time_unit or _time_unit(path, arrival, first[arrival], mooncake=mooncake),
        hash_tokens_count=_MOONCAKE_BLOCK_TOKENS if mooncake else None,
    )


_WORDS = {"arrival": "time of arrival", "input": "number of input tokens", "output": "number of output tokens"}


def _first_row(path: Path, form: Format, head: bytes, second: bytes) -> dict[str, object]:
    """The first request, or the header alone where there is none."""
    if form is Format.JSONL:
        try:
            row = json.loads(head)
        except (ValueError, RecursionError) as error:
            raise TraceError(
                where=f"{path}:1", found=f"no JSON: {error}", expected="a JSON object", fix="Correct the line."
            ) from error
        return dict(row)
    try:
        header, values = (next(csv.reader([line.decode("utf-8-sig")]), []) for line in (head, second))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(
            where=f"{path}:1", found=f"no text: {error}", expected="CSV in UTF-8", fix="Save the file as UTF-8."
        ) from error
    return {name: values[at] if at < len(values) else "" for at, name in enumerate(header)}


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "").replace(" ", "")


def _without_unit(name: str) -> str:
    for unit in TimeUnit:
        if name.lower().endswith(f"_{unit.value}"):
            return name[: -len(unit.value) - 1]
    return name


def _named(path: Path, first: Mapping[str, object], role: str, name: str) -> str:
    if role not in _ROLES:
        raise TraceError(
            where="--columns",
            found=f'the role "{role}"',
            expected="one of " + ", ".join(ROLE_NAMES),
            fix="Write it like arrival=NAME,input=NAME,output=NAME.",
        )
    if name not in first:
        raise TraceError(
            where=f"{path}:1",
            found="columns " + ", ".join(f'"{each}"' for each in first),
            expected=f'the column "{name}"',
            fix="Correct the name in --columns.",
        )
    return name


def _detected(path: Path, first: Mapping[str, object], role: str) -> str | None:
    found = [name for name in first if _plain(_without_unit(name)) in _ROLES[role] or _plain(name) in _ROLES[role]]
    if len(found) > 1:
        raise TraceError(
            where=f"{path}:1",
            found=" and ".join(f'"{name}"' for name in found),
            expected=f"one column for {role}",
            fix=f"Say which one with --columns {role}=NAME.",
        )
    return found[0] if found else None


def _time_unit(path: Path, name: str, value: object, *, mooncake: bool) -> TimeUnit | None:
    """The unit that the name states; none for dates; a bare number in a column without a unit is refused."""
    for unit in TimeUnit:
        if name.lower().endswith(f"_{unit.value}"):
            return unit
    if mooncake:
        return TimeUnit.MS
    if _plain(name) == _VIDUR_ARRIVAL:
        return TimeUnit.S
    if not _is_number(value):
        return None
    raise TraceError(
        where=f"{path}:1",
        found=f'numbers in "{name}"',
        expected="times with a unit",
        fix="State the unit with --time-unit s, ms or us.",
    )


def _is_number(value: object) -> bool:
    if isinstance(value, str):
        try:
            float(value)
        except ValueError:
            return False
        return True
    return isinstance(value, int | float)
