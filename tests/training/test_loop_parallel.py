"""What the section `parallel` changes of a whole training, and what it may not."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxcolor.runtime import checkpoints
from jaxcolor.training import loop
from tests import tiny


def losses_of(workdir: Path) -> list[float]:
    lines = (workdir / "log.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [line["loss"] for line in found if "loss" in line]


def trained(photo_folder: Path, workdir: Path, **parallel: object) -> list[float]:
    changes = {f"parallel.{name}": value for name, value in parallel.items()}
    config = tiny.training_config(photo_folder, changes)
    loop.train(config, workdir, is_quiet=True)
    return losses_of(workdir)


@pytest.fixture(scope="module")
def exact(photo_folder, tmp_path_factory) -> list[float]:
    return trained(photo_folder, tmp_path_factory.mktemp("exact"))


@pytest.mark.slow
def test_a_training_in_bfloat16_keeps_float32_where_it_matters(
    photo_folder, exact, tmp_path
):
    half = trained(photo_folder, tmp_path / "bfloat16", compute_dtype="bfloat16")
    # Of bfloat16's 8 bits a loss, a mean over many pixels, loses few.
    np.testing.assert_allclose(half, exact, rtol=2e-2)
    assert half != exact
    state = checkpoints.restore_arrays(tmp_path / "bfloat16", step=tiny.STEPS)
    dtypes = {np.asarray(x).dtype for x in jax.tree.leaves(state)}
    assert {x for x in dtypes if x.kind not in "iu"} == {np.dtype(np.float32)}


@pytest.mark.slow
def test_a_training_that_makes_values_again_is_the_same(photo_folder, exact, tmp_path):
    again = trained(photo_folder, tmp_path / "again", remat=True)
    np.testing.assert_allclose(again, exact, rtol=1e-3)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.slow
def test_ten_skipped_steps_in_a_row_end_a_training(photo_folder, tmp_path):
    # Beyond float32: losses and gradients are finite, the updates are not.
    changes = {
        "schedule.peak": 1e39,
        "schedule.warmup": 0,
        "training.steps": 30,
        "training.checkpoint_every": 5,
        "training.validation_images": 0,
    }
    config = tiny.training_config(photo_folder, changes)
    with pytest.raises(ArithmeticError, match="10 steps in a row") as caught:
        loop.train(config, tmp_path, is_quiet=True)
    assert any(path.name in str(caught.value) for path in photo_folder.iterdir())
    # Nothing of it is kept.
    for step in checkpoints.steps(tmp_path):
        for x in jax.tree.leaves(checkpoints.restore_arrays(tmp_path, step=step)):
            assert np.isfinite(np.asarray(x, np.float64)).all()
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["skipped"] == config.training.log_every
