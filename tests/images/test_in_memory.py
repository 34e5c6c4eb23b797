"""Photographs that are read from memory and written to it."""

import io
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from jaxcolor import images


def noise(dtype=np.uint8) -> np.ndarray:
    top = np.iinfo(dtype).max
    random = np.random.default_rng(0)
    return random.integers(0, top, (5, 7, 3), dtype, endpoint=True)


def test_a_photograph_in_memory_is_read_as_from_its_file(tmp_path):
    path = tmp_path / "photo.jpg"
    Image.fromarray(noise()).save(path, dpi=(300, 300), xmp=b"<x/>")
    found = images.load("photo.jpg", content=path.read_bytes())
    wanted = images.load(path)
    np.testing.assert_array_equal(found.rgb, wanted.rgb)
    assert found[2:] == wanted[2:]


@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_color_in_memory_keeps_all_bits(byteorder):
    pixels = noise(np.uint16)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, byteorder=byteorder, photometric="rgb")
    found = images.load("scan.tif", content=file.getvalue())
    np.testing.assert_array_equal(found.rgb, pixels)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty"), (b"text", "not an image that can be read")],
)
def test_what_is_no_photograph_is_refused_by_name(content, reason):
    with pytest.raises(ValueError, match=rf"^a/b\.jpg: {reason}$"):
        images.load("a/b.jpg", content=content)


@pytest.mark.parametrize(
    "suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".jp2", ".bmp"]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_bytes_in_memory_are_those_of_the_file(tmp_path, suffix, dtype):
    has_xmp = suffix not in (".bmp", ".jp2")
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>" if has_xmp else None
    photo = images.Photo(noise(dtype), xmp=xmp, dpi=(300.0, 300.0))
    images.save(photo, tmp_path / f"photo{suffix}")
    content = (tmp_path / f"photo{suffix}").read_bytes()
    assert images.encoded(photo, name=f"photo{suffix}") == content


def test_what_a_format_cannot_hold_is_one_line():
    photo = images.Photo(noise(), alpha=np.zeros((5, 7), np.uint8))
    with pytest.raises(ValueError, match=r"photo\.jpg: JPEG has no transparency"):
        images.encoded(photo, name="photo.jpg")
    with pytest.raises(ValueError, match="no format to write"):
        images.encoded(photo, name=str(Path("photo.xyz")))
