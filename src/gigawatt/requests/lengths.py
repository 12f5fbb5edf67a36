"""Lengths of a trace as means, spreads and how they go together, read once whatever the trace's size."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gigawatt.performance.serve.task import LengthSpread
from gigawatt.requests.traces import Requests
from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Mean lengths of requests and how they scatter; `requests_count` is 0 where they are stated, not counted."""

    requests_count: int
    input_tokens_count: float
    output_tokens_count: float
    spread: LengthSpread


def trace_lengths(pieces: Iterator[Requests]) -> Lengths:
    """The moments of all requests; pieces are merged as they come (Chan, Golub and LeVeque, 1983, equation 2.1)."""
    count, mean, scatter = 0, np.zeros(2), np.zeros((2, 2))
    for piece in pieces:
        rows = np.stack([piece.input_tokens_count, piece.output_tokens_count], axis=1).astype(np.float64)
        more, own = len(rows), rows.mean(axis=0)
        apart: FloatArray = own - mean
        around = rows - own
        scatter = scatter + around.T @ around + np.outer(apart, apart) * count * more / (count + more)
        mean = mean + apart * more / (count + more)
        count += more
    spread = np.sqrt(np.diag(scatter) / count)
    together = scatter[0, 1] / count / (spread[0] * spread[1]) if spread.all() else 0.0
    return Lengths(
        requests_count=count,
        input_tokens_count=float(mean[0]),
        output_tokens_count=float(mean[1]),
        spread=LengthSpread(
            input_tokens_count=float(spread[0]),
            output_tokens_count=float(spread[1]),
            correlation_fraction=float(together),
        ),
    )
