"""SIGTERM and Ctrl-C as requests to stop after the current step."""

import contextlib
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType

from jaxcolor.runtime import processes

SIGNALS = (signal.SIGTERM, signal.SIGINT)

IsWanted = Callable[[int], bool]

# Shared by all trainings of the process, since JAX wants a number that only grows.
ASKED = itertools.count(1)


@contextlib.contextmanager
def listen() -> Iterator[IsWanted]:
    """Yields a function that tells, at every step, whether to stop after it.

    The first signal requests a stop; the second one acts as usual. With several
    processes, one signal to any of them stops all, after the same step; a second
    SIGTERM does nothing there. Off the main thread, where Python cannot handle signals,
    a single process never stops.
    """
    if processes.are_many():
        # JAX's service listens for SIGTERM itself and lets the processes agree, on a
        # number that follows the largest one that was asked for: 1 before the first.
        with _as_sigterm():
            yield lambda _: processes.is_preempted(next(ASKED))
        return
    if not _may_handle():
        yield lambda _: False
        return
    wanted = threading.Event()
    with _handled(SIGNALS, wanted.set):
        yield lambda step: wanted.is_set()


def _may_handle() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def _as_sigterm() -> Iterator[None]:
    if not _may_handle():
        yield
        return
    with _handled((signal.SIGINT,), lambda: os.kill(os.getpid(), signal.SIGTERM)):
        yield


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
