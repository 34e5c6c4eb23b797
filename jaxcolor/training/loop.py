"""Training, from a config to checkpoints: `train(config, workdir)`.

Everything random follows from the config's seed, and the position in the data is the
step: a training that is killed and started again resumes as if nothing had happened.
"""

import logging
from pathlib import Path
from typing import Any, NamedTuple

import jax

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
    workdirs,
)
from jaxcolor.training.config import build, schema
from jaxcolor.training.config.schema import Config
from jaxcolor.training.early_stopping import Standing
from jaxcolor.training.setup import Setup, Start
from jaxcolor.training.train_log import Interval, Speed, TrainLog
from jaxcolor.training.train_step import TrainState

LOGGER = logging.getLogger(__name__)

# The share of the steps, and at least this many, after which a warning is due where the
# loss is above this share of the constant predictor's.
PATIENCE, SOONEST, LEARNED = 0.1, 200, 0.99

# Seconds that a program takes to compile from which on it is kept on disk for the next
# start; a training has many programs that take less.
LEAST_SECONDS = 1.0


class Outcome(NamedTuple):
    """How a training ended.

    Attributes:
        step: of the last checkpoint.
        is_finished: False where it was interrupted.
    """

    step: int
    is_finished: bool


def train(config: Config, workdir: str | Path, *, is_quiet: bool) -> Outcome:
    """Trains as the config says, or resumes from the workdir's newest checkpoint.

    SIGTERM and Ctrl-C finish the step, save, and return. Of several processes, joined
    by `processes.join`, all call this.

    Args:
        config: of the training.
        workdir: gets training.json, listing.json, prior.json or labels.json where the
            objective needs them, log.jsonl, tensorboard/, sheets/ and checkpoints/.
        is_quiet: no progress bars.

    Raises:
        ValueError: the config cannot be trained here, or differs from the one that the
            workdir was started with. A new workdir is removed again then.
        ArithmeticError: the loss is not finite any more, or the devices differ.
    """
    workdir = Path(workdir)
    # On CPU, a process that takes a program from the disk and one that compiles it do
    # not connect to each other.
    if not (processes.are_many() and jax.default_backend() == "cpu"):
        compilation_cache.keep(least_seconds=LEAST_SECONDS)
    manager: Any = None
    try:
        with workdirs.undone_if_refused(workdir, folder=checkpoints.FOLDER):
            built = setup.prepare(config, workdir, is_quiet=is_quiet)
            processes.by_first(lambda: checkpoints.set_aside_damaged(workdir))
            manager = checkpoints.open_manager(workdir, keep=config.training.keep)
            begun = setup.first_or_restored(built, manager)
        return _run(built, begun, manager)
    finally:
        if manager is not None:
            manager.close()


def _run(built: Setup, begun: Start, manager: Any) -> Outcome:
    state, interval, standing = begun
    start = int(state.step)
    end = built.config.training.steps
    patience = built.config.training.patience
    if start >= end or early_stopping.is_over(standing, patience=patience):
        LOGGER.info("nothing to do: %s has %d of %d steps", built.workdir, start, end)
        return Outcome(start, is_finished=True)
    lifted = built.lifted
    state = lifted.put(state)
    batches = devices.ahead(setup.training_batches(built, start), lifted.share)
    watch = divergence.Guard(lambda step: setup.training_names(built, step))
    hidden = built.is_quiet or not processes.is_first()
    with (
        TrainLog(built.workdir, step=start) as log,
        interruption.listen() as is_wanted,
        progress.bar(end, start=start, unit="step", is_hidden=hidden) as bar,
    ):
        LOGGER.info("compiling the first step, which takes about a minute")
        speed = Speed(built.config.training.batch_size, ceiling=built.ceiling())
        for step in range(start + 1, end + 1):
            with speed.waiting():
                batch = next(batches)
            state, terms = lifted.step(state, batch)
            interval.add(terms)
            watch.add(step, terms)
            speed.add()
            bar.update()
            if step % built.config.training.log_every == 0:
                numbers = _train_numbers(built, interval, step)
                log.write(step, "train", {**numbers, **speed.numbers()})
                bar.set_postfix_str(_line(numbers))
                _warn_if_nothing_is_learned(built, numbers, step)
                interval = Interval({}, 0)
            every = built.config.parallel.replicas_every
            if every and step % every == 0:
                divergence.check_replicas(state, step)
            is_ending = is_wanted(step)
            with speed.paused():
                standing = _validate_and_save(
                    built,
                    manager,
                    log,
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
        # The steps after a training that is stopped are checked at the next start.
        if is_finished:
            watch.end()
    return Outcome(step, is_finished=is_finished)


def _validate_and_save(
    built: Setup,
    manager: Any,
    log: TrainLog,
    state: Any,
    interval: Interval,
    standing: Standing,
    step: int,
    is_ending: bool,
) -> Standing:
    """Draws, validates and saves where that is due; returns the new standing."""
    training = built.config.training
    is_sheet_due = _is_due(step, training.sheet_every, training.steps)
    is_validation_due = _is_due(step, training.checkpoint_every, training.steps)
    if not (is_sheet_due or is_validation_due or is_ending):
        return standing
    fetched = validation.settled(built, built.lifted.fetch(state))
    if is_sheet_due:
        validation.write_sheet(built, fetched, step)
    numbers = validation.validate(built, fetched) if is_validation_due else None
    if numbers is not None:
        log.write(step, "validation", numbers)
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
        _save(built, manager, fetched, interval, standing, numbers)
    return standing


def _is_due(step: int, every: int, end: int) -> bool:
    return every > 0 and (step % every == 0 or step == end)


def _train_numbers(built: Setup, interval: Interval, step: int) -> dict[str, float]:
    rate = float(built.config.schedule.make()(step - 1))
    return built.numbers(interval.means()) | {"learning_rate": rate}


def _line(numbers: dict[str, float]) -> str:
    if "loss" not in numbers:
        return f"{numbers['skipped']:.0f} steps skipped"
    parts = [f"loss {numbers['loss']:.4f} (constant {numbers['constant_loss']:.4f})"]
    if "kl" in numbers:
        parts.append(f"KL {numbers['kl']:.4f}")
    if "class_accuracy" in numbers:
        parts.append(f"classes {numbers['class_accuracy']:.0%}")
    return ", ".join(parts)


def _warn_if_nothing_is_learned(
    built: Setup, numbers: dict[str, float], step: int
) -> None:
    every = built.config.training.log_every
    turning = max(PATIENCE * built.config.training.steps, SOONEST)
    is_first_after = step - every < turning <= step
    if (
        "loss" in numbers
        and is_first_after
        and numbers["loss"] > LEARNED * numbers["constant_loss"]
    ):
        LOGGER.warning(
            "after step %d the loss, %.4f, is still that of a constant prediction,"
            " %.4f: nothing is learned from the photographs yet",
            step,
            numbers["loss"],
            numbers["constant_loss"],
        )


def _save(
    built: Setup,
    manager: Any,
    state: TrainState,
    interval: Interval,
    standing: Standing,
    validation: dict[str, float] | None,
) -> None:
    prior = built.prior
    record = {
        "description": descriptions.to_fields(build.description(built.config)),
        "config": schema.to_dict(built.config),
        "prior": None if prior is None else priors.to_json(prior),
        "interval": interval.to_json(),
        "standing": standing._asdict(),
        "versions": versions.recorded(),
        "training_photographs": len(built.split.training),
    }
    checkpoints.save(manager, state, record=record, validation=validation)
