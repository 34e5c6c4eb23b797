"""Computes results in threads before they are needed, and yields them in order."""

import collections
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_order(
    make: Callable[[int], T], count: int, *, threads: int, prefetch: int
) -> Iterator[T]:
    """Yields `make(0)` to `make(count - 1)`, each made once.

    An exception comes where its result would. `close()` ends the threads.

    Args:
        make: called in the threads, several at a time.
        count: how many results there are.
        threads: how many make them; 0 makes each when it is asked for.
        prefetch: how many results are made ahead; 0 makes each when it is asked for.
    """
    if threads == 0 or prefetch == 0:
        yield from map(make, range(count))
        return
    waiting: collections.deque[Future[T]] = collections.deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for number in range(count):
            waiting.append(pool.submit(make, number))
            if len(waiting) > prefetch:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Results that are being made finish in the background; nothing waits for them.
        pool.shutdown(wait=False, cancel_futures=True)
