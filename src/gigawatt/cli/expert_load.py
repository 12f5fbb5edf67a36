"""Measured routing as people write it down: a CSV table of tokens by layer and expert."""

import csv
import math
from collections.abc import Iterator
from pathlib import Path

from gigawatt.errors import InputError

_COLUMNS = ("expert", "tokens")


def read_expert_tokens(path: Path, *, experts_count: int) -> tuple[tuple[float, ...], ...]:
    """Tokens by `(layer, expert)` from columns `expert`, counted from 0, `tokens` and, of several layers, `layer`.

    Raises `InputError` when a line cannot be read or a layer lacks an expert.
    """
    layers: dict[str, dict[int, float]] = {}
    for line, (layer, expert, tokens) in _lines(path):
        found = layers.setdefault(layer, {})
        if not 0 <= expert < experts_count or expert in found:
            raise _refused(
                path, f"line {line}: expert {expert}", f"each of the experts 0 to {experts_count - 1:,} once in a layer"
            )
        found[expert] = tokens
    for layer, found in layers.items():
        if len(found) < experts_count or not sum(found.values()):
            raise _refused(
                path,
                f"{len(found):,} experts with {sum(found.values()):,.0f} tokens"
                + (f" in layer {layer}" if layer else ""),
                f"tokens of all {experts_count:,} experts",
            )
    if not layers:
        raise _refused(path, "no line", "a line for each expert")
    return tuple(tuple(found[expert] for expert in range(experts_count)) for found in layers.values())


def _lines(path: Path) -> Iterator[tuple[int, tuple[str, int, float]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise _refused(path, f"no column {', '.join(missing)}", "columns expert and tokens, and layer")
            for row in rows:
                yield rows.line_num, _read(path, rows.line_num, row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _refused(path, str(error), "a number from 1 to 1,000, or a readable CSV file in UTF-8") from error


def _read(path: Path, line: int, row: dict[str, str]) -> tuple[str, int, float]:
    try:
        expert, tokens = int(row["expert"]), float(row["tokens"])
    except (TypeError, ValueError):
        raise _refused(path, f"line {line}: {row['expert']}, {row['tokens']}", "a whole number and a number") from None
    if not (math.isfinite(tokens) and tokens >= 0.0):
        raise _refused(path, f"line {line}: {row['tokens']} tokens", "a number of at least 0")
    return (row.get("layer") or "").strip(), expert, tokens


def _refused(path: Path, found: str, expected: str) -> InputError:
    return InputError(
        where=f"--expert-load {path}",
        found=found,
        expected=expected,
        fix='State a ratio such as 1.3, or a table with columns "layer,expert,tokens".',
    )
