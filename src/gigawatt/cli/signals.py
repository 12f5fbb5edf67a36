"""Ctrl-C and SIGTERM: the first ends a search with the best plan so far, the next ends the command."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread

from gigawatt.planning.stopping import Stop

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_ask(stop: Stop) -> Iterator[None]:
    """While this lasts a signal asks `stop`; where that is not heard, or was asked before, it is an interrupt."""

    def ask(_number: int, _frame: object) -> None:
        if not stop.ask():
            raise KeyboardInterrupt

    if current_thread() is not main_thread():
        yield
        return
    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
