"""Calling a policy by the address of its machine code, so that the engine is compiled once for all policies."""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _call(count: int, reals: tuple[int, ...]) -> Any:  # noqa: ANN401  # an intrinsic's code generator has no public type
    word, real = ir.IntType(64), ir.DoubleType()
    kinds = [real if place in reals else word for place in range(count)]

    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401  # the compiler's own
        pointer = builder.inttoptr(args[0], ir.FunctionType(word, kinds).as_pointer())
        return builder.call(pointer, args[1:])

    return generate


def _router(  # the C signature of a router
    _typing: Any,  # noqa: ANN401  # the compiler's own
    address: Any,  # noqa: ANN401, ARG001
    count: Any,  # noqa: ANN401, ARG001
    seen: Any,  # noqa: ANN401, ARG001
    prompt: Any,  # noqa: ANN401, ARG001
    sequence: Any,  # noqa: ANN401, ARG001
    draws: Any,  # noqa: ANN401, ARG001
) -> Any:  # noqa: ANN401
    return types.int64(*[types.int64] * 6), _call(5, ())


def _scaler(  # the C signature of a scaler
    _typing: Any,  # noqa: ANN401  # the compiler's own
    address: Any,  # noqa: ANN401, ARG001
    pool: Any,  # noqa: ANN401, ARG001
    replicas: Any,  # noqa: ANN401, ARG001
    requests: Any,  # noqa: ANN401, ARG001
    tokens: Any,  # noqa: ANN401, ARG001
    now_s: Any,  # noqa: ANN401, ARG001
) -> Any:  # noqa: ANN401
    return types.int64(*[types.int64] * 5, types.float64), _call(5, (4,))


call_router = cast("Callable[[int, int, int, int, int, int], int]", intrinsic(_router))
"""`(address, count, seen, prompt_tokens, sequence, draws)`; pointers travel as integers."""

call_scaler = cast("Callable[[int, int, int, int, int, float], int]", intrinsic(_scaler))
"""`(address, pool, replicas, requests, tokens, now_s)`."""
