"""Shares of time: of the stages of all threads, and only of what is measured."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from jaxcolor.runtime import stages


@pytest.fixture
def clock(monkeypatch):
    """A clock of each thread that moves only when the test says so."""
    now = threading.local()
    monkeypatch.setattr(stages.time, "perf_counter", lambda: getattr(now, "at", 0.0))

    def work(name, seconds):
        with stages.timed(name):
            now.at = getattr(now, "at", 0.0) + seconds

    return work


def test_shares_by_hand(clock):
    with stages.measured() as measured:
        clock("reading", 1)
        clock("painting", 5)
        clock("reading", 2)
    assert measured.shares() == {"reading": 0.375, "painting": 0.625}


def test_threads_count_where_they_are_submitted(clock):
    with stages.measured() as measured, ThreadPoolExecutor(2) as pool:
        futures = [stages.submit(pool, clock, "writing", 3) for _ in range(4)]
        pool.submit(clock, "elsewhere", 100).result()
        for future in futures:
            future.result()
        clock("reading", 12)
    assert measured.shares() == {"writing": 0.5, "reading": 0.5}


def test_what_is_not_measured_costs_nothing(clock):
    clock("reading", 1)
    with stages.measured() as measured:
        pass
    clock("reading", 1)
    assert measured.shares() == {}


def test_a_stage_that_fails_took_its_time(clock):
    def fail():
        with stages.timed("reading"):
            clock("reading", 0)
            raise ValueError("broken")

    with stages.measured() as measured:
        with pytest.raises(ValueError, match="broken"):
            fail()
        clock("writing", 1)
    assert measured.shares() == {"reading": 0.0, "writing": 1.0}
