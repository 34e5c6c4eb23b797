"""The queue before the one thread that computes, and what the server leaves behind."""

import asyncio
import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from jaxcolor import cli
from jaxcolor.inference.single import Picture
from jaxcolor.web.demo import app, recent
from jaxcolor.web.demo.coloring import Coloring
from jaxcolor.web.demo.computing import Computing
from jaxcolor.web.demo.limits import DEFAULT
from tests.web import servers
from tests.web.demo.conftest import sent


@pytest.fixture
def slow(monkeypatch):
    """Lets each colorization wait for an event; returns it and the running ones."""
    release, running = threading.Event(), []

    def colorize(self, content, name, wishes):
        running.append(threading.current_thread().name)
        release.wait(30)
        return Picture("a.jpg", b"colors")

    monkeypatch.setattr(Coloring, "colorize", colorize)
    yield release, running
    release.set()


@contextlib.contextmanager
def serving(colorizer, **limits):
    made = app.make(colorizer, limits=DEFAULT._replace(**limits))
    with servers.running(made) as address:
        yield f"{address}api/colorize"


def wait_until(is_so, *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_thirty_requests_at_once_the_queue_is_answered_and_the_rest_told_when(
    colorizer, files
):
    photo = sent("a.jpg", files["grandma.jpg"])
    with (
        serving(colorizer, waiting=5) as url,
        concurrent.futures.ThreadPoolExecutor(30) as pool,
    ):
        start = threading.Barrier(30)

        def post(_: int) -> httpx.Response:
            start.wait()
            return httpx.post(url, files=photo, timeout=120)

        answers = list(pool.map(post, range(30)))
        statuses = Counter(answer.status_code for answer in answers)
        assert set(statuses) == {200, 503}
        assert statuses[200] >= 6
        pictures = {each.content for each in answers if each.status_code == 200}
        assert len(pictures) == 1
        for answer in answers:
            if answer.status_code == 503:
                assert 1 <= int(answer.headers["retry-after"]) <= 60
                assert "try again in" in answer.json()["detail"]
        # And it goes on.
        assert httpx.post(url, files=photo, timeout=120).status_code == 200


def test_one_thread_computes_and_a_full_queue_refuses(colorizer, slow):
    release, running = slow
    with (
        serving(colorizer, waiting=2) as url,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        posts = [
            pool.submit(httpx.post, url, files=sent("a.jpg", b"x"), timeout=60)
            for _ in range(4)
        ]
        wait_until(lambda: any(post.done() for post in posts))
        assert len(running) == 1
        release.set()
        statuses = sorted(post.result().status_code for post in posts)
    assert statuses == [200, 200, 200, 503]
    assert set(running) == {"colorize_0"}


def test_who_waits_too_long_is_told_to_come_again(colorizer, slow):
    with serving(colorizer, seconds=0.2) as url:
        answer = httpx.post(url, files=sent("a.jpg", b"x"), timeout=60)
        slow[0].set()
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("it took more than 0.2 s")
    assert int(answer.headers["retry-after"]) >= 1


def test_nothing_is_computed_for_a_visitor_who_has_left():
    computed = []

    async def scenario() -> None:
        computing = Computing(most_waiting=5, seconds=30.0)
        release, left = threading.Event(), asyncio.Event()

        async def stays() -> dict[str, str]:
            await asyncio.Event().wait()

        async def leaves() -> dict[str, str]:
            await left.wait()
            return {"type": "http.disconnect"}

        def run(receive, work) -> asyncio.Task:
            request = Request({"type": "http"}, receive)
            return asyncio.create_task(computing.run(request, work))

        first = run(stays, lambda: release.wait(30))
        second = run(leaves, lambda: computed.append("second"))
        third = run(stays, lambda: computed.append("third"))
        await asyncio.sleep(0)
        assert computing.pending == 3
        left.set()
        with pytest.raises(HTTPException):
            await second
        release.set()
        await asyncio.gather(first, third)
        # Its own callback comes after that of the result.
        await asyncio.sleep(0.1)
        assert computing.pending == 0
        computing.close()

    asyncio.run(scenario())
    assert computed == ["third"]


def test_uploads_that_do_not_end_take_no_more_room_than_the_queue(colorizer, files):
    with serving(colorizer, waiting=1, upload_seconds=30.0) as url:
        place = urlsplit(url)
        head = (
            "POST /api/colorize HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n"
            "Content-Length: 1000000\r\n\r\n--x"
        )
        with contextlib.ExitStack() as stack:
            for _ in range(2):
                address = (place.hostname, place.port)
                client = stack.enter_context(socket.create_connection(address))
                client.sendall(head.encode())
            wait_until(lambda: upload_of(url).status_code == 503)
            assert upload_of(url).headers["retry-after"]
        wait_until(lambda: upload_of(url).status_code == 400)


def upload_of(url: str) -> httpx.Response:
    return httpx.post(url, files=sent("a.jpg", bytes(200_000)), timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.slow
def test_the_command_serves_and_leaves_no_file_behind(
    model, files, by_command, tmp_path, number
):
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "jaxcolor", "serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--model", str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    ) as server:
        line = server.stdout.readline()
        address = re.fullmatch(r"Serving at (http://127\.0\.0\.1:\d+/) .*\n", line)[1]
        with httpx.Client(base_url=address, timeout=120) as client:
            name, content = "grandma.jpg", files["grandma.jpg"]
            client.post("/photographs", files=sent(name, content)).raise_for_status()
            assert any(path.is_file() for path in folder.rglob("*"))
            zipped = client.get("/photographs.zip").content
        server.send_signal(number)
        printed, complaints = server.communicate(timeout=60)
    assert (server.returncode, printed, complaints) == (0, "", "")
    assert by_command(name, content) in zipped
    assert list(folder.iterdir()) == []


def test_a_port_in_use_is_one_line(model, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert cli.main(["serve", "--port", port, "--model", str(model)]) == cli.FAILED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"jaxcolor: error: port {port} of 127.0.0.1 is in use")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--port", "70000"], "port is 70000; wanted from 0 to 65535"),
        (["--host", "nowhere.invalid"], "host is 'nowhere.invalid'; wanted"),
        (["--port", "0", "--model", "nowhere"], "nowhere"),
    ],
)
def test_a_command_that_makes_no_sense_is_one_line(flags, message, capsys):
    assert cli.main(["serve", *flags]) == cli.MISUSED
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("jaxcolor: error: ")
    assert message in line


