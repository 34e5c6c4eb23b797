"""Files and requests that no one meant to send: never a mistake of the server's."""

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.demo.conftest import sent

# Seconds; a request that hangs would take all of them.
PATIENCE = 60
FUZZED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = ["grandma.jpg", "scan.png", "wedding.tif", "ship.webp"]


@pytest.fixture(scope="module")
def client(server):
    with httpx.Client(base_url=server, timeout=PATIENCE) as client:
        yield client


def assert_answered(answer: httpx.Response) -> None:
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert "\n" not in answer.json()["detail"]


@FUZZED
@given(content=st.binary(max_size=2000))
def test_random_bytes_are_no_photograph(client, content):
    answer = client.post("/api/colorize", files=sent("a.jpg", content))
    assert answer.status_code == 400


@FUZZED
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_a_truncated_file_is_refused_or_read(client, files, data, name):
    content = files[name]
    length = data.draw(st.integers(0, len(content) - 1))
    assert_answered(client.post("/api/colorize", files=sent(name, content[:length])))


@FUZZED
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_a_file_with_other_bytes_is_refused_or_read(client, files, data, name):
    content = bytearray(files[name])
    places = st.integers(0, len(content) - 1) | st.integers(0, 200)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        content[place] = data.draw(st.integers(0, 255))
    assert_answered(client.post("/api/colorize", files=sent(name, bytes(content))))


@FUZZED
@given(data=st.data(), name=st.sampled_from(NAMES))
def test_a_file_with_a_piece_of_another_is_refused_or_read(client, files, data, name):
    content, other = files[name], files[data.draw(st.sampled_from(NAMES))]
    start, length = (data.draw(st.integers(0, 2000)) for _ in range(2))
    piece = other[start : start + length]
    mixed = content[:start] + piece + content[start + length :]
    assert_answered(client.post("/api/colorize", files=sent(name, mixed)))


@FUZZED
@given(name=st.text(max_size=300))
def test_any_name_of_a_file_is_taken(client, files, name):
    content = files["wedding.tif"]
    answer = client.post("/api/colorize", files=sent(name or "a", content))
    assert answer.status_code in (200, 400, 422)


@FUZZED
@given(
    wishes=st.fixed_dictionaries(
        {},
        optional={
            "temperature": st.none() | st.floats(),
            "rebalancing_lambda": st.none() | st.floats(),
            "coherence": st.none() | st.floats(),
            "strength": st.floats(),
            "variant": st.none() | st.integers(),
            "hints": st.lists(
                st.fixed_dictionaries(
                    {
                        "x": st.floats(-10, 90) | st.floats(),
                        "y": st.floats(-10, 90) | st.floats(),
                        "color": st.sampled_from(["#ff0000", "red", ""]),
                    }
                ),
                max_size=3,
            ),
        },
    )
)
def test_any_wishes_are_met_or_refused(client, files, wishes):
    listed = client.get("/photographs").json()
    if not listed:
        photo = sent("a.jpg", files["grandma.jpg"])
        listed = [client.post("/photographs", files=photo).json()]
    path = f"/photographs/{listed[0]['id']}/colors.jpg"
    # httpx refuses numbers that are not finite; Python's own reader takes them.
    body = json.dumps(wishes).encode()
    answer = client.post(
        path, content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (200, 400, 422), answer.text


@FUZZED
@given(body=st.binary(max_size=500), kind=st.sampled_from(["json", "form", "x=1;y"]))
def test_any_body_is_answered(client, body, kind):
    types = {
        "json": "application/json",
        "form": "multipart/form-data; boundary=a",
        "x=1;y": "multipart/form-data",
    }
    for path in ("/api/colorize", "/photographs"):
        headers = {"Content-Type": types[kind]}
        answer = client.post(path, content=body, headers=headers)
        assert answer.status_code in (400, 422)
