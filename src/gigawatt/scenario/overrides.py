"""What `--set site.abilene.energy_price="70 USD/MWh"` does to a document.

Entries of an array are named by id or by index. A value is TOML where it is valid TOML, a string otherwise, so that
`--set programme.discount_rate="12 percent"` works although the shell removes the quotes.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from gigawatt.errors import ScenarioError
from gigawatt.scenario.files import DEPTH_LIMIT, RawTable, identity
from gigawatt.scenario.places import Step
from gigawatt.scenario.refusals import quoted, suggestion

_KEY = re.compile(r"[^.\[\]]+|\[\d{1,6}\]")
_PATH = re.compile(r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+|\[\d{1,6}\])*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One `--set`, found in the document: the steps that lead to the value."""

    name: str
    steps: tuple[Step, ...]


def overridden(document: RawTable, texts: Sequence[str]) -> tuple[RawTable, tuple[Override, ...]]:
    """The document with all overrides applied in turn, and where each of them went."""
    applied: list[Override] = []
    for text in texts:
        path, value = _halves(text)
        document, steps = _changed(document, tuple(_KEY.findall(path)), value, where=f"--set {path}")
        applied.append(Override(name=f"--set {path}", steps=steps))
    return document, tuple(applied)


def _halves(text: str) -> tuple[str, object]:
    path, equals, value = text.partition("=")
    path, value = path.strip(), value.strip()
    if not equals or not value or not _PATH.match(path) or len(_KEY.findall(path)) > DEPTH_LIMIT:
        raise ScenarioError(
            where="--set",
            found=quoted(text),
            expected="a key and a value",
            fix='Write it like --set programme.discount_rate="12 percent".',
        )
    return path, _value(value)


def _value(text: str) -> object:
    try:
        parsed: dict[str, Any] = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = parsed.get("value")
    return text if len(parsed) != 1 or isinstance(value, date | time) else value


def _changed(here: Any, keys: tuple[str, ...], value: object, *, where: str) -> tuple[Any, tuple[Step, ...]]:  # noqa: ANN401 - a TOML value of any kind
    if not keys:
        return value, ()
    if isinstance(here, list):
        position, used = _entry(here, keys, where=where)
        inner, steps = _changed(here[position], keys[used:], value, where=where)
        return [*here[:position], inner, *here[position + 1 :]], (position, *steps)
    if not isinstance(here, dict) or keys[0].startswith("["):
        raise ScenarioError(
            where=where,
            found=f"{quoted(keys[0])} where the scenario has {quoted(here)}",
            expected="a key of a table, or an id or index of a list",
            fix="`gigawatt scenario schema` shows the keys.",
        )
    if keys[0] not in here and len(keys) > 1:
        _refuse_new_entry(here, keys, where=where)
    inner, steps = _changed(here.get(keys[0], {}), keys[1:], value, where=where)
    return {**here, keys[0]: inner}, (keys[0], *steps)


def _refuse_new_entry(here: RawTable, keys: tuple[str, ...], *, where: str) -> None:
    lists = tuple(key for key, inner in here.items() if isinstance(inner, list))
    if keys[1].startswith("["):
        raise ScenarioError(
            where=where,
            found=f"no list {quoted(keys[0])}",
            expected="a list that the scenario has",
            fix=suggestion(keys[0], lists),
        )


def _entry(items: list[object], keys: tuple[str, ...], *, where: str) -> tuple[int, int]:
    """Position of the entry that the first keys name, and how many keys that took (ids may hold dots)."""
    names = tuple(identity(item) for item in items)
    if keys[0].startswith("[") and int(keys[0][1:-1]) < len(items):
        return int(keys[0][1:-1]), 1
    for count in range(len(keys), 0, -1):
        name = ".".join(keys[:count])
        if name in names:
            return names.index(name), count
    known = tuple(name for name in names if name) or tuple(f"[{position}]" for position in range(len(items)))
    raise ScenarioError(
        where=where,
        found=f"no entry {quoted(keys[0])}",
        expected="the id or the index of an entry",
        fix=suggestion(keys[0], known),
    )
