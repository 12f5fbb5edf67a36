"""Names that nearly were."""

import difflib
from collections.abc import Mapping


def nearest(word: str, known: Mapping[str, object]) -> str:
    """The close matches of a word, as the end of a sentence."""
    close = difflib.get_close_matches(word, known, n=3)
    return f"Did you mean {' or '.join(close)}?" if close else f"Known: {', '.join(known)}."
