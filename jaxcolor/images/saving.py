"""Writes a photograph to a file, whole or not at all."""

import io
import math
import os
import warnings
from pathlib import Path, PurePath
from typing import IO, Any, NamedTuple

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

from jaxcolor.images import metadata, png16, profiles
from jaxcolor.images.loading import Photo
from jaxcolor.runtime import atomic

# Lossless where the format can be. The effort of compression is low: for 24 megapixels
# the usual settings take 10 s (PNG), 35 s (WebP) and 18 s (AVIF) of one core, for files
# that are at most a tenth smaller.
_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": "4:4:4"},
    "PNG": {"compress_level": 3},
    "TIFF": {},
    "WEBP": {"lossless": True, "exact": True, "method": 0, "quality": 0},
    "AVIF": {"quality": 95, "subsampling": "4:4:4", "speed": 8},
    "JPEG2000": {},
    "BMP": {},
}
_SUFFIXES = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "AVIF": ".avif",
    "JPEG2000": ".jp2",
    "BMP": ".bmp",
}
# Without transparency, or with one that few programs read.
_OPAQUE = {"JPEG", "BMP"}
_MARKER_BYTES = 65_000  # A JPEG marker segment holds 65,533; some are a header.
# The longest width and height that the encoders take.
_LONGEST_SIDE = {"JPEG": 65_500, "WEBP": 16_383, "AVIF": 65_536}
# Dots per inch: JPEG has 16 bits for them; PNG and BMP have 31 bits for the dots per
# meter.
_FINEST_DPI = {"JPEG": 2**16 - 1, "PNG": 2**31 // 40, "BMP": 2**31 // 40}


class ExistingFileError(ValueError):
    """A file, a folder or a link is where a new file is to be written."""


class OutputFormat(NamedTuple):
    """How to write a photograph.

    Attributes:
        format: Pillow's name of the format.
        suffix: the usual one, with its dot.
    """

    format: str
    suffix: str


def output_format(photo: Photo, *, requested: str | None = None) -> OutputFormat:
    """Returns the format of the photograph's own file, or PNG where that loses much.

    PNG replaces formats that have few colors (GIF) or that Pillow writes incompletely
    (PSD, PCX ...), and every format for 16 bits. HEIC becomes JPEG, which all programs
    read; its encoder is slow, and patented.

    Args:
        photo: as loaded, or with other pixels.
        requested: a format by name or suffix (jpeg, jpg, .jpg), even if it loses much.

    Raises:
        ValueError: the requested format is unknown.
    """
    if requested is not None:
        format = _format_of_suffix(f".{requested.lower().removeprefix('.')}")
        return OutputFormat(format, _SUFFIXES[format])
    format = "JPEG" if photo.format in ("MPO", "HEIF") else photo.format
    too_deep = photo.rgb.dtype == np.uint16
    if (
        format not in _OPTIONS
        or too_deep
        or (format in _OPAQUE and _is_transparent(photo))
    ):
        format = "PNG"
    return OutputFormat(format, _SUFFIXES[format])


def output_name(
    photo: Photo, name: str | PurePath, *, requested: str | None = None
) -> str:
    """Returns the file name for a photograph, given that of its input.

    The name stays, unless its suffix belongs to another format than the output's.
    """
    name = PurePath(name)
    chosen = output_format(photo, requested=requested)
    if Image.registered_extensions().get(name.suffix.lower()) == chosen.format:
        return name.name
    return name.with_suffix(chosen.suffix).name


def refuse_existing(path: str | Path) -> None:
    """Checks that nothing exists where a new file is to be written.

    Raises:
        ExistingFileError: there is a file, a folder or a link.
    """
    if os.path.lexists(path):
        raise ExistingFileError(f"{path}: exists, not overwritten")


def save(photo: Photo, path: str | Path, *, overwrite: bool = False) -> None:
    """Writes a photograph in the format of the path's suffix.

    JPEG has quality 95 and full chroma; the others are lossless, except AVIF. 16 bits
    are kept in PNG and rounded to 8 elsewhere. At every moment the path holds the whole
    file, or what was there before.

    Raises:
        ExistingFileError: the path is taken, perhaps only since the writing began.
        ValueError: the suffix is unknown, the format cannot hold the transparency or
            the size, or the file cannot be written. One line.
    """
    path = Path(path)
    format = _format_of_suffix(path.suffix)
    _check(photo, format, path)
    if not overwrite:
        refuse_existing(path)
    try:
        with atomic.stream(path, overwrite=overwrite) as file:
            encode(photo, file, format, path)
    except FileExistsError as error:
        raise ExistingFileError(f"{path}: exists, not overwritten") from error
    # What a format cannot hold makes Pillow's writers raise anything.
    except Exception as error:
        raise _not_written(path, error) from error


def encoded(photo: Photo, *, name: str) -> bytes:
    """Returns the content of the file that `save` writes.

    Args:
        photo: as loaded, or with other pixels.
        name: of the file; its suffix says the format.

    Raises:
        ValueError: as `save` does.
    """
    path = Path(name)
    format = _format_of_suffix(path.suffix)
    _check(photo, format, path)
    file = io.BytesIO()
    try:
        encode(photo, file, format, path)
    # What a format cannot hold makes Pillow's writers raise anything.
    except Exception as error:
        raise _not_written(path, error) from error
    return file.getvalue()


def _check(photo: Photo, format: str, path: Path) -> None:
    """Refuses a format that cannot hold the transparency or the size of a photograph.

    Raises:
        ValueError: it cannot.
    """
    if format in _OPAQUE and _is_transparent(photo):
        raise ValueError(f"{path}: {format} has no transparency, the photograph has")
    height, width = photo.rgb.shape[:2]
    longest = _LONGEST_SIDE.get(format, math.inf)
    if max(height, width) > longest:
        size = f"{width} x {height} pixels"
        raise ValueError(f"{path}: {size}; {format} holds up to {longest:,} a side")


def _not_written(path: Path, error: Exception) -> ValueError:
    reason = error.strerror if isinstance(error, OSError) else None
    reason = reason or " ".join(str(error).split()) or type(error).__name__
    return ValueError(f"{path}: not written: {reason}")


def _format_of_suffix(suffix: str) -> str:
    format = Image.registered_extensions().get(suffix.lower())
    if format not in _OPTIONS:
        known = ", ".join(name.removeprefix(".") for name in _SUFFIXES.values())
        raise ValueError(f"{suffix!r} is no format to write, wanted one of {known}")
    return format


def _is_transparent(photo: Photo) -> bool:
    """Returns whether anything is transparent."""
    if photo.alpha is None:
        return False
    return bool(photo.alpha.min() < np.iinfo(photo.alpha.dtype).max)


def encode(photo: Photo, file: IO[bytes] | io.BytesIO, format: str, path: Path) -> None:
    """Writes a photograph into an open file.

    Args:
        photo: the pixels and metadata.
        file: gets the encoded bytes.
        format: Pillow's name of it.
        path: of the file in the end, for errors.
    """
    photo = _fitting(photo, format, path)
    rgb, alpha = photo.rgb, photo.alpha
    if format == "PNG" and rgb.dtype == np.uint16:
        png16.write(
            rgb, file, alpha=alpha, dpi=photo.dpi, exif=photo.exif, xmp=photo.xmp
        )
        return
    if rgb.dtype == np.uint16:
        rgb = profiles.to_8_bits(rgb)
        alpha = None if alpha is None else profiles.to_8_bits(alpha)
    image = Image.fromarray(rgb)
    if alpha is not None and format not in _OPAQUE:
        image.putalpha(Image.fromarray(alpha))
    image.save(file, format, **_OPTIONS[format], **_extras(photo, format))


def _fitting(photo: Photo, format: str, path: Path) -> Photo:
    """Leaves out the metadata that a format cannot hold; better than no file at all."""
    largest = _MARKER_BYTES if format == "JPEG" else math.inf
    left_out = []
    if len(photo.exif or b"") > largest:
        left_out.append("EXIF")
        photo = photo._replace(exif=None)
    if len(photo.xmp or b"") > largest:
        left_out.append("XMP")
        photo = photo._replace(xmp=None)
    if photo.dpi and max(photo.dpi) > _FINEST_DPI.get(format, math.inf):
        left_out.append("resolution")
        photo = photo._replace(dpi=None)
    for what in left_out:
        warnings.warn(f"{path}: {what} too large for {format}, left out", stacklevel=2)
    return photo


def _extras(photo: Photo, format: str) -> dict[str, Any]:
    """Returns the metadata of a photograph in the form that Pillow takes."""
    extras: dict[str, Any] = {"icc_profile": profiles.srgb()}
    if photo.dpi is not None:
        extras["dpi"] = photo.dpi
    if format == "TIFF":
        tags = metadata.tiff_tags(photo.exif, photo.xmp)
        extras["exif"] = tags
        # Pillow fails to compress where one of the tags is a directory of others.
        if not tags.keys() & metadata.DIRECTORIES:
            # Differences between neighbors: without them, LZW enlarges photographs.
            tags[TiffImagePlugin.PREDICTOR] = 2
            extras["compression"] = "tiff_lzw"
        return extras
    if photo.exif is not None:
        extras["exif"] = photo.exif
    if photo.xmp is not None and format == "PNG":
        extras["pnginfo"] = PngImagePlugin.PngInfo()
        text = photo.xmp.decode("utf-8", errors="replace")
        extras["pnginfo"].add_itxt("XML:com.adobe.xmp", text)
    elif photo.xmp is not None:
        extras["xmp"] = photo.xmp
    return extras