def test_what_was_used_last_is_kept_up_to_its_size():
    dropped = []
    kept = recent.Recent(most_bytes=10, bytes_of=len, dropped=dropped.append)
    for key in "abc":
        kept.keep(key, key * 4)
    assert dropped == ["aaaa"]
    assert kept.find("b") == "bbbb"
    kept.keep("d", "dddd")
    assert dropped == ["aaaa", "cccc"]
    assert kept.size == 8
    # The same key again replaces, and does not count twice.
    kept.keep("d", "dd")
    assert kept.size == 6
    kept.drop_where(lambda key: key == "b")
    assert (kept.find("b"), kept.size) == (None, 2)


def test_the_memory_that_is_kept_is_bounded(colorizer, files):
    limits = DEFAULT._replace(kept_bytes=1_000_000)
    coloring = Coloring(colorizer, model=None, limits=limits)
    for n in range(40):
        coloring.examine(str(n), files["grandma.jpg"], "grandma.jpg")
    assert 0 < coloring.kept_bytes <= 1_000_000


def test_a_folder_for_temporary_files_is_used_by_the_parser_of_forms(
    colorizer, tmp_path, monkeypatch, slow
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with (
        serving(colorizer) as url,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        (folder,) = tmp_path.iterdir()
        content = bytes(3_000_000)
        post = pool.submit(httpx.post, url, files=sent("a.jpg", content), timeout=60)
        wait_until(lambda: slow[1])
        assert tempfile.gettempdir() == str(folder)
        slow[0].set()
        assert post.result().is_success
    assert list(tmp_path.iterdir()) == []
