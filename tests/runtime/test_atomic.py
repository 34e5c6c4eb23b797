import errno
import json
import os
import signal
import subprocess
import sys
from concurrent import futures
from pathlib import Path

import pytest

from jaxcolor.runtime import atomic

ERRORS = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
# Opens a temporary beside the given path, says so, and waits to be killed.
WRITER = """
import sys, time
from pathlib import Path
from jaxcolor.runtime import atomic
with getattr(atomic, sys.argv[1])(Path(sys.argv[2])) as temporary:
    print("writing", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def start_writer(kind: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, kind, str(path)]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "writing\n"
    return writer


def kill(writer: subprocess.Popen[str]) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert writer.stdout is not None
    writer.stdout.close()


def test_the_content_is_what_was_written(tmp_path):
    atomic.write_bytes(tmp_path / "a", b"\x00\xff")
    atomic.write_text(tmp_path / "b", "λ\n")
    atomic.write_json(tmp_path / "c", {"x": [1, 2.5]})
    assert (tmp_path / "a").read_bytes() == b"\x00\xff"
    assert (tmp_path / "b").read_text("utf-8") == "λ\n"
    assert json.loads((tmp_path / "c").read_text()) == {"x": [1, 2.5]}
    assert names(tmp_path) == ["a", "b", "c"]


def test_a_name_that_is_not_utf_8_can_be_written(tmp_path):
    atomic.write_text(tmp_path / "a", os.fsdecode(b"caf\xe9.jpg"))
    assert (tmp_path / "a").read_text("utf-8") == "caf\\udce9.jpg"


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.write_text("old")

    def write():
        with atomic.stream(path) as opened:
            opened.write(b"new")
            raise error

    with pytest.raises(type(error)):
        write()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_leaves_the_old_folder_and_nothing_else(tmp_path, error):
    path = tmp_path / "a"
    path.mkdir()
    (path / "old").touch()

    def write():
        with atomic.folder(path) as temporary:
            (temporary / "new").touch()
            raise error

    with pytest.raises(type(error)):
        write()
    assert names(path) == ["old"]
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("size", [10_000, 10_000_000])
def test_a_write_that_the_system_refuses_leaves_nothing_and_names_the_path(
    tmp_path, size
):
    # A limit on the size of files fails a write as a full disk does.
    code = (
        "import resource; from pathlib import Path;"
        "from jaxcolor.runtime import atomic;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        f"atomic.write_bytes(Path({str(tmp_path / 'a')!r}), bytes({size}))"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert f"File too large: '{tmp_path / 'a'}'" in ended.stderr
    assert names(tmp_path) == []


def test_an_error_names_the_wanted_path_and_not_the_temporary_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing/a'"):
        atomic.write_text(tmp_path / "missing" / "a", "text")


def test_a_folder_replaces_the_old_one_whole(tmp_path):
    path = tmp_path / "deep" / "a"
    for name in ("old", "new"):
        with atomic.folder(path) as temporary:
            atomic.write_text(temporary / name, name)
    assert names(path) == ["new"]
    assert names(path.parent) == ["a"]


def test_what_exists_stays_unless_it_may_be_overwritten(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(FileExistsError, match="a'"):
        atomic.write_bytes(path, b"new", overwrite=False)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_of_writers_that_race_for_a_new_file_exactly_one_wins(tmp_path):
    path = tmp_path / "a"

    def write(number: int) -> bool:
        try:
            atomic.write_bytes(path, str(number).encode(), overwrite=False)
        except FileExistsError:
            return False
        return True

    with futures.ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(32)))
    assert won.count(True) == 1
    assert path.read_text() == str(won.index(True))


def test_a_file_has_the_permissions_that_the_umask_leaves(tmp_path):
    before = os.umask(0o027)
    try:
        atomic.write_text(tmp_path / "a", "text")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_only_what_a_killed_writer_left_is_removed(tmp_path, kind):
    writer = start_writer(kind, tmp_path / "a")
    try:
        atomic.remove_leftovers(tmp_path)
        assert len(names(tmp_path)) == 1
    finally:
        kill(writer)
    assert len(names(tmp_path)) == 1
    atomic.remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_other_files_are_no_leftovers(tmp_path):
    for name in ("a.partial", ".jaxcolor-notes", "photo.jpg"):
        (tmp_path / name).touch()
    atomic.remove_leftovers(tmp_path)
    assert len(names(tmp_path)) == 3


def test_files_are_written_without_jax():
    code = (
        "import sys, jaxcolor.runtime.atomic, jaxcolor.runtime.progress;"
        " sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
