"""The headers that every answer of a web server carries."""

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Pages load nothing from elsewhere and run no inline script. Object URLs (blob:) show
# the pictures that a page has made or was given.
CONTENT_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_UNUSED = "accelerometer camera geolocation gyroscope magnetometer microphone payment"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # For browsers that do not know frame-ancestors.
    "X-Frame-Options": "DENY",
    # Not no-referrer: a browser would then send forms with the Origin "null", which
    # `visitors.checked` refuses.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{name}=()" for name in f"{_UNUSED} usb".split()),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Photographs and answers are no one else's; static files set their own.
    "Cache-Control": "no-store",
}


def secured(app: ASGIApp, *, policy: Mapping[str, str] = CONTENT_POLICY) -> ASGIApp:
    """Returns an app whose answers carry the headers of a careful server.

    Args:
        app: that answers; headers that it sets itself stay.
        policy: directives of the Content-Security-Policy.

    Source:
        OWASP Secure Headers Project; Content Security Policy Level 3 (W3C).
    """
    told = "; ".join(f"{directive} {value}" for directive, value in policy.items())
    return with_defaults(app, {"Content-Security-Policy": told, **_HEADERS})


def with_defaults(app: ASGIApp, defaults: Mapping[str, str]) -> ASGIApp:
    """Returns an app whose answers carry some headers, unless it sets them itself."""

    async def with_headers(scope: Scope, receive: Receive, send: Send) -> None:
        async def extended(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in defaults.items():
                    headers.setdefault(name, value)
            await send(message)

        await app(scope, receive, extended)

    return with_headers
