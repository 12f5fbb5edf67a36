"""From paths to layers: a scenario file and what it includes, merged so that later layers speak last.

Tables merge key by key, arrays of tables at the top level merge by id, everything else is replaced. Included files
come before the file that includes them and must lie below the directory of the first file.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gigawatt.errors import ScenarioError
from gigawatt.scenario.refusals import quoted

SIZE_LIMIT_BYTES = 5_000_000
DEPTH_LIMIT = 12
INCLUDE_LIMIT = 50
IDENTITY_KEYS = ("id", "catalog", "model")

RawTable = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One file as read: its name in messages and its content."""

    name: str
    content: RawTable


def layers(path: Path, *, name: str) -> tuple[Layer, ...]:
    """The file at `path` after everything it includes, weakest first."""
    found: dict[Path, Layer] = {}
    _gather(path, name=name, base=_absolute(path.parent, name=name), chain=(), found=found)
    return tuple(found.values())


def merged(parts: Sequence[Layer]) -> RawTable:
    """The layers as one document; the last one that states a key is heard."""
    document: RawTable = {}
    for part in parts:
        document = _merged_tables(document, part.content, top=True)
    document.pop("include", None)
    return document


def identity(item: object) -> str:
    """What names a table of an array; empty when nothing does."""
    if not isinstance(item, Mapping):
        return ""
    return next((item[key] for key in IDENTITY_KEYS if isinstance(item.get(key), str)), "")


def _gather(path: Path, *, name: str, base: Path, chain: tuple[Path, ...], found: dict[Path, Layer]) -> None:
    here = _absolute(path, name=name)
    if here in chain:
        raise ScenarioError(
            where=f"{name}: include",
            found=f"a cycle: {' -> '.join(file.name for file in (*chain, here))}",
            expected="includes that lead to an end",
            fix="Remove one include of the cycle.",
        )
    if here in found:
        return
    if len(chain) >= INCLUDE_LIMIT:
        raise ScenarioError(
            where=f"{name}: include",
            found=f"a chain of more than {INCLUDE_LIMIT} includes",
            expected="a short chain",
            fix="Include the files directly.",
        )
    layer = Layer(name=name, content=_content(path, name=name))
    for position, target in enumerate(_include_list(layer)):
        included = _included_path(target, here=here, base=base, where=f"{name}: include[{position}]")
        _gather(included, name=target, base=base, chain=(*chain, here), found=found)
    found[here] = layer


def _include_list(layer: Layer) -> list[str]:
    listed = layer.content.get("include", [])
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        raise ScenarioError(
            where=f"{layer.name}: include",
            found=quoted(listed),
            expected="a list of file names",
            fix='Write it like include = ["sites.toml"].',
        )
    return listed


def _included_path(target: str, *, here: Path, base: Path, where: str) -> Path:
    path = _absolute(here.parent / target, name=where)
    if not path.is_relative_to(base):
        raise ScenarioError(
            where=where,
            found=quoted(target),
            expected="a relative path below the directory of the scenario",
            fix="Move the file next to the scenario.",
        )
    if not _is_file(path):
        raise ScenarioError(
            where=where,
            found=f"{quoted(target)}, where no file is",
            expected="a scenario file in TOML",
            fix="Check the path; it starts at the file that includes.",
        )
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _absolute(path: Path, *, name: str) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(path, where=name) from error


def _content(path: Path, *, name: str) -> RawTable:
    text = _text(path, where=name)
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ScenarioError(
            where=name,
            found=_no_toml(error),
            expected="a TOML file",
            fix="Mend the line, or check it with a TOML editor.",
        ) from error
    _refuse_depth(content, where=name)
    _refuse_duplicates(content, where=name)
    return content


def _no_toml(error: Exception) -> str:
    if isinstance(error, tomllib.TOMLDecodeError):
        return f"text that is no TOML: {str(error)[:120]}"
    return "brackets nested too deeply" if isinstance(error, RecursionError) else "a number that no computer can hold"


def _text(path: Path, *, where: str) -> str:
    try:
        if not path.is_file():
            raise _unreadable(path, where=where)
        with path.open("rb") as file:
            octets = file.read(SIZE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unreadable(path, where=where) from error
    if len(octets) > SIZE_LIMIT_BYTES:
        raise ScenarioError(
            where=where,
            found="a file of more than 5 MB",
            expected="a scenario of at most 5 MB",
            fix="Check that this is the file you meant; a scenario has a few kilobytes.",
        )
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScenarioError(
            where=where,
            found=f"an octet that is no UTF-8 at position {error.start}",
            expected="a text file in UTF-8",
            fix="Save the file as UTF-8.",
        ) from error


def _unreadable(path: Path, *, where: str) -> ScenarioError:
    try:
        kind = "a directory" if path.is_dir() else "no file that can be read"
    except (OSError, ValueError):
        kind = "no path that can exist"
    return ScenarioError(
        where=where,
        found=kind,
        expected="a scenario file in TOML",
        fix="Check the path, or list the bundled scenarios with `gigawatt scenario list`.",
    )


def _refuse_depth(content: RawTable, *, where: str) -> None:
    level: list[object] = [content]
    for _ in range(DEPTH_LIMIT):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
        ]
    if level:
        raise ScenarioError(
            where=where,
            found=f"tables nested more than {DEPTH_LIMIT} deep",
            expected="tables and lists a few levels deep",
            fix="Flatten the tables; `gigawatt scenario schema` shows the shape.",
        )


def _refuse_duplicates(content: RawTable, *, where: str) -> None:
    for key, value in content.items():
        names = [identity(item) for item in value] if isinstance(value, list) else []
        for position, name in enumerate(names):
            if name and name in names[:position]:
                raise ScenarioError(
                    where=f"{where}: {key}[{position}]",
                    found=f"the id {quoted(name)} a second time",
                    expected="one entry per id",
                    fix="Rename or remove one of the two.",
                )


def _merged_tables(below: RawTable, above: RawTable, *, top: bool) -> RawTable:
    result = dict(below)
    for key, value in above.items():
        result[key] = _merged_values(result[key], value, top=top) if key in result else value
    return result


def _merged_values(below: object, above: object, *, top: bool) -> object:
    if isinstance(below, dict) and isinstance(above, dict):
        return _merged_tables(below, above, top=False)
    if top and isinstance(below, list) and isinstance(above, list) and all(identity(item) for item in [*below, *above]):
        return _merged_by_id(below, above)
    return above


def _merged_by_id(below: list[RawTable], above: list[RawTable]) -> list[RawTable]:
    changes = {identity(item): item for item in above}
    kept = [_merged_tables(item, changes.pop(identity(item), {}), top=False) for item in below]
    return [*kept, *changes.values()]
