"""`POST /api/colorize`: a photograph in, the same in color out."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, Response, UploadFile
from pydantic import BaseModel

from jaxcolor.inference.adjustments import STRONGEST
from jaxcolor.inference.single import Picture
from jaxcolor.web.demo import albums, disposition, service
from jaxcolor.web.demo.albums import Wishes

router = APIRouter(prefix="/api")


class Problem(BaseModel):
    """What is wrong with a request, as one line."""

    detail: str


_ERRORS = {
    400: "The file is no photograph that can be read, or a number is out of range.",
    403: "The request comes from a page of another site.",
    408: "The request took too long to arrive.",
    413: "The file is too large.",
    421: "The Host header names no host of this server.",
    422: "A field is missing, or is no number.",
    503: "Too many requests wait; the header Retry-After says when to try again.",
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The photograph in color: its size, and its format where that"
        " is written; PNG otherwise.",
        "content": {
            "image/*": {"schema": {"type": "string", "contentMediaType": "image/*"}}
        },
    },
    **{
        status: {"model": Problem, "description": told}
        for status, told in _ERRORS.items()
    },
}


@router.post(
    "/colorize",
    summary="Colorize a photograph",
    response_class=Response,
    responses=_RESPONSES,
)
async def colorize(
    request: Request,
    photo: Annotated[UploadFile, File(description="A photograph, of any format read.")],
    temperature: Annotated[
        float | None,
        Form(
            description="Of the annealed mean: above 0; towards 0 the likeliest color,"
            " at 1 the mean. Default: the model's."
        ),
    ] = None,
    rebalancing_lambda: Annotated[
        float | None,
        Form(
            description="From 0 to 1, rounded to hundredths: lower is more vivid,"
            " higher more muted. Default: the model's."
        ),
    ] = None,
    strength: Annotated[
        float,
        Form(description=f"Factor on the chroma, from 0, gray, to {STRONGEST}."),
    ] = 1.0,
    coherence: Annotated[
        float | None,
        Form(
            description="From 0, off, to 1: spreads colors over what looks like one"
            " object. Default: the model's."
        ),
    ] = None,
) -> Response:
    """Returns the photograph in color, in its own format and at its full size.

    Metadata is kept, and a mark in the XMP says that a model made the colors.
    """
    served = service.of(request)
    wishes = Wishes(temperature, rebalancing_lambda, coherence, strength)
    name = albums.safe_name(photo.filename)

    def work() -> Picture:
        return served.coloring.colorize(photo.file.read(), name, wishes)

    picture = await served.computing.run(request, work)
    return Response(
        picture.content,
        media_type=disposition.media_type(picture.name),
        headers=disposition.headers(picture.name),
    )
