"""What every server does, on a server of three lines."""

import os
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from jaxcolor.web import errors, pages, serving, temporary
from tests.web import servers

MOST_BYTES = 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("static")
    (folder / "inside.txt").write_text("inside")
    (folder.parent / "outside.txt").write_text("outside")
    return folder


@pytest.fixture(scope="module")
def server(folder) -> str:
    app = FastAPI()
    errors.install(app)
    pages.add_static(app, folder=folder)

    @app.get("/number")
    def number(number: int):
        return number

    @app.get("/mistake")
    def mistake():
        raise RuntimeError("a mistake")

    @app.post("/length")
    async def length(request: Request):
        return PlainTextResponse(str(len(await request.body())))

    app = serving.protected(
        app,
        host="127.0.0.1",
        allowed_hosts=["photos.example"],
        most_bytes=MOST_BYTES,
        body_seconds=1.0,
    )
    with servers.running(app) as address:
        yield address


@pytest.mark.parametrize(
    "path", ["number?number=1", "nowhere", "mistake", "static/inside.txt"]
)
def test_every_answer_has_the_headers(server, path):
    headers = httpx.get(server + path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    wanted = "no-cache" if path.startswith("static") else "no-store"
    assert headers["cache-control"] == wanted


def test_an_error_is_one_line_of_json_for_a_program(server):
    answer = httpx.get(server + "number?number=x%0Ay")
    assert answer.status_code == 422
    assert answer.json() == {"detail": r"number is 'x\ny'; wanted a whole number"}
    missing = httpx.get(server + "number")
    assert missing.json() == {"detail": "number is missing"}


def test_an_error_is_a_page_for_a_browser_and_its_text_is_escaped(server):
    accept = {"Accept": "text/html,*/*"}
    answer = httpx.get(server + "number?number=<script>", headers=accept)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("text/html")
    assert "number is &#39;&lt;script&gt;&#39;" in answer.text
    assert "<script" not in answer.text


def test_a_mistake_of_the_server_tells_nothing(server):
    answer = httpx.get(server + "mistake")
    assert answer.status_code == 500
    assert "a mistake;" not in answer.text.replace("made a mistake;", "")
    assert "RuntimeError" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["../outside.txt", "..%2foutside.txt", "%2e%2e/outside.txt", "/etc/passwd"],
)
def test_no_path_leads_out_of_the_static_files(server, path):
    answer = raw(server, f"GET /static/{path} HTTP/1.1", "Host: localhost")
    assert answer.startswith(b"HTTP/1.1 404")
    assert b"outside" not in answer


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:4000", 200),
        ("[::1]:8000", 200),
        ("Photos.Example", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1@evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
def test_only_requests_for_a_known_host_are_answered(server, host, status):
    answer = raw(server, "GET /number?number=1 HTTP/1.1", f"Host: {host}")
    assert answer.startswith(f"HTTP/1.1 {status}".encode())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://photos.example"}, 200),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://photos.example:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://["}, 403),
    ],
)
def test_a_form_of_another_site_is_refused(server, headers, status):
    headers = {"Host": "photos.example", **headers}
    assert httpx.post(server + "length", headers=headers).status_code == status


def test_a_body_up_to_the_limit_is_taken(server):
    answer = httpx.post(server + "length", content=b"x" * MOST_BYTES)
    assert answer.text == str(MOST_BYTES)


@pytest.mark.parametrize("length", [MOST_BYTES + 1, 10**30])
def test_a_length_above_the_limit_is_refused_before_the_body(server, length):
    answer = raw(
        server, "POST /length HTTP/1.1", "Host: localhost", f"Content-Length: {length}"
    )
    # h11 refuses lengths of more than 20 digits by itself.
    assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))


def test_a_body_of_unknown_length_is_counted(server):
    parts = (b"x" * 100 for _ in range(MOST_BYTES // 100 + 1))
    assert httpx.post(server + "length", content=parts).status_code == 413


def test_a_body_that_never_arrives_is_given_up(server):
    start = time.monotonic()
    answer = raw(
        server, "POST /length HTTP/1.1", "Host: localhost", "Content-Length: 10"
    )
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - start < 20


def test_a_server_for_all_addresses_answers_to_any_name():
    app = FastAPI()
    protected = serving.protected(
        app, host="0.0.0.0", allowed_hosts=(), most_bytes=1, body_seconds=1.0
    )
    with servers.running(protected) as address:
        headers = {"Host": "any.example"}
        assert httpx.get(f"{address}openapi.json", headers=headers).is_success


def test_the_temporary_folder_is_private_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with temporary.folder() as folder:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with tempfile.NamedTemporaryFile(delete=False) as file:
            assert Path(file.name).parent == folder
    assert list(tmp_path.iterdir()) == []
    assert tempfile.tempdir == str(tmp_path)


def test_what_a_killed_server_left_is_removed_and_what_runs_is_not(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed = (
        "import os, pathlib; from jaxcolor.web import temporary\n"
        "with temporary.folder() as folder:\n"
        "    (folder / 'photograph').write_bytes(b'x')\n"
        "    os._exit(1)"
    )
    with temporary.folder() as one:
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", killed], env=environment, check=False)
        assert len(list(tmp_path.iterdir())) == 2
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with temporary.folder() as other:
            assert set(tmp_path.iterdir()) == {one, other}


def raw(server: str, *lines: str) -> bytes:
    """Returns the answer to a request as it stands, which a client might correct."""
    place = urlsplit(server)
    with socket.create_connection((place.hostname, place.port), timeout=30) as client:
        client.sendall("\r\n".join([*lines, "", ""]).encode())
        return client.recv(4096)
