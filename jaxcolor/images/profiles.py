"""Converts photographs from the color space of their ICC profile to sRGB.

Little CMS does it for 8 bits a channel. Pillow hands it no more than 8, so photographs
of 16 bits go through the curves and the matrix of their profile here.
"""

import functools
import io
import struct
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt, UInt8, UInt16
from PIL import Image, ImageCms

# Gray, RGB or CMYK. CMYK has 8 bits, and 255 is full ink.
Samples = UInt[np.ndarray, "h w"] | UInt[np.ndarray, "h w c"]

_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_CODES = 2**16
# So many rows at a time, so that no floats exist for a whole photograph.
_ROWS = 64


def to_srgb(
    samples: Samples, profile: bytes | None, *, path: Path
) -> UInt[np.ndarray, "h w 3"]:
    """Converts a photograph to sRGB at the same bit depth.

    Without a profile, gray and RGB are assumed to be sRGB. A profile that is broken, or
    is for other samples, is ignored with a warning that names the path.
    """
    if profile:
        try:
            return _through(profile, samples, path)
        except (ImageCms.PyCMSError, OSError, ValueError, struct.error) as error:
            reason = " ".join(str(error).split())
            warnings.warn(f"{path}: ICC profile ignored: {reason}", stacklevel=2)
    return _without_profile(samples)


def image_to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts an image of 8 bits a channel to sRGB, of mode RGB.

    Without a profile, with one of sRGB, and with a broken one or one that is not for
    such pixels, it is Pillow's conversion to RGB.

    Args:
        image: of mode L, RGB or CMYK.
        profile: content of its ICC profile.
    """
    if profile and image.mode == "L" and _is_for_rgb(profile):
        image = image.convert("RGB")
    try:
        transform = _transform(profile, image.mode) if profile else None
    except (ImageCms.PyCMSError, OSError, ValueError):
        transform = None
    if transform is None:
        return image if image.mode == "RGB" else image.convert("RGB")
    return Image.fromarray(_by_lcms(np.asarray(image), transform))


@functools.cache
def srgb() -> bytes:
    """Returns an sRGB profile, always with the same bytes."""
    made = bytearray(_srgb().tobytes())
    # The date and time of creation: ICC.1:2022, table 17.
    made[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(made)


@functools.cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


# Cached, for the photographs of a camera share a profile. Transforms may be used by
# several threads at once.
@functools.lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the conversion from a profile to sRGB, None where there is none to do."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if _MODES.get(space) != mode:
        raise ValueError(f"it is for {space}, the pixels are {mode}")
    # For gray, Little CMS's optimization is off by up to ten steps in the shadows.
    flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
    transform = ImageCms.buildTransform(source, _srgb(), mode, "RGB", flags=flags)
    return None if _is_identity(transform, mode) else transform


def _is_for_rgb(profile: bytes) -> bool:
    # The color space of the data: ICC.1:2022, table 17.
    return profile[16:20] == b"RGB "


def _through(profile: bytes, samples: Samples, path: Path) -> UInt[np.ndarray, "h w 3"]:
    if samples.ndim == 2 and _is_for_rgb(profile):
        samples = _without_profile(samples)
    mode = _mode(samples)
    transform = _transform(profile, mode)
    if transform is None:
        return _without_profile(samples)
    if samples.dtype == np.uint8:
        return _by_lcms(samples, transform)
    tags = _tags(profile)
    needed = [b"kTRC"] if mode == "L" else [*_PRIMARIES, *_CURVES]
    # A table from device to connection space comes before matrix and curves.
    if b"A2B0" not in tags and profile[20:24] == b"XYZ " and tags.keys() >= {*needed}:
        return _by_curves(samples, tags)
    warnings.warn(f"{path}: 8 of 16 bits kept by its ICC profile", stacklevel=3)
    return _by_lcms(to_8_bits(samples), transform).astype(np.uint16) * 257


def _mode(samples: Samples) -> str:
    return "L" if samples.ndim == 2 else {3: "RGB", 4: "CMYK"}[samples.shape[2]]


def _without_profile(samples: Samples) -> UInt[np.ndarray, "h w 3"]:
    mode = _mode(samples)
    if mode == "L":
        return np.repeat(samples[..., np.newaxis], 3, axis=2)
    if mode == "RGB":
        return samples
    return _by_rows(samples, lambda image: image.convert("RGB"))


def _by_rows(
    samples: UInt8[np.ndarray, "h w c"], convert: Callable[[Image.Image], Image.Image]
) -> UInt8[np.ndarray, "h w 3"]:
    """Converts some rows at a time: images of Pillow take 4 bytes a pixel."""
    result = np.empty((*samples.shape[:2], 3), np.uint8)
    for top in range(0, len(samples), _ROWS):
        result[top : top + _ROWS] = convert(_image(samples[top : top + _ROWS]))
    return result


def _image(samples: UInt8[np.ndarray, "h w *c"]) -> Image.Image:
    height, width = samples.shape[:2]
    mode = _mode(samples)
    samples = np.ascontiguousarray(samples)
    return Image.frombuffer(mode, (width, height), samples, "raw", mode, 0, 1)


def to_8_bits(samples: UInt16[np.ndarray, "*p"]) -> UInt8[np.ndarray, "*p"]:
    """Rounds 16 bits a channel to 8, without anything wider in between."""
    # From 65407 on, adding the half would overflow; they all become 255.
    rounded = np.minimum(samples, 65407)
    rounded += 128
    rounded //= 257
    return rounded.astype(np.uint8)


def _by_lcms(
    samples: UInt8[np.ndarray, "h w *c"], transform: ImageCms.ImageCmsTransform
) -> UInt8[np.ndarray, "h w 3"]:
    if samples.ndim == 2:
        ramp = np.arange(256, dtype=np.uint8)[np.newaxis]
        return _by_table(samples, np.asarray(transform.apply(_image(ramp)))[0])
    return _by_rows(samples, transform.apply)


def _by_table(
    samples: UInt[np.ndarray, "h w"], table: UInt[np.ndarray, "codes 3"]
) -> UInt[np.ndarray, "h w 3"]:
    result = np.empty((*samples.shape, 3), table.dtype)
    for top in range(0, len(samples), _ROWS):
        result[top : top + _ROWS] = table[samples[top : top + _ROWS]]
    return result


def _is_identity(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Returns whether a profile is sRGB under another name.

    Cameras write many versions of sRGB. Their samples stay as they are; otherwise they
    could change by one in 255 each time they are saved.
    """
    if mode == "CMYK":
        return False
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    axes = [steps] if mode == "L" else [steps] * 3
    grid = np.stack(np.meshgrid(*axes), axis=-1).reshape(1, -1, len(axes))
    probes = grid[..., 0] if mode == "L" else grid
    changed = _by_lcms(probes, transform).astype(int) - grid
    return bool(np.abs(changed).max() <= 1)


