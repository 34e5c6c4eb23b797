"""HEIC and HEIF photographs, which Pillow reads with pillow-heif, the extra `heif`."""

import functools

NEEDED = 'HEIC; pip install "jaxcolor[heif]", or export as JPEG'
"""Advice where the extra is not installed."""

SUFFIXES = (".heic", ".heif", ".hif")


@functools.cache
def register() -> bool:
    """Lets Pillow read HEIF, and returns whether it can."""
    try:
        import pillow_heif
    except ImportError:
        return False
    # Not the thumbnails, which nothing here reads.
    pillow_heif.register_heif_opener(thumbnails=False)
    return True
