"""The software of a step as people write it: `graphed=no,recomputed-modules=norm+activation`."""

from collections.abc import Mapping
from dataclasses import fields, replace
from enum import StrEnum

from gigawatt.cli.names import settings
from gigawatt.errors import InputError
from gigawatt.performance.step.task import ContextExchange, Module, Practice

_EXAMPLE = "graphed=no,recomputed-modules=norm+activation"
_SWITCHES = {"yes": True, "no": False}
_FACTOR = "attention_time_factor"
_LEAST, _MOST = 0.1, 10.0
# Widths that gradients and weights are summed, reduced and gathered in: FP8, BF16, FP32.
_WIDTHS = (1.0, 2.0, 4.0)


def stated_practice(text: str, base: Practice) -> Practice:
    """`base` with what a text states; raises `InputError` for what is no setting of it."""
    names = {field.name.replace("_", "-"): field.name for field in fields(Practice)}
    changes = {
        names[name]: _value(name, value, getattr(base, names[name]))
        for name, value in settings(text, names, option="--practice", example=_EXAMPLE)
    }
    return replace(base, **changes)  # type: ignore[arg-type]  # each value has the type of what it replaces


def practice_json(practice: Practice) -> dict[str, object]:
    """A practice by its fields."""
    found = {field.name: getattr(practice, field.name) for field in fields(practice)}
    return {name: sorted(value) if isinstance(value, frozenset) else value for name, value in found.items()}


def _value(name: str, text: str, present: object) -> object:
    if isinstance(present, bool):
        return _word(name, text, _SWITCHES)
    if isinstance(present, ContextExchange):
        return _word(name, text, _words(ContextExchange))
    if isinstance(present, frozenset):
        return frozenset(_word(name, part.strip(), _words(Module)) for part in text.split("+"))
    return _number(name, text)


def _words(kind: type[StrEnum]) -> dict[str, StrEnum]:
    return {item.value: item for item in kind}


def _word(name: str, text: str, known: Mapping[str, object]) -> object:
    if text not in known:
        raise _refused(f"{name}={text}", f"{name}= one of {', '.join(known)}")
    return known[text]


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise _refused(f"{name}={text}", f"{name}= a number") from None
    if name.replace("-", "_") == _FACTOR:
        if not _LEAST <= value <= _MOST:
            raise _refused(f"{name}={text}", f"{name}= a number, {_LEAST:g} to {_MOST:g}")
    elif value not in _WIDTHS:
        raise _refused(f"{name}={text}", f"{name}= one of {', '.join(f'{width:g}' for width in _WIDTHS)}")
    return value


def _refused(found: str, expected: str) -> InputError:
    return InputError(where="--practice", found=found, expected=expected, fix=f"Write it like {_EXAMPLE}.")
