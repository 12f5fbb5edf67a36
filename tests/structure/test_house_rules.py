"""The rules of the house that linters do not know."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "gigawatt"
MODULES = sorted(SOURCE.rglob("*.py"))
TEXT_FILES = [
    path
    for path in ROOT.rglob("*")
    if path.is_file()
    and path.suffix in {".py", ".toml", ".md", ".txt", ".cfg", ".yaml", ".html", ".js", ".css", ""}
    and not any(part.startswith(".") and part != ".ci" for part in path.relative_to(ROOT).parts)
    and not any(part in {"studies", "dist", "build"} for part in path.relative_to(ROOT).parts)
]
MOST_BODY_LINES = 60
MOST_FILE_LINES = 500
MOST_ARGUMENTS = 7
CONVERSION_FACTORS = {3600, 8760, 1024, 86400, 2**20, 2**30, 2**40}
ARGUMENT_ORDER = ("inputs", "performance", "plan", "history", "calendar", "rng")


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_line_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) and len(function.body) > 1 else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_FILE_LINES
    long = {f.name: body_line_count(f) for f in functions(path) if body_line_count(f) > MOST_BODY_LINES}
    assert not long
    if SOURCE / "cli" in path.parents:
        return  # a command's options are its interface
    wide = [f.name for f in functions(path) if len(f.args.args) + len(f.args.kwonlyargs) > MOST_ARGUMENTS + 1]
    assert not wide


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_repeated_arguments_keep_their_order(path: Path) -> None:
    for function in functions(path):
        names = [a.arg for a in function.args.args if a.arg in ARGUMENT_ORDER]
        assert names == sorted(names, key=ARGUMENT_ORDER.index), function.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_conversion_factors_stand_in_units_only(path: Path) -> None:
    if path.name == "units.py":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and type(node.value) in {int, float} and node.value in CONVERSION_FACTORS
    ]
    assert not found


def test_the_body_counter_can_fail() -> None:
    lines = "\n".join(f"    x{i} = {i}" for i in range(MOST_BODY_LINES + 1))
    function = ast.parse(f"def f():\n{lines}\n").body[0]
    assert isinstance(function, ast.FunctionDef)
    assert body_line_count(function) == MOST_BODY_LINES + 1


def test_no_file_names_a_machine_or_a_registry() -> None:
    forbidden = re.compile("/" + r"work/(main|shared)|pypi\." + r"org|files\.python" + "hosted|registry\\.npm" + "js")
    found = [str(p.relative_to(ROOT)) for p in TEXT_FILES if forbidden.search(p.read_text("utf-8", errors="ignore"))]
    assert not found
