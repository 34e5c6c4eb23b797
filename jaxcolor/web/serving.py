"""Runs a web server: binds its address, serves, and ends cleanly by a signal."""

import errno
import logging
import signal
import socket
from collections.abc import Collection

import uvicorn
from starlette.types import ASGIApp

from jaxcolor.web import bodies, headers, visitors

# Connections at once; more get 503.
_MOST_CONNECTIONS = 256
# Seconds that answers in progress get after a signal.
_GRACE = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket that is bound to an address; port 0 takes a free one.

    Raises:
        ValueError: the host is no address of this machine, or the port no port.
        OSError: the port is taken, or not allowed. One line.
    """
    if not 0 <= port < 2**16:
        raise ValueError(f"port is {port}; wanted from 0 to {2**16 - 1}")
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError) as error:
        raise ValueError(f"host is {host!r}; wanted an address or a name") from error
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port can be used again at once after a server has ended.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(place)
        # Two servers can bind the same port; only one can listen.
        bound.listen()
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRNOTAVAIL:
            wanted = "wanted an address of this machine"
            raise ValueError(f"host is {host!r}; {wanted}") from error
        if error.errno == errno.EADDRINUSE:
            wanted = "is in use; wanted a free one, or 0 to choose one"
            raise OSError(f"port {port} of {host} {wanted}") from error
        raise OSError(f"port {port} of {host}: {error.strerror}") from error
    return bound


def address(bound: socket.socket) -> str:
    """Returns the URL of a server, for a browser on this machine."""
    host, port = bound.getsockname()[:2]
    unspecified = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    host = unspecified.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def protected(
    app: ASGIApp,
    *,
    host: str,
    allowed_hosts: Collection[str],
    most_bytes: int,
    body_seconds: float,
    most_uploads: int = 16,
) -> ASGIApp:
    """Returns an app with the headers and the limits that all servers have.

    Args:
        app: that answers.
        host: address that it is bound to.
        allowed_hosts: names in the Host header that it answers to besides; see
            `visitors.names`.
        most_bytes: of a request.
        body_seconds: until a request must have arrived.
        most_uploads: requests with a large body at once.
    """
    app = bodies.limited(
        app, most_bytes=most_bytes, seconds=body_seconds, most_uploads=most_uploads
    )
    app = visitors.checked(app, names=visitors.names(host, allowed=allowed_hosts))
    return headers.secured(app)


def run(app: ASGIApp, bound: socket.socket) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP, and then lets the app end its lifespan.

    Args:
        app: that answers.
        bound: from `bind`; it is closed at the end.
    """
    # Requests are not logged; a warning or an error goes where all others go.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE,
    )
    server = uvicorn.Server(config)

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn raises the signals that it got again, when it has ended: to be asked to
    # end is no failure.
    previous = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        server.run(sockets=[bound])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        bound.close()
