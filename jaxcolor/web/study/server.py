"""The study for participants, over HTTP.

A participant's address contains the token of a link, and everything else lies below
it. Pictures have random tokens, other ones for each session, and equal sizes; nothing
that is sent before an answer tells which of two is real.
"""

import logging
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import fastapi
import sqlalchemy
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from jaxcolor.web import errors, pages
from jaxcolor.web.study import database, participants, studies
from jaxcolor.web.study.participants import (
    Answer,
    ConflictError,
    Screen,
    State,
    UnknownError,
)

LOGGER = logging.getLogger(__name__)
HERE = Path(__file__).parent
# Bytes of a request, and seconds until it has arrived: answers are short, and many may
# come at once.
MOST_BYTES = 10_000
BODY_SECONDS = 30.0
# An identifier of a recruitment service is no longer.
LONGEST_IDENTIFIER = 200
# Times that a page may claim, a day; and lengths in pixels.
MOST_MS, MOST_PIXELS = 86_400_000, 100_000
RETRY_SECONDS = 1
# Settings that the page needs.
SHOWN_SETTINGS = (
    "practice",
    "test",
    "size",
    "lead_ms",
    "first_ms",
    "blank_ms",
    "second_ms",
    "question_ms",
    "feedback_ms",
    "allows_mobile",
)

Token = Annotated[str, fastapi.Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Position = Annotated[int, fastapi.Path(ge=0, le=10_000)]
Milliseconds = Annotated[float, Field(ge=0, le=MOST_MS, allow_inf_nan=False)]
Pixels = Annotated[int, Field(ge=0, le=MOST_PIXELS)]
Ratio = Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]


class ScreenBody(BaseModel):
    """The fields of `participants.Screen`, checked."""

    model_config = ConfigDict(extra="forbid")

    screen_width: Pixels
    screen_height: Pixels
    window_width: Pixels
    window_height: Pixels
    pixel_ratio: Ratio
    zoom: Ratio
    frame_ms: Milliseconds
    browser: Literal["Chromium", "Firefox", "Safari", "other"]
    has_touch: bool


class ShowingBody(BaseModel):
    """How often a trial has been shown, this time included."""

    model_config = ConfigDict(extra="forbid")

    number: Annotated[int, Field(ge=1, le=1_000_000)]


class AnswerBody(BaseModel):
    """The fields of `participants.Answer`, checked."""

    model_config = ConfigDict(extra="forbid")

    fake_position: Literal["first", "second"]
    response_ms: Milliseconds
    first_ms: Milliseconds
    blank_ms: Milliseconds
    second_ms: Milliseconds
    dropped_frames: Annotated[int, Field(ge=0, le=1_000_000)]
    device: Literal["keyboard", "mouse", "touch", "other"]


def make_app(engine: Engine, *, clock: Callable[[], float] = time.time) -> FastAPI:
    """Returns the app that serves the studies of a database.

    Args:
        engine: of the database.
        clock: returns the time in seconds.
    """
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    errors.install(app)
    _explain_errors(app)
    pages.add_static(app, folder=HERE / "static")
    _add_pages(app, engine)
    _add_session(app, engine, clock)
    return app


def _add_pages(app: FastAPI, engine: Engine) -> None:
    templates = pages.environment([HERE / "templates"])

    @app.get("/", response_class=HTMLResponse)
    def index() -> str:
        return templates.get_template("index.html").render()

    @app.get("/join/{token}")
    def join(token: Token, request: Request) -> Response:
        with database.writing(engine) as connection:
            study = studies.by_open_token(connection, token)
            if study is None or study.is_simulated:
                raise UnknownError("no such study")
            parameter = study.recruitment.parameter
            identifier = request.query_params.get(parameter, "").strip()
            if not 1 <= len(identifier) <= LONGEST_IDENTIFIER:
                raise fastapi.HTTPException(
                    400, f"the link has no {parameter}; use the link that you were sent"
                )
            link = studies.outside_link(connection, study, identifier)
        if link is None:
            raise fastapi.HTTPException(403, "the study is full; thank you")
        return RedirectResponse(f"/p/{link}", 303)

    @app.get("/p/{token}", response_class=HTMLResponse)
    def page(token: Token) -> str:
        found = _state(engine, token)
        recruitment = found.study.recruitment
        paragraphs = [x for x in recruitment.consent.split("\n\n") if x.strip()]
        return templates.get_template("study.html").render(
            paragraphs=paragraphs, rules=found.study.protocol
        )


