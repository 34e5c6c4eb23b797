import threading

import pytest

from jaxcolor.training import workdirs
from tests import tiny


def test_a_file_that_another_process_writes_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(workdirs, "POLL", 0.01)
    path = tmp_path / "run" / "listing.json"

    def write() -> None:
        path.parent.mkdir()
        path.write_text("{}")

    timer = threading.Timer(0.1, write)
    timer.start()
    assert workdirs.appears(path)
    timer.join()


def test_a_file_that_never_comes_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr(workdirs, "APPEARING", 0.05)
    monkeypatch.setattr(workdirs, "POLL", 0.01)
    assert not workdirs.appears(tmp_path / "nowhere" / "listing.json")


def test_processes_that_share_no_workdir_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(workdirs, "APPEARING", 0)
    monkeypatch.setattr(workdirs.processes, "is_first", lambda: False)
    with pytest.raises(ValueError, match="wanted a workdir that all share"):
        workdirs.settle_split(tiny.training_config(tmp_path), tmp_path)
