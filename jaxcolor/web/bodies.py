"""Limits of what a request may send: bytes and time, enforced while it arrives."""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jaxcolor.web import errors

_MEGABYTE = 1_000_000
# A body that is known to be smaller than this does not count as an upload.
_SMALL = 100_000
# Seconds after which a refused upload may be tried again.
_RETRY = 5
# Digits of a Content-Length; Python refuses to read thousands of them.
_MOST_DIGITS = 18


def limited(
    app: ASGIApp, *, most_bytes: int, seconds: float, most_uploads: int
) -> ASGIApp:
    """Returns an app that refuses bodies: too large, too slow, or too many at once.

    Args:
        app: that answers. What it awaits raises an HTTPException with status 413 or
            408, which Starlette and FastAPI turn into an answer.
        most_bytes: of the body of a request.
        seconds: until the whole body must have arrived.
        most_uploads: requests with a large body that are answered at once; more get
            503.
    """
    uploads = 0
    refusal = f"more than {most_bytes / _MEGABYTE:g} MB were sent; wanted less"

    async def bounded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        nonlocal uploads
        length = _length(Headers(scope=scope))
        if length is not None and length > most_bytes:
            await errors.answer(scope, 413, refusal)(scope, receive, send)
            return
        if length is not None and length <= _SMALL:
            await app(scope, counting(receive), send)
            return
        if uploads >= most_uploads:
            reason = f"{uploads} uploads are in progress; try again in {_RETRY} s"
            busy = errors.answer(scope, 503, reason, {"Retry-After": str(_RETRY)})
            await busy(scope, receive, send)
            return
        uploads += 1
        try:
            await app(scope, counting(receive), send)
        finally:
            uploads -= 1

    def counting(receive: Receive) -> Receive:
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

        return counted

    return bounded


def _length(headers: Headers) -> int | None:
    """Returns how many bytes a body has; None if only its end will tell."""
    if "chunked" in headers.get("transfer-encoding", ""):
        return None
    digits = headers.get("content-length", "0")
    # What is no number has been refused by the server before.
    if not digits.isdecimal():
        return None
    return int(digits) if len(digits) <= _MOST_DIGITS else 10**_MOST_DIGITS
