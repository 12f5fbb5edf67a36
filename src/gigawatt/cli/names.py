"""Settings as people write them, `name=value,name=value`, and names that nearly were."""

import difflib
from collections.abc import Iterator, Mapping

from gigawatt.errors import InputError


def settings(text: str, known: Mapping[str, object], *, option: str, example: str) -> Iterator[tuple[str, str]]:
    """Each name of a text with its value; raises `InputError` for names that are not known or come twice."""
    seen = set()
    for piece in filter(None, (part.strip() for part in text.split(","))):
        name, mark, value = (part.strip() for part in piece.partition("="))
        if not mark or name not in known:
            raise InputError(
                where=option,
                found=f'"{piece}"',
                expected=f"settings such as {example}",
                fix=nearest(name, known),
            )
        if name in seen:
            raise InputError(
                where=option, found=f"{name} twice", expected="each setting once", fix=f"Write it like {example}."
            )
        seen.add(name)
        yield name, value


def nearest(word: str, known: Mapping[str, object]) -> str:
    """The close matches of a word, as the end of a sentence."""
    close = difflib.get_close_matches(word, known, n=3)
    return f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(known)}."
