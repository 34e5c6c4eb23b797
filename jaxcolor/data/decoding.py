"""Decodes image files to RGB pixels of the wanted size.

Whatever Pillow reads becomes upright sRGB of 8 bits a channel: the EXIF orientation is
applied, colors are converted from an embedded ICC profile, transparency is laid over
white, 16-bit gray is scaled, and an animation gives its first frame.
"""

import io

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from jaxcolor.images import limits, profiles

# The largest value of 16 bits over the largest of 8.
SIXTEEN_PER_EIGHT = 257


def decode(image: bytes, *, at_least: int | None) -> Image.Image:
    """Decodes a file to an upright image in sRGB.

    Args:
        image: the content of a file.
        at_least: a JPEG is decoded at the smallest of 1, 1/2, 1/4 and 1/8 of its size
            at which both sides are this long: much cheaper for a large one. None
            decodes every pixel.

    Raises:
        ValueError: it cannot be decoded, for the reason given.
    """
    try:
        opened: Image.Image = limits.open_image(io.BytesIO(image))
        if at_least is not None:
            opened.draft(None, (at_least, at_least))
        # Loads the pixels, too.
        ImageOps.exif_transpose(opened, in_place=True)
        return _to_rgb(opened)
    except UnidentifiedImageError as error:
        raise ValueError("not an image that can be read") from error
    # Damage makes Pillow's decoders raise anything.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ValueError(reason or type(error).__name__) from error


def decode_resize(
    image: bytes, *, resize: int, squash: bool, draft: bool
) -> UInt8[np.ndarray, "h w 3"]:
    """Decodes a file and resizes the whole image, bicubically.

    Args:
        image: the content of a file.
        resize: the side of the square that the image is squashed to, or else the
            length of its shorter side.
        squash: to a square, or else the aspect is kept.
        draft: decode a large JPEG at a fraction of its size that is still at least
            twice the wanted one: several times faster for a photograph of some
            megapixels, and on average less than one level of 255 off.

    Raises:
        ValueError: it cannot be decoded, for the reason given.
    """
    decoded = decode(image, at_least=2 * resize if draft else None)
    size = resized(decoded.size, resize=resize, squash=squash)
    return np.asarray(decoded.resize(size, Image.Resampling.BICUBIC))


def decode_center(
    image: bytes, *, resize: int, squash: bool, crop: int, draft: bool
) -> UInt8[np.ndarray, "crop crop 3"]:
    """Decodes a file, resizes as `decode_resize`, and crops the center.

    Raises:
        ValueError: it cannot be decoded, for the reason given.
    """
    whole = decode_resize(image, resize=resize, squash=squash, draft=draft)
    height, width, _ = whole.shape
    left, top = (width - crop) // 2, (height - crop) // 2
    return whole[top : top + crop, left : left + crop]


def resized(size: tuple[int, int], *, resize: int, squash: bool) -> tuple[int, int]:
    """Returns the width and height that an image of this size is resized to."""
    if squash:
        return resize, resize
    width, height = size
    scale = resize / min(size)
    return max(resize, round(width * scale)), max(resize, round(height * scale))


def resized_crop(
    image: Image.Image,
    size: tuple[int, int],
    *,
    left: int,
    top: int,
    crop: int,
    flip: bool,
) -> UInt8[np.ndarray, "crop crop 3"]:
    """Returns a crop of the resized image, without making the rest of it.

    The same as resizing all of it first, up to rounding: where a crop begins is rounded
    to float32, and Pillow may resize down before across. On photographs few values
    differ, mostly by one level of 255.

    Args:
        image: RGB.
        size: width and height of all of the resized image.
        left: where the crop begins.
        top: where the crop begins.
        crop: side of the crop.
        flip: mirror the crop, left to right.
    """
    right, bottom = left + crop, top + crop
    if image.size == size:
        image = image.crop((left, top, right, bottom))
    else:
        across, down = image.width / size[0], image.height / size[1]
        # Pillow sees the neighbors outside of the box. It refuses one that rounding
        # puts beyond the image.
        end = min(right * across, image.width), min(bottom * down, image.height)
        box = (left * across, top * down, *end)
        image = image.resize((crop, crop), Image.Resampling.BICUBIC, box)
    # In Pillow, for NumPy would copy a mirrored view pixel by pixel.
    return np.asarray(ImageOps.mirror(image) if flip else image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels have no known range")
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # Pillow's own conversion clips at 255 instead.
        gray = np.asarray(image).clip(0, 65535) / SIXTEEN_PER_EIGHT
        shallow = Image.fromarray(gray.round().astype(np.uint8))
        return profiles.image_to_srgb(shallow, profile)
    is_gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        transparent = image.convert("LA" if is_gray else "RGBA")
        rgb = profiles.image_to_srgb(
            transparent.convert("L" if is_gray else "RGB"), profile
        )
        rgb.putalpha(transparent.getchannel("A"))
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, rgb).convert("RGB")
    mode = "L" if is_gray else "CMYK" if image.mode == "CMYK" else "RGB"
    stored = image if image.mode == mode else image.convert(mode)
    return profiles.image_to_srgb(stored, profile)
