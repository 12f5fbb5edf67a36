"""Compilation of the engine's functions, cached under a fingerprint of all their sources.

The compiler's own cache looks at one file at a time and would keep a caller whose callee has changed. So the cache
lies in a folder named after the content of every file of the engine; where no folder can be written, each process
compiles anew.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")

# The engine allocates nothing, so compiled code need not count references; a wrapper per inner function would double
# the time of compilation. The compiler's own stubs know neither option.
_jit: Callable[..., Any] = cast("Callable[..., Any]", numba.njit)
_config: Any = numba.config

_ENGINE = Path(__file__).resolve().parent


def _fingerprint() -> str:
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(_ENGINE.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path | None:
    for base in (_ENGINE / "__pycache__", Path.home() / ".cache" / "gigawatt"):
        folder = base / f"engine-{_fingerprint()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".writable"
            probe.touch()
            probe.unlink()
        except OSError:
            continue
        return folder
    return None


_FOLDER = _cache_folder()


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled into those that call it; it cannot be called from Python."""
    made = _jit(error_model="numpy", _nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)
    return cast("Callable[P, R]", made)


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled when it is first called from Python, and kept for the next process."""
    before = _config.CACHE_DIR
    try:
        _config.CACHE_DIR = str(_FOLDER) if _FOLDER else before
        made = _jit(cache=_FOLDER is not None, error_model="numpy", _nrt=False)(function)
    finally:
        _config.CACHE_DIR = before
    return cast("Callable[P, R]", made)
