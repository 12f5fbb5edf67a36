"""Policies: plain functions that say where a request goes, who is served first, and how many replicas to run.

A **router** `route(replicas, request) -> int` returns an index into the arrays of `replicas`. `compiled_router`
compiles it; `python_router` calls it as it is, which is slower and can do anything. It sees what does not change while
replicas decode: requests and prompt tokens in line, never how far an answer has come.

An **order** `order(requests) -> (rank, key)` gives one number each per request: the lower rank is served first, then
the lower key, then who came first.

A **scaler** `scale(load) -> int` says how many replicas a pool should have.
"""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import numba
import numpy as np
from numba import types

from gigawatt.errors import InputError
from gigawatt.requests.traces import Requests
from gigawatt.timeline import FloatArray, IntArray


class Replicas(NamedTuple):
    """The replicas that take requests, `(replica,)`.

    `requests` that each has, in line or in its batch; prompt `tokens` that wait there to be computed; tokens of this
    prompt that its cache holds, `cached` (zeros unless the router asks for them).
    """

    requests: IntArray
    tokens: IntArray
    cached: IntArray


class Request(NamedTuple):
    """The request to route: its prompt, how many were routed before, and two uniform draws in [0, 1)."""

    prompt_tokens: int
    sequence: int
    draws: FloatArray


class Load(NamedTuple):
    """What a scaler sees of a pool (0 entry, 1 decode): replicas on or starting, their requests and prompt tokens."""

    pool: int
    replicas: int
    requests: int
    tokens: int
    now_s: float


RouteFunction = Callable[[Replicas, Request], int]
ScaleFunction = Callable[[Load], int]
Order = Callable[[Requests], tuple[IntArray, FloatArray]]

_VIEW_COLUMNS = 4
_REQUESTS, _TOKENS, _CACHED = 1, 2, 3
_INT_POINTER = ctypes.POINTER(ctypes.c_int64)
_REAL_POINTER = ctypes.POINTER(ctypes.c_double)
_ROUTER_CALL = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.c_int64, _INT_POINTER, ctypes.c_int64, ctypes.c_int64, _REAL_POINTER
)
_SCALER_CALL = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4, ctypes.c_double)
_pointer: Callable[..., Any] = types.CPointer
_carray: Callable[..., Any] = numba.carray  # type: ignore[attr-defined]  # numba exports it without saying so
_ROUTER_TYPE = types.int64(types.int64, _pointer(types.int64), types.int64, types.int64, _pointer(types.float64))
NO_ANSWER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """A routing policy as the engine calls it; `sees_cache` costs a look into every replica's cache per request.

    `raised` collects what a policy in plain Python raised: an exception cannot cross compiled code.
    """

    name: str
    address: int
    sees_cache: bool
    callback: object = field(repr=False)
    raised: list[Exception] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """A scaling policy as the engine calls it."""

    name: str
    address: int
    callback: object = field(repr=False)
    raised: list[Exception] = field(default_factory=list)


def compiled_router(function: RouteFunction, *, sees_cache: bool = False) -> Router:
    """A router from a function that the compiler understands: numbers, arrays and loops."""
    inner = cast("RouteFunction", numba.njit(function))

    def outer(count: int, view: Any, prompt_tokens: int, sequence: int, draws: Any) -> int:  # noqa: ANN401  # pointers
        rows = _carray(view, (count, _VIEW_COLUMNS))
        replicas = Replicas(rows[:, _REQUESTS], rows[:, _TOKENS], rows[:, _CACHED])
        return int(inner(replicas, Request(prompt_tokens, sequence, _carray(draws, 2))))

    callback = numba.cfunc(_ROUTER_TYPE)(outer)
    return Router(name=function.__name__, address=int(callback.address or 0), sees_cache=sees_cache, callback=callback)


