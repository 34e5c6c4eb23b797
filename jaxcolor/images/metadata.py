"""The metadata of a photograph: EXIF, XMP and resolution."""

import math
import re
import struct
import warnings
from pathlib import Path

from PIL import ExifTags, Image

_ORIENTATION = ExifTags.Base.Orientation
# Orientations that exchange width and height.
SIDEWAYS = (5, 6, 7, 8)
_HEADER = b"Exif\0\0"  # Precedes EXIF in a JPEG, not in other formats.
_XMP_TAG = 700  # Adobe, XMP specification part 3, section 1.1.2 (TIFF).

# Tags that hold directories of further tags.
DIRECTORIES = frozenset({ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo})

# The tags of a TIFF file that describe the picture: its other tags, in the same
# directory, describe how this file stores it, and would be wrong in another file.
_DESCRIPTIVE = (
    ExifTags.Base.DocumentName,
    ExifTags.Base.ImageDescription,
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.PageName,
    ExifTags.Base.Software,
    ExifTags.Base.DateTime,
    ExifTags.Base.Artist,
    ExifTags.Base.HostComputer,
    ExifTags.Base.Rating,
    ExifTags.Base.RatingPercent,
    ExifTags.Base.Copyright,
    33723,  # IPTC: captions and keywords of newspapers and archives.
    ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment,
    ExifTags.Base.XPAuthor,
    ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
    *DIRECTORIES,
)


def orientation(image: Image.Image, *, path: Path) -> int:
    """Returns how the loaded pixels have to be turned, 1 to 8 as in EXIF.

    Pillow turns a TIFF itself while it loads the pixels, so ask only after that.
    """
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    # Damage makes Pillow's reader raise anything.
    except Exception as error:
        warnings.warn(f"{path}: its EXIF cannot be read: {error}", stacklevel=2)
        return 1
    return found if found in range(1, 9) else 1


def exif(image: Image.Image, *, path: Path) -> bytes | None:
    """Returns the EXIF block of a loaded image, adapted to the upright pixels.

    It begins with the header that JPEG wants; Pillow takes it off for other formats.
    """
    try:
        # Readers of HEIF put None where there is none.
        if image.info.get("exif"):
            return _upright(image.info["exif"])
        found = _descriptive(image.getexif())
        return found.tobytes() if len(found) else None
    except Exception as error:
        warnings.warn(f"{path}: its EXIF is not kept: {error}", stacklevel=2)
        return None


def _upright(block: bytes) -> bytes:
    """Returns an EXIF block with orientation 1 and without its thumbnail.

    Changes only those bytes, and the order of width and height: a camera's maker note
    holds offsets into the block, and would be lost if the block were rebuilt. The
    thumbnail goes because it shows the picture before it was turned and colorized.
    """
    # None, one, and with some programs two.
    while block.startswith(_HEADER):
        block = block.removeprefix(_HEADER)
    edited = bytearray(block)
    order = {b"II": "<", b"MM": ">"}[block[:2]]
    (directory,) = struct.unpack_from(f"{order}I", block, 4)
    places = _places(block, order, directory)
    if _ORIENTATION in places:
        entry = places[_ORIENTATION]
        (turn,) = struct.unpack_from(f"{order}H", block, entry + 8)
        # Type 3 (short), one value, 1, and two bytes of padding.
        struct.pack_into(f"{order}HHIHH", edited, entry, _ORIENTATION, 3, 1, 1, 0)
        if turn in SIDEWAYS and ExifTags.IFD.Exif in places:
            (of_exif,) = struct.unpack_from(
                f"{order}I", block, places[ExifTags.IFD.Exif] + 8
            )
            _exchange_sides(edited, _places(block, order, of_exif))
    # The offset of the next directory, which is that of the thumbnail.
    (count,) = struct.unpack_from(f"{order}H", block, directory)
    struct.pack_into(f"{order}I", edited, directory + 2 + 12 * count, 0)
    return _HEADER + edited


def _places(block: bytes, order: str, directory: int) -> dict[int, int]:
    """Returns where the entry of each tag of a directory is, 12 bytes each."""
    (count,) = struct.unpack_from(f"{order}H", block, directory)
    entries = range(directory + 2, directory + 2 + 12 * count, 12)
    return {struct.unpack_from(f"{order}H", block, at)[0]: at for at in entries}


def _exchange_sides(edited: bytearray, places: dict[int, int]) -> None:
    """Gives a photograph that was turned by a quarter its new width and height."""
    width = places.get(ExifTags.Base.ExifImageWidth)
    height = places.get(ExifTags.Base.ExifImageHeight)
    if width is None or height is None:
        return
    # All but the tag: type, count and value.
    across, down = (bytes(edited[at + 2 : at + 12]) for at in (width, height))
    edited[width + 2 : width + 12] = down
    edited[height + 2 : height + 12] = across


def _descriptive(tags: Image.Exif) -> Image.Exif:
    """Returns a copy of those tags that describe the picture, not the file."""
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in tags:
            kept[tag] = dict(tags.get_ifd(tag)) if tag in DIRECTORIES else tags[tag]
    return kept


def tiff_tags(block: bytes | None, xmp_packet: bytes | None) -> Image.Exif:
    """Returns the tags to write into a TIFF file that is to carry an EXIF block."""
    tags = Image.Exif()
    if block is not None:
        tags.load(block)
        # Through bytes: Pillow writes sub-directories only of tags that it has read.
        block = _descriptive(tags).tobytes()
        tags = Image.Exif()
        tags.load(block)
    if xmp_packet is not None:
        tags[_XMP_TAG] = xmp_packet
    return tags


def xmp(image: Image.Image) -> bytes | None:
    """Returns the XMP packet of a loaded image, adapted to the upright pixels."""
    packet = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    if not packet:
        return None
    if isinstance(packet, str):
        packet = packet.encode()
    return re.sub(rb'(tiff:Orientation(?:="|>))[2-8]', rb"\g<1>1", packet)


def dpi(image: Image.Image, *, turned: bool) -> tuple[float, float] | None:
    """Returns the dots per inch along and across, None where they are not given.

    Args:
        image: loaded.
        turned: whether the pixels have been turned by a quarter.
    """
    try:
        x, y = (float(axis) for axis in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not all(math.isfinite(axis) and axis >= 1 for axis in (x, y)):
        return None
    return (y, x) if turned else (x, y)
