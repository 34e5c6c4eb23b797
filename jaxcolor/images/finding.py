"""Photographs in folders: which files are read, and why the others are not."""

import errno
import functools
import io
import os
import stat
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

from PIL import Image

from jaxcolor.images import heif

# Formats that Pillow lists, but that hold no photograph, or that it hands to another
# program.
_NOT_PHOTOGRAPHS = {"BUFR", "EPS", "FITS", "GRIB", "HDF5", "MPEG", "WMF"}
_RAW = (
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef"
    " .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f"
)
# Formats of photographs that Pillow does not read, by the suffix of their files.
_UNSUPPORTED = {
    **dict.fromkeys(_RAW.split(), "RAW; export as TIFF or JPEG"),
    **dict.fromkeys(heif.SUFFIXES, heif.NEEDED),
    ".jxl": "JPEG XL; export as PNG or JPEG",
}
# Names that a message shows.
_NAMED = 3


class Skipped(NamedTuple):
    """A file or folder that is left out.

    Attributes:
        name: its path below the folder that was searched.
        reason: why it is left out.
    """

    name: str
    reason: str


class Found(NamedTuple):
    """The photographs of a folder.

    Attributes:
        names: their paths below the folder, with forward slashes, sorted.
        unreadable: folders that cannot be opened, links that lead nowhere, and what is
            named like a photograph but is no regular file.
        unsupported: photographs in formats that are not read, such as HEIC and RAW.
    """

    names: tuple[str, ...]
    unreadable: tuple[Skipped, ...]
    unsupported: tuple[Skipped, ...]


@functools.cache
def formats() -> tuple[str, ...]:
    """Lists the image formats that are read, by Pillow's names."""
    Image.init()
    heif.register()
    photographs = (name for name in Image.OPEN if name not in _NOT_PHOTOGRAPHS)
    # They are tried in order, and most photographs are JPEGs.
    return tuple(sorted(photographs, key=lambda name: name != "JPEG"))


@functools.cache
def suffixes() -> frozenset[str]:
    """Lists the suffixes of the files that are read: '.jpg', '.png' ..."""
    # Pillow opens an MPO as a JPEG.
    known = {*formats(), "MPO"}
    registered = Image.registered_extensions().items()
    return frozenset(suffix for suffix, name in registered if name in known)


def unsupported(name: str | PurePath) -> str | None:
    """Returns why a file with a name is not read, such as a RAW; None for others."""
    suffix = PurePath(name).suffix.lower()
    return None if suffix in suffixes() else _UNSUPPORTED.get(suffix)


def find(folder: str | Path, *, other_suffixes: frozenset[str] = frozenset()) -> Found:
    """Returns the photographs in a folder and in the folders within.

    A photograph is a regular file, or a link to one, with a known suffix. Links to
    folders are followed, unless they lead back to a folder that contains them. Hidden
    files and folders are ignored: among them are thumbnails, and the companions that
    macOS leaves beside every file.

    Args:
        folder: to search.
        other_suffixes: further suffixes to find, in lower case.

    Raises:
        ValueError: it is not a folder, or cannot be opened.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: not a folder")
    search = _Search(suffixes() | other_suffixes)
    try:
        search.visit(str(folder), prefix="")
    except OSError as error:
        raise ValueError(f"{folder}: {error.strerror}") from error
    return Found(
        names=tuple(sorted(search.names)),
        unreadable=tuple(sorted(search.unreadable)),
        unsupported=tuple(sorted(search.unsupported)),
    )


def messages(skipped: Sequence[Skipped], folder: str | Path) -> list[str]:
    """Returns a line for each reason: the number of files, the reason, first names."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in skipped:
        by_reason.setdefault(reason, []).append(name)
    return [
        f"{folder}: {len(names):,} not read ({reason}): {', '.join(names[:_NAMED])}"
        + (" ..." if len(names) > _NAMED else "")
        for reason, names in by_reason.items()
    ]


def open_file(path: str | Path) -> io.BufferedReader:
    """Opens a regular file, or a link to one, to read it.

    Raises:
        OSError: it cannot be opened, or is something else: to open a FIFO would wait
            until another program writes to it.
    """
    # Not blocked by a FIFO, and the check sees what was opened.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def opened(path: str | Path, content: bytes | None) -> io.BufferedReader | io.BytesIO:
    """Opens a file as `open_file` does, or its content if that is in memory."""
    return open_file(path) if content is None else io.BytesIO(content)


def read_file(path: str | Path) -> bytes:
    """Returns the content of a regular file; see `open_file`."""
    with open_file(path) as file:
        return file.read()


class _Search:
    """Collects the photographs of a folder, and what is left out of it."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.names: list[str] = []
        self.unreadable: list[Skipped] = []
        self.unsupported: list[Skipped] = []
        self._wanted = wanted

    def visit(self, folder: str, *, prefix: str) -> None:
        """Searches a folder; raises an OSError where it cannot itself be opened."""
        # Not recursive: folders can be nested more deeply than calls.
        real = os.path.realpath(folder)
        waiting = [(folder, prefix, real, frozenset([real]))]
        while waiting:
            folder, prefix, real, above = waiting.pop()
            try:
                with os.scandir(folder) as listed:
                    entries = list(listed)
            except OSError as error:
                if not prefix:
                    raise
                self.unreadable.append(Skipped(prefix, _remedy(error)))
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = prefix + entry.name
                if not _is_folder(entry):
                    self._add(entry, name)
                    continue
                own = f"{real.rstrip('/')}/{entry.name}"
                below = os.path.realpath(entry.path) if entry.is_symlink() else own
                # Links may lead in a ring.
                if below not in above:
                    waiting.append((entry.path, f"{name}/", below, above | {below}))

    def _add(self, entry: os.DirEntry[str], name: str) -> None:
        suffix = PurePath(entry.name).suffix.lower()
        try:
            is_regular = entry.is_file()
            is_lost = not is_regular and not Path(entry.path).exists()
            reason = "a link that leads nowhere" if is_lost else "not a regular file"
        except OSError as error:
            is_regular, is_lost, reason = False, True, _remedy(error)
        if suffix in self._wanted and is_regular:
            self.names.append(name)
        # A link without a suffix may be to a folder, such as one of a disk that is not
        # mounted.
        elif suffix in self._wanted or (is_lost and not suffix):
            self.unreadable.append(Skipped(name, reason))
        elif suffix in _UNSUPPORTED and is_regular:
            self.unsupported.append(Skipped(name, _UNSUPPORTED[suffix]))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    # A link to itself, or into a folder that cannot be opened.
    except OSError:
        return False


def _remedy(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "a link that leads to itself"
    if error.errno == errno.EACCES:
        return "no permission; change it with chmod"
    return error.strerror or type(error).__name__
