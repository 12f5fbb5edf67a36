"""A pair of platform and workload that cannot run, as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A pair that cannot run, and why, in words."""

    reason: str
