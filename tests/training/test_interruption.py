import itertools
import os
import signal
import threading

import pytest

from jaxcolor.runtime import processes
from jaxcolor.training import interruption


@pytest.mark.parametrize("number", interruption.SIGNALS)
def test_a_first_signal_is_noted_and_a_second_acts_as_usual(number):
    seen = []
    before = signal.signal(number, lambda *_: seen.append(number))
    try:
        with interruption.listen() as wanted:
            assert not wanted(1)
            os.kill(os.getpid(), number)
            assert wanted(1)
            assert not seen
            os.kill(os.getpid(), number)
            assert seen == [number]
        os.kill(os.getpid(), number)
        assert seen == [number, number]
    finally:
        signal.signal(number, before)


def test_handlers_are_given_back_where_no_signal_came():
    before = [signal.getsignal(number) for number in interruption.SIGNALS]
    with interruption.listen():
        inside = [signal.getsignal(number) for number in interruption.SIGNALS]
        assert all(a is not b for a, b in zip(inside, before, strict=True))
    assert [signal.getsignal(number) for number in interruption.SIGNALS] == before


def test_off_the_main_thread_nothing_is_handled():
    found = []

    def listen() -> None:
        with interruption.listen() as wanted:
            found.append(wanted(1))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert found == [False]


def test_several_processes_ask_by_the_steps_since_their_start(monkeypatch):
    asked = []
    monkeypatch.setattr(interruption, "ASKED", itertools.count(1))
    monkeypatch.setattr(processes, "are_many", lambda: True)
    monkeypatch.setattr(processes, "is_preempted", lambda n: asked.append(n) or n == 3)
    with interruption.listen() as wanted:
        # As a training that goes on after step 1000 does.
        assert [wanted(step) for step in (1001, 1002, 1003)] == [False, False, True]
    assert asked == [1, 2, 3]
