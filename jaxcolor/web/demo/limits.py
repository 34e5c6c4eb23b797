"""The limits that a server of the page keeps to."""

from typing import NamedTuple

MEGABYTE = MEGAPIXEL = 1_000_000


class Limits(NamedTuple):
    """What visitors may use of the machine.

    Attributes:
        upload_bytes: of one photograph's file.
        pixels: of one photograph; more are refused before they are decoded.
        waiting: requests that wait for the computing thread; more get 503.
        seconds: that a request may wait and compute; then it gets 503.
        upload_seconds: until a request must have arrived.
        photographs: in the album of a visitor.
        album_seconds: without a request, after which an album is removed.
        kept_bytes: in memory, for answers at once to the sliders.
        stored_bytes: on the disk, of the albums; beyond, the one that was not used for
            the longest time is removed.
        result_bytes: on the disk, of full-size pictures that were made already.
    """

    upload_bytes: int = 50 * MEGABYTE
    pixels: int = 50 * MEGAPIXEL
    waiting: int = 16
    seconds: float = 120.0
    upload_seconds: float = 120.0
    photographs: int = 24
    album_seconds: float = 3600.0
    kept_bytes: int = 512 * MEGABYTE
    stored_bytes: int = 2000 * MEGABYTE
    result_bytes: int = 1000 * MEGABYTE


DEFAULT = Limits()
