"""Our nouns as JSON and back, led by their own annotations.

A dataclass becomes an object with its class name under `kind`, a date its ISO text, an enumeration its value, and
a number that JSON cannot write (NaN, infinity) its name as a string. Reading asks the annotation what to expect.
A field that has its default is not written: a study stays readable, and its hash the same, when nouns gain fields with
defaults.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(value: object) -> Json:
    """`value` as what `json.dumps` writes without NaN."""
    if is_dataclass(value) and not isinstance(value, type):
        held = {field: getattr(value, field.name) for field in fields(value)}
        named = {field.name: encode(item) for field, item in held.items() if not _is_default(field, item)}
        if "kind" in named:
            raise TypeError(f"{type(value).__name__}: a field called kind would hide the name of its class")
        return {"kind": type(value).__name__, **named}
    if isinstance(value, Mapping):
        return {_key_text(key): encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [encode(item) for item in value]
    return _encode_plain(value)


def _is_default(field: Field[Any], item: object) -> bool:
    return (field.default is not MISSING and item == field.default) or (
        field.default_factory is not MISSING and item == field.default_factory()
    )


def _encode_plain(value: object) -> Json:
    if isinstance(value, StrEnum):
        return str(value.value)
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _non_finite_name(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _non_finite_name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _key_text(key: object) -> str:
    if isinstance(key, date):
        return key.isoformat()
    return str(key)


@cache
def hints(cls: type) -> dict[str, Any]:
    """The annotations of a dataclass, evaluated."""
    return get_type_hints(cls)


def decode(annotation: Any, value: Json) -> Any:  # noqa: ANN401  # led by the annotation, as its name says
    """The value of the annotated type that `value` stands for; ValueError or KeyError when it stands for none."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return _decode_union(get_args(annotation), value)
    if origin is tuple:
        return _decode_tuple(get_args(annotation), value)
    if origin is not None and issubclass(origin, Mapping):
        key_type, item_type = get_args(annotation)
        return {decode(key_type, key): decode(item_type, item) for key, item in _as(dict, value).items()}
    if is_dataclass(annotation):
        return _decode_record(annotation, value)
    return _decode_plain(annotation, value)


def _decode_record(cls: Any, value: Json) -> Any:  # noqa: ANN401  # any dataclass
    record = _as(dict, value)
    if record.get("kind") != cls.__name__:
        raise ValueError(f"expected {cls.__name__}, found {record.get('kind')}")
    written = [field.name for field in fields(cls) if field.name in record or not _has_default(field)]
    return cls(**{name: decode(hints(cls)[name], record[name]) for name in written})


def _has_default(field: Field[Any]) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _decode_union(choices: tuple[Any, ...], value: Json) -> Any:  # noqa: ANN401  # one of the choices
    if value is None and type(None) in choices:
        return None
    kind = value.get("kind") if isinstance(value, dict) else None
    for choice in choices:
        if choice is type(None):
            continue
        if not is_dataclass(choice) or getattr(choice, "__name__", "") == kind:
            return decode(choice, value)
    raise ValueError(f"no such kind: {kind}")


def _decode_tuple(choices: tuple[Any, ...], value: Json) -> tuple[Any, ...]:
    items = _as(list, value)
    if len(choices) == 2 and choices[1] is Ellipsis:
        return tuple(decode(choices[0], item) for item in items)
    return tuple(decode(choice, item) for choice, item in zip(choices, items, strict=True))


def _decode_plain(annotation: Any, value: Json) -> Any:  # noqa: ANN401  # one of the plain types
    if annotation is float and isinstance(value, str):
        return _NON_FINITE[value]
    if annotation is bool or annotation is str:
        return _as(annotation, value)
    readers: dict[Any, Callable[[Any], Any]] = {float: float, int: int, date: date.fromisoformat}
    if annotation in readers:
        return readers[annotation](value)
    return annotation(value)


def _as(expected: type, value: Json) -> Any:  # noqa: ANN401  # checked just here
    if not isinstance(value, expected):
        raise TypeError(f"expected {expected.__name__}, found {type(value).__name__}")
    return value
