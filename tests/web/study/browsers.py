"""Chromium for tests: Debian's, without a window, and quiet."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = Path(__file__).parents[1] / "axe" / "axe.min.js"


@contextlib.contextmanager
def launched() -> Iterator:
    """Yields a browser, or skips the test where there is none."""
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=ARGUMENTS
        )
        yield browser
        browser.close()


def violations(page) -> list[str]:
    """Returns what axe finds wrong with a page."""
    page.evaluate(f"{AXE.read_text()}; undefined")
    found = page.evaluate("axe.run()")
    return [
        f"{one['id']}: {node['html']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]
