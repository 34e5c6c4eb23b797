import io
import re

import numpy as np
import pytest
from PIL import Image

from jaxcolor.data import decoding
from jaxcolor.images import limits


def jpeg(mode: str, *, progressive: bool, size: int = 800) -> bytes:
    content = io.BytesIO()
    image = Image.new(mode, (size, size))
    image.save(content, "JPEG", progressive=progressive, optimize=True, quality=1)
    return content.getvalue()


def with_size(content: bytes, width: int, height: int) -> bytes:
    """Edits the frame header of a JPEG: ITU-T T.81, figure B.3."""
    found = re.search(rb"\xff[\xc0\xc2]..\x08", content, re.DOTALL)
    assert found is not None
    sides = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return content[: found.end()] + sides + content[found.end() + 4 :]


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_is_refused_that_says_more_pixels_than_it_can_hold(mode, progressive):
    content = jpeg(mode, progressive=progressive)
    # The emptiest that can be, at the worst quality, is opened.
    assert limits.open_image(io.BytesIO(content)).size == (800, 800)
    edited = with_size(content, 15_000, 16_000)
    with pytest.raises(limits.ImageSizeError, match=r"15000 x 16000 pixels in [\d,]+ "):
        limits.open_image(io.BytesIO(edited))


def test_pixels_are_limited_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(limits, "MAX_PIXELS", 100)
    content = io.BytesIO()
    Image.fromarray(np.zeros((11, 10), np.uint8)).save(content, "PNG")
    with pytest.raises(ValueError, match="10 x 11 pixels, wanted 1 to 100"):
        decoding.decode(content.getvalue(), at_least=None)
