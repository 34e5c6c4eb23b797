import io

import numpy as np
import pytest
from PIL import Image

from jaxcolor.data.prepare import recode
from jaxcolor.data.prepare.recode import Recipe


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def stored(content: bytes, way: str, size: int) -> Image.Image:
    recoded = recode.recode(content, recipe=Recipe(way, size, 95))
    return Image.open(io.BytesIO(recoded.image))


@pytest.fixture
def photo() -> Image.Image:
    """A photograph-like picture of smooth colors, 300 x 200."""
    y, x = np.mgrid[:200, :300] / 300
    rgb = np.stack([x, y, 0.5 + 0.4 * np.sin(9 * x * y)], -1)
    return Image.fromarray((255 * rgb).astype(np.uint8))


@pytest.mark.parametrize(
    ("way", "expected"), [("short-side", (150, 100)), ("square", (100, 100))]
)
def test_resizing_is_pillows(photo, way, expected):
    content = encoded(photo, quality=98)
    found = stored(content, way, 100)
    assert found.size == expected
    resized = Image.open(io.BytesIO(content)).resize(expected, Image.Resampling.BICUBIC)
    # A JPEG of quality 95.
    difference = np.asarray(found, float) - np.asarray(resized, float)
    assert np.abs(difference).mean() < 1


def test_colors_are_stored_at_every_pixel():
    # Lines of red and green of the same lightness, one pixel wide: lost at 4:2:0.
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[:, ::2], lines[:, 1::2] = (200, 0, 60), (0, 118, 60)
    found = np.asarray(stored(encoded(Image.fromarray(lines), "PNG"), "keep", 9), float)
    assert (found[:, ::2, 0] - found[:, 1::2, 0]).min() > 150


@pytest.mark.parametrize(
    ("way", "size"), [("keep", 10), ("short-side", 200), ("short-side", 999)]
)
def test_a_jpeg_is_never_enlarged_and_its_bytes_are_kept(photo, way, size):
    for image in (photo, photo.convert("L")):
        content = encoded(image)
        found = recode.recode(content, recipe=Recipe(way, size, 95))
        assert (found.image, found.was) == (content, None)


def test_the_paper_enlarges_a_small_photograph_but_keeps_one_of_its_size(photo):
    assert stored(encoded(photo), "square", 256).size == (256, 256)
    content = encoded(photo.crop((0, 0, 64, 64)))
    assert recode.recode(content, recipe=Recipe("square", 64, 95)).image == content


def test_what_lies_on_its_side_is_upright_once_it_is_encoded_anew(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    found = stored(encoded(photo, exif=exif), "short-side", 100)
    assert found.size == (100, 150)
    assert 0x0112 not in found.getexif()


@pytest.mark.parametrize(
    ("color", "expected"),
    [((120, 120, 120), True), ((122, 118, 120), True), ((140, 118, 120), False)],
)
def test_a_gray_photograph_has_next_to_no_color_in_any_area(color, expected):
    noise = np.random.default_rng(0).normal(0, 6, (256, 256, 3))
    sepia = np.clip(np.array(color) + noise, 0, 255).astype(np.uint8)
    assert recode.is_gray(Image.fromarray(sepia)) is expected


def test_a_spot_of_color_is_color():
    gray = Image.new("RGB", (640, 640), (90, 90, 90))
    gray.paste((200, 40, 40), (320, 320, 340, 340))
    assert not recode.is_gray(gray)


@pytest.mark.parametrize("way", recode.WAYS)
def test_what_is_broken_is_refused_in_every_way(photo, way):
    content = encoded(photo)
    for broken in (b"", b"text", content[: len(content) // 2]):
        with pytest.raises(ValueError, match=r"not an image|truncated"):
            recode.recode(broken, recipe=Recipe(way, 64, 95))
