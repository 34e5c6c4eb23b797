import json
import os
import random
import shutil
import signal
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcolor.runtime import checkpoints, processes
from jaxcolor.training import priors
from tests import joined

STEPS = joined.STEPS
# Three take a minute or two; more find what is rarer.
KILLS = int(os.environ.get("JAXCOLOR_KILLS", "3"))


def state_of(workdir: Path, step: int) -> list[np.ndarray]:
    return jax.tree.leaves(checkpoints.restore_arrays(workdir, step=step))


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
    joined.train(photo_folder, workdir, count=2, devices=4)
    return workdir


# How far apart other topologies may be after a dozen steps of Adam: sums in another
# order, and units of ReLU that fall on the other side of their kink.
OTHER_TOPOLOGY = 5e-3


@pytest.mark.slow
@pytest.mark.parametrize("lift", ["jit", "pmap"])
def test_two_processes_train_as_one(by_two, photo_folder, tmp_path, lift):
    joined.train(photo_folder, tmp_path, count=1, devices=4, **{"parallel.lift": lift})
    # Before anything is updated nothing but the order of sums differs.
    first, wanted = losses(tmp_path, "train")[0], losses(by_two, "train")[0]
    assert first == pytest.approx(wanted, rel=1e-5)
    assert_close_losses(tmp_path, by_two, rtol=OTHER_TOPOLOGY)


@pytest.mark.slow
def test_two_processes_train_by_pmap_as_by_jit(by_two, photo_folder, tmp_path):
    joined.train(
        photo_folder, tmp_path, count=2, devices=4, **{"parallel.lift": "pmap"}
    )
    assert_close_losses(tmp_path, by_two, rtol=OTHER_TOPOLOGY)


@pytest.fixture(scope="module")
def stopped(by_two, photo_folder, tmp_path_factory) -> Path:
    """The workdir of two processes of four devices, one of which got a SIGTERM."""
    workdir = tmp_path_factory.mktemp("stopped")
    started = joined.start(joined.training(photo_folder, workdir), count=2, devices=4)
    joined.wait_for(workdir / checkpoints.FOLDER / "3", started)
    started[1].process.send_signal(signal.SIGTERM)
    found, output = joined.statuses(started)
    assert found == [0, 0], output
    step = checkpoints.steps(workdir)[-1]
    # Else nothing was interrupted.
    assert 3 <= step < STEPS
    # Only process 0 reports.
    assert output.count(f"stopped after step {step}; to resume: jaxcolor train") == 1
    return workdir


@pytest.mark.slow
def test_sigterm_to_one_stops_both_after_the_same_step(
    by_two, stopped, photo_folder, tmp_path
):
    shutil.copytree(stopped, tmp_path / "run")
    joined.train(photo_folder, tmp_path / "run", count=2, devices=4)
    assert_same_state(tmp_path / "run", by_two)


