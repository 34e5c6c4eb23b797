"""Computes results in threads before they are needed, and yields them in order."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
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


def applied(
    function: Callable[[S], T], items: Iterable[S], *, threads: int
) -> Iterator[T]:
    """Yields a function's results of items, in order, each computed once.

    The first is computed alone: several at once would all compile its programs. An
    exception comes where its result would.

    Args:
        function: called in the threads, several at a time.
        items: taken in the thread of the caller, few ahead of the results.
        threads: how many compute, 1 or more.
    """
    rest = iter(items)
    for first in rest:
        yield function(first)
        break
    waiting: collections.deque[Future[T]] = collections.deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for item in rest:
                waiting.append(pool.submit(function, item))
                # One waits, so that no thread has to.
                if len(waiting) > threads + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
