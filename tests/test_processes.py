import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcolor import checkpoint, prior, processes

ROOT = Path(__file__).parent.parent
STEPS = 12
# No process of these tests may live longer.
LIMIT = 240
HEARTBEAT = 10


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
        "PYTHONPATH": str(ROOT),
    }
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
    ended = [one.end() for one in started]
    return [status for status, _ in ended], "\n".join(told for _, told in ended)


def training(photos: Path, workdir: Path, **overrides) -> list[str]:
    values = {
        "data.source": photos,
        "data.held_out_fraction": 0.3,
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
    command = ["train", "--config", "configs/smoke.py", "--workdir", str(workdir)]
    return [*command, *given, "--quiet"]


def train(photos: Path, workdir: Path, *, count: int, devices: int, **overrides):
    started = start(
        training(photos, workdir, **overrides), count=count, devices=devices
    )
    found, told = statuses(started)
    assert found == [0] * count, told


def state_of(workdir: Path, step: int) -> list[np.ndarray]:
    return jax.tree.leaves(checkpoint.restore_arrays(workdir, step=step))


def assert_same_state(one: Path, other: Path) -> None:
    for a, b in zip(state_of(one, STEPS), state_of(other, STEPS), strict=True):
        np.testing.assert_array_equal(a, b)


def losses(workdir: Path, kind: str) -> list[tuple[int, float]]:
    lines = (workdir / "log.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [(line["step"], line["loss"]) for line in found if line["kind"] == kind]


def assert_close_losses(workdir: Path, wanted: Path, *, rtol: float) -> None:
    for kind in ("train", "validation"):
        mine, yours = losses(workdir, kind), losses(wanted, kind)
        assert [step for step, _ in mine] == [step for step, _ in yours]
        np.testing.assert_allclose(mine, yours, rtol=rtol)


@pytest.fixture(scope="module")
def by_two(photo_folder, tmp_path_factory) -> Path:
    """The workdir of two processes of four devices, uninterrupted."""
    workdir = tmp_path_factory.mktemp("by_two")
    train(photo_folder, workdir, count=2, devices=4)
    return workdir


# How far apart other topologies may be after a dozen steps of Adam: sums in another
# order, and units of ReLU that fall on the other side of their kink.
OTHER_TOPOLOGY = 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("lift", ["jit", "pmap"])
def test_two_processes_train_as_one(by_two, photo_folder, tmp_path, lift):
    train(photo_folder, tmp_path, count=1, devices=4, **{"parallel.lift": lift})
    # Before anything is updated nothing but the order of sums differs.
    first, wanted = losses(tmp_path, "train")[0], losses(by_two, "train")[0]
    assert first == pytest.approx(wanted, rel=1e-5)
    assert_close_losses(tmp_path, by_two, rtol=OTHER_TOPOLOGY)


@pytest.mark.slow
def test_two_processes_train_by_pmap_as_by_jit(by_two, photo_folder, tmp_path):
    train(photo_folder, tmp_path, count=2, devices=4, **{"parallel.lift": "pmap"})
    assert_close_losses(tmp_path, by_two, rtol=OTHER_TOPOLOGY)


def wait_for(path: Path, started: list[Running]) -> None:
    deadline = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < deadline, f"no {path}"
        assert all(one.process.poll() is None for one in started)
        time.sleep(0.01)


@pytest.mark.slow
def test_sigterm_to_one_stops_both_after_the_same_step(by_two, photo_folder, tmp_path):
    started = start(training(photo_folder, tmp_path), count=2, devices=4)
    wait_for(tmp_path / checkpoint.FOLDER / "3", started)
    started[1].process.send_signal(signal.SIGTERM)
    found, told = statuses(started)
    assert found == [0, 0], told
    stopped = checkpoint.steps(tmp_path)[-1]
    # Else nothing was interrupted.
    assert 3 <= stopped < STEPS
    # Only process 0 tells.
    assert told.count(f"stopped after step {stopped}; to go on: jaxcolor train") == 1
    train(photo_folder, tmp_path, count=2, devices=4)
    assert_same_state(tmp_path, by_two)


@pytest.mark.slow
def test_a_killed_process_takes_the_others_along(by_two, photo_folder, tmp_path):
    started = start(training(photo_folder, tmp_path), count=2, devices=4)
    wait_for(tmp_path / checkpoint.FOLDER / "3", started)
    started[1].process.kill()
    killed = time.monotonic()
    found, told = statuses(started)
    assert found[0] not in (0, 2), told
    assert time.monotonic() - killed < 3 * HEARTBEAT
    # A checkpoint that lost a file while nobody looked is not gone on from.
    latest = checkpoint.steps(tmp_path)[-1]
    assert latest < STEPS
    for file in (tmp_path / checkpoint.FOLDER / str(latest) / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    if latest > 3:
        train(photo_folder, tmp_path, count=2, devices=4)
        assert (tmp_path / checkpoint.DAMAGED / str(latest)).is_dir()
        assert_same_state(tmp_path, by_two)


@pytest.mark.slow
def test_kills_at_any_moment_change_nothing(by_two, photo_folder, tmp_path):
    # A checkpoint at every step: many of the kills fall into a save.
    every = {"training.checkpoint_every": 1}
    moments = random.Random(0)
    kills = 0
    while kills < 10:
        command = training(photo_folder, tmp_path, **every)
        started = start(command, count=2, devices=4)
        known = checkpoint.steps(tmp_path) if checkpoint.is_workdir(tmp_path) else []
        if known:
            wait_for(tmp_path / checkpoint.FOLDER / str(known[-1] + 1), started)
        else:
            wait_for(tmp_path / checkpoint.FOLDER / "1", started)
        time.sleep(moments.uniform(0, 0.2))
        for one in started:
            one.process.kill()
        statuses(started)
        kills += 1
        if STEPS in checkpoint.steps(tmp_path):
            break
    train(photo_folder, tmp_path, count=2, devices=4, **every)
    assert_same_state(tmp_path, by_two)


@pytest.mark.slow
def test_two_processes_count_the_prior_of_one(photo_folder, tmp_path):
    found = []
    for count in (1, 2):
        output = tmp_path / f"{count}.json"
        command = ["prior", str(photo_folder), "-o", str(output), "--resize", "64"]
        ended, told = statuses(start(command, count=count, devices=3))
        assert ended == [0] * count, told
        found.append(prior.read(output))
    one, two = found
    # Sums in float64 in another order.
    np.testing.assert_allclose(two.counts, one.counts, rtol=1e-12)
    assert two._replace(counts=None) == one._replace(counts=None)


@pytest.mark.slow
def test_what_process_0_refuses_ends_all(photo_folder, tmp_path):
    command = training(tmp_path / "nowhere", tmp_path / "run")
    started = start(command, count=2, devices=1)
    found, told = statuses(started)
    assert found == [2, 2], told
    assert told.count("no folder") == 2
    assert not (tmp_path / "run").exists()


def test_alone_there_is_nobody_to_ask():
    assert processes.is_first()
    assert not processes.are_many()
    assert processes.agree(7) == 7
    assert processes.by_first(lambda: "mine") == "mine"
    assert processes.first_then_all(lambda: "ours") == "ours"
    assert not processes.is_preempted(1)
    np.testing.assert_array_equal(processes.gather(np.arange(3.0)), [[0, 1, 2]])


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--processes=2"], "wanted all three"),
        (
            ["--coordinator=a:1", "--processes=2", "--process=2"],
            "got --process 2 of 2; wanted from 0 to 1",
        ),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(capsys, tmp_path, flags, told):
    from jaxcolor import cli

    command = ["prior", str(tmp_path), "-o", str(tmp_path / "prior.json"), *flags]
    assert cli.main(command) == 2
    assert told in capsys.readouterr().err
