"""What the page asks for: photographs of a visitor, which no other one sees."""

import io
import re
import zipfile

import httpx
import numpy as np
import pytest
from PIL import Image

from jaxcolor.web.demo import albums, app
from jaxcolor.web.demo.limits import DEFAULT
from tests.web import servers
from tests.web.demo.conftest import sent

# A preview is a JPEG; the photograph itself is not.
JPEG_ERROR = 12


def add(client: httpx.Client, name: str, content: bytes) -> dict:
    answer = client.post("/photographs", files=sent(name, content))
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.fixture
def photograph(visitor, files) -> str:
    """Returns the path of a photograph that the visitor has added."""
    return f"/photographs/{add(visitor, 'grandma.jpg', files['grandma.jpg'])['id']}"


def pixels(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content))).astype(int)


def test_a_photograph_is_described_upright(visitor, files):
    described = add(visitor, "grandma.jpg", files["grandma.jpg"])
    assert (described["width"], described["height"]) == (60, 80)
    assert visitor.get("/photographs").json() == [described]


def test_the_cookie_is_for_this_server_only(visitor, files):
    answer = visitor.post("/photographs", files=sent("a.jpg", files["grandma.jpg"]))
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"jaxcolor_{visitor.base_url.port}=")
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    # 256 bits, in base 64.
    assert len(cookie.partition("=")[2].partition(";")[0]) >= 43


def test_a_preview_shows_the_colors_of_the_picture(visitor, photograph):
    wishes = {"strength": 1.2, "hints": [{"x": 20, "y": 30, "color": "#2040c0"}]}
    preview = visitor.post(f"{photograph}/colors.jpg", json=wishes)
    picture = visitor.get(f"{photograph}/picture")
    found, wanted = pixels(preview), pixels(picture)
    assert np.abs(found - wanted).mean() < JPEG_ERROR
    before = pixels(visitor.get(f"{photograph}/before.jpg"))
    assert np.abs(found - before).mean() > JPEG_ERROR


def test_the_picture_is_the_file_of_the_command_line(
    visitor, files, photograph, by_command
):
    wishes = {
        "temperature": 0.2,
        "rebalancing_lambda": 0.35,
        "strength": 0.9,
        "coherence": 0.1,
        "hints": [
            {"x": 20, "y": 30, "color": "#2040c0"},
            {"x": 5, "y": 60, "color": "#c01020"},
        ],
    }
    visitor.post(f"{photograph}/colors.jpg", json=wishes).raise_for_status()
    flags = [
        *("--temperature=0.2", "--rebalancing-lambda=0.35", "--strength=0.9"),
        *("--coherence=0.1", "--hint=20,30=#2040c0", "--hint=5,60=#c01020"),
    ]
    content = files["grandma.jpg"]
    picture = visitor.get(f"{photograph}/picture")
    assert picture.content == by_command("grandma.jpg", content, *flags)
    assert picture.headers["content-type"] == "image/jpeg"
    (listed,) = visitor.get("/photographs").json()
    assert listed["wishes"] == wishes | {"variant": None}


def test_a_variant_is_the_second_of_the_command_line(
    visitor, files, photograph, by_command, tmp_path
):
    visitor.post(f"{photograph}/colors.jpg", json={"variant": 0}).raise_for_status()
    content = files["grandma.jpg"]
    picture = visitor.get(f"{photograph}/picture")
    assert picture.content == by_command("grandma.jpg", content, "--variants=1")
    thumbnail = pixels(visitor.get(f"{photograph}/variants/0.jpg"))
    assert np.abs(thumbnail - pixels(picture)).mean() < JPEG_ERROR


def test_wishes_that_cannot_be_met_are_refused_and_not_remembered(visitor, photograph):
    for wishes, status, message in [
        ({"strength": 9}, 400, "strength is 9.0; wanted from 0 to 1.5"),
        (
            {"hints": [{"x": 60, "y": 0, "color": "#ffffff"}]},
            400,
            "the hint at 60,0 is",
        ),
        ({"hints": [{"x": 1, "y": 0, "color": "red"}]}, 422, "hints.0.color is 'red'"),
        ({"hints": [{"x": 1, "y": 1, "color": "#ffffff"}] * 65}, 422, "hints is"),
        ({"variant": -1}, 422, "variant is -1"),
        ({"brightness": 2}, 422, "brightness is 2; wanted no such field"),
    ]:
        answer = visitor.post(f"{photograph}/colors.jpg", json=wishes)
        assert answer.status_code == status
        assert answer.json()["detail"].startswith(message)
    (listed,) = visitor.get("/photographs").json()
    assert listed["wishes"]["strength"] == 1
    assert listed["wishes"]["hints"] == []


