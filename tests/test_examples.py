"""The examples in the README and in `docs/` run, and print what the page says.

A console block holds commands after `$ ` and, below each, what it prints; a line `...` stands for any lines.
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples(page: Path) -> Iterator[tuple[str, str]]:
    """Each command of a page with the output it promises."""
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output


CASES = [(page.name, *example) for page in PAGES for example in examples(page)]


def as_pattern(output: str) -> re.Pattern[str]:
    """A pattern for the promised output, whatever its trailing spaces."""
    lines = [
        r"(?:.*\n)*?" if line.strip() == "..." else re.escape(line.rstrip()) + r" *\n" for line in output.splitlines()
    ]
    return re.compile("".join(lines) + r"\s*\Z")


@pytest.mark.parametrize(("page", "command", "output"), CASES, ids=[f"{page}: {command}" for page, command, _ in CASES])
def test_example(page: str, command: str, output: str, tmp_path: Path) -> None:
    words = shlex.split(command)
    assert words[0] == "gigawatt", f"{page} may only show gigawatt commands in console blocks"
    finished = subprocess.run(
        [sys.executable, "-m", "gigawatt", *words[1:]],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    assert as_pattern(output).match(finished.stdout), finished.stdout


def test_there_are_examples() -> None:
    assert any(page == "README.md" for page, _, _ in CASES)


def test_a_wrong_output_does_not_match() -> None:
    assert as_pattern("a\n...\nb\n").match("a\nx\ny\nb\n")
    assert not as_pattern("a\n...\nb\n").match("a\nx\n")
