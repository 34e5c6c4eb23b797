"""Reads a user's photographs, and writes them.

Old photographs come in many forms: 16-bit scans, CMYK separations, palettes, rotated
pictures, the color spaces of scanners. `find` lists those of a folder, `load` converts
each to upright sRGB, and `save` writes it with the metadata of the file that it was
read from.
"""

from jaxcolor.images.finding import find
from jaxcolor.images.limits import MAX_PIXELS
from jaxcolor.images.loading import Photo, load
from jaxcolor.images.saving import (
    ExistingFileError,
    encoded,
    output_format,
    output_name,
    refuse_existing,
    save,
)

__all__ = [
    "MAX_PIXELS",
    "ExistingFileError",
    "Photo",
    "encoded",
    "find",
    "load",
    "output_format",
    "output_name",
    "refuse_existing",
    "save",
]
