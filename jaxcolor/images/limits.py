"""Opens images, and refuses sizes that would cost too much to decode."""

import io
import os

from PIL import Image, ImageFile

from jaxcolor.images import finding

# The largest sensors of phones give 201 megapixels; above, it is a bomb or a map.
MAX_PIXELS = 250_000_000

_PILLOW_LIMIT = 2**30 // 4 // 3  # Image.MAX_IMAGE_PIXELS, unless someone set it.
# A JPEG has a block of 8 x 8 samples of its lightness for every 64 pixels, and codes
# each with a bit or more: ITU-T T.81, annex F. With black as a fourth channel it is
# two blocks.
_PIXELS_PER_BYTE = {1: 512, 3: 512, 4: 256}


class ImageSizeError(ValueError):
    """An image has too many pixels, or more than its file can hold."""


def open_image(file: io.BufferedReader | io.BytesIO) -> ImageFile.ImageFile:
    """Opens an image of a known format without decoding its pixels.

    Raises:
        ImageSizeError: it has no pixels, more than MAX_PIXELS, or, for a JPEG, more
            than its bytes can hold.
        Exception: whatever damage leads Pillow's readers to.
    """
    # Pillow's limit is one for the whole process. A limit of the user's own stays.
    if Image.MAX_IMAGE_PIXELS == _PILLOW_LIMIT:
        Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    image = Image.open(file, formats=finding.formats())
    width, height = image.size
    shape = f"{width} x {height} pixels"
    if not 1 <= width * height <= MAX_PIXELS:
        raise ImageSizeError(f"{shape}, wanted 1 to {MAX_PIXELS:,}")
    if image.format in ("JPEG", "MPO"):
        size = _length(file)
        if width * height > _PIXELS_PER_BYTE.get(len(image.getbands()), 512) * size:
            raise ImageSizeError(f"damaged or truncated: {shape} in {size:,} bytes")
    return image


def _length(file: io.BufferedReader | io.BytesIO) -> int:
    place = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(place)
    return length
