"""Measures how the time of a job divides into stages, over all its threads."""

import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from typing import Any


class Stages:
    """The seconds of each stage, added up by any number of threads."""

    def __init__(self) -> None:
        """Starts with no stages."""
        self._seconds: dict[str, float] = {}
        self._lock = threading.Lock()

    def add(self, name: str, seconds: float) -> None:
        """Adds to the seconds of a stage."""
        with self._lock:
            self._seconds[name] = self._seconds.get(name, 0.0) + seconds

    def shares(self) -> dict[str, float]:
        """Returns the share of each stage, in the order in which they first ended."""
        with self._lock:
            total = sum(self._seconds.values())
            return {name: x / total for name, x in self._seconds.items() if total}


_current: contextvars.ContextVar[Stages | None] = contextvars.ContextVar(
    "stages", default=None
)


@contextlib.contextmanager
def measured() -> Iterator[Stages]:
    """Yields the stages of what runs within, which `timed` adds to."""
    stages = Stages()
    token = _current.set(stages)
    try:
        yield stages
    finally:
        _current.reset(token)


@contextlib.contextmanager
def timed(name: str) -> Iterator[None]:
    """Adds the time that passes within to a stage, if one is being measured."""
    stages = _current.get()
    start = time.perf_counter()
    try:
        yield
    finally:
        if stages is not None:
            stages.add(name, time.perf_counter() - start)


def submit(
    pool: Executor, call: Callable[..., Any], *args: Any, **kwargs: Any
) -> Future[Any]:
    """Submits a call, whose stages are measured as those of the caller are."""
    context = contextvars.copy_context()
    return pool.submit(context.run, call, *args, **kwargs)
