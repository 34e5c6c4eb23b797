"""Prepares a user's own photographs for training: small copies in two folders."""

import hashlib
import logging
import os
from collections.abc import Callable, Iterable
from concurrent import futures
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxcolor.data import decoding, files, splits
from jaxcolor.data.prepare import recode
from jaxcolor.data.prepare.recode import Recipe
from jaxcolor.images import finding

LOGGER = logging.getLogger(__name__)

TRAINING, VALIDATION = "training", "validation"
# Degree of the polynomial that models the tone of a print as a function of lightness.
TONING = 3
# Percentile, over all areas, that is used as the largest deviation from that tone. For
# 243 photographs in color the smallest was 9.3 levels of 255; for the same as sepia
# JPEGs, which mix dark and bright in an area, the largest was 7.6.
LARGEST = 95
# Broken files that a message names.
NAMED = 3

Wrap = Callable[[Iterable[str]], Iterable[str]]


class Album(NamedTuple):
    """Numbers of the photographs that were found, by what is done with them.

    Attributes:
        found: image files.
        broken: files among them that cannot be decoded.
        monochrome: photographs without color: gray, or toned in a single hue.
        copies: files with the same bytes as another one.
        training: photographs to train on.
        validation: photographs set aside.
    """

    found: int
    broken: int
    monochrome: int
    copies: int
    training: int
    validation: int


class _Copy(NamedTuple):
    # The image is None for a photograph without color; only broken files have a reason.
    name: str
    image: bytes | None
    reason: str | None


class _Sort:
    """Writes copies into a folder, and counts the photographs that are left out."""

    def __init__(self, folder: Path) -> None:
        self.kept: set[str] = set()
        self.monochrome: set[str] = set()
        self.broken: list[str] = []
        self.copies = 0
        self._folder = folder

    def add(self, name: str, copy: _Copy) -> None:
        if copy.reason is not None:
            self.broken.append(f"{name} ({copy.reason})")
        elif copy.name in self.kept or copy.name in self.monochrome:
            self.copies += 1
        elif copy.image is None:
            self.monochrome.add(copy.name)
        else:
            self.kept.add(copy.name)
            (self._folder / copy.name).write_bytes(copy.image)

    def warn(self) -> None:
        if self.broken:
            listed = ", ".join(self.broken[:NAMED])
            more = " ..." if len(self.broken) > NAMED else ""
            LOGGER.warning(
                "left out %d broken files: %s%s", len(self.broken), listed, more
            )


def gather(
    source: Path,
    folder: Path,
    *,
    recipe: Recipe,
    fewest: int,
    set_aside: Callable[[int], int],
    progress: Wrap,
) -> Album:
    """Fills folder/training and folder/validation with small copies of photographs.

    A copy is named by the hash of the original's bytes, which also decides whether it
    is set aside. So files with the same bytes become one, a photograph keeps its place
    when others are added, and no name tells whose photographs they are.

    Args:
        source: a folder, with all folders in it.
        folder: an empty one.
        recipe: of the copies.
        fewest: photographs in color that are needed.
        set_aside: from the number of photographs to the number set aside.
        progress: wraps the names of the files, as tqdm.tqdm does.

    Raises:
        ValueError: there is no such folder, or it has too few photographs in color.
    """
    if not source.is_dir():
        raise ValueError(f"no folder {source}")
    names = files.find(source)
    sort = _Sort(folder)
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda name: _copy(source / name, recipe), names)
        for name, copy in zip(progress(names), made, strict=True):
            sort.add(name, copy)
    sort.warn()
    kept = sorted(sort.kept)
    album = Album(
        found=len(names),
        broken=len(sort.broken),
        monochrome=len(sort.monochrome),
        copies=sort.copies,
        training=0,
        validation=0,
    )
    if len(kept) < fewest:
        raise ValueError(
            f"{source} has {len(kept)} photographs in color{_left_out(album)};"
            f" wanted {fewest} or more"
        )
    held_out = set(splits.held_out(kept, count=set_aside(len(kept))))
    for part in (TRAINING, VALIDATION):
        (folder / part).mkdir()
    for name in kept:
        part = VALIDATION if name in held_out else TRAINING
        (folder / name).rename(folder / part / name)
    return album._replace(training=len(kept) - len(held_out), validation=len(held_out))


def summary(album: Album) -> str:
    """Returns one line: photographs to train on, set aside, and left out."""
    return (
        f"{album.training} photographs to train on, {album.validation} set aside"
        f" for validation{_left_out(album)}"
    )


def is_monochrome(image: Image.Image) -> bool:
    """Returns whether an RGB image is gray or toned, as sepia prints are.

    Then red and blue follow from green, apart from noise: the color of an area is a
    function of its lightness. In a photograph in color, areas of the same lightness
    have different colors.
    """
    factor = max(1, min(image.size) // recode.AREAS)
    rgb = np.asarray(image.reduce(factor), np.float64).reshape(-1, 3)
    green = rgb[:, 1] / np.iinfo(np.uint8).max
    powers = np.stack([green**n for n in range(TONING + 1)], axis=-1)
    tone, *_ = np.linalg.lstsq(powers, rgb[:, ::2], rcond=None)
    off = np.abs(rgb[:, ::2] - powers @ tone)
    return bool(np.percentile(off.max(axis=-1), LARGEST) <= recode.GRAY_LEVELS)


def _left_out(album: Album) -> str:
    left = {
        "black-and-white": album.monochrome,
        "broken": album.broken,
        "duplicate": album.copies,
    }
    parts = [f"{count} {what}" for what, count in left.items() if count]
    return f" (left out: {', '.join(parts)})" if parts else ""


def _copy(path: Path, recipe: Recipe) -> _Copy:
    try:
        content = finding.read_file(path)
        made = recode.recode(content, recipe=recipe)
        small = decoding.decode(made.image, at_least=None)
        is_gray = made.is_gray or is_monochrome(small)
    except OSError as error:
        return _Copy("", None, error.strerror or type(error).__name__)
    except ValueError as error:
        return _Copy("", None, str(error))
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.jpg"
    return _Copy(name, None if is_gray else made.image, None)
