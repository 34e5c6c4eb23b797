"""The one folder that a server writes to, which is removed with all that is in it."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jaxcolor.runtime import atomic


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Yields an empty folder that only this user can read, and removes it at the end.

    Meanwhile `tempfile` makes its files there, too: those of uploads and of Pillow.
    What a server that was killed has left is removed first.
    """
    parent = Path(tempfile.gettempdir())
    atomic.remove_leftovers(parent)
    with atomic.scratch(parent) as made:
        made.chmod(0o700)
        previous, tempfile.tempdir = tempfile.tempdir, str(made)
        try:
            yield made
        finally:
            tempfile.tempdir = previous
