"""Converts photographs to the JPEGs of a prepared data set."""

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
# any area of 1/32 of its shorter side: an |a| or |b| of about 5, up to which training
# treats a photograph as gray.
GRAY_LEVELS = 8
AREAS = 32


class Recipe(NamedTuple):
    """How photographs are stored.

    Attributes:
        way: 'keep' JPEGs as they are, or resize so that the shorter side, or each
            side ('square', as the paper did), is of the size.
        size: in pixels; not used by 'keep'.
        quality: of the JPEGs that are encoded again, on Pillow's scale.
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
        is_gray: whether it has almost no color.
    """

    image: bytes
    was: str | None
    is_gray: bool


class _Header(NamedTuple):
    format: str
    mode: str
    size: tuple[int, int]


def recode(content: bytes, *, recipe: Recipe) -> Recoded:
    """Returns a photograph by the recipe; all of its bytes are decoded.

    'short-side' keeps a JPEG whose shorter side is not longer than the size, and never
    enlarges it; 'square' keeps one that has the size. A photograph that is encoded
    again has as many pixels of color as of lightness (4:4:4), because networks learn
    its colors.

    Args:
        content: of a file in any format that Pillow reads.
        recipe: how photographs are stored.

    Raises:
        ValueError: it cannot be decoded, for the reason given.
    """
    with warnings.catch_warnings():
        # Warnings about broken metadata, on which the pixels do not depend.
        warnings.simplefilter("ignore")
        header = _header(content)
        is_jpeg = header.format in JPEGS and header.mode in MODES
        keeps = is_jpeg and _is_small(header.size, recipe)
        # A JPEG at an eighth of its size still has all of its bytes decoded.
        image = decoding.decode(content, at_least=AREAS if keeps else None)
    was = None if is_jpeg else f"{header.format} {header.mode}"
    kept = content if keeps else _encoded(image, recipe)
    return Recoded(kept, was, is_gray(image))


def is_gray(image: Image.Image) -> bool:
    """Returns whether an RGB image has almost no color, apart from noise."""
    factor = max(1, min(image.size) // AREAS)
    rgb = np.asarray(image.reduce(factor))
    return int(np.ptp(rgb, axis=-1).max()) <= GRAY_LEVELS


def _header(content: bytes) -> _Header:
    try:
        opened = limits.open_image(io.BytesIO(content))
    # Decoding fails as well, and gives the reason.
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
