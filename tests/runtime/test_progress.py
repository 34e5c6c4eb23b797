import io
import sys

import pytest

from jaxcolor.runtime import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "is_hidden", "is_shown"),
    [
        (Terminal(), False, True),
        (Terminal(), True, False),
        (io.StringIO(), False, False),
    ],
)
def test_a_bar_is_on_a_terminal_only_and_never_where_it_is_hidden(
    monkeypatch, capsys, stream, is_hidden, is_shown
):
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.bar(3, unit="photo", title="sorting", is_hidden=is_hidden) as bar:
        bar.update(3)
    assert list(progress.over("ab", unit="letter", is_hidden=is_hidden)) == ["a", "b"]
    printed = stream.getvalue()
    assert ("sorting" in printed and "3/3" in printed and "2/2" in printed) == is_shown
    assert capsys.readouterr().out == ""


def test_a_resumed_bar_begins_where_the_work_stopped(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.bar(10, unit="step", start=7, is_hidden=False):
        pass
    assert "7/10" in stream.getvalue()
