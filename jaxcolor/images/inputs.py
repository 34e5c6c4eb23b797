"""Converts what may be given as a photograph to pixels, and results to its form."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt
from PIL import Image

from jaxcolor.images import loading

Input = str | Path | Image.Image | np.ndarray
"""A path, an image of Pillow, or an array.

Arrays are uint8, uint16, or floats in [0, 1], of shape (h, w), or (h, w, c) with one
channel of gray, three of RGB, or four of RGB and alpha.
"""

WANTED = (
    "uint8, uint16 or floats in [0, 1], of shape (h, w), (h, w, 1), (h, w, 3) or"
    " (h, w, 4)"
)
# Floats are taken as 16 bits: no screen or printer shows more.
DEEP = np.iinfo(np.uint16).max


def pixels(image: Input) -> UInt[np.ndarray, "_ _ *c"]:
    """Returns gray, RGB, or RGB and alpha; of floats the 16-bit levels.

    Raises:
        ValueError: it cannot be read as a photograph, or is of another type.
    """
    if isinstance(image, str | Path):
        photo = loading.load(image)
        if photo.alpha is None:
            return photo.rgb
        return np.concatenate([photo.rgb, photo.alpha[..., None]], axis=-1)
    if isinstance(image, Image.Image):
        return _pixels_of_pillow(image)
    array = np.asarray(image)
    has_shape = array.ndim == 2 or array.shape[2:] in [(1,), (3,), (4,)]
    is_float = np.issubdtype(array.dtype, np.floating)
    is_known = is_float or array.dtype in (np.uint8, np.uint16)
    if not (has_shape and is_known and array.size):
        raise ValueError(f"got {array.dtype} of shape {array.shape}; wanted {WANTED}")
    if array.shape[2:] == (1,):
        array = array[..., 0]
    return _levels_of_floats(array) if is_float else array


def like(rgb: UInt[np.ndarray, "h w c"], image: Input) -> np.ndarray:
    """Returns pixels in the type of the photograph that they are made of.

    Args:
        rgb: of a photograph's `pixels`.
        image: that photograph: floats give floats of the same type, in [0, 1].
    """
    # Also for arrays of other libraries, which `pixels` takes.
    dtype = getattr(image, "dtype", None)
    if dtype is not None and np.issubdtype(dtype, np.floating):
        return (rgb / np.float32(DEEP)).astype(dtype)
    return rgb


def _levels_of_floats(array: np.ndarray) -> UInt[np.ndarray, "_ _ *c"]:
    low, high = float(array.min()), float(array.max())
    # Not by `low < 0`: a NaN is refused, too.
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"got floats from {low:g} to {high:g}; wanted them in [0, 1]: divide 8-bit"
            " levels by 255"
        )
    return np.rint(array.astype(np.float32) * DEEP).astype(np.uint16)


def opaque(pixels: UInt[np.ndarray, "h w *c"]) -> UInt[np.ndarray, "h w *d"]:
    """Returns gray or RGB, without the alpha that `pixels` may have."""
    return pixels[..., :3] if pixels.ndim == 3 else pixels


def with_alpha(
    rgb: UInt[np.ndarray, "h w 3"], pixels: UInt[np.ndarray, "h w *c"]
) -> UInt[np.ndarray, "h w _"]:
    """Returns RGB with the alpha that `pixels` may have."""
    if pixels.shape[2:] != (4,):
        return rgb
    return np.concatenate([rgb, pixels[..., 3:]], axis=-1)


def _pixels_of_pillow(image: Image.Image) -> UInt[np.ndarray, "_ _ *c"]:
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F"):
        raise ValueError(f"the range of an image of mode {image.mode} is not known")
    return np.asarray(image.convert("RGBA" if image.has_transparency_data else "RGB"))
