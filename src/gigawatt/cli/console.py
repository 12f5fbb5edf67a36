"""Where text goes: results to standard output, everything else to standard error."""

import json
import math
from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console

from gigawatt.errors import GigawattError, InfeasibleError, InputError

INTERRUPTED = 130  # exit code after Ctrl-C: 128 + SIGINT

out = Console()
err = Console(stderr=True)


def print_json(answer: Mapping[str, Any]) -> None:
    """Print one JSON object on standard output; NaN and infinity, which JSON has no words for, become null."""
    typer.echo(json.dumps(_finite(answer), indent=2, allow_nan=False, ensure_ascii=False))


def _finite(value: Any) -> Any:  # noqa: ANN401 - whatever JSON may hold
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def report_error(error: GigawattError) -> None:
    """Print what went wrong and how to mend it, without a traceback."""
    lines: tuple[str, ...]
    if isinstance(error, InputError):
        lines = (
            f"[bold red]Error[/] in {_plain(error.where)}",
            f"  found     {_plain(error.found)}",
            f"  expected  {_plain(error.expected)}",
            f"  fix       {_plain(error.fix)}",
        )
    elif isinstance(error, InfeasibleError):
        lines = (
            "[bold red]No feasible plan[/]: these statements cannot all hold",
            *(f"  - {_plain(conflict)}" for conflict in error.conflicts),
            *((f"  {_plain(error.remedy)}",) if error.remedy else ()),
        )
    else:
        lines = (f"[bold red]Error[/] {_plain(str(error))}",)
    for line in lines:
        err.print(line, soft_wrap=True, highlight=False)


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
