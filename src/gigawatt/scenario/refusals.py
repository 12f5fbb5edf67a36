"""Refusals as they arise inside a file, before anyone knows which file it was.

Validators know what was found, what was expected and how to mend it; the reader of the file adds the place.
"""

from difflib import get_close_matches

from gigawatt.errors import InputError, QuantityError, ScenarioError

_LONGEST_QUOTE = 80


class RefusedError(ValueError):
    """A value that a validator refuses; `key` names the offending key inside the table, if there is one."""

    def __init__(self, *, found: str, expected: str, fix: str, key: str = "", quantity: bool = False) -> None:
        self.found = found
        self.expected = expected
        self.fix = fix
        self.key = key
        self.quantity = quantity
        super().__init__(f"found {found}; expected {expected}. {fix}")

    def at(self, where: str, *, more: str = "") -> InputError:
        """The same refusal with its place; `more` is added to the advice."""
        kind = QuantityError if self.quantity else ScenarioError
        return kind(where=where, found=self.found, expected=self.expected, fix=f"{self.fix}{more}")


def quoted(value: object) -> str:
    """What a person wrote, short and on one line."""
    text = value if isinstance(value, str) else plain_name(value)
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:_LONGEST_QUOTE])
    ellipsis = "..." if len(text) > _LONGEST_QUOTE else ""
    return f'"{shown}{ellipsis}"' if isinstance(value, str) else f"{shown}{ellipsis}"


def plain_name(value: object) -> str:
    """A value of a TOML file in words; never its whole content."""
    if isinstance(value, bool):
        return f"the bare value {str(value).lower()}"
    if isinstance(value, int) and abs(value) > 10**18:
        return "a bare number of more than 18 digits"
    if isinstance(value, int | float):
        return f"the bare number {value}"
    if isinstance(value, dict):
        return f"a table of {len(value)} keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)} items"
    return f"a {type(value).__name__}"


def suggestion(name: str, known: tuple[str, ...]) -> str:
    """Advice that names the closest of the known names, or the first few of them."""
    close = get_close_matches(name[:_LONGEST_QUOTE], known, n=1)
    if close:
        return f'Did you mean "{close[0]}"?'
    if not known:
        return "None is defined."
    more = ", ..." if len(known) > 12 else ""
    return f"Known are {', '.join(known[:12])}{more}."
