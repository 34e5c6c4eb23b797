"""Streams files as a ZIP, without a copy of it on the disk or in memory."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import IO

_CHUNK = 1 << 18


def stream(files: Sequence[tuple[str, IO[bytes]]]) -> Iterator[bytes]:
    """Yields the bytes of a ZIP of opened files, which it closes.

    Pictures are compressed already, so that they are stored as they are.

    Args:
        files: their names, of which none is twice, and what is in them.
    """
    output = _Output()
    try:
        with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
            for name, file in files:
                with archive.open(name, "w", force_zip64=True) as entry:
                    while chunk := file.read(_CHUNK):
                        entry.write(chunk)
                        yield output.taken()
        yield output.taken()
    finally:
        for _, file in files:
            file.close()


def unique(names: Sequence[str]) -> list[str]:
    """Returns names of which none is twice: photo.jpg, photo (2).jpg and so on."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        number, free = 1, name
        # Some systems take upper and lower case for the same.
        while free.lower() in taken:
            number += 1
            path = PurePath(name)
            free = f"{path.stem} ({number}){path.suffix}"
        taken.add(free.lower())
        found.append(free)
    return found


class _Output:
    """A stream that can only be written; `zipfile` then needs no seeking."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._chunks.append(bytes(chunk))
        return len(chunk)

    def flush(self) -> None:
        """Does nothing: `taken` gives what was written."""

    def close(self) -> None:
        """Does nothing: there is no file."""

    def taken(self) -> bytes:
        """Returns what was written since the last time."""
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken
