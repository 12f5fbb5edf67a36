"""Policies of the request simulation by name, or from a file of the user's: `FILE.py:FUNCTION`.

A router is a function of replicas and a request, an order one of requests, a scaler one of a pool's load; see
`gigawatt.requests.policies`. The file is Python and is run as such.
"""

import functools
import runpy
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gigawatt.errors import InputError
from gigawatt.requests.policies import ORDERS, Order, Router, Scaler, python_router, python_scaler, router
from gigawatt.requests.traces import Requests
from gigawatt.timeline import FloatArray, IntArray


def chosen_router(text: str) -> Router:
    """A bundled router, or one from a file: made there by `compiled_router`, or a function that is called as it is."""
    if ".py:" not in text:
        return router(text)
    found = _own(text, "--policy")
    return found if isinstance(found, Router) else python_router(_guarded(found, "--policy"), sees_cache=True)


def chosen_order(text: str) -> Order:
    """A bundled order, or one from a file."""
    if ".py:" in text:
        return _checked_order(_guarded(_own(text, "--order"), "--order"))
    if text not in ORDERS:
        raise InputError(
            where="--order",
            found=f'"{text}"',
            expected="one of " + ", ".join(ORDERS) + ", or FILE.py:FUNCTION",
            fix="Choose one of them.",
        )
    return ORDERS[text]


def chosen_scaler(text: str) -> Scaler:
    """A scaler from a file."""
    found = _own(text, "--scaler")
    return found if isinstance(found, Scaler) else python_scaler(_guarded(found, "--scaler"))


def _checked_order(order: Callable[[Requests], Any]) -> Order:
    """The order, refused where it does not give two numbers for each request."""

    def checked(requests: Requests) -> tuple[IntArray, FloatArray]:
        answer = order(requests)
        try:
            rank, key = (np.asarray(values, dtype=np.float64) for values in answer)
            fits = rank.shape == key.shape == (len(requests),) and bool(np.all(np.isfinite(rank) & ~np.isnan(key)))
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise InputError(
                where="--order",
                found="an answer that is not two numbers for each request",
                expected="(rank, key), each with one number per request",
                fix="Return two arrays as long as `requests`.",
            )
        return rank.astype(np.int64), key

    return checked


def _own(text: str, where: str) -> Any:  # noqa: ANN401  # whatever the user's file defines
    """What a file defines under a name."""
    path_text, _, name = text.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise _refused(where, f'no file "{path}"', "Check the path before the colon.")
    try:
        defined = runpy.run_path(str(path))
    except Exception as error:
        raise _refused(where, _told(error), "Mend the file.") from error
    found = defined.get(name)
    if not (callable(found) or isinstance(found, Router | Scaler)):
        names = sorted(key for key, value in defined.items() if callable(value) and not key.startswith("_"))
        raise _refused(where, f'no function "{name}" in {path}', f"It defines {', '.join(names) or 'none'}.")
    return found


def _guarded(function: Callable[..., Any], where: str) -> Callable[..., Any]:
    """The function with whatever it raises told as an error of the user's file."""

    @functools.wraps(function)
    def call(*arguments: object) -> object:
        try:
            return function(*arguments)
        except Exception as error:
            raise _refused(where, _told(error), "Mend the function.") from error

    return call


def _told(error: Exception) -> str:
    """An exception and the line it came from."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.filename}:{last.lineno}: {error}"


def _refused(where: str, found: str, fix: str) -> InputError:
    return InputError(
        where=where, found=found, expected="a Python file and a function in it: FILE.py:FUNCTION", fix=fix
    )
