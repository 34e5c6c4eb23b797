"""Which requests a web server takes: for its own name, and not from other sites."""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from jaxcolor.web import errors

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def names(host: str, *, allowed: Collection[str]) -> frozenset[str] | None:
    """Returns the host names that requests may be for; None for any.

    A server on the loopback address answers to its own names only. Otherwise a page of
    another site could let its name point to this address, and read the answers (DNS
    rebinding).

    Args:
        host: address that the server is bound to.
        allowed: further names, such as that of a proxy before the server.
    """
    if host not in LOOPBACK and not allowed:
        return None
    return frozenset(name.lower() for name in (*LOOPBACK, host, *allowed))


def checked(app: ASGIApp, *, names: frozenset[str] | None) -> ASGIApp:
    """Returns an app that answers to some host names, and to no form of another site.

    Args:
        app: that answers.
        names: from `names`.

    Source:
        Fetch Metadata Request Headers (W3C); RFC 6454, The Web Origin Concept.
    """

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        answers = app
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            host = _name(headers.get("host", ""))
            if names is not None and host not in names:
                message = f"no host {host!r} here; wanted {', '.join(sorted(names))}"
                answers = errors.answer(scope, 421, message)
            elif scope["method"] not in _READING and _is_cross_site(headers):
                message = "the request comes from another site; wanted this page"
                answers = errors.answer(scope, 403, message)
        await answers(scope, receive, send)

    return guarded


def _name(host: str) -> str:
    """Returns a Host header without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_cross_site(headers: Headers) -> bool:
    # Browsers send it where a connection counts as trustworthy: https, or loopback.
    if (site := headers.get("sec-fetch-site")) is not None:
        return site not in ("same-origin", "none")
    # Programs such as curl send neither.
    origin = headers.get("origin")
    return origin is not None and _place(origin) != headers.get("host")


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
