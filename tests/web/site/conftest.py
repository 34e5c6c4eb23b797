"""A browser, and folders that it sees as sites."""

import contextlib
import functools
import http.server
import shutil
import threading
from pathlib import Path

import jaxtyping
import pytest

from jaxcolor.web.site import packages

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def served(folder):
    """Yields the address of a folder's web server, that of `python -m http.server`."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def chromium():
    """Yields a Chromium."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def scripts(chromium):
    """Yields a page that can import the scripts of the page, from /src."""
    with served(packages.SOURCES) as address:
        page = chromium.new_page()
        # Any document of that origin will do.
        page.goto(f"{address}package.json")
        yield page
        page.close()


@contextlib.contextmanager
def unchecked():
    """Turns off the checks of shapes: an export has symbols in place of sizes."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """Returns the site of the bundled model."""
    from jaxcolor.cli.command_line import main

    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAXCOLOR_CACHE", str(folder / "cache"))
        try:
            with packages.fetched():
                pass
        except ValueError as error:
            pytest.skip(str(error))
        command = ["export", "bundled", "--format", "web", "-o", str(folder / "site")]
        with unchecked():
            assert main([*command, "--quiet"]) == 0
    return Path(folder / "site")
