"""What the routes share: the model at work, the albums, and the pictures made."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from fastapi import Request
from starlette.exceptions import HTTPException

from jaxcolor.inference.single import Picture
from jaxcolor.web import temporary
from jaxcolor.web.demo import albums
from jaxcolor.web.demo.albums import Album, Albums, Photograph
from jaxcolor.web.demo.coloring import Coloring
from jaxcolor.web.demo.computing import Computing
from jaxcolor.web.demo.limits import Limits
from jaxcolor.web.demo.recent import Recent

# Seconds between two searches for albums that no one uses any longer.
_PAUSE = 60


class Made(NamedTuple):
    """A full-size picture on the disk.

    Attributes:
        name: for its owner.
        path: of the file.
        bytes: of the file.
    """

    name: str
    path: Path
    bytes: int


class Service(NamedTuple):
    """A server at work, as `running` makes it.

    Attributes:
        coloring: for the computing thread only.
        computing: the thread.
        albums: of all visitors.
        pictures: made at full size, by photograph and wishes.
        folder: for these pictures.
        limits: that it keeps to.
    """

    coloring: Coloring
    computing: Computing
    albums: Albums
    pictures: Recent[Made]
    folder: Path
    limits: Limits


@contextlib.asynccontextmanager
async def running(coloring: Coloring, limits: Limits) -> AsyncIterator[Service]:
    """Yields a server at work; at the end its files are removed."""
    with temporary.folder() as folder:
        computing = Computing(most_waiting=limits.waiting, seconds=limits.seconds)
        pictures: Recent[Made] = Recent(
            most_bytes=limits.result_bytes,
            bytes_of=lambda made: made.bytes,
            dropped=lambda made: made.path.unlink(missing_ok=True),
        )

        def removed(photograph: Photograph) -> None:
            pictures.drop_where(lambda key: _is_of(key, photograph))
            computing.later(lambda: coloring.forget(photograph.id))

        held = Albums(folder, limits, removed=removed)
        expiring = asyncio.create_task(_expire(held))
        try:
            yield Service(coloring, computing, held, pictures, folder, limits)
        finally:
            expiring.cancel()
            # Waits for the work that runs, which may write to the folder.
            await asyncio.to_thread(computing.close)


def of(request: Request) -> Service:
    """Returns the service of the app that a request is for."""
    service: Service = request.state.service
    return service


def album_of(request: Request) -> Album | None:
    """Returns the visitor's album; None for a new visitor."""
    return of(request).albums.find(request.cookies.get(cookie_name(request)))


def photograph_of(request: Request, photograph_id: str) -> Photograph:
    """Returns a photograph of the visitor.

    Raises:
        HTTPException: 404, there is none, or it is another visitor's.
    """
    album = album_of(request)
    if album is None or photograph_id not in album.photographs:
        raise HTTPException(
            404, "there is no such photograph; those that no one uses are removed"
        )
    return album.photographs[photograph_id]


def cookie_name(request: Request) -> str:
    """Returns the name of the cookie that holds the id of the album.

    Cookies are shared by all ports of a host, so that it names the port.
    """
    _, port = request.scope["server"]
    return f"jaxcolor_{port}"


async def made(request: Request, photograph: Photograph) -> Made:
    """Returns a photograph in color at full size, as it was last wished for."""
    service = of(request)
    wishes = photograph.wishes
    key = (photograph.id, wishes)
    if (found := service.pictures.find(key)) is not None:
        return found
    path = service.folder / albums.new_id()

    def work() -> Picture:
        picture = service.coloring.picture(photograph, wishes)
        path.write_bytes(picture.content)
        return picture

    picture = await service.computing.run(request, work)
    found = Made(picture.name, path, len(picture.content))
    service.pictures.keep(key, found)
    return found


def _is_of(key: object, photograph: Photograph) -> bool:
    return isinstance(key, tuple) and key[0] == photograph.id


async def _expire(held: Albums) -> None:
    while True:
        await asyncio.sleep(_PAUSE)
        held.expire()
