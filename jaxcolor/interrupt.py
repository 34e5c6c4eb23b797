"""SIGTERM and Ctrl-C as a wish to stop after the current step."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextlib.contextmanager
def listen() -> Iterator[threading.Event]:
    """Yields an event that the first signal sets; the second one acts as usual.

    Off the main thread, where Python lets nobody handle signals, it is never set.
    """
    wanted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield wanted
        return
    before = {int(number): signal.getsignal(number) for number in SIGNALS}

    def note(number: int, _: FrameType | None) -> None:
        wanted.set()
        signal.signal(number, before[number])

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield wanted
    finally:
        for number in SIGNALS:
            signal.signal(number, before[number])
