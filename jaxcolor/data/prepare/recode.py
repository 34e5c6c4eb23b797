"""A photograph as it is stored in a prepared data set: a JPEG."""

import io
import warnings
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxcolor.data import decoding
from jaxcolor.images import limits

KEEP, SHORT_SIDE, SQUARE = WAYS = ("keep", "short-side", "square")
# Some cameras put more pictures behind the first one, which readers do not see.
JPEGS = ("JPEG", "MPO")
MODES = ("RGB", "L")

# A photograph is gray if no color channel differs from another by more than this in
# any area of 1/32 of its shorter side: an |a| or |b| of about 5, up to which the
# training takes a photograph for gray.
GRAY_LEVELS = 8
AREAS = 32


class Recipe(NamedTuple):
    """How photographs are stored.

    Attributes:
        way: 'keep' JPEGs as they are, or resize so that the shorter side, or each
            side ('square', as the paper did), is of the size.
        size: in pixels; of 'keep', not used.
        quality: of the JPEGs that are encoded anew, as Pillow counts it.
    """

    way: str
    size: int
    quality: int


class Recoded(NamedTuple):
    """A photograph to store.

    Attributes:
        image: a JPEG, RGB or gray.
        was: format and mode of the file, such as 'PNG RGBA' or 'JPEG CMYK', where
            no recipe keeps its bytes.
        is_gray: whether it has next to no color.
    """

    image: bytes
    was: str | None
    is_gray: bool


class _Header(NamedTuple):
    format: str
    mode: str
    size: tuple[int, int]


def recode(content: bytes, *, recipe: Recipe) -> Recoded:
    """Returns a photograph as the recipe wants it; all of its bytes are decoded.

    A JPEG whose shorter side is not longer than the size is never enlarged, but kept
    as it is, by 'short-side'; one that is of the size already, by 'square'. What is
    encoded anew has as many pixels of color as of lightness (4:4:4), for colors are
    what is learned from it.

    Args:
        content: of a file of any format that Pillow reads.
        recipe: see there.

    Raises:
        ValueError: it cannot be decoded, for the reason given.
    """
    with warnings.catch_warnings():
        # Of metadata that is broken. What the pixels are does not depend on it.
        warnings.simplefilter("ignore")
        header = _header(content)
        is_jpeg = header.format in JPEGS and header.mode in MODES
        keeps = is_jpeg and _is_small(header.size, recipe)
        # A JPEG at an eighth of its size still has all of its bytes gone through.
        image = decoding.decode(content, at_least=AREAS if keeps else None)
    was = None if is_jpeg else f"{header.format} {header.mode}"
    kept = content if keeps else _encoded(image, recipe)
    return Recoded(kept, was, is_gray(image))


def is_gray(image: Image.Image) -> bool:
    """Tells whether an RGB image has next to no color, apart from noise."""
    factor = max(1, min(image.size) // AREAS)
    rgb = np.asarray(image.reduce(factor))
    return int(np.ptp(rgb, axis=-1).max()) <= GRAY_LEVELS


def _header(content: bytes) -> _Header:
    try:
        opened = limits.open_image(io.BytesIO(content))
    # It will not decode, either, for a reason that is told then.
    except Exception:
        return _Header("", "", (0, 0))
    return _Header(opened.format or "", opened.mode, opened.size)


def _is_small(size: tuple[int, int], recipe: Recipe) -> bool:
    if recipe.way == SQUARE:
        return size == (recipe.size, recipe.size)
    return recipe.way == KEEP or min(size) <= recipe.size


def _encoded(image: Image.Image, recipe: Recipe) -> bytes:
    if not _is_small(image.size, recipe):
        size = decoding.resized(
            image.size, resize=recipe.size, squash=recipe.way == SQUARE
        )
        image = image.resize(size, Image.Resampling.BICUBIC)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=recipe.quality, subsampling="4:4:4")
    return content.getvalue()
