"""SIGTERM and Ctrl-C as a wish to stop after the current step."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from jaxcolor import processes

SIGNALS = (signal.SIGTERM, signal.SIGINT)

IsWanted = Callable[[int], bool]


@contextlib.contextmanager
def listen() -> Iterator[IsWanted]:
    """Yields what tells, at every step, whether to stop after it.

    The first signal asks for that; the second one acts as usual. Of several processes
    one signal to any of them stops all, after the same step. Off the main thread,
    where Python lets nobody handle signals, it is never wanted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield processes.is_preempted
        return
    if processes.are_many():
        # JAX's service listens for SIGTERM itself and lets the processes agree.
        with _handled((signal.SIGINT,), lambda: os.kill(os.getpid(), signal.SIGTERM)):
            yield processes.is_preempted
        return
    wanted = threading.Event()
    with _handled(SIGNALS, wanted.set):
        yield lambda step: wanted.is_set()


@contextlib.contextmanager
def _handled(
    numbers: tuple[signal.Signals, ...], act: Callable[[], None]
) -> Iterator[None]:
    before = {int(number): signal.getsignal(number) for number in numbers}

    def note(number: int, _: FrameType | None) -> None:
        signal.signal(number, before[number])
        act()

    for number in numbers:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, before[number])