_PRIMARIES = (b"rXYZ", b"gXYZ", b"bXYZ")
_CURVES = (b"rTRC", b"gTRC", b"bTRC")


def _tags(profile: bytes) -> dict[bytes, bytes]:
    """Returns the tagged elements of a profile: ICC.1:2022, section 7.3."""
    (count,) = struct.unpack_from(">I", profile, 128)
    entries = [struct.unpack_from(">4sII", profile, 132 + 12 * i) for i in range(count)]
    return {name: profile[start : start + size] for name, start, size in entries}


def _by_curves(
    samples: UInt16[np.ndarray, "h w *c"], tags: Mapping[bytes, bytes]
) -> UInt16[np.ndarray, "h w 3"]:
    """Converts by the model of ICC.1:2022, annex F: a curve each, then a matrix."""
    if samples.ndim == 2:
        codes = _encoded(_curve(tags[b"kTRC"]))
        return _by_table(samples, np.repeat(codes[:, np.newaxis], 3, axis=1))
    matrix = np.linalg.solve(_matrix(_tags(srgb())), _matrix(tags)).astype(np.float32)
    curves = [_curve(tags[name]) for name in _CURVES]
    result = np.empty_like(samples)
    for top in range(0, len(samples), _ROWS):
        rows = np.moveaxis(samples[top : top + _ROWS], -1, 0)
        light = [curve[row] for curve, row in zip(curves, rows, strict=True)]
        result[top : top + _ROWS] = _encoded(np.stack(light, axis=-1) @ matrix.T)
    return result


def _matrix(tags: Mapping[bytes, bytes]) -> Float[np.ndarray, "3 3"]:
    """Returns the matrix from linear RGB to XYZ under D50."""
    columns = [np.frombuffer(tags[name], ">i4", 3, offset=8) for name in _PRIMARIES]
    return np.stack(columns, axis=-1) / 2**16


def _encoded(light: Float[np.ndarray, "*p"]) -> UInt16[np.ndarray, "*p"]:
    """Encodes linear light as in IEC 61966-2-1, section 5.2."""
    light = np.clip(light, 0, 1)
    curved = 1.055 * light ** (1 / 2.4) - 0.055
    encoded = np.where(light <= 0.0031308, 12.92 * light, curved)
    return (encoded * (_CODES - 1) + 0.5).astype(np.uint16)


def _curve(tag: bytes) -> Float[np.ndarray, " codes"]:
    """Returns the linear light of every 16-bit code.

    Source:
        ICC.1:2022, sections 10.6 (curveType) and 10.18 (parametricCurveType).
    """
    codes = np.linspace(0, 1, _CODES)
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        values = np.frombuffer(tag, ">u2", count, offset=12)
        if count == 0:
            light = codes
        elif count == 1:
            light = codes ** (values[0] / 256)
        else:
            light = np.interp(codes, np.linspace(0, 1, count), values / 65535)
    elif tag[:4] == b"para":
        light = _parametric(codes, tag)
    else:
        raise ValueError(f"a curve is of unknown type {tag[:4]!r}")
    return light.astype(np.float32)


def _parametric(
    codes: Float[np.ndarray, " codes"], tag: bytes
) -> Float[np.ndarray, " codes"]:
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError(f"a parametric curve is of unknown type {kind}")
    count = (1, 3, 4, 5, 7)[kind]
    g, a, b, c, d, e, f = [*np.frombuffer(tag, ">i4", count, 12) / 2**16, *[0] * 7][:7]
    # The five types are cases of the last one. Where the first three change to another
    # formula, at -b / a, their power is that of 0.
    if kind == 0:
        a = 1
    elif kind == 2:
        c, e = 0, c
    power = np.maximum(a * codes + b, 0) ** g + e
    return np.where(codes >= d, power, c * codes + f)