def python_router(function: RouteFunction, *, sees_cache: bool = False) -> Router:
    """A router from any function, called as it is."""
    raised: list[Exception] = []

    def outer(count: int, view: Any, prompt_tokens: int, sequence: int, draws: Any) -> int:  # noqa: ANN401  # pointers
        rows = np.ctypeslib.as_array(view, (count, _VIEW_COLUMNS))
        chances = np.ctypeslib.as_array(draws, (2,))
        try:
            replicas = Replicas(rows[:, _REQUESTS], rows[:, _TOKENS], rows[:, _CACHED])
            return int(function(replicas, Request(prompt_tokens, sequence, chances)))
        except Exception as error:  # noqa: BLE001  # raised again once compiled code has returned
            raised.append(error)
            return NO_ANSWER

    callback = _ROUTER_CALL(outer)
    return Router(
        name=function.__name__, address=_address(callback), sees_cache=sees_cache, callback=callback, raised=raised
    )


def python_scaler(function: ScaleFunction) -> Scaler:
    """A scaler from any function; it is asked so rarely that it need not be compiled."""
    raised: list[Exception] = []

    def outer(pool: int, replicas: int, requests: int, tokens: int, now_s: float) -> int:
        try:
            return int(function(Load(pool, replicas, requests, tokens, now_s)))
        except Exception as error:  # noqa: BLE001  # raised again once compiled code has returned
            raised.append(error)
            return replicas

    callback = _SCALER_CALL(outer)
    return Scaler(name=function.__name__, address=_address(callback), callback=callback, raised=raised)


def _address(callback: Any) -> int:  # noqa: ANN401  # a function pointer has no public type
    return int(ctypes.cast(callback, ctypes.c_void_p).value or 0)


def round_robin(replicas: Replicas, request: Request) -> int:
    """One after the other."""
    return int(request.sequence % replicas.requests.size)


def least_loaded(replicas: Replicas, request: Request) -> int:  # noqa: ARG001  # the signature of a router
    """The replica with the fewest requests."""
    return int(np.argmin(replicas.requests))


def power_of_two(replicas: Replicas, request: Request) -> int:
    """The less loaded of two replicas drawn at random (Mitzenmacher, 2001)."""
    first = int(request.draws[0] * replicas.requests.size)
    second = int(request.draws[1] * replicas.requests.size)
    return first if replicas.requests[first] <= replicas.requests[second] else second


def prefix_affinity(replicas: Replicas, request: Request) -> int:
    """The replica with the fewest prompt tokens to compute before the answer: those in line and its own uncached."""
    return int(np.argmin(replicas.tokens + request.prompt_tokens - replicas.cached))


_ROUTERS: Mapping[str, tuple[RouteFunction, bool]] = {
    "round-robin": (round_robin, False),
    "least-loaded": (least_loaded, False),
    "power-of-two": (power_of_two, False),
    "prefix-affinity": (prefix_affinity, True),
}
ROUTER_NAMES = tuple(_ROUTERS)


def router(name: str) -> Router:
    """One of the routers that come with the package."""
    if name not in _ROUTERS:
        raise InputError(
            where="policy",
            found=f'"{name}"',
            expected="one of " + ", ".join(ROUTER_NAMES),
            fix="Choose one of them, or pass a router of your own from Python.",
        )
    function, sees_cache = _ROUTERS[name]
    return compiled_router(function, sees_cache=sees_cache)


def first_come(requests: Requests) -> tuple[IntArray, FloatArray]:
    """First come, first served."""
    return np.zeros_like(requests.priority), requests.arrival_s


def by_priority(requests: Requests) -> tuple[IntArray, FloatArray]:
    """Lower priority numbers first, then first come, first served."""
    return requests.priority, requests.arrival_s


def shortest_prompt(requests: Requests) -> tuple[IntArray, FloatArray]:
    """Short prompts first."""
    return np.zeros_like(requests.priority), requests.input_tokens_count.astype(np.float64)


ORDERS: Mapping[str, Order] = {
    "first-come": first_come,
    "priority": by_priority,
    "shortest-prompt": shortest_prompt,
}


def requests_per_replica(target: float) -> Scaler:
    """A scaler that keeps about `target` requests at each replica."""

    def scale(load: Load) -> int:
        return int(np.ceil(load.requests / target))

    return python_scaler(scale)
