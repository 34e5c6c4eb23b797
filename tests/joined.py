"""Runs commands of jaxcolor in several joined processes on this machine."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
STEPS = 12
# Seconds that a process may run.
LIMIT = 600
HEARTBEAT = 30


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Running:
    """A process that prints to a file, because a full pipe would block it."""

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
        """Waits for the process, and returns its exit status and its output."""
        try:
            status = self.process.wait(timeout=LIMIT)
        finally:
            self.process.kill()
            self.process.wait()
        printed = self._printed.read_text()
        self._printed.unlink()
        return status, printed


def start(command: list[str], *, count: int, devices: int) -> list[Running]:
    """Starts a command in `count` processes that have `devices` devices each."""
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "JAX_NUM_CPU_DEVICES": str(devices),
        # Gives the same arithmetic and compiles in two thirds of the time.
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        "PYTHONPATH": str(ROOT),
    }
    if count > 1:
        # On CPU, a process that loads a program from the cache and one that compiles it
        # do not connect to each other before Gloo's deadline.
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
    """Waits for all processes, and returns their exit statuses and joined output."""
    try:
        ended = [one.end() for one in started]
    finally:
        kill(started)
    return [status for status, _ in ended], "\n".join(text for _, text in ended)


def kill(started: list[Running]) -> None:
    """Kills the processes that are still running."""
    for one in started:
        one.process.kill()
        one.process.wait()


def training(photos: Path, workdir: Path, **overrides) -> list[str]:
    values = {
        "data.source": photos,
        "data.held_out_fraction": 0.3,
        # Gives eight channels, the smallest number.
        "model.width": 1 / 64,
        "pipeline.resize": 32,
        "pipeline.crop": 32,
        "gamut.spacing": 20.0,
        "objective.neighbors": 5,
        "objective.sigma": 10.0,
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
    found, printed = statuses(started)
    assert found == [0] * count, printed


def wait_for(path: Path, started: list[Running]) -> None:
    """Waits for a file that the running processes write."""
    deadline = time.monotonic() + LIMIT
    try:
        while not path.exists():
            assert time.monotonic() < deadline, f"no {path}"
            assert all(one.process.poll() is None for one in started)
            time.sleep(0.01)
    except AssertionError:
        kill(started)
        raise
