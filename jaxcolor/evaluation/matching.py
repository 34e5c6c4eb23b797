"""Pictures of any other program, matched to photographs by the names of their files.

A picture belongs to the photograph that has its path below the folder, without the
ending of the name; else to the one that has its bare name, where no other picture and
no other photograph has it. So `faces/ann.png` is a picture of `faces/ann.jpg`, and so
is `ann.png`.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Sequence
from concurrent import futures
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from jaxcolor.data import decoding, files
from jaxcolor.data.sources import Source
from jaxcolor.images import finding

LOGGER = logging.getLogger(__name__)

# Pictures that are checked at a time.
CHUNK = 64
# Sides that differ by a pixel are rounded.
ROUNDING = 1
# Squares on which a picture's lightness is compared with its photograph's, in pixels,
# and the mean difference that neither rounding nor a change of contrast explains, in
# levels of 255. Two different photographs are about 60 apart.
SMALL, APART = 32, 25


class Pictures(NamedTuple):
    """The pictures of some photographs.

    Attributes:
        root: the folder.
        names: of the picture of each photograph, below the folder.
        ignored: how many pictures of the folder belong to none.
    """

    root: Path
    names: tuple[str, ...]
    ignored: int


class Checked(NamedTuple):
    """What identifies pictures, and how many may be wrong.

    Attributes:
        sha256: over their names and contents.
        apart: names of those whose lightness is not that of their photographs.
    """

    sha256: str
    apart: tuple[str, ...]


def match(folder: str | Path, photographs: Sequence[str]) -> Pictures:
    """Returns the picture of each photograph.

    Args:
        folder: is searched with all folders in it.
        photographs: their names, paths with forward slashes.

    Raises:
        ValueError: there is no such folder, a photograph has no picture, or it is not
            known which of two.
    """
    root = Path(folder)
    found = files.find(root)
    _check_photographs(photographs)
    by_path = _by_key(found, [_key(name) for name in found])
    by_name = _by_key(found, [_bare(name) for name in found])
    shared = Counter(map(_bare, photographs))
    chosen, missing = [], []
    for name in photographs:
        candidates = by_path.get(_key(name), [])
        if not candidates and shared[_bare(name)] == 1:
            candidates = by_name.get(_bare(name), [])
        if len(candidates) > 1:
            pair = " and ".join(candidates[:2])
            raise ValueError(f"{root} has two pictures of {name}: {pair}; wanted one")
        if not candidates:
            missing.append(name)
        chosen += candidates
    if missing:
        raise ValueError(
            f"{root} has no picture of {len(missing)} of {len(photographs)}"
            f" photographs, the first of them {missing[0]}; wanted {_key(missing[0])}"
            " with the ending of an image"
        )
    ignored = len(found) - len(set(chosen))
    if ignored:
        LOGGER.warning("%s: %d pictures of no photograph ignored", root, ignored)
    return Pictures(root, tuple(chosen), ignored)


def check(found: Pictures, photographs: Source, *, size: int) -> Checked:
    """Decodes all pictures, and compares them with their photographs.

    Args:
        found: the pictures.
        photographs: in the same order.
        size: of the squares that are measured; a picture may be such a square itself.

    Raises:
        ValueError: one cannot be decoded, or has another aspect than its photograph.
        OSError: one cannot be read.
    """
    digest, apart = hashlib.sha256(), []

    def compare(position: int) -> tuple[bytes, float]:
        return _compared(found, photographs, position, size=size)

    with futures.ThreadPoolExecutor() as pool:
        # In chunks, so that an error does not wait for all the others.
        for start in range(0, len(found.names), CHUNK):
            names = found.names[start : start + CHUNK]
            compared = pool.map(compare, range(start, start + len(names)))
            for name, (content, distance) in zip(names, compared, strict=True):
                digest.update(name.encode("utf-8", "surrogateescape"))
                digest.update(content)
                if distance > APART:
                    apart.append(name)
    if apart:
        LOGGER.warning(
            "%s: %d of %d pictures are much lighter or darker in places than their"
            " photographs, such as %s; are they of others, squashed or cropped?",
            found.root,
            len(apart),
            len(found.names),
            apart[0],
        )
    return Checked(digest.hexdigest(), tuple(apart))


def square(
    found: Pictures, position: int, *, size: int
) -> UInt8[np.ndarray, "size size 3"]:
    """Returns the central square of a picture, resized as photographs are.

    Raises:
        ValueError: it cannot be decoded.
        OSError: it cannot be read.
    """
    return _center(_decoded(_read(found, position), found, position), size=size)


def _check_photographs(names: Sequence[str]) -> None:
    for key, some in _by_key(names, [_key(name) for name in names]).items():
        if len(some) > 1:
            raise ValueError(
                f"photographs {some[0]} and {some[1]} are both called {key}, so that a"
                " picture of that name may be of either; wanted other names"
            )


def _by_key(names: Sequence[str], keys: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, name in zip(keys, names, strict=True):
        found.setdefault(key, []).append(name)
    return found


def _key(name: str) -> str:
    path = PurePosixPath(name)
    # Names of records may have dots, and no ending.
    is_file = path.suffix.lower() in finding.suffixes()
    return str(path.with_suffix("") if is_file else path)


def _bare(name: str) -> str:
    return PurePosixPath(_key(name)).name


def _read(found: Pictures, position: int) -> bytes:
    path = found.root / found.names[position]
    try:
        return finding.read_file(path)
    except OSError as error:
        raise OSError(f"cannot read {path}: {error.strerror}") from error


def _decoded(image: bytes, found: Pictures, position: int) -> Image.Image:
    try:
        return decoding.decode(image, at_least=None)
    except ValueError as error:
        path = found.root / found.names[position]
        raise ValueError(f"cannot decode {path}: {error}") from error


def _compared(
    found: Pictures, photographs: Source, position: int, *, size: int
) -> tuple[bytes, float]:
    """Returns the SHA-256 of a picture, and the distance of its lightness."""
    content = _read(found, position)
    picture = _decoded(content, found, position)
    photograph = decoding.decode(photographs[position].image, at_least=None)
    if picture.size != (size, size) and not _is_alike(picture.size, photograph.size):
        width, height = picture.size
        raise ValueError(
            f"{found.root / found.names[position]} has {width}x{height} pixels, its"
            f" photograph {photograph.width}x{photograph.height}; wanted the same"
            f" aspect, or the square of {size}x{size} that is measured"
        )
    ours, theirs = (
        np.asarray(Image.fromarray(_center(one, size=SMALL)).convert("L"), np.float32)
        for one in (photograph, picture)
    )
    distance = float(np.abs(ours - theirs).mean())
    return hashlib.sha256(content).digest(), distance


def _is_alike(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether one is the other enlarged or reduced, up to the rounding of a side."""
    (width, height), (wide, high) = size, other
    return (
        abs(width - height * wide / high) <= ROUNDING
        or abs(height - width * high / wide) <= ROUNDING
    )


def _center(image: Image.Image, *, size: int) -> UInt8[np.ndarray, "size size 3"]:
    width, height = decoding.resized(image.size, resize=size, squash=False)
    whole = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    top, left = (height - size) // 2, (width - size) // 2
    return whole[top : top + size, left : left + size]
