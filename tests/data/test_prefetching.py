import itertools
import threading
import time

import pytest

from jaxcolor.data import prefetching


@pytest.mark.parametrize(("threads", "prefetch"), [(0, 2), (2, 0), (1, 1), (3, 2)])
def test_results_come_in_order_whichever_is_made_first(threads, prefetch):
    def make(number):
        # The first takes longest.
        time.sleep(0.02 / (1 + number))
        return number

    found = prefetching.in_order(make, 7, threads=threads, prefetch=prefetch)
    assert list(found) == list(range(7))


def test_no_more_than_asked_for_are_made_ahead():
    made = []
    found = prefetching.in_order(made.append, 100, threads=2, prefetch=3)
    list(itertools.islice(found, 2))
    time.sleep(0.05)
    assert len(made) == 2 + 3


@pytest.mark.parametrize("threads", [0, 2])
def test_an_error_comes_where_its_result_would(threads):
    found = prefetching.in_order(lambda n: 1 // (n - 2), 5, threads=threads, prefetch=2)
    assert [next(found), next(found)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_closing_ends_the_threads():
    before = set(threading.enumerate())
    found = prefetching.in_order(str, 100, threads=2, prefetch=2)
    next(found)
    started = set(threading.enumerate()) - before
    assert started
    found.close()
    for thread in started:
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("threads", [1, 3])
def test_a_function_is_applied_in_order_and_to_the_first_alone(threads):
    running, together = [], []

    def square(number):
        running.append(number)
        # The first takes longest.
        time.sleep(0.05 / (1 + number))
        together.append((number, len(running)))
        running.remove(number)
        return number**2

    found = prefetching.applied(square, iter(range(7)), threads=threads)
    assert list(found) == [n**2 for n in range(7)]
    assert together[0] == (0, 1)
    assert max(count for _, count in together) <= threads


def test_few_items_are_taken_before_their_results_are():
    taken = itertools.count()
    found = prefetching.applied(str, (next(taken) for _ in range(100)), threads=2)
    assert [next(found), next(found)] == ["0", "1"]
    # The one that was given, two that are computed and one that waits, and the first.
    assert next(taken) == 5


def test_an_error_of_an_application_comes_where_its_result_would():
    found = prefetching.applied(lambda n: 1 // (n - 2), range(5), threads=2)
    assert [next(found), next(found)] == [-1, -1]
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert list(prefetching.applied(str, (), threads=2)) == []
