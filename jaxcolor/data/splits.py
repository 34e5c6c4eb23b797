"""Sets a part of a source aside for validation, by the names of the images."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxcolor.data import sources
from jaxcolor.data.sources import Source


class Split(NamedTuple):
    """A source in two.

    Attributes:
        training: the images to train on.
        validation: the images that are set aside.
    """

    training: Source
    validation: Source


def is_held_out(name: str, *, fraction: float) -> bool:
    """Returns whether an image is set aside, by its name alone.

    The other images of the source do not matter, and a larger fraction sets aside the
    same images and some more.
    """
    return _place(name) < fraction * 2**64


def held_out(names: Sequence[str], *, count: int) -> list[str]:
    """Lists a number of names: those that the smallest fractions set aside."""
    return sorted(names, key=_place)[:count]


def split(source: Source, *, held_out_fraction: float) -> Split:
    """Splits a source by the hash of the names.

    Args:
        source: what to split.
        held_out_fraction: about this share is set aside; in [0, 1).

    Raises:
        ValueError: a fraction above 0 sets nothing aside, or leaves nothing.
    """
    if not 0 <= held_out_fraction < 1:
        raise ValueError(f"got held_out_fraction {held_out_fraction}, wanted [0, 1)")
    fates = (is_held_out(name, fraction=held_out_fraction) for name in source.names)
    held_out = np.fromiter(fates, bool, count=len(source))
    parts = Split(
        sources.Part(source, np.flatnonzero(~held_out)),
        sources.Part(source, np.flatnonzero(held_out)),
    )
    if not len(parts.training) or (held_out_fraction and not len(parts.validation)):
        raise ValueError(
            f"held_out_fraction {held_out_fraction} of {len(source)} images splits them"
            f" into {len(parts.training)} and {len(parts.validation)}; wanted some in"
            " both, or 0 to set none aside"
        )
    return parts


def _place(name: str) -> int:
    """Returns the place of a name in [0, 2^64), which looks random."""
    # Names of files that are not UTF-8 carry their bytes as surrogates.
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")
