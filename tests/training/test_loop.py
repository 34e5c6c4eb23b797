import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxcolor.color import cielab
from jaxcolor.data import splits
from jaxcolor.models import zhang2016
from jaxcolor.runtime import checkpoints
from jaxcolor.training import interruption, loop, setup
from jaxcolor.training.config import build, schema
from tests import tiny

STEPS = tiny.STEPS
ROOT = Path(__file__).parents[2]


def log_of(workdir: Path) -> list[dict]:
    lines = (workdir / "log.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    for line in found:
        # The numbers that a clock makes.
        for name in ("images_per_second", "input_wait", "flop_utilization"):
            line.pop(name, None)
    return found


def state_of(workdir: Path, step: int) -> list[np.ndarray]:
    return jax.tree.leaves(checkpoints.restore_arrays(workdir, step=step))


REGRESSION = {
    "gamut": None,
    "prior": None,
    "objective": {"name": "regression"},
    "release": {
        "size": 64,
        "temperature": None,
        "rebalancing_lambda": None,
        "coherence": 0.0,
    },
}
"""Sections of a training without bins."""


def assert_same_training(one: Path, other: Path) -> None:
    """Compares bit for bit."""
    mine, yours = state_of(one, STEPS), state_of(other, STEPS)
    assert len(mine) == len(yours) > 40
    for a, b in zip(mine, yours, strict=True):
        np.testing.assert_array_equal(a, b)
    assert log_of(one) == log_of(other)


@pytest.fixture(scope="module", autouse=True)
def short_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zhang2016, "BLOCKS", tiny.FEW_BLOCKS)
        yield


@pytest.fixture(scope="module")
def uninterrupted(photo_folder, tmp_path_factory) -> Path:
    workdir = tmp_path_factory.mktemp("uninterrupted")
    outcome = loop.train(tiny.training_config(photo_folder), workdir, is_quiet=True)
    assert outcome == loop.Outcome(STEPS, is_finished=True)
    return workdir


def test_a_training_leaves_what_it_promises(uninterrupted):
    assert checkpoints.steps(uninterrupted)[-2:] == [STEPS - 3, STEPS]
    log = log_of(uninterrupted)
    trained = [(step, "train") for step in range(2, STEPS + 1, 2)]
    validated = [(step, "validation") for step in range(3, STEPS + 1, 3)]
    assert [(line["step"], line["kind"]) for line in log] == sorted(trained + validated)
    # The rate of the step that the line ends with, by the schedule's own formula.
    rates = {
        line["step"]: line["learning_rate"] for line in log if line["kind"] == "train"
    }
    schedule = tiny.training_config(Path()).schedule
    done = (STEPS - 1 - schedule.warmup) / (STEPS - schedule.warmup)
    expected = schedule.peak * (1 + np.cos(np.pi * done)) / 2
    assert rates[STEPS] == pytest.approx(expected, rel=1e-4)
    for line in log:
        assert np.isfinite([line["loss"], line["kl"], line["constant_loss"]]).all()
    validation = log[-1]
    assert validation["colorfulness_of_truth"] > 10
    listing = json.loads((uninterrupted / "listing.json").read_text())
    for name in listing["validation"]:
        assert splits.is_held_out(name, fraction=0.3)
    assert json.loads((uninterrupted / "prior.json").read_text())["images"] == len(
        listing["training"]
    )


def test_averaged_weights_are_kept_with_statistics_of_their_own(
    uninterrupted, photo_folder
):
    config = tiny.training_config(photo_folder)
    average = checkpoints.restore_arrays(uninterrupted, step=STEPS)["average"]
    settled = setup.prepare(config, uninterrupted, is_quiet=True)
    network = build.network(config, axis_name=None)

    @jax.jit
    def moments(rgb):
        # Running statistics of zero take a tenth of the batch's at a momentum of 0.9.
        zero = jax.tree.map(jnp.zeros_like, average["batch_stats"])
        _, updated = network.apply(
            {"params": average["params"], "batch_stats": zero},
            cielab.rgb8_to_lab(rgb)[..., 0],
            train=True,
            mutable=["batch_stats"],
        )
        return updated["batch_stats"]

    count = config.average.statistics_batches
    batches = itertools.islice(setup.training_batches(settled, STEPS), count)
    tenths = [jax.device_get(moments(batch["rgb"])) for batch in batches]
    expected = jax.tree.map(lambda *x: 10 * np.mean(x, axis=0), *tenths)
    assert count > 1
    jax.tree.map(
        # float32 sums in another order, over eight devices or one.
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
        average["batch_stats"],
        expected,
    )


