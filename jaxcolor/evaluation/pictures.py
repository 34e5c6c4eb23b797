"""Colorized pictures as files, for other tools to measure."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from jaxcolor import plots

FOLDER = "pictures"
# Digits of the numbers that files are named by.
DIGITS = 5

# Takes a system's name, its pictures, and the position of the first in the set.
OnPictures = Callable[[str, UInt8[np.ndarray, "b h w 3"], int], object]


def folders(systems: Iterable[str]) -> dict[str, str]:
    """Returns the name of each system's folder, safe on every file system.

    ASCII letters, digits, ".", "_" and "-" are kept, others become "_".

    Raises:
        ValueError: two systems would have the same folder, or names that differ in
            capitals only, which some file systems cannot distinguish.
    """
    found: dict[str, str] = {}
    taken: dict[str, str] = {}
    for system in systems:
        name = re.sub(r"[^A-Za-z0-9._-]", "_", system)
        # "." and ".." are other folders.
        name = name if name.strip(".") else "_" * len(name)
        other = taken.setdefault(name.lower(), system)
        if other != system:
            raise ValueError(
                f"{other!r} and {system!r} would both be called {name};"
                " name models by NAME=MODEL"
            )
        found[system] = name
    return found


def make_writer(folder: Path, names: Mapping[str, str], *, count: int) -> OnPictures:
    """Returns a function that writes pictures as folder/NAME/00000.png and so on.

    Args:
        folder: to write into; made when the first picture comes.
        names: of each system's folder, see `folders`.
        count: photographs in the set.

    Raises:
        ValueError: the folder exists, maybe with pictures of another set.
    """
    if folder.exists():
        raise ValueError(f"{folder} exists; not overwritten")
    # Wide enough that names sort as numbers do.
    digits = max(DIGITS, len(str(count - 1)))

    def write(system: str, rgb: UInt8[np.ndarray, "b h w 3"], start: int) -> None:
        for position, picture in enumerate(rgb, start):
            path = folder / names[system] / f"{position:0{digits}}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            plots.write_png(picture, path)

    return write
