"""The samples of an opened image, with all the bits that its file has.

Pillow keeps 16 bits of gray but only 8 of color, and clips when it converts. So samples
of more than 8 bits are assembled and scaled here.
"""

import sys
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt, UInt8, UInt16
from PIL import Image, ImageFile, TiffImagePlugin

from jaxcolor.images import finding, profiles

_WHITE = 2**16 - 1
# Tags of TIFF 6.0, and some of their values.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR_CONFIGURATION = 258, 262, 284
_WHITE_IS_ZERO, _SEPARATE_PLANES = 0, 2
# Rows that are converted at once.
_ROWS = 256


class Pixels(NamedTuple):
    """The samples of a file.

    Attributes:
        samples: gray, RGB or CMYK in the file's own color space, uint8 or uint16.
        alpha: opacity, at the same bit depth; None where all is opaque.
    """

    samples: profiles.Samples
    alpha: UInt[np.ndarray, "h w"] | None


def read(
    image: ImageFile.ImageFile, *, path: Path, content: bytes | None = None
) -> Pixels:
    """Reads the pixels of an image.

    Args:
        image: as opened from a file.
        path: of the file.
        content: of the file, if it is in memory.
    """
    if image.mode.startswith("I;16"):
        return _deep_gray(image)
    if image.mode in ("I", "F"):
        return Pixels(_unbounded_gray(image, path), None)
    if [_raw_mode(tile) for tile in image.tile] == ["LA;16B"]:
        return _deep_gray_with_alpha(image)
    order = _byte_order(image, path)
    if order is None:
        return _shallow(image)
    with (
        finding.opened(path, content) as file,
        Image.open(file, formats=[str(image.format)]) as again,
    ):
        return _deep_color(image, again, order)


def _shallow(image: ImageFile.ImageFile) -> Pixels:
    """Reads 8 bits a channel."""
    is_gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        mode = "LA" if is_gray else "RGBA"
    else:
        mode = "L" if is_gray else "CMYK" if image.mode == "CMYK" else "RGB"
    # A conversion copies, even to the mode that an image has.
    stored = _array(image if image.mode == mode else image.convert(mode))
    if mode == "LA":
        return Pixels(stored[..., 0], stored[..., 1])
    if mode == "RGBA":
        return Pixels(stored[..., :3], stored[..., 3])
    return Pixels(stored, None)


def _array(image: Image.Image) -> UInt8[np.ndarray, "h w *c"]:
    """Returns the channels of 8 bits; `np.asarray` would copy all rows three times."""
    # May turn a TIFF to its upright size.
    image.load()
    width, height = image.size
    channels = len(image.getbands())
    shape = (height, width) if channels == 1 else (height, width, channels)
    stored = np.empty(shape, np.uint8)
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        stored[top:bottom] = np.asarray(image.crop((0, top, width, bottom)))
    return stored


def _deep_gray(image: ImageFile.ImageFile) -> Pixels:
    """Reads gray of 9 to 16 bits."""
    gray = np.asarray(image).astype(np.uint16)
    alpha = _key_alpha(gray[..., np.newaxis], image.info.get("transparency"))
    (bits,) = _tiff_tag(image, _BITS_PER_SAMPLE, (16,))
    if bits < 16:
        # Its upper bits repeated below: white stays white, and steps stay even.
        gray = gray << (16 - bits) | gray >> (2 * bits - 16)
    return Pixels(_positive(image, gray), alpha)


def _deep_gray_with_alpha(image: ImageFile.ImageFile) -> Pixels:
    # Read as four channels of 8 bits, the bytes come unchanged.
    image.tile = [tile._replace(args="RGBA") for tile in image.tile]
    stored = np.asarray(image).view(">u2").astype(np.uint16)
    return Pixels(stored[..., 0], stored[..., 1])