def test_suggestions_are_those_of_the_colorizer(
    visitor, photograph, colorizer, files, tmp_path
):
    found = visitor.get(f"{photograph}/suggestions", params={"x": 20, "y": 30}).json()
    (tmp_path / "a.jpg").write_bytes(files["grandma.jpg"])
    wanted = colorizer.suggest(tmp_path / "a.jpg", 20, 30, count=len(found))
    assert [each["color"] for each in found] == [color for color, _ in wanted]
    outside = visitor.get(f"{photograph}/suggestions", params={"x": 60, "y": 30})
    assert outside.status_code == 400
    assert "is outside the photograph of 60 x 80 pixels" in outside.json()["detail"]


def test_a_zip_has_all_pictures_under_names_of_their_own(visitor, files, by_command):
    for _ in range(2):
        add(visitor, "grandma.jpg", files["grandma.jpg"])
    add(visitor, "scan.png", files["scan.png"])
    answer = visitor.get("/photographs.zip")
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = ["grandma.jpg", "grandma (2).jpg", "scan.png"]
        assert archive.namelist() == names
        wanted = by_command("grandma.jpg", files["grandma.jpg"])
        assert archive.read("grandma (2).jpg") == wanted


def test_no_visitor_sees_the_photographs_of_another(server, photograph):
    with httpx.Client(base_url=server, timeout=60) as other:
        assert other.get("/photographs").json() == []
        assert other.get("/photographs.zip").status_code == 404
        for method, path in [
            ("GET", f"{photograph}/before.jpg"),
            ("POST", f"{photograph}/colors.jpg"),
            ("GET", f"{photograph}/variants/0.jpg"),
            ("GET", f"{photograph}/suggestions?x=1&y=1"),
            ("GET", f"{photograph}/picture"),
            ("POST", f"{photograph}/picture"),
            ("DELETE", photograph),
        ]:
            body = {} if path.endswith("colors.jpg") else None
            assert other.request(method, path, json=body).status_code == 404, path
        # Nor by a cookie of one's own making.
        other.cookies.set(f"jaxcolor_{other.base_url.port}", "guessed")
        assert other.get(f"{photograph}/picture").status_code == 404


def test_ids_are_long_and_differ():
    ids = {albums.new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert min(map(len, ids)) >= 22


def test_what_is_removed_is_gone(visitor, photograph):
    visitor.get(f"{photograph}/picture").raise_for_status()
    assert visitor.delete(photograph).status_code == 204
    assert visitor.get("/photographs").json() == []
    answer = visitor.get(f"{photograph}/picture")
    assert answer.status_code == 404
    assert "there is no such photograph" in answer.json()["detail"]


def test_a_note_of_the_reader_reaches_the_visitor(visitor, files):
    frames = [Image.new("L", (8, 8), level) for level in (10, 200)]
    file = io.BytesIO()
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    described = add(visitor, "pages.tif", file.getvalue())
    assert described["notes"] == ["only the first of its pages is read"]


def test_what_does_not_fit_is_refused_and_what_is_old_makes_room(colorizer, files):
    content = files["grandma.jpg"]
    limits = DEFAULT._replace(photographs=2, stored_bytes=3 * len(content))
    with (
        servers.running(app.make(colorizer, limits=limits)) as address,
        httpx.Client(base_url=address, timeout=60) as one,
        httpx.Client(base_url=address, timeout=60) as other,
    ):
        for _ in range(2):
            add(one, "a.jpg", content)
        full = one.post("/photographs", files=sent("a.jpg", content))
        assert full.status_code == 409
        assert re.match(
            "there are 2 photographs; wanted at most 2", full.json()["detail"]
        )
        add(other, "a.jpg", content)
        assert len(one.get("/photographs").json()) == 2
        add(other, "a.jpg", content)
        # Its album was the one that was not used for the longest time.
        assert one.get("/photographs").json() == []
        assert len(other.get("/photographs").json()) == 2


def test_an_answer_is_the_same_when_nothing_is_kept_in_memory(colorizer, files):
    wishes = {"hints": [{"x": 20, "y": 30, "color": "#2040c0"}]}
    answers = []
    for kept in (1, DEFAULT.kept_bytes):
        limits = DEFAULT._replace(kept_bytes=kept, result_bytes=kept)
        with (
            servers.running(app.make(colorizer, limits=limits)) as address,
            httpx.Client(base_url=address, timeout=60) as client,
        ):
            first, _ = (
                f"/photographs/{add(client, name, files[name])['id']}"
                for name in ("grandma.jpg", "scan.png")
            )
            preview = client.post(f"{first}/colors.jpg", json=wishes)
            answers.append(
                (preview.content, client.get("/photographs.zip").status_code)
            )
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a.jpg", "a.jpg"),
        ("/etc/passwd", "passwd"),
        ("..", "photograph"),
        ("", "photograph"),
        (None, "photograph"),
        ("C:\\x\\b.png", "b.png"),
        ("a:b?.jpg", "a_b_.jpg"),
        (".hidden.jpg", "hidden.jpg"),
        ("größe 日本.jpg", "größe 日本.jpg"),
        (f"{'x' * 300}.jpg", f"{'x' * 96}.jpg"),
    ],
)
def test_a_name_is_safe_to_show_and_to_use(given, wanted):
    assert albums.safe_name(given) == wanted
