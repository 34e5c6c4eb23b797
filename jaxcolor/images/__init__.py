"""One photograph of a user in, one out.

Old photographs come in many ways: 16-bit scans, CMYK separations, palettes, pictures
that lie on their side, color spaces of a scanner. `load` makes upright sRGB of them all
and `save` puts it back into a file, with what the file said about the photograph.
"""

from jaxcolor.images.finding import find
from jaxcolor.images.limits import MAX_PIXELS
from jaxcolor.images.loading import Photo, load
from jaxcolor.images.saving import (
    ExistingFileError,
    output_format,
    output_name,
    refuse_existing,
    save,
)

__all__ = [
    "MAX_PIXELS",
    "ExistingFileError",
    "Photo",
    "find",
    "load",
    "output_format",
    "output_name",
    "refuse_existing",
    "save",
]