def _unbounded_gray(
    image: ImageFile.ImageFile, path: Path
) -> UInt16[np.ndarray, "h w"]:
    """Reads 32-bit numbers, whose white is not given in the file."""
    values = np.asarray(image).astype(np.float32)
    np.nan_to_num(values, copy=False, posinf=0, neginf=0)
    largest = float(values.max())
    usual = (1, 255, _WHITE) if image.mode == "F" else (_WHITE,)
    white = next((white for white in usual if largest <= white), largest)
    if white not in usual:
        problem = f"{white:g}, its largest number, is used as white"
        warnings.warn(f"{path}: {problem}", stacklevel=2)
    values *= _WHITE / white
    np.clip(values, 0, _WHITE, out=values)
    values += 0.5
    return _positive(image, values.astype(np.uint16))


def _positive(
    image: ImageFile.ImageFile, gray: UInt16[np.ndarray, "h w"]
) -> UInt16[np.ndarray, "h w"]:
    """Inverts a TIFF in which 0 is white, as Pillow does up to 8 bits only."""
    is_negative = _tiff_tag(image, _PHOTOMETRIC, None) == _WHITE_IS_ZERO
    return _WHITE - gray if is_negative else gray


def _tiff_tag(image: ImageFile.ImageFile, tag: int, default: Any) -> Any:
    """Returns what a TIFF says under a tag, the default for other files."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return image.tag_v2.get(tag, default)
    return default


def _deep_color(
    image: ImageFile.ImageFile, again: ImageFile.ImageFile, order: str
) -> Pixels:
    """Reads RGB and RGBA with 16 bits a channel in a byte order, L or B.

    Pillow unpacks only the upper byte of each sample. With the other order it unpacks
    the lower byte, so two passes give both.

    Args:
        image: as opened.
        again: the same, opened again.
        order: of the bytes.
    """
    other = {"L": "B", "B": "L"}[order]
    image.tile = [_ordered(tile, order) for tile in image.tile]
    again.tile = [_ordered(tile, other) for tile in again.tile]
    samples = np.asarray(image).astype(np.uint16)
    samples <<= 8
    samples |= np.asarray(again)
    if samples.shape[2] == 4:
        return Pixels(samples[..., :3], samples[..., 3])
    return Pixels(samples, _key_alpha(samples, image.info.get("transparency")))


def _byte_order(image: ImageFile.ImageFile, path: Path) -> str | None:
    """Returns the byte order of 16-bit color, None where only 8 bits can be read."""
    raw_modes = {_raw_mode(tile) for tile in image.tile}
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return "B" if raw_modes & {"RGB;16B", "RGBA;16B"} else None
    if _tiff_tag(image, _BITS_PER_SAMPLE, (8,))[0] != 16:
        return None
    by_libtiff = {tile.codec_name for tile in image.tile} == {"libtiff"}
    # libtiff unpacks planes in one way only, whatever the order.
    is_planar = _tiff_tag(image, _PLANAR_CONFIGURATION, 1) == _SEPARATE_PLANES
    kinds = {raw_mode.partition(";")[0] for raw_mode in raw_modes}
    if not kinds <= {"RGB", "RGBX", "RGBA", *"RGBA"} or (by_libtiff and is_planar):
        warnings.warn(f"{path}: only 8 of its 16 bits can be read", stacklevel=2)
        return None
    if by_libtiff:
        return sys.byteorder[0].upper()
    return {b"II": "L", b"MM": "B"}[image.tag_v2.prefix]


def _raw_mode(tile: ImageFile._Tile) -> str:
    """Returns Pillow's name for how the samples of a tile lie in the file."""
    name = tile.args[0] if isinstance(tile.args, tuple) else tile.args
    return name if isinstance(name, str) else ""


def _ordered(tile: ImageFile._Tile, order: str) -> ImageFile._Tile:
    """Returns a tile that is read as 16-bit samples in an order of bytes.

    Also corrects separate planes of 16 bits, which Pillow reads as 8 bits.
    """
    name = f"{_raw_mode(tile).partition(';')[0]};16{order}"
    rest = tile.args[1:] if isinstance(tile.args, tuple) else None
    return tile._replace(args=name if rest is None else (name, *rest))


def _key_alpha(
    samples: UInt16[np.ndarray, "h w c"], key: int | tuple[int, ...] | None
) -> UInt16[np.ndarray, "h w"] | None:
    """Returns the opacity where one color, the key, means transparent."""
    if key is None:
        return None
    return np.where((samples == key).all(axis=-1), 0, _WHITE).astype(np.uint16)
