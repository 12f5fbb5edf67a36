"""A search that somebody may end early: what has been found so far is kept.

The one who wants to stop asks for it; every search under way then ends as if its time were over, and none begins anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Stop:
    """A wish to stop, which is heard while a plan is searched for and only then."""

    __slots__ = ("_heard", "_listening")

    def __init__(self) -> None:
        self._heard = False
        self._listening = False

    @property
    def heard(self) -> bool:
        """Whether the search was asked to end."""
        return self._heard

    def ask(self) -> bool:
        """Asks the search to end; False where none is under way, or it was asked before."""
        if self._heard or not self._listening:
            return False
        self._heard = True
        return True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While this lasts, searches end when they are asked to; one may listen within another."""
        token, outer = _current.set(self), self._listening
        self._listening = True
        try:
            yield
        finally:
            self._listening = outer
            _current.reset(token)


_current: ContextVar[Stop | None] = ContextVar("stop", default=None)


def stopped() -> bool:
    """Whether the search under way was asked to end."""
    stop = _current.get()
    return stop is not None and stop.heard
