"""Reads a photograph from a file: upright sRGB, and its metadata."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt
from PIL import Image, ImageFile, TiffImagePlugin, UnidentifiedImageError

from jaxcolor.images import finding, limits, metadata, profiles, samples

# Quarters to turn counterclockwise, then whether to mirror left and right.
_TURNS = {
    1: (0, False),
    2: (0, True),
    3: (2, False),
    4: (2, True),
    5: (-1, True),
    6: (-1, False),
    7: (1, True),
    8: (1, False),
}


class Photo(NamedTuple):
    """A photograph with the metadata of its file.

    Attributes:
        rgb: sRGB, upright, uint8 or uint16.
        alpha: opacity, at the bit depth of rgb; None where all is opaque.
        format: Pillow's name of the file's format: JPEG, PNG, TIFF ...
        exif: an EXIF block that fits the upright pixels.
        xmp: an XMP packet that fits the upright pixels.
        dpi: dots per inch, along and across.
    """

    rgb: UInt[np.ndarray, "h w 3"]
    alpha: UInt[np.ndarray, "h w"] | None = None
    format: str = "PNG"
    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


def load(path: str | Path, *, content: bytes | None = None) -> Photo:
    """Loads a photograph: its first frame or page.

    Photographs of 16 bits a channel stay so. Floats become 16 bits: white is the
    smallest of 1, 255 and 65535 that is not exceeded.

    Args:
        path: of the file.
        content: of the file, if it is in memory; the path is its name then, for errors
            and warnings.

    Raises:
        ValueError: there is no photograph, it is damaged or cut off, or it has more
            than `limits.MAX_PIXELS` pixels. One line, which starts with the path.
    """
    path = Path(path)
    try:
        # Not by its name: Pillow would map some TIFFs into memory, and then mixes up
        # the rows of those that lie on their side.
        with finding.opened(path, content) as file, limits.open_image(file) as image:
            return _read(image, path, content)
    # Damage makes Pillow's readers raise anything.
    except Exception as error:
        raise ValueError(f"{path}: {_problem(error, path, content)}") from error


def _problem(error: Exception, path: Path, content: bytes | None) -> str:
    """Returns in one line why a file could not be read."""
    if isinstance(error, UnidentifiedImageError):
        if content is None:
            is_empty = path.is_file() and path.stat().st_size == 0
        else:
            is_empty = not content
        if is_empty:
            return "empty"
        return finding.unsupported(path) or "not an image that can be read"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {Image.MAX_IMAGE_PIXELS:,} pixels"
    if isinstance(error, limits.ImageSizeError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"damaged or truncated: {reason}"


def _read(image: ImageFile.ImageFile, path: Path, content: bytes | None) -> Photo:
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.next:
        warnings.warn(f"{path}: only the first of its pages is read", stacklevel=2)
    # The other pictures of an MPO are a thumbnail, or the same for the other eye.
    elif image.format != "MPO" and getattr(image, "is_animated", False):
        warnings.warn(f"{path}: only the first of its frames is read", stacklevel=2)
    pixels, alpha = samples.read(image, path=path, content=content)
    # Only now: in a PNG it may follow the pixels, and Pillow turns a TIFF as it loads.
    turn = metadata.orientation(image, path=path)
    profile = image.info.get("icc_profile")
    return Photo(
        rgb=_turned(profiles.to_srgb(pixels, profile, path=path), turn),
        alpha=None if alpha is None else _turned(alpha, turn),
        format=str(image.format),
        exif=metadata.exif(image, path=path),
        xmp=metadata.xmp(image),
        dpi=metadata.dpi(image, turned=turn in metadata.SIDEWAYS),
    )


def _turned(
    samples: UInt[np.ndarray, "h w *c"], orientation: int
) -> UInt[np.ndarray, "_ _ *c"]:
    """Returns the samples as they are to be seen. Source: EXIF 2.32, section 4.6.4."""
    quarters, mirrored = _TURNS[orientation]
    turned = np.rot90(samples, quarters)
    return np.ascontiguousarray(np.fliplr(turned) if mirrored else turned)
