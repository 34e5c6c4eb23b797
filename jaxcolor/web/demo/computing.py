"""The one thread that computes, and the queue before it."""

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

Result = TypeVar("Result")

# Share of the last work in the mean time of a piece of work.
_NEWEST = 0.2
_LONGEST_RETRY = 60


class Computing:
    """Runs one piece of work at a time; the others wait, up to a number.

    Attributes:
        pending: pieces of work that wait or run.
    """

    def __init__(self, *, most_waiting: int, seconds: float) -> None:
        """Starts no thread yet.

        Args:
            most_waiting: beside the one that runs.
            seconds: that a request may wait and compute.
        """
        self.pending = 0
        self._most = most_waiting + 1
        self._seconds = seconds
        self._mean = 1.0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="colorize")

    async def run(self, request: Request, work: Callable[[], Result]) -> Result:
        """Returns what a piece of work does, which the request has asked for.

        Work that has not begun is given up when the visitor leaves.

        Raises:
            HTTPException: 503, too many wait or it took too long, with Retry-After;
                400, it raised a ValueError, whose line is the answer; 404, a file is
                no longer there; 413, it needs too much memory.
        """
        if self.pending >= self._most:
            raise self._busy(f"{self.pending} requests are waiting")
        self.pending += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(self._timed, work)

        def ended(_: Future[Result]) -> None:
            # The loop has ended before, where the server stops.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._ended)

        future.add_done_callback(ended)
        leaving = asyncio.create_task(_left(request))
        leaving.add_done_callback(lambda _: future.cancel())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        except FileNotFoundError as error:
            raise HTTPException(404, "the photograph has been removed") from error
        except MemoryError as error:
            raise HTTPException(413, "too large for the memory here") from error
        except TimeoutError as error:
            raise self._busy(f"it took more than {self._seconds:g} s") from error
        except asyncio.CancelledError as error:
            if not leaving.done():
                raise
            # No one reads it.
            raise HTTPException(503, "the request was given up") from error
        finally:
            leaving.cancel()

    def later(self, work: Callable[[], None]) -> None:
        """Lets the thread do something small that no one waits for."""
        # It is closed where the server stops.
        with contextlib.suppress(RuntimeError):
            self._pool.submit(work)

    def close(self) -> None:
        """Ends the thread after the work that runs; what waits is given up."""
        self._pool.shutdown(cancel_futures=True)

    def _timed(self, work: Callable[[], Result]) -> Result:
        start = time.monotonic()
        try:
            return work()
        finally:
            taken = time.monotonic() - start
            self._mean += _NEWEST * (taken - self._mean)

    def _ended(self) -> None:
        self.pending -= 1

    def _busy(self, reason: str) -> HTTPException:
        seconds = min(max(1, math.ceil(self.pending * self._mean)), _LONGEST_RETRY)
        headers = {"Retry-After": str(seconds)}
        return HTTPException(503, f"{reason}; try again in {seconds} s", headers)


async def _left(request: Request) -> None:
    """Waits until the other side of a request has closed its connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