@pytest.mark.slow
def test_sigterm_stops_a_training_that_was_resumed(photo_folder, tmp_path):
    # Many more steps than can be made before the signal is there.
    longer = joined.training(photo_folder, tmp_path, **{"training.steps": 500})
    command = [*longer, "--status-if-stopped=75"]
    last = 0
    for _ in range(2):
        started = joined.start(command, count=2, devices=1)
        folder = tmp_path / checkpoints.FOLDER
        joined.wait_for(folder / str(3 * (last // 3 + 1)), started)
        started[0].process.send_signal(signal.SIGTERM)
        found, output = joined.statuses(started)
        assert found == [75, 75], output
        before, last = last, checkpoints.steps(tmp_path)[-1]
        assert before < last < 500


@pytest.mark.slow
@pytest.mark.parametrize(("count", "devices"), [(1, 4), (4, 2)])
def test_another_number_of_processes_resumes_the_stream(
    by_two, stopped, photo_folder, tmp_path, count, devices
):
    shutil.copytree(stopped, tmp_path / "run")
    joined.train(photo_folder, tmp_path / "run", count=count, devices=devices)
    # Other pixels would part the losses by a tenth.
    assert_close_losses(tmp_path / "run", by_two, rtol=OTHER_TOPOLOGY)


@pytest.mark.slow
def test_a_killed_process_takes_the_others_along(by_two, photo_folder, tmp_path):
    started = joined.start(joined.training(photo_folder, tmp_path), count=2, devices=4)
    joined.wait_for(tmp_path / checkpoints.FOLDER / "6", started)
    started[1].process.kill()
    killed = time.monotonic()
    found, output = joined.statuses(started)
    assert found[0] not in (0, 2), output
    assert time.monotonic() - killed < 3 * joined.HEARTBEAT
    # A checkpoint that lost half of its files while nobody looked is not resumed from.
    latest = checkpoints.steps(tmp_path)[-1]
    assert 6 <= latest < STEPS
    for file in (tmp_path / checkpoints.FOLDER / str(latest) / "state").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    joined.train(photo_folder, tmp_path, count=2, devices=4)
    assert (tmp_path / checkpoints.DAMAGED / str(latest)).is_dir()
    assert_same_state(tmp_path, by_two)


@pytest.mark.slow
def test_kills_at_any_moment_change_nothing(by_two, photo_folder, tmp_path):
    # A checkpoint at every step: many of the kills fall into a save.
    every = {"training.checkpoint_every": 1}
    moments = random.Random(0)
    kills = 0
    while kills < KILLS:
        command = joined.training(photo_folder, tmp_path, **every)
        started = joined.start(command, count=2, devices=4)
        known = checkpoints.steps(tmp_path) if checkpoints.is_workdir(tmp_path) else []
        if known:
            joined.wait_for(tmp_path / checkpoints.FOLDER / str(known[-1] + 1), started)
        else:
            joined.wait_for(tmp_path / checkpoints.FOLDER / "1", started)
        time.sleep(moments.uniform(0, 0.2))
        for one in started:
            one.process.kill()
        joined.statuses(started)
        kills += 1
        if STEPS in checkpoints.steps(tmp_path):
            break
    joined.train(photo_folder, tmp_path, count=2, devices=4, **every)
    assert_same_state(tmp_path, by_two)


@pytest.mark.slow
def test_two_processes_count_the_prior_of_one(photo_folder, tmp_path):
    found = []
    for count in (1, 2):
        output = tmp_path / f"{count}.json"
        command = ["prior", str(photo_folder), "-o", str(output), "--resize", "64"]
        ended, printed = joined.statuses(joined.start(command, count=count, devices=3))
        assert ended == [0] * count, printed
        found.append(priors.read(output))
    one, two = found
    # Sums in float64 in another order.
    np.testing.assert_allclose(two.counts, one.counts, rtol=1e-12)
    assert two._replace(counts=None) == one._replace(counts=None)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (ValueError("no folder na\udcefve"), ValueError),
        (PermissionError("not yours"), OSError),
        (ArithmeticError("x" * 5000), RuntimeError),
    ],
)
def test_the_others_hear_of_any_error(monkeypatch, failure, raised):
    sent = []

    def fail():
        raise failure

    monkeypatch.setattr(processes, "are_many", lambda: True)
    tell = processes.multihost_utils
    monkeypatch.setattr(
        tell, "broadcast_one_to_all", lambda x: sent.append(x) or sent[0]
    )
    with pytest.raises(type(failure)) as mine:
        processes.by_first(fail)
    assert mine.value is failure
    monkeypatch.setattr(processes, "is_first", lambda: False)
    with pytest.raises(raised) as yours:
        processes.by_first(fail)
    assert type(yours.value) is raised
    heard = str(failure).encode(errors="backslashreplace").decode()
    assert heard.startswith(str(yours.value))


@pytest.mark.slow
def test_what_process_0_refuses_ends_all(photo_folder, tmp_path):
    command = joined.training(tmp_path / "nowhere", tmp_path / "run")
    started = joined.start(command, count=2, devices=1)
    found, output = joined.statuses(started)
    assert found == [2, 2], output
    assert output.count("no folder") == 2
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
    ("flags", "message"),
    [
        (["--processes=2"], "wanted all three"),
        (
            ["--coordinator=a:1", "--processes=2", "--process=2"],
            "got --process 2 of 2; wanted from 0 to 1",
        ),
    ],
)
def test_a_place_that_makes_no_sense_is_refused(capsys, tmp_path, flags, message):
    from jaxcolor import cli

    command = ["prior", str(tmp_path), "-o", str(tmp_path / "prior.json"), *flags]
    assert cli.main(command) == 2
    assert message in capsys.readouterr().err
