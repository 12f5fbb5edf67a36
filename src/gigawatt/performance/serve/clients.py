"""Clients that each keep one request under way: how many there are, how alike their requests, how long they go on."""

import math
from dataclasses import dataclass, replace

import numpy as np

from gigawatt.timeline import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """A closed loop: `concurrency_count` clients send their next request when the last one ends.

    All start at once; output lengths lie evenly in the upper `length_spread_fraction` of the longest, and each client
    sends `requests_per_client_count` requests. Long runs of varied requests lose the memory of their start.
    """

    concurrency_count: FloatArray
    length_spread_fraction: float
    requests_per_client_count: float

    @property
    def first_fraction(self) -> float:
        """Share of requests that are the first of their client, sent when all others are."""
        return 1.0 / self.requests_per_client_count

    @property
    def window_fraction(self) -> float:
        """Share of a request's life in which the next requests of all clients arrive.

        The sum of m lengths spread over s has a standard deviation of s sqrt(m / 12), as wide as an even spread of
        s sqrt(m); the mean over the later requests of a client, at most all of a life.
        """
        spread = self.length_spread_fraction
        waves = math.ceil(max(self.requests_per_client_count, 2.0)) - 1
        narrow = min(waves, math.floor(spread**-2.0)) if spread > 0.0 else waves
        shares = np.minimum(spread * np.sqrt(np.arange(1.0, narrow + 1.0)), 1.0)
        return float((np.sum(shares) + (waves - narrow)) / waves)


def bunched(clients: Clients, ratio: float) -> Clients:
    """The clients with requests that arrive `ratio` times as close together, and as many more of them at the start."""
    return replace(
        clients,
        length_spread_fraction=min(clients.length_spread_fraction / ratio, 1.0),
        requests_per_client_count=max(clients.requests_per_client_count / ratio, 1.0),
    )
