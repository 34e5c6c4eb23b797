"""POST /api/colorize, against the command line."""

import io
import re

import httpx
import numpy as np
import pytest
from PIL import Image

from jaxcolor import images
from jaxcolor.web.demo import app
from jaxcolor.web.demo.limits import DEFAULT
from tests.web import servers
from tests.web.demo.conftest import sent

PATH = "/api/colorize"


@pytest.mark.parametrize(
    "name", ["grandma.jpg", "scan.png", "wedding.tif", "ship.webp"]
)
def test_the_answer_is_the_file_of_the_command_line(visitor, files, by_command, name):
    answer = visitor.post(PATH, files=sent(name, files[name]))
    assert answer.status_code == 200
    assert answer.content == by_command(name, files[name])
    with Image.open(io.BytesIO(answer.content)) as image:
        assert answer.headers["content-type"] == Image.MIME[image.format]
    assert f"filename*=UTF-8''{name}" in answer.headers["content-disposition"]


def test_the_numbers_mean_what_the_flags_mean(visitor, files, by_command):
    numbers = {
        "temperature": "0.15",
        "rebalancing_lambda": "0.2",
        "strength": "0.7",
        "coherence": "0.9",
    }
    content = files["grandma.jpg"]
    answer = visitor.post(PATH, files=sent("grandma.jpg", content), data=numbers)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in numbers.items()]
    assert answer.content == by_command("grandma.jpg", content, *flags)
    assert answer.content != by_command("grandma.jpg", content)


def test_a_lambda_is_rounded_to_hundredths(visitor, files):
    contents = {
        visitor.post(
            PATH,
            files=sent("grandma.jpg", files["grandma.jpg"]),
            data={"rebalancing_lambda": number},
        ).content
        for number in ("0.3", "0.3004")
    }
    assert len(contents) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jpg", b"", "a.jpg: empty"),
        ("a.jpg", b"text", "a.jpg: not an image that can be read"),
        ("../../etc/passwd", b"", "passwd: empty"),
        ("C:\\photos\\a.jpg", b"", "a.jpg: empty"),
        ("a\x1b[31m.jpg", b"", r"a_x1b[31m.jpg: empty"),
    ],
)
def test_a_bad_file_gets_the_line_of_the_command(visitor, name, content, message):
    answer = visitor.post(PATH, files=sent(name, content))
    assert (answer.status_code, answer.json()) == (400, {"detail": message})


def test_a_damaged_file_is_said_to_be_damaged(visitor, files):
    half = files["wedding.tif"][: len(files["wedding.tif"]) // 2]
    answer = visitor.post(PATH, files=sent("wedding.tif", half))
    assert answer.status_code == 400
    assert re.match(r"wedding\.tif: damaged or truncated", answer.json()["detail"])


@pytest.mark.parametrize(
    ("numbers", "status", "message"),
    [
        ({"temperature": "0"}, 400, "temperature is 0.0; wanted above 0, and finite"),
        ({"temperature": "1e39"}, 400, "temperature is 1e+39; wanted above 0, and"),
        ({"temperature": "nan"}, 400, "temperature is nan; wanted above 0"),
        ({"rebalancing_lambda": "1.5"}, 400, "rebalancing_lambda is 1.5; wanted from"),
        ({"strength": "-1"}, 400, "strength is -1.0; wanted from 0 to 1.5"),
        ({"coherence": "2"}, 400, "coherence is 2.0; wanted from 0 to 1"),
        ({"strength": "red"}, 422, "strength is 'red'; wanted a number"),
    ],
)
def test_a_number_out_of_range_is_named(visitor, files, numbers, status, message):
    photo = sent("grandma.jpg", files["grandma.jpg"])
    answer = visitor.post(PATH, files=photo, data=numbers)
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(message)


def test_a_photograph_has_to_be_there_and_to_be_a_file(visitor):
    missing = visitor.post(PATH, data={"strength": "1"})
    assert (missing.status_code, missing.json()) == (
        422,
        {"detail": "photo is missing"},
    )
    text = visitor.post(PATH, data={"photo": "text"})
    assert text.json() == {"detail": "photo is 'text'; wanted a file"}


def test_a_decompression_bomb_is_refused_by_what_its_header_tells(colorizer):
    limits = DEFAULT._replace(pixels=10_000, upload_bytes=200_000)
    bomb = io.BytesIO()
    Image.new("L", (200, 100)).save(bomb, "PNG")
    with servers.running(app.make(colorizer, limits=limits)) as address:
        url = f"{address}api/colorize"
        answer = httpx.post(url, files=sent("bomb.png", bomb.getvalue()), timeout=60)
        detail = "bomb.png: 200 x 100 pixels, wanted at most 10,000"
        assert (answer.status_code, answer.json()) == (400, {"detail": detail})
        large = httpx.post(url, files=sent("large.png", bytes(400_000)), timeout=60)
        assert large.status_code == 413


def test_transparency_is_kept(visitor, photographs):
    alpha = np.zeros((20, 30), np.uint8)
    alpha[:10] = 200
    file = io.BytesIO()
    pixels = np.dstack([photographs["coffee"][:20, :30], alpha])
    Image.fromarray(pixels).save(file, "PNG")
    answer = visitor.post(PATH, files=sent("cut.png", file.getvalue()))
    with Image.open(io.BytesIO(answer.content)) as image:
        np.testing.assert_array_equal(np.asarray(image)[..., 3], alpha)


def test_the_mark_names_the_model_and_the_numbers(visitor, files):
    answer = visitor.post(
        PATH, files=sent("a.png", files["scan.png"]), data={"strength": "0.5"}
    )
    found = images.load("a.png", content=answer.content)
    assert b"jaxcolor, model tiny (zhang2016), temperature 0.38" in found.xmp
    assert b"strength 0.5" in found.xmp


def test_the_description_is_openapi_and_has_a_page_that_loads_nothing_else(visitor):
    described = visitor.get("/api/openapi.json").json()
    assert described["openapi"].startswith("3.")
    # The routes of the page are its own affair.
    assert list(described["paths"]) == [PATH]
    page = visitor.get("/api", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "POST /api/colorize" in page.text
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page.text)