@pytest.mark.slow
def test_the_same_seed_gives_the_same_training(uninterrupted, photo_folder, tmp_path):
    loop.train(tiny.training_config(photo_folder), tmp_path, is_quiet=True)
    assert_same_training(uninterrupted, tmp_path)


def test_a_finished_training_is_left_alone(uninterrupted, photo_folder):
    before = log_of(uninterrupted)
    outcome = loop.train(
        tiny.training_config(photo_folder), uninterrupted, is_quiet=True
    )
    assert outcome.is_finished
    assert log_of(uninterrupted) == before


def test_another_config_in_the_same_workdir_is_refused(uninterrupted, photo_folder):
    config = tiny.training_config(photo_folder, {"objective.training_lambda": 1.0})
    with pytest.raises(ValueError, match=r"objective.training_lambda was 0.5, now"):
        loop.train(config, uninterrupted, is_quiet=True)


def test_a_prior_of_other_targets_is_refused(uninterrupted, photo_folder, tmp_path):
    prior = str(uninterrupted / "prior.json")
    config = tiny.training_config(
        photo_folder, {"prior.path": prior, "objective.neighbors": 4}
    )
    with pytest.raises(ValueError, match="has neighbors 5; the config has 4"):
        loop.train(config, tmp_path, is_quiet=True)


@pytest.mark.slow
def test_a_regression_trains(photo_folder, tmp_path):
    config = tiny.training_config(
        photo_folder,
        {"training.steps": 2, "training.checkpoint_every": 2},
        **REGRESSION,
    )
    loop.train(config, tmp_path, is_quiet=True)
    variables, record = checkpoints.restore_model(tmp_path, step=None)
    assert record["description"]["head"] == "ab"
    assert "prior" not in variables
    assert variables["params"]["head"]["bias"].shape == (2,)


@pytest.mark.slow
def test_a_trunk_is_taken_over_from_a_trained_model(
    uninterrupted, photo_folder, tmp_path
):
    checkpoint = {"initialization.checkpoint": f"{uninterrupted}@{STEPS}"}
    config = tiny.training_config(photo_folder, checkpoint, **REGRESSION)
    with pytest.raises(ValueError, match=r"head/bias, head/kernel; wanted all to fit"):
        loop.train(config, tmp_path / "refused", is_quiet=True)
    assert not (tmp_path / "refused").exists()
    # A first step of rate zero: the saved arrays are those of the trained model.
    changes = {
        "initialization.partial": True,
        "schedule.peak": 0.0,
        "optimizer.weight_decay": 0.0,
        "training.steps": 1,
        "training.checkpoint_every": 1,
        "training.log_every": 1,
        "schedule.warmup": 0,
        "schedule.length": 1,
    }
    config = schema.changed(config, changes)
    loop.train(config, tmp_path, is_quiet=True)
    new, _ = checkpoints.restore_model(tmp_path, step=1)
    old, _ = checkpoints.restore_model(uninterrupted, step=STEPS)
    np.testing.assert_allclose(
        new["params"]["conv3_1"]["kernel"],
        old["params"]["conv3_1"]["kernel"],
        # The average of equal numbers, in float32.
        rtol=1e-6,
    )
    assert new["params"]["head"]["kernel"].shape[-1] == 2


RUN = """
import sys
import jax
jax.config.update("jax_num_cpu_devices", 8)
sys.path[:0] = [{root!r}]
from pathlib import Path
from jaxcolor.training import loop
from jaxcolor.models import zhang2016
from tests import tiny
zhang2016.BLOCKS = tiny.FEW_BLOCKS
config = tiny.training_config(Path({photos!r}))
loop.train(config, {workdir!r}, is_quiet=True)
"""


