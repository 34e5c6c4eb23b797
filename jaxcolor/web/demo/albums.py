"""The photographs of each visitor, as files in the server's temporary folder."""

import re
import secrets
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from jaxcolor.inference.user_hints import Hint
from jaxcolor.runtime import printable
from jaxcolor.web.demo.limits import Limits

# Bytes of chance in an id: 256 bits for an album, 128 for a photograph within one.
_ALBUM, _PHOTOGRAPH = 32, 16
_LONGEST_NAME = 100
_SEPARATOR = re.compile(r"[/\\]")
# What some system does not allow in the name of a file.
_UNSAFE = re.compile(r'[<>:"/\\|?*]')


class Wishes(NamedTuple):
    """How a visitor wants a photograph colorized; None is what the model does.

    Attributes:
        temperature: of the annealed mean.
        rebalancing_lambda: lower is more vivid.
        coherence: how far colors spread over what looks alike.
        strength: factor on the chroma.
        variant: seed of a coherent sample.
        hints: colors at points of the photograph.
    """

    temperature: float | None = None
    rebalancing_lambda: float | None = None
    coherence: float | None = None
    strength: float = 1.0
    variant: int | None = None
    hints: tuple[Hint, ...] = ()


@dataclass
class Photograph:
    """A photograph of a visitor.

    Attributes:
        id: unguessable, and unique.
        name: of the file, as its owner has it, safe to show and to use.
        path: of the copy here.
        bytes: of the file.
        height: upright, pixels.
        width: upright, pixels.
        notes: what the reader warned of, a line each.
        wishes: the last ones.
    """

    id: str
    name: str
    path: Path
    bytes: int
    height: int
    width: int
    notes: tuple[str, ...] = ()
    wishes: Wishes = field(default_factory=Wishes)


@dataclass
class Album:
    """The photographs of a visitor.

    Attributes:
        id: unguessable; who knows it is the visitor.
        folder: of the files.
        used: when it was last used, by the monotonic clock.
        photographs: by id, in the order in which they came.
    """

    id: str
    folder: Path
    used: float
    photographs: dict[str, Photograph] = field(default_factory=dict)


class Albums:
    """The albums of all visitors.

    Only the thread of the event loop may use it.
    """

    def __init__(
        self,
        folder: Path,
        limits: Limits,
        *,
        removed: Callable[[Photograph], None] = lambda _: None,
    ) -> None:
        """Begins without albums.

        Args:
            folder: for their files.
            limits: of their number and size.
            removed: is told of each photograph that is removed.
        """
        self._folder = folder
        self._limits = limits
        self._removed = removed
        self._albums: dict[str, Album] = {}

    def find(self, album_id: str | None) -> Album | None:
        """Returns an album, which now was used last; None if there is none."""
        album = self._albums.get(album_id or "")
        if album is not None:
            album.used = time.monotonic()
        return album

    def begin(self) -> Album:
        """Returns a new album."""
        # The folder's name is no secret, so it is not the id.
        folder = self._folder / secrets.token_hex(8)
        folder.mkdir()
        album = Album(secrets.token_urlsafe(_ALBUM), folder, time.monotonic())
        self._albums[album.id] = album
        return album

    def check_room(self, album: Album) -> None:
        """Refuses another photograph in an album that is full.

        Raises:
            ValueError: it is.
        """
        if len(album.photographs) >= self._limits.photographs:
            raise ValueError(
                f"there are {len(album.photographs)} photographs; wanted at most"
                f" {self._limits.photographs}: remove one first"
            )

    def add(self, album: Album, photograph: Photograph) -> None:
        """Adds a photograph; albums that were not used for long make room."""
        album.photographs[photograph.id] = photograph
        for oldest in sorted(self._albums.values(), key=lambda each: each.used):
            if self._bytes() <= self._limits.stored_bytes:
                break
            if oldest is not album:
                self._remove(oldest)

    def remove(self, album: Album, photograph: Photograph) -> None:
        """Removes a photograph and its file."""
        album.photographs.pop(photograph.id, None)
        photograph.path.unlink(missing_ok=True)
        self._removed(photograph)

    def expire(self) -> None:
        """Removes the albums that no one has used for long."""
        oldest = time.monotonic() - self._limits.album_seconds
        for album in list(self._albums.values()):
            if album.used < oldest:
                self._remove(album)

    def _remove(self, album: Album) -> None:
        for photograph in list(album.photographs.values()):
            self.remove(album, photograph)
        del self._albums[album.id]
        shutil.rmtree(album.folder, ignore_errors=True)

    def _bytes(self) -> int:
        return sum(
            photograph.bytes
            for album in self._albums.values()
            for photograph in album.photographs.values()
        )


def new_id() -> str:
    """Returns an id for a photograph, which no one can guess."""
    return secrets.token_urlsafe(_PHOTOGRAPH)


def safe_name(given: str | None) -> str:
    """Returns the name of a file without its folders and without what could do harm.

    Args:
        given: as a browser or a program sent it.
    """
    name = _SEPARATOR.split(given or "")[-1]
    name = _UNSAFE.sub("_", printable.escape(name)).strip(" .")
    stem, dot, suffix = name.rpartition(".")
    if dot and len(suffix) < _LONGEST_NAME // 2:
        name = f"{stem[: _LONGEST_NAME - len(suffix) - 1]}.{suffix}"
    return name[:_LONGEST_NAME] or "photograph"
