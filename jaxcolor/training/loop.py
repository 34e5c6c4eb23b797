"""Training, from a config to checkpoints: `train(config, workdir)`.

Everything random follows from the config's seed, and the position in the data is the
step: a training that is killed and started again goes on as if nothing had happened.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from jaxcolor.pretrained import descriptions
from jaxcolor.runtime import (
    checkpoints,
    compilation_cache,
    devices,
    processes,
    progress,
    versions,
)
from jaxcolor.training import (
    divergence,
    early_stopping,
    interruption,
    priors,
    setup,
    validation,
)
from jaxcolor.training.config import build
from jaxcolor.training.early_stopping import Standing
from jaxcolor.training.setup import Setting
from jaxcolor.training.train_log import Interval, Journal, Speed
from jaxcolor.training.train_step import TrainState

LOGGER = logging.getLogger(__name__)

# The share of the steps after which a training should have learnt something, but not
# before so many steps, and how far below the constant predictor's loss that is.
PATIENCE, SOONEST, LEARNT = 0.1, 200, 0.99

# To compile what is kept on disk for the next start; a training has many programs that
# take less.
LEAST_SECONDS = 1.0


class Outcome(NamedTuple):
    """How a training ended.

    Attributes:
        step: of the last checkpoint.
        is_finished: False where it was interrupted.
    """

    step: int
    is_finished: bool


def train(config: ConfigDict, workdir: str | Path, *, is_quiet: bool) -> Outcome:
    """Trains as the config says, or goes on where the workdir's checkpoints end.

    SIGTERM and Ctrl-C finish the step, save, and return. Of several processes, joined
    by `processes.join`, all call this.

    Args:
        config: every section that `build.FACTORIES` names.
        workdir: gets training.json, listing.json, prior.json, log.jsonl, tensorboard/,
            sheets/ and checkpoints/.
        is_quiet: no progress bars.

    Raises:
        ValueError: the config is wrong, or differs from the one that the workdir was
            started with.
        ArithmeticError: nothing finite comes out any more, or the devices differ.
    """
    workdir = Path(workdir)
    # On CPU, processes that take a program from the disk and some that compile it do
    # not find each other.
    if not (processes.are_many() and jax.default_backend() == "cpu"):
        compilation_cache.keep(least_seconds=LEAST_SECONDS)
    setting = setup.prepare(config, workdir, is_quiet=is_quiet)
    processes.by_first(lambda: checkpoints.set_aside_damaged(workdir))
    manager = checkpoints.open_manager(workdir, keep=setting.training.keep)
    try:
        return _run(setting, manager)
    finally:
        manager.close()


def _run(setting: Setting, manager: Any) -> Outcome:
    state, interval, standing = setup.first_or_restored(setting, manager)
    start = int(state.step)
    end = setting.training.steps
    patience = setting.training.patience
    if start >= end or early_stopping.is_over(standing, patience=patience):
        LOGGER.info("nothing to do: %s has %d of %d steps", setting.workdir, start, end)
        return Outcome(start, is_finished=True)
    lifted = setting.lifted
    state = lifted.put(state)
    pixels = (batch["rgb"] for batch in setup.training_batches(setting, start))
    batches = devices.ahead(pixels, lifted.share)
    watch = divergence.Guard(lambda step: setup.training_names(setting, step))
    hidden = setting.is_quiet or not processes.is_first()
    with (
        Journal(setting.workdir, step=start) as journal,
        interruption.listen() as is_wanted,
        progress.bar(end, start=start, unit="step", is_hidden=hidden) as bar,
    ):
        speed = Speed(setting.training.batch_size, ceiling=setting.ceiling())
        for step in range(start + 1, end + 1):
            with speed.waiting():
                batch = next(batches)
            state, terms = lifted.step(state, batch)
            interval.add(terms)
            watch.add(step, terms)
            speed.add()
            bar.update()
            if step % setting.training.log_every == 0:
                numbers = _train_numbers(setting, interval, step)
                journal.write(step, "train", {**numbers, **speed.numbers()})
                bar.set_postfix_str(_line(numbers))
                _warn_if_nothing_is_learnt(setting, numbers, step)
                interval = Interval({}, 0)
            every = setting.config.parallel.replicas_every
            if every and step % every == 0:
                divergence.check_replicas(state, step)
            is_ending = is_wanted(step)
            with speed.paused():
                standing = _look(
                    setting,
                    manager,
                    journal,
                    state,
                    interval,
                    standing,
                    step,
                    is_ending,
                )
            is_finished = step == end or early_stopping.is_over(
                standing, patience=patience
            )
            if is_ending or is_finished:
                break
        # Of a training that is stopped, the next start sees what is still to come.
        if is_finished:
            watch.end()
    return Outcome(step, is_finished=is_finished)


def _look(
    setting: Setting,
    manager: Any,
    journal: Journal,
    state: Any,
    interval: Interval,
    standing: Standing,
    step: int,
    is_ending: bool,
) -> Standing:
    """Draws, validates and saves where one is due; returns the new standing."""
    training = setting.training
    is_sheet_due = _is_due(step, training.sheet_every, training.steps)
    is_validation_due = _is_due(step, training.checkpoint_every, training.steps)
    if not (is_sheet_due or is_validation_due or is_ending):
        return standing
    fetched = validation.settled(setting, setting.lifted.fetch(state))
    if is_sheet_due:
        validation.write_sheet(setting, fetched, step)
    numbers = validation.validate(setting, fetched) if is_validation_due else None
    if numbers is not None:
        journal.write(step, "validation", numbers)
        # The same in every process, for the sums are over all of them.
        standing = early_stopping.after(standing, numbers["loss"])
        if early_stopping.is_over(standing, patience=training.patience):
            LOGGER.info(
                "stops after step %d: %d validations without a smaller loss than %.4f",
                step,
                standing.waited,
                standing.best,
            )
    if is_validation_due or is_ending:
        _save(setting, manager, fetched, interval, standing, numbers)
    return standing


def _is_due(step: int, every: int, end: int) -> bool:
    return every > 0 and (step % every == 0 or step == end)


def _train_numbers(setting: Setting, interval: Interval, step: int) -> dict[str, float]:
    means = interval.means()
    numbers = {name: float(x) for name, x in means.items() if np.ndim(x) == 0}
    rate = float(build.schedule(setting.config)(step - 1))
    if "loss" in means:
        numbers["constant_loss"] = setting.constant_loss(means)
    return numbers | {"learning_rate": rate}


def _line(numbers: dict[str, float]) -> str:
    if "loss" not in numbers:
        return f"{numbers['skipped']:.0f} steps skipped"
    parts = [f"loss {numbers['loss']:.4f} (constant {numbers['constant_loss']:.4f})"]
    if "kl" in numbers:
        parts.append(f"KL {numbers['kl']:.4f}")
    return ", ".join(parts)


def _warn_if_nothing_is_learnt(
    setting: Setting, numbers: dict[str, float], step: int
) -> None:
    every = setting.training.log_every
    turning = max(PATIENCE * setting.training.steps, SOONEST)
    is_first_after = step - every < turning <= step
    if (
        "loss" in numbers
        and is_first_after
        and numbers["loss"] > LEARNT * numbers["constant_loss"]
    ):
        LOGGER.warning(
            "after step %d the loss, %.4f, is still that of a constant prediction,"
            " %.4f: nothing is learnt from the photographs yet",
            step,
            numbers["loss"],
            numbers["constant_loss"],
        )


def _save(
    setting: Setting,
    manager: Any,
    state: TrainState,
    interval: Interval,
    standing: Standing,
    validation: dict[str, float] | None,
) -> None:
    prior = setting.prior
    record = {
        "description": descriptions.to_fields(build.description(setting.config)),
        "config": setting.config.to_dict(),
        "prior": None if prior is None else priors.to_json(prior),
        "interval": interval.to_json(),
        "standing": standing._asdict(),
        "versions": versions.recorded(),
        "training_photographs": len(setting.split.training),
    }
    checkpoints.save(manager, state, record=record, validation=validation)
