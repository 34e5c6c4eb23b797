import contextlib
import json
import math

import jax
import numpy as np
import pytest

from jaxcolor.runtime import checkpoints
from jaxcolor.training import (
    early_stopping,
    interruption,
    loop,
    training_sweep,
    validation,
)
from jaxcolor.training.config import schema
from tests import tiny


def test_a_training_ends_when_the_last_few_validations_were_no_better():
    losses = [3.0, 2.0, 2.5, 1.9, 1.9, 2.1, math.nan, 1.0]
    standing, ended = early_stopping.START, None
    for number, loss in enumerate(losses, 1):
        standing = early_stopping.after(standing, loss)
        if ended is None and early_stopping.is_over(standing, patience=3):
            ended = number
    # The fourth was the best until then; as good is no better, and neither is NaN.
    assert ended == 7
    assert standing == (1.0, 0)


def test_without_patience_a_training_never_ends_early():
    standing = early_stopping.START
    for loss in range(100):
        standing = early_stopping.after(standing, float(loss))
    assert standing == (0.0, 99)
    assert not early_stopping.is_over(standing, patience=0)


def test_patience_needs_validations(photo_folder):
    changes = {"training.patience": 2, "training.validation_images": 0}
    with pytest.raises(ValueError, match="nothing is validated"):
        tiny.training_config(photo_folder, changes)
    with pytest.raises(ValueError, match="patience is -1; wanted 0 or more"):
        tiny.training_config(photo_folder, {"training.patience": -1})


def log_of(workdir):
    lines = (workdir / "log.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return [(line["step"], line["kind"], line["loss"]) for line in found]


@pytest.mark.slow
def test_patience_ends_a_training_and_a_resumed_one_at_the_same_step(
    photo_folder, tmp_path, monkeypatch
):
    changes = {"patience": 2, "checkpoint_every": 1, "log_every": 1}
    config = tiny.training_config(
        photo_folder, {f"training.{name}": x for name, x in changes.items()}
    )
    really = validation.validate
    # By hand: the best is at step 3, so that step 5 ends it.
    losses = {1: 3.0, 2: 2.5, 3: 2.0, 4: 2.2, 5: 2.0, 6: 1.0, 7: 1.1, 8: 1.2, 9: 1.3}

    def judge(built, state):
        return really(built, state) | {"loss": losses[int(state.step)]}

    monkeypatch.setattr(validation, "validate", judge)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    ended = loop.Outcome(5, is_finished=True)
    assert loop.train(config, whole, is_quiet=True) == ended

    # Between the validation that was no better and the one that ends it.
    checks = iter([False] * 3 + [True])

    @contextlib.contextmanager
    def listen():
        yield lambda step: next(checks)

    with monkeypatch.context() as patch:
        patch.setattr(interruption, "listen", listen)
        outcome = loop.train(config, parts, is_quiet=True)
    assert outcome == loop.Outcome(4, is_finished=False)
    assert not training_sweep.is_finished(config, parts)
    assert loop.train(config, parts, is_quiet=True) == ended
    states = [checkpoints.restore_arrays(path, step=5) for path in (whole, parts)]
    jax.tree.map(np.testing.assert_array_equal, *states)
    assert log_of(whole) == log_of(parts)
    # It is finished, for whoever asks, and its best model is that of step 3.
    assert training_sweep.is_finished(config, parts)
    assert loop.train(config, parts, is_quiet=True) == ended
    assert log_of(whole) == log_of(parts)
    assert checkpoints.restore_model(parts, step=None)[1]["step"] == 3
    # With more patience it is resumed: patience is a part of the length.
    config = schema.changed(config, {"training.patience": 3})
    assert not training_sweep.is_finished(config, parts)
    outcome = loop.train(config, parts, is_quiet=True)
    assert outcome == loop.Outcome(9, is_finished=True)
