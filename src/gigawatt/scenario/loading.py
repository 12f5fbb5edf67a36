"""The door for scenarios: a bundled name or a path in, a validated scenario out.

Whatever is wrong with the file ends in one of our errors that says where, what was found, what was expected and how
to mend it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from gigawatt.errors import ScenarioError
from gigawatt.scenario.files import Layer, RawTable, layers, merged
from gigawatt.scenario.overrides import Override, overridden
from gigawatt.scenario.places import Step, dotted, file_of, known_steps
from gigawatt.scenario.refusals import RefusedError, quoted, suggestion
from gigawatt.scenario.schema import Document

BUNDLED = Path(__file__).parent / "bundled"
SUFFIX = ".toml"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario as its author wrote it: the validated document, and the layers it was read from."""

    name: str
    document: Document
    raw: RawTable
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()

    @property
    def title(self) -> str:
        """The programme's name."""
        return self.document.programme.name

    def place(self, *steps: Step) -> str:
        """The file and key of the value at `steps`, for messages: `my.toml: site[1] "abilene".power[0]`."""
        return _place(steps, raw=self.raw, parts=self.layers, overrides=self.overrides)


def read(source: str | Path, overrides: Sequence[str] = ()) -> Scenario:
    """The scenario bundled under the name `source`, or in the file at that path, with `key=value` overrides applied.

    Raises a ScenarioError, or a QuantityError for a quantity that does not parse.
    """
    path = _path(source)
    parts = layers(path, name=path.name[:LONGEST_NAME])
    raw, applied = overridden(merged(parts), overrides)
    return Scenario(
        name=path.name.removesuffix(SUFFIX),
        document=_document(raw, parts=parts, overrides=applied),
        raw=raw,
        layers=parts,
        overrides=applied,
    )


def bundled() -> Mapping[str, str]:
    """Names and titles of the scenarios that come with the package."""
    return {path.name.removesuffix(SUFFIX): read(path).title for path in sorted(BUNDLED.glob(f"*{SUFFIX}"))}


def canonical(scenario: Scenario) -> Mapping[str, Any]:
    """The scenario as one document, after includes and overrides, with the texts as written."""
    return scenario.document.model_dump(mode="json", by_alias=True, exclude_none=True)


def digest(scenario: Scenario) -> str:
    """SHA-256 of the canonical document: the same for every way of spreading it over files and overrides."""
    text = json.dumps(canonical(scenario), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return sha256(text.encode("ascii")).hexdigest()


def json_schema() -> Mapping[str, Any]:
    """The JSON schema of a scenario file."""
    return Document.model_json_schema(by_alias=True)


def _path(source: str | Path) -> Path:
    names = tuple(path.name.removesuffix(SUFFIX) for path in sorted(BUNDLED.glob(f"*{SUFFIX}")))
    if str(source) in names:
        return BUNDLED / f"{source}{SUFFIX}"
    path = Path(source)
    if isinstance(source, str) and not path.suffix and "/" not in source and not _exists(path):
        raise ScenarioError(
            where=quoted(source),
            found="neither a bundled scenario nor a file",
            expected=f"one of {', '.join(names)}, or the path of a TOML file",
            fix=suggestion(source, names),
        )
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _document(raw: RawTable, *, parts: Sequence[Layer], overrides: Sequence[Override]) -> Document:
    try:
        return Document.model_validate(raw)
    except ValidationError as error:
        details = [detail for detail in error.errors(include_url=False) if not _follows_from_another(detail)]
        refusal = _refusal(details[0])
        location = (*_steps(details[0]), *((refusal.key,) if refusal.key else ()))
        steps = known_steps(location, raw, missing_key=bool(refusal.key))
        more = f" ({len(details) - 1} more)" if len(details) > 1 else ""
        raise refusal.at(_place(steps, raw=raw, parts=parts, overrides=overrides), more=more) from error


def _follows_from_another(detail: ErrorDetails) -> bool:
    """A list counts as too short when one of its entries was refused; the entry's own error says more."""
    return detail["type"] == "too_short" and bool(detail["input"])


def _steps(detail: ErrorDetails) -> tuple[Step, ...]:
    return tuple(step for step in detail["loc"] if step != "[key]")


def _refusal(detail: ErrorDetails) -> RefusedError:
    """What a validator refused; pydantic's own findings put into our four parts."""
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, RefusedError):
        return cause
    kind, found = detail["type"], quoted(detail["input"])
    context = detail.get("ctx", {})
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _unknown_kind(detail)
    if kind in {"model_attributes_type", "dict_type", "mapping_type"}:
        return RefusedError(found=found, expected="a table", fix='Write it in braces, like { kind = "..." }.')
    if kind in {"tuple_type", "list_type"}:
        return RefusedError(
            found=found, expected="a list", fix="Write it in square brackets, or under [[double]] ones."
        )
    if kind == "too_short":
        return RefusedError(
            found=found,
            expected=f"at least {context.get('min_length', 1)} entry",
            fix="Add an entry, or leave the key out.",
        )
    return RefusedError(found=found, expected=detail["msg"], fix="`gigawatt scenario schema` shows the shape.")


def _unknown_kind(detail: ErrorDetails) -> RefusedError:
    context = detail.get("ctx", {})
    known = tuple(str(context.get("expected_tags", "")).replace("'", "").split(", ")) if "tag" in context else ()
    if "tag" in context:
        return RefusedError(
            found=f"the kind {quoted(str(context['tag']))}",
            expected=f"one of {', '.join(known)}",
            fix=suggestion(str(context["tag"]), known),
            key="kind",
        )
    return RefusedError(
        found=quoted(detail["input"]),
        expected='a table with the key "kind"',
        fix='Write it like { kind = "..." }; `gigawatt scenario schema` lists the kinds.',
        key="kind" if isinstance(detail["input"], dict) else "",
    )


def _place(steps: Sequence[Step], *, raw: RawTable, parts: Sequence[Layer], overrides: Sequence[Override]) -> str:
    for override in reversed(overrides):
        if tuple(steps)[: len(override.steps)] == override.steps:
            inner = dotted(steps[len(override.steps) :], None)
            return f"{override.name}: {inner}" if inner else override.name
    name = file_of(steps, raw, parts)
    return f"{name}: {dotted(steps, raw)}" if steps else name
