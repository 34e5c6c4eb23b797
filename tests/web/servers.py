"""A web server of a test: the real one, in a thread, on a free port of loopback."""

import contextlib
import threading
import time
from collections.abc import Iterator

import uvicorn

from jaxcolor.web import serving

# Seconds until a server has started; loading a model is not among them.
STARTED_IN = 60


@contextlib.contextmanager
def running(app) -> Iterator[str]:
    """Yields the address of an app that is served meanwhile."""
    bound = serving.bind("127.0.0.1", 0)
    config = uvicorn.Config(
        app, lifespan="on", log_config=None, access_log=False, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        deadline = time.monotonic() + STARTED_IN
        while not server.started:
            assert thread.is_alive(), "the server has not started"
            assert time.monotonic() < deadline, "the server takes too long to start"
            time.sleep(0.01)
        yield serving.address(bound)
    finally:
        server.should_exit = True
        thread.join()
