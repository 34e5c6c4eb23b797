"""Black-and-white photographs among those that should be in color."""

import logging

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxcolor.data.prepare import recode

LOGGER = logging.getLogger(__name__)


def count(rgb: UInt8[np.ndarray, "b h w 3"]) -> int:
    """Returns how many photographs have next to no color, by `recode.is_gray`."""
    return sum(recode.is_gray(Image.fromarray(one)) for one in rgb)


def check(found: int, *, photographs: int, source: str) -> None:
    """Warns about black-and-white photographs; refuses a set that has no others.

    Args:
        found: how many photographs are black-and-white.
        photographs: how many there are.
        source: how the set is called.

    Raises:
        ValueError: all photographs are black-and-white.
    """
    if 0 < photographs <= found:
        raise ValueError(
            f"all {photographs:,} photographs of {source} are black-and-white; wanted"
            " photographs in color"
        )
    if found:
        LOGGER.warning(
            "%s of %s photographs of %s are black-and-white: they count as the others"
            " do, and teach or test gray",
            f"{found:,}",
            f"{photographs:,}",
            source,
        )