def start(photo_folder: Path, workdir: Path) -> subprocess.Popen:
    script = RUN.format(
        root=str(ROOT),
        photos=str(photo_folder),
        workdir=str(workdir),
    )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_step(process: subprocess.Popen, workdir: Path, step: int) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        if (workdir / checkpoints.FOLDER / str(step)).exists():
            return
        if process.poll() is not None:
            raise AssertionError(f"the training ended with {process.returncode}")
        time.sleep(0.02)
    raise AssertionError(f"no checkpoint {step} in time")


@pytest.mark.slow
def test_a_killed_training_resumes_bit_for_bit(uninterrupted, photo_folder, tmp_path):
    process = start(photo_folder, tmp_path)
    wait_for_step(process, tmp_path, 3)
    process.kill()
    process.wait()
    assert 3 in checkpoints.steps(tmp_path)
    # Else nothing was interrupted.
    assert STEPS not in checkpoints.steps(tmp_path)
    loop.train(tiny.training_config(photo_folder), tmp_path, is_quiet=True)
    assert_same_training(uninterrupted, tmp_path)


@pytest.mark.slow
def test_sigterm_saves_and_ends_well(uninterrupted, photo_folder, tmp_path):
    process = start(photo_folder, tmp_path)
    wait_for_step(process, tmp_path, 3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=240) == 0
    assert STEPS not in checkpoints.steps(tmp_path)
    loop.train(tiny.training_config(photo_folder), tmp_path, is_quiet=True)
    assert_same_training(uninterrupted, tmp_path)


@pytest.mark.slow
def test_an_interrupt_between_two_lines_of_the_log_loses_nothing(
    uninterrupted, photo_folder, tmp_path, monkeypatch
):
    # Step 5 lies inside the interval of the line for steps 5 and 6.
    checks = iter([False] * 4 + [True])

    @contextlib.contextmanager
    def listen():
        yield lambda step: next(checks)

    with monkeypatch.context() as patch:
        patch.setattr(interruption, "listen", listen)
        outcome = loop.train(
            tiny.training_config(photo_folder), tmp_path, is_quiet=True
        )
    assert outcome == loop.Outcome(5, is_finished=False)
    loop.train(tiny.training_config(photo_folder), tmp_path, is_quiet=True)
    assert_same_training(uninterrupted, tmp_path)


