"""Errors as one line: a page for a browser, JSON for a program."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Scope

from jaxcolor.runtime import printable
from jaxcolor.web import pages

# Characters of a value that a message repeats.
_SHOWN = 60
# What is wanted, by pydantic's name of the problem.
_WANTED = {
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    # Of an UploadFile, the only field that checks its own value.
    "value_error": "a file",
    "extra_forbidden": "no such field",
}
_PAGES = pages.environment()


def answer(
    scope: Scope, status: int, message: str, headers: Mapping[str, str] | None = None
) -> Response:
    """Returns an error: a page where the request accepts HTML, else JSON.

    Args:
        scope: of the request.
        status: of the answer, from 400 on.
        message: what is wrong, one line; JSON has it as `detail`.
        headers: further ones, such as Retry-After.
    """
    message = printable.escape(message)
    if "text/html" in Headers(scope=scope).get("accept", ""):
        phrase = HTTPStatus(status).phrase
        page = _PAGES.get_template("error.html")
        text = page.render(status=status, phrase=phrase, message=message)
        return HTMLResponse(text, status, headers)
    return JSONResponse({"detail": message}, status, headers)


def install(app: FastAPI) -> None:
    """Lets an app answer all errors by `answer`."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _misused)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answer(request.scope, error.status_code, str(error.detail), error.headers)


async def _misused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer(request.scope, 422, _line(error.errors()[0]))


async def _failed(request: Request, error: Exception) -> Response:
    # Starlette raises the error again, and so the server logs it.
    logging.getLogger(__name__).debug("%s failed: %r", request.url.path, error)
    return answer(request.scope, 500, "the server made a mistake; its log says which")


def _line(error: Mapping[str, Any]) -> str:
    """Returns in one line what is wrong with a field of a request."""
    # The place begins with where the field was: body, query, path.
    name = ".".join(str(part) for part in error["loc"][1:]) or str(error["loc"][0])
    if error["type"] == "missing":
        return f"{name} is missing"
    value = repr(error["input"])
    if len(value) > _SHOWN:
        value = f"{value[:_SHOWN]}..."
    if (wanted := _WANTED.get(error["type"])) is not None:
        return f"{name} is {value}; wanted {wanted}"
    return f"{name} is {value}; {error['msg'][:1].lower()}{error['msg'][1:]}"
