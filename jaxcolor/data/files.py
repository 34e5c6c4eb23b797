"""Finds image files in folders, and separates the broken ones from the rest."""

import functools
import logging
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent import futures
from pathlib import Path
from typing import NamedTuple

from jaxcolor.data import decoding
from jaxcolor.images import finding
from jaxcolor.images.finding import Skipped

LOGGER = logging.getLogger(__name__)

# Files that are verified at a time: a waiting one takes a kilobyte, and there may be
# millions.
CHUNK = 1024
# Broken files that a message names.
NAMED = 3

# Wraps the names of the files while they are verified, as tqdm.tqdm does.
Progress = Callable[[Sequence[str]], Iterable[str]]


class Verified(NamedTuple):
    """Files that have been decoded once.

    Attributes:
        good: paths of those that can be decoded, in the order given.
        skipped: those that cannot.
    """

    good: tuple[str, ...]
    skipped: tuple[Skipped, ...]


def find(
    root: Path, *, other_suffixes: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Lists the photographs below a folder, as `finding.find`.

    Warnings name what is found but not read, with the reason.
    """
    found = finding.find(root, other_suffixes=other_suffixes)
    for message in finding.messages([*found.unreadable, *found.unsupported], root):
        LOGGER.warning("%s", message)
    return found.names


def verify(root: Path, names: Sequence[str], *, progress: Progress | None) -> Verified:
    """Decodes every file once, in threads, and separates the broken ones.

    A warning gives their number and names the first of them.

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
        message = f"{len(skipped)} of {len(names)} images in {root} are broken: "
        message += ", ".join(f"{name} ({reason})" for name, reason in skipped[:NAMED])
        message += " ..." if len(skipped) > NAMED else ""
        if not good:
            raise ValueError(message)
        LOGGER.warning("skipped: %s", message)
    return Verified(good, skipped)


def _reason_to_skip(root: Path, name: str) -> str | None:
    try:
        # A JPEG at an eighth of its size still has all of its bytes decoded.
        decoding.decode(finding.read_file(root / name), at_least=1)
    except OSError as error:
        return error.strerror or type(error).__name__
    except ValueError as error:
        return str(error)
    return None