@pytest.mark.slow
def test_an_interrupted_training_by_layer_loses_nothing_and_keeps_what_is_frozen(
    photo_folder, tmp_path, monkeypatch
):
    changes = {"steps": 4, "log_every": 1, "checkpoint_every": 1, "keep": 4}
    by_layer = {
        "rates": {"conv1_1": 0.0, "conv2_1": 0.1},
        "warmup": {"conv3_1": 3, "head": 1},
        "fixed_statistics": ("conv1_1norm",),
    }
    config = tiny.training_config(
        photo_folder,
        {f"training.{name}": x for name, x in changes.items()},
        layers=by_layer,
    )
    loop.train(config, tmp_path / "whole", is_quiet=True)
    checks = iter([False, True])

    @contextlib.contextmanager
    def listen():
        yield lambda step: next(checks)

    with monkeypatch.context() as patch:
        patch.setattr(interruption, "listen", listen)
        outcome = loop.train(config, tmp_path / "parts", is_quiet=True)
    assert outcome == loop.Outcome(2, is_finished=False)
    loop.train(config, tmp_path / "parts", is_quiet=True)
    for a, b in zip(
        state_of(tmp_path / "whole", 4), state_of(tmp_path / "parts", 4), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    assert log_of(tmp_path / "whole") == log_of(tmp_path / "parts")
    states = [
        checkpoints.restore_arrays(tmp_path / "whole", step=n) for n in range(1, 5)
    ]

    def changes(kind: str, layer: str) -> list[bool]:
        """Lists whether the steps after the first changed a layer."""
        found = [jax.tree.leaves(state[kind][layer]) for state in states]
        return [
            any((a != b).any() for a, b in zip(one, other, strict=True))
            for one, other in itertools.pairwise(found)
        ]

    assert changes("params", "conv1_1") == [False, False, False]
    assert changes("params", "conv3_1") == [False, False, True]
    assert changes("params", "conv2_1") == changes("params", "head") == [True] * 3
    assert changes("batch_stats", "conv1_1norm") == [False, False, False]
    assert changes("batch_stats", "conv2_1norm") == [True] * 3
    # Of the averaged weights, whose statistics are measured anew.
    averages = [state["average"]["batch_stats"]["conv1_1norm"] for state in states]
    for average in averages:
        np.testing.assert_array_equal(average["mean"], averages[0]["mean"])
        np.testing.assert_array_equal(average["var"], averages[0]["var"])


@pytest.mark.slow
def test_a_training_that_learns_nothing_is_warned_about(
    photo_folder, tmp_path, caplog, monkeypatch
):
    changes = {
        "schedule.peak": 0.0,
        "optimizer.weight_decay": 0.0,
        "training.steps": 2,
        "training.log_every": 1,
        "training.checkpoint_every": 2,
    }
    config = tiny.training_config(photo_folder, changes)
    monkeypatch.setattr(loop, "SOONEST", 1)
    loop.train(config, tmp_path, is_quiet=True)
    assert "still that of a constant prediction" in caplog.text


@pytest.mark.slow
def test_a_contact_sheet_shows_lightness_prediction_and_truth(photo_folder, tmp_path):
    names = ("steps", "log_every", "checkpoint_every", "sheet_every")
    changes = {f"training.{name}": 1 for name in names}
    config = tiny.training_config(photo_folder, changes | {"schedule.warmup": 0})
    loop.train(config, tmp_path, is_quiet=True)
    sheet = np.asarray(Image.open(tmp_path / "sheets" / "0000001.png"))
    left, right = sheet[4:36, 4:36], sheet[4:36, 4 + 2 * 36 : 36 + 2 * 36]
    # The left column has no color, to a level of rounding; the right one has.
    assert np.ptp(left.astype(int), axis=-1).max() <= 1
    assert np.ptp(right.astype(int), axis=-1).max() > 20
    assert np.abs(left.astype(int).mean() - right.astype(int).mean()) < 20


def test_a_given_prior_is_taken_once(uninterrupted, photo_folder, tmp_path):
    given = tmp_path / "given.json"
    given.write_text((uninterrupted / "prior.json").read_text())
    config = tiny.training_config(photo_folder, {"prior.path": str(given)})
    first = setup.prepare(config, tmp_path / "work", is_quiet=True)
    given.unlink()
    # A start that resumes takes that of the workdir.
    again = setup.prepare(config, tmp_path / "work", is_quiet=True)
    np.testing.assert_array_equal(again.prior.counts, first.prior.counts)


@pytest.mark.slow
def test_the_wait_for_the_compiler_is_announced(photo_folder, tmp_path, caplog):
    names = ("steps", "log_every", "checkpoint_every")
    changes = {f"training.{name}": 1 for name in names} | {"schedule.warmup": 0}
    with caplog.at_level("INFO", logger="jaxcolor"):
        loop.train(tiny.training_config(photo_folder, changes), tmp_path, is_quiet=True)
    assert "compiling the first step" in caplog.text


def test_a_start_that_failed_does_not_bind_the_next_one(photo_folder, tmp_path):
    nowhere = {"prior.path": str(tmp_path / "nowhere.json")}
    wrong = tiny.training_config(photo_folder, nowhere)
    with pytest.raises(ValueError, match="no prior at"):
        setup.prepare(wrong, tmp_path / "work", is_quiet=True)
    config = tiny.training_config(photo_folder, {"pipeline.flip": False})
    assert setup.prepare(config, tmp_path / "work", is_quiet=True).config == config
    config = tiny.training_config(photo_folder, {"pipeline.flip": True})
    with pytest.raises(
        ValueError, match=r"started with another config: pipeline\.flip"
    ):
        setup.prepare(config, tmp_path / "work", is_quiet=True)


def test_a_start_without_photographs_leaves_no_folder(tmp_path):
    config = tiny.training_config(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="nowhere"):
        loop.train(config, tmp_path / "work", is_quiet=True)
    assert not (tmp_path / "work").exists()


def test_a_workdir_that_is_a_file_is_refused(photo_folder, tmp_path):
    (tmp_path / "work").touch()
    with pytest.raises(ValueError, match="work is a file; wanted a folder"):
        loop.train(tiny.training_config(photo_folder), tmp_path / "work", is_quiet=True)
