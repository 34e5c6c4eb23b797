"""Image files in folders: finding them, and telling the broken ones."""

import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from pathlib import Path
from typing import NamedTuple

from jaxcolor.data import decoding

# Files that are verified at a time: a waiting one takes a kilobyte, and there may be
# millions.
CHUNK = 1024
# Broken files that a message names.
NAMED = 3

# Wraps the names of the files while they are verified, as tqdm.tqdm does.
Progress = Callable[[Sequence[str]], Iterable[str]]


class Skipped(NamedTuple):
    """A file that is left out.

    Attributes:
        name: path below the folder.
        reason: why it cannot be decoded.
    """

    name: str
    reason: str


class Verified(NamedTuple):
    """Files that have been decoded once.

    Attributes:
        good: paths of those that can be, in the order given.
        skipped: those that cannot.
    """

    good: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def find(root: Path, *, endings: frozenset[str] | None = None) -> list[str]:
    """Lists the images below a folder, sorted, as paths with forward slashes.

    Hidden files and folders are ignored; links are followed.

    Args:
        root: the folder.
        endings: of the files' names, in lower case; None is those of images.
    """
    known = decoding.extensions() if endings is None else endings
    return sorted(_below(str(root), prefix="", above=frozenset(), endings=known))


def verify(root: Path, names: Sequence[str], *, progress: Progress | None) -> Verified:
    """Decodes every file once, by threads, and parts the broken ones from the rest.

    A warning tells how many are broken, and the first of them.

    Raises:
        ValueError: all of them are broken.
    """
    shown = iter(progress(names) if progress else names)
    reasons: list[str | None] = []
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(names), CHUNK):
            chunk = names[start : start + CHUNK]
            for reason in pool.map(functools.partial(_reason_to_skip, root), chunk):
                reasons.append(reason)
                next(shown)
    # Lets a progress bar see its end.
    next(shown, None)
    outcomes = list(zip(names, reasons, strict=True))
    good = tuple(name for name, reason in outcomes if reason is None)
    skipped = tuple(Skipped(name, reason) for name, reason in outcomes if reason)
    if skipped:
        told = f"{len(skipped)} of {len(names)} images in {root} are broken: "
        told += ", ".join(f"{name} ({reason})" for name, reason in skipped[:NAMED])
        told += " ..." if len(skipped) > NAMED else ""
        if not good:
            raise ValueError(told)
        logging.getLogger(__name__).warning("skipped, for %s", told)
    return Verified(good, skipped)


def _below(
    folder: str, *, prefix: str, above: frozenset[str], endings: frozenset[str]
) -> Iterator[str]:
    # Links may lead in a ring.
    real = os.path.realpath(folder)
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                deeper = f"{prefix}{entry.name}/"
                yield from _below(
                    entry.path, prefix=deeper, above=above | {real}, endings=endings
                )
            elif Path(entry.name).suffix.lower() in endings:
                yield prefix + entry.name


def _reason_to_skip(root: Path, name: str) -> str | None:
    try:
        # A JPEG at an eighth of its size still has all of its bytes gone through.
        decoding.decode((root / name).read_bytes(), at_least=1)
    except OSError as error:
        return error.strerror or type(error).__name__
    except ValueError as error:
        return str(error)
    return None
