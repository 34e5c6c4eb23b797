"""Firefox for tests, without a window, by its own remote protocol, Marionette.

Playwright needs a Firefox of its own; Debian's speaks Marionette without a driver:
numbered commands as JSON, each behind its length, over a socket of loopback.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAMS = ("firefox-esr", "firefox")
# Seconds until it listens, and until a condition holds, on a machine that is busy.
STARTED_IN = 60
HOLDS_IN = 60
PORT_FILE = "MarionetteActivePort"
# A free port, and nothing from elsewhere.
SETTINGS = {
    "marionette.port": 0,
    "app.normandy.enabled": False,
    "app.update.disabledForTesting": True,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class Firefox:
    """A browser with one page."""

    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile("rwb")
        self.number = 0
        # It introduces itself.
        self._received()
        self.command("WebDriver:NewSession", {})

    def command(self, name: str, given: dict[str, Any]) -> Any:
        """Returns what a command answers."""
        self.number += 1
        message = json.dumps([0, self.number, name, given]).encode()
        self.stream.write(b"%d:%s" % (len(message), message))
        self.stream.flush()
        _, _, error, result = self._received()
        assert error is None, error
        return result

    def open(self, address: str) -> None:
        """Opens an address."""
        self.command("WebDriver:Navigate", {"url": address})

    def run(self, script: str, *arguments: object) -> Any:
        """Returns what a script of the page returns."""
        given = {"script": script, "args": arguments}
        return self.command("WebDriver:ExecuteScript", given)["value"]

    def wait(self, expression: str) -> None:
        """Waits until an expression is true in the page."""
        deadline = time.monotonic() + HOLDS_IN
        while not self.run(f"return Boolean({expression})"):
            assert time.monotonic() < deadline, expression
            time.sleep(0.02)

    def click(self, selector: str) -> None:
        """Clicks an element with the mouse, as soon as it is shown and enabled."""
        found = f"document.querySelector({json.dumps(selector)})"
        self.wait(f"{found}?.checkVisibility() && !{found}.disabled")
        using = {"using": "css selector", "value": selector}
        element = self.command("WebDriver:FindElement", using)["value"]
        (key,) = element.values()
        self.command("WebDriver:ElementClick", {"id": key})

    def press(self, key: str) -> None:
        """Presses a key, by its character in the standard of WebDriver."""
        steps = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        keyboard = {"type": "key", "id": "keyboard", "actions": steps}
        self.command("WebDriver:PerformActions", {"actions": [keyboard]})

    def _received(self) -> Any:
        length = b""
        while (byte := self.stream.read(1)) != b":":
            assert byte, "Firefox is gone"
            length += byte
        return json.loads(self.stream.read(int(length)))


@contextlib.contextmanager
def launched(folder: Path) -> Iterator[Firefox]:
    """Yields a browser with a new profile in a folder, or skips without one."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("Firefox is not installed: apt-get install firefox-esr")
    lines = [
        f"user_pref({json.dumps(k)}, {json.dumps(x)});" for k, x in SETTINGS.items()
    ]
    (folder / "user.js").write_text("\n".join(lines))
    command = [program, "--headless", "--marionette", "--no-remote"]
    process = subprocess.Popen(
        [*command, "--profile", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        with socket.create_connection(("127.0.0.1", _port(folder, process))) as found:
            yield Firefox(found)
    finally:
        process.terminate()
        process.wait()


def _port(folder: Path, process: subprocess.Popen) -> int:
    deadline = time.monotonic() + STARTED_IN
    # The file is there before its content.
    while not (folder / PORT_FILE).exists() or not (folder / PORT_FILE).read_text():
        assert process.poll() is None, "Firefox has ended"
        assert time.monotonic() < deadline, "Firefox takes too long to start"
        time.sleep(0.05)
    return int((folder / PORT_FILE).read_text())
