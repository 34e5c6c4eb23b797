"""Limits of what a request may send: bytes and time, enforced while it arrives."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jaxcolor.web import errors

_MEGABYTE = 1_000_000
# Digits of a Content-Length; Python refuses to read thousands of them.
_MOST_DIGITS = 18


def limited(app: ASGIApp, *, most_bytes: int, seconds: float) -> ASGIApp:
    """Returns an app that refuses bodies which are too large or take too long.

    Args:
        app: that answers. What it awaits raises an HTTPException with status 413 or
            408, which Starlette and FastAPI turn into an answer.
        most_bytes: of the body of a request.
        seconds: until the whole body must have arrived.
    """
    refusal = f"more than {most_bytes / _MEGABYTE:g} MB were sent; wanted less"

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and (
            len(length) > _MOST_DIGITS or int(length) > most_bytes
        ):
            await errors.answer(scope, 413, refusal)(scope, receive, send)
            return
        taken, is_whole = 0, False
        deadline = asyncio.get_running_loop().time() + seconds

        async def counted() -> Message:
            nonlocal taken, is_whole
            if is_whole:
                # Waits for the end of the connection, as long as the answer takes.
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError as error:
                reason = f"the request took more than {seconds:g} s to arrive"
                raise HTTPException(408, reason) from error
            taken += len(message.get("body", b""))
            if taken > most_bytes:
                raise HTTPException(413, refusal)
            is_whole = not message.get("more_body", False)
            return message

        await app(scope, counted, send)

    return bounded