def _add_session(app: FastAPI, engine: Engine, clock: Callable[[], float]) -> None:
    def now_ms() -> int:
        return round(1000 * clock())

    @app.get("/p/{token}/state")
    def state(token: Token) -> dict[str, Any]:
        return _described(_state(engine, token))

    @app.post("/p/{token}/session")
    def begin(token: Token, body: ScreenBody) -> dict[str, Any]:
        _state(engine, token)
        with database.writing(engine) as connection:
            screen = Screen(**body.model_dump())
            # Within the range of a signed column.
            seed = secrets.randbits(62)
            participants.begin(connection, token, screen, now_ms=now_ms(), seed=seed)
        return _described(_state(engine, token))

    @app.put("/p/{token}/trials/{position}/showing")
    def show(token: Token, position: Position, body: ShowingBody) -> dict[str, int]:
        with database.writing(engine) as connection:
            participants.show(
                connection, token, position, number=body.number, now_ms=now_ms()
            )
        return {"number": body.number}

    @app.put("/p/{token}/trials/{position}/answer")
    def answer(
        token: Token, position: Position, body: AnswerBody
    ) -> dict[str, str | None]:
        given = Answer(**body.model_dump())
        with database.writing(engine) as connection:
            real = participants.answer(
                connection, token, position, given, now_ms=now_ms()
            )
        # The answer is on the disk by now.
        return {"real": real}

    @app.get("/p/{token}/pictures/{picture}")
    def picture(token: Token, picture: Token) -> Response:
        with database.reading(engine) as connection:
            png = participants.picture(connection, token, picture)
        return Response(png, media_type="image/png")


def _state(engine: Engine, token: str) -> State:
    with database.reading(engine) as connection:
        found = participants.state(connection, token)
    if found.study.is_simulated:
        raise ConflictError("the participants of this study are simulated")
    return found


def _described(state: State) -> dict[str, Any]:
    """Returns where a participant is, as the page gets it."""
    recruitment = state.study.recruitment
    # Not how many trials are attention checks.
    kept = state.study.protocol._asdict()
    rules = {name: kept[name] for name in SHOWN_SETTINGS}
    ended = state.stage == participants.FINISHED
    return {
        "stage": state.stage,
        "trials": [trial._asdict() for trial in state.trials],
        "protocol": rules,
        "completion_code": recruitment.completion_code if ended else "",
        "return_url": recruitment.return_url if ended else "",
    }


def _explain_errors(app: FastAPI) -> None:
    """Lets an app answer the errors of participants and of the database."""
    unavailable = "the database does not answer; try again"

    async def unknown(request: Request, error: Exception) -> Response:
        return errors.answer(request.scope, 404, str(error))

    async def conflict(request: Request, error: Exception) -> Response:
        return errors.answer(request.scope, 409, str(error))

    async def busy(request: Request, error: Exception) -> Response:
        LOGGER.warning("the database failed: %s", error)
        headers = {"Retry-After": str(RETRY_SECONDS)}
        return errors.answer(request.scope, 503, unavailable, headers)

    app.add_exception_handler(UnknownError, unknown)
    app.add_exception_handler(ConflictError, conflict)
    for kind in (sqlalchemy.exc.DBAPIError, sqlalchemy.exc.TimeoutError):
        app.add_exception_handler(kind, busy)
