"""Commands of jaxcolor in several real processes, joined on this machine."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
STEPS = 12
# No process may live longer.
LIMIT = 600
HEARTBEAT = 30


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Running:
    """A process, and the file that it prints to: a pipe that is full would stop it."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self._printed = Path(tempfile.mkdtemp()) / "printed.txt"
        with self._printed.open("w") as printed:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd=ROOT,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )

    def end(self) -> tuple[int, str]:
        """Waits, and returns the status and what was printed."""
        try:
            status = self.process.wait(timeout=LIMIT)
        finally:
            self.process.kill()
            self.process.wait()
        told = self._printed.read_text()
        self._printed.unlink()
        return status, told


def start(command: list[str], *, count: int, devices: int) -> list[Running]:
    """Starts the same command in some processes of so many devices each."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(devices),
        # The same arithmetic, compiled in two thirds of the time.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": str(ROOT),
    }
    if count > 1:
        # On CPU, processes that take a program from a folder and others that compile it
        # do not find each other: Gloo's deadline passes.
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    port = free_port()
    started = []
    for index in range(count):
        place = []
        if count > 1:
            place = [f"--coordinator=127.0.0.1:{port}", f"--processes={count}"]
            place += [f"--process={index}"]
        whole = [sys.executable, "-m", "jaxcolor", *command, *place]
        started.append(Running(whole, environment))
    return started


def statuses(started: list[Running]) -> tuple[list[int], str]:
    """Waits for all, and returns their statuses and what they printed."""
    try:
        ended = [one.end() for one in started]
    finally:
        kill(started)
    return [status for status, _ in ended], "\n".join(told for _, told in ended)


def kill(started: list[Running]) -> None:
    """Ends what still runs."""
    for one in started:
        one.process.kill()
        one.process.wait()


def training(photos: Path, workdir: Path, **overrides) -> list[str]:
    values = {
        "data.source": photos,
        "data.held_out_fraction": 0.3,
        # Eight channels: the fewest.
        "model.width": 1 / 64,
        "pipeline.resize": 32,
        "pipeline.crop": 32,
        "gamut.spacing": 20.0,
        "objective.neighbors": 5,
        "objective.sigma": 10.0,
        # Its update is the gradient itself: Adam's hides its size.
        "optimizer": None,
        "training.steps": STEPS,
        "training.log_every": 1,
        "training.checkpoint_every": 3,
        "training.sheet_every": 6,
        "training.keep": 20,
        "parallel.heartbeat_seconds": HEARTBEAT,
        "parallel.replicas_every": 4,
        **overrides,
    }
    given = [f"--config.{name}={x}" for name, x in values.items() if x is not None]
    command = ["train", "--config", "tests/short_network.py", "--workdir", str(workdir)]
    return [*command, *given, "--quiet"]


def train(photos: Path, workdir: Path, *, count: int, devices: int, **overrides):
    started = start(
        training(photos, workdir, **overrides), count=count, devices=devices
    )
    found, told = statuses(started)
    assert found == [0] * count, told


def wait_for(path: Path, started: list[Running]) -> None:
    """Waits for a file that running processes write."""
    deadline = time.monotonic() + LIMIT
    try:
        while not path.exists():
            assert time.monotonic() < deadline, f"no {path}"
            assert all(one.process.poll() is None for one in started)
            time.sleep(0.01)
    except AssertionError:
        kill(started)
        raise
