"""The pixels of a photograph that is given as a path, an image or an array."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt
from PIL import Image

from jaxcolor.images import loading

Input = str | Path | Image.Image | np.ndarray
"""A path, an image of Pillow, or uint8 or uint16 of shape (h, w), (h, w, 3 or 4)."""


def pixels(image: Input) -> UInt[np.ndarray, "_ _ *c"]:
    """Returns gray, RGB, or RGB and alpha.

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
    is_gray_or_color = array.ndim == 2 or array.shape[2:] in [(3,), (4,)]
    is_deep = array.dtype in (np.uint8, np.uint16)
    if not (is_gray_or_color and is_deep and array.size):
        raise ValueError(
            f"got {array.dtype} of shape {array.shape};"
            " wanted uint8 or uint16 of shape (h, w), (h, w, 3) or (h, w, 4)"
        )
    return array


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
