"""What the page asks for: the visitor's photographs, previews and pictures."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from jaxcolor.inference import user_hints
from jaxcolor.inference.user_hints import Hint
from jaxcolor.web.demo import album_zip, albums, coloring, disposition, service
from jaxcolor.web.demo.albums import Album, Photograph, Wishes
from jaxcolor.web.demo.coloring import Examined

router = APIRouter(prefix="/photographs", include_in_schema=False)

_MOST_HINTS = 64
_MOST_VARIANTS = 2**31


class _Point(BaseModel):
    """A hint as JSON."""

    model_config = ConfigDict(extra="forbid")
    x: float = Field(allow_inf_nan=False)
    y: float = Field(allow_inf_nan=False)
    color: str = Field(pattern="^#[0-9a-f]{6}$")


class _Asked(BaseModel):
    """`Wishes` as JSON."""

    model_config = ConfigDict(extra="forbid")
    temperature: float | None = None
    rebalancing_lambda: float | None = None
    coherence: float | None = None
    strength: float = 1.0
    variant: int | None = Field(None, ge=0, lt=_MOST_VARIANTS)
    hints: list[_Point] = Field([], max_length=_MOST_HINTS)


@router.get("")
async def listed(request: Request) -> list[dict[str, Any]]:
    """Returns the visitor's photographs."""
    album = service.album_of(request)
    photographs = album.photographs.values() if album is not None else ()
    return [_described(each) for each in photographs]


@router.post("", status_code=201)
async def add(
    request: Request, response: Response, photo: Annotated[UploadFile, File()]
) -> dict[str, Any]:
    """Adds a photograph, and begins an album for a new visitor."""
    served = service.of(request)
    album = service.album_of(request)
    if album is not None:
        _check_room(request, album)
    name, new = albums.safe_name(photo.filename), albums.new_id()

    def work() -> tuple[Examined, bytes]:
        content = photo.file.read()
        return served.coloring.examine(new, content, name), content

    examined, content = await served.computing.run(request, work)
    # Another request of the visitor may have begun it in the meantime.
    if album is None:
        album = served.albums.begin()
        _give_cookie(request, response, album)
    _check_room(request, album)
    path = album.folder / new
    path.write_bytes(content)
    photograph = Photograph(new, name, path, len(content), *examined)
    served.albums.add(album, photograph)
    return _described(photograph)


@router.delete("/{photograph_id}", status_code=204)
async def remove(request: Request, photograph_id: str) -> None:
    """Removes a photograph."""
    photograph = service.photograph_of(request, photograph_id)
    album = service.album_of(request)
    assert album is not None
    service.of(request).albums.remove(album, photograph)


@router.get("/{photograph_id}/before.jpg")
async def before(
    request: Request, photograph_id: str, side: Annotated[int, Query()] = 0
) -> Response:
    """Returns the photograph as it is, small."""
    photograph = service.photograph_of(request, photograph_id)
    served = service.of(request)
    longest = side if 0 < side < coloring.PREVIEW else coloring.PREVIEW
    content = await served.computing.run(
        request, lambda: served.coloring.before(photograph, side=longest)
    )
    return Response(content, media_type="image/jpeg")


@router.post("/{photograph_id}/colors.jpg")
async def colors(request: Request, photograph_id: str, asked: _Asked) -> Response:
    """Returns the photograph in color, small, and remembers what was wished for."""
    photograph = service.photograph_of(request, photograph_id)
    served = service.of(request)
    wishes = _wishes(asked)
    content = await served.computing.run(
        request, lambda: served.coloring.preview(photograph, wishes)
    )
    photograph.wishes = wishes
    return Response(content, media_type="image/jpeg")


@router.get("/{photograph_id}/variants/{variant}.jpg")
async def variant(request: Request, photograph_id: str, variant: int) -> Response:
    """Returns a variant as a thumbnail; -1 is the prediction itself."""
    if not -1 <= variant < _MOST_VARIANTS:
        raise HTTPException(404, f"there is no variant {variant}")
    photograph = service.photograph_of(request, photograph_id)
    served = service.of(request)
    number = None if variant < 0 else variant
    wishes = photograph.wishes._replace(variant=number)
    content = await served.computing.run(
        request,
        lambda: served.coloring.preview(photograph, wishes, side=coloring.THUMBNAIL),
    )
    return Response(content, media_type="image/jpeg")


@router.get("/{photograph_id}/suggestions")
async def suggestions(
    request: Request, photograph_id: str, x: float, y: float
) -> list[dict[str, Any]]:
    """Returns likely colors of a point, the likeliest first."""
    photograph = service.photograph_of(request, photograph_id)
    served = service.of(request)
    temperature = photograph.wishes.temperature
    found = await served.computing.run(
        request,
        lambda: served.coloring.suggest(photograph, x, y, temperature=temperature),
    )
    return [each._asdict() for each in found]


@router.get("/{photograph_id}/picture")
async def picture(request: Request, photograph_id: str) -> Response:
    """Returns the photograph in color at full size, as it was last wished for."""
    photograph = service.photograph_of(request, photograph_id)
    made = await service.made(request, photograph)
    return FileResponse(
        made.path,
        media_type=disposition.media_type(made.name),
        headers=disposition.headers(made.name),
    )


@router.post("/{photograph_id}/picture", status_code=204)
async def prepare(request: Request, photograph_id: str) -> None:
    """Makes `picture` ready, so that the ZIP of many begins at once."""
    await service.made(request, service.photograph_of(request, photograph_id))


async def zipped(request: Request) -> Response:
    """Returns all photographs of the visitor in color, as a ZIP."""
    album = service.album_of(request)
    if album is None or not album.photographs:
        raise HTTPException(404, "there are no photographs yet")
    files = []
    try:
        for photograph in list(album.photographs.values()):
            made = await service.made(request, photograph)
            # Opened at once: a picture may be removed to make room for the next.
            files.append((made.name, made.path.open("rb")))
    except BaseException:
        for _, file in files:
            file.close()
        raise
    names = album_zip.unique([name for name, _ in files])
    opened = [file for _, file in files]
    return StreamingResponse(
        album_zip.stream(list(zip(names, opened, strict=True))),
        media_type="application/zip",
        headers=disposition.headers("photographs.zip"),
    )


def _described(photograph: Photograph) -> dict[str, Any]:
    wishes = photograph.wishes._asdict()
    return {
        "id": photograph.id,
        "name": photograph.name,
        "width": photograph.width,
        "height": photograph.height,
        "notes": photograph.notes,
        "wishes": wishes | {"hints": [hint._asdict() for hint in wishes["hints"]]},
    }


def _wishes(asked: _Asked) -> Wishes:
    hints = tuple(user_hints.checked(Hint(**dict(each))) for each in asked.hints)
    return Wishes(**(dict(asked) | {"hints": hints}))


def _check_room(request: Request, album: Album) -> None:
    try:
        service.of(request).albums.check_room(album)
    except ValueError as error:
        raise HTTPException(409, str(error)) from error


def _give_cookie(request: Request, response: Response, album: Album) -> None:
    response.set_cookie(
        service.cookie_name(request),
        album.id,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
