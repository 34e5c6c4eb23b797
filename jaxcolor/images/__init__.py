"""Reads a user's photographs, and writes them.

Old photographs come in many forms: 16-bit scans, CMYK separations, palettes, rotated
pictures, the color spaces of scanners. `find` lists those of a folder, `load` converts
each to upright sRGB, and `save` writes it with the metadata of the file that it was
read from.
"""

from jaxcolor.images import heif
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

# Once for all: Pillow's list of suffixes is asked in several places.
heif.register()

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
