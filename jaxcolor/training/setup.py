"""Builds a training from its config and its workdir, and its first state."""

import functools
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, UInt8

from jaxcolor.color import cielab
from jaxcolor.data import pipeline, splits
from jaxcolor.data.labels import Labeling
from jaxcolor.models import layerwise
from jaxcolor.runtime import checkpoints, devices, processes
from jaxcolor.training import (
    degradation,
    early_stopping,
    initial_variables,
    objectives,
    priors,
    train_step,
    workdirs,
)
from jaxcolor.training.config import build
from jaxcolor.training.config.schema import Config
from jaxcolor.training.early_stopping import Standing
from jaxcolor.training.objectives import Means
from jaxcolor.training.priors import Prior
from jaxcolor.training.train_log import Interval
from jaxcolor.training.train_step import TrainState

LOGGER = logging.getLogger(__name__)


class Setup(NamedTuple):
    """The parts of a training, which stay the same from its start to its end.

    Attributes:
        config: as checked.
        workdir: folder of all outputs.
        split: the photographs.
        prior: of the bins; None for a regression.
        labels: classes of the photographs; None for an objective without.
        lifted: the train step over all devices.
        evaluate: from variables and a batch to sums over it.
        statistics: from variables and photographs to a batch's statistics.
        predict: from variables and photographs to colorized ones, uint8.
        numbers: from mean terms to the numbers of a log, see `objectives.numbers`.
        ceiling: measures how many images a second the devices could train on if they
            computed only the network's products.
        is_quiet: no progress bars.
    """

    config: Config
    workdir: Path
    split: splits.Split
    prior: Prior | None
    labels: Labeling | None
    lifted: devices.Lifted
    evaluate: Callable[..., PyTree]
    statistics: Callable[..., PyTree]
    predict: Callable[..., Any]
    numbers: Callable[[Means], dict[str, float]]
    ceiling: Callable[[], float]
    is_quiet: bool


def prepare(config: Config, workdir: Path, *, is_quiet: bool) -> Setup:
    """Builds the training, and writes what it settles to a new workdir.

    That is the listing of the photographs, their classes, the prior and the config.

    Raises:
        ValueError: the config cannot be trained here, or differs from the workdir's.
    """
    build.check(config)
    is_new = processes.agree(not (workdir / workdirs.CONFIG).exists())
    # Before the workdir is cleared: the given prior may be in it.
    given = workdirs.given_prior(config) if is_new else None
    processes.first_then_all(lambda: workdirs.check_config(config, workdir))
    split = workdirs.settle_split(config, workdir)
    labels = workdirs.settle_labels(config, workdir, split)
    prior = workdirs.settle_prior(
        config, workdir, split.training, given=given, is_quiet=is_quiet
    )
    probabilities = None if prior is None else priors.probabilities(prior)
    objective = build.objective(config, probabilities)
    optimizer = build.optimizer(config)
    layers = config.layers
    degrade = degradation.make_degrade(config.degradation, seed=config.training.seed)

    def make_step(axis_name: str | None) -> train_step.TrainStep:
        return train_step.make_train_step(
            build.network(config, axis_name=axis_name),
            optimizer,
            objective,
            average_decay=config.average.decay,
            degrade=degrade,
            axis_name=axis_name,
            accumulation=config.parallel.accumulation,
            remat=config.parallel.remat,
            is_frozen=lambda name: layerwise.rate(name, layers.rates) == 0,
            fixed_statistics=layers.fixed_statistics,
            seed=config.training.seed,
        )

    network = build.network(config, axis_name=None)

    decoding = build.description(config).decoding
    colorize = train_step.make_colorize(
        network,
        build.head(config).decoder(decoding, probabilities),
        amount=decoding.coherence,
    )

    @jax.jit
    def predict(variables: PyTree, rgb: jax.Array) -> jax.Array:
        return colorize(variables, cielab.rgb8_to_lab(rgb)[..., 0])[1]

    crop = config.pipeline.crop
    flops = train_step.FORWARD_PASSES * network.flops(crop, crop)
    statistics = train_step.make_statistics_step(
        network,
        fixed_statistics=layers.fixed_statistics,
        extra_inputs=objective.extra_inputs,
    )
    lifted = devices.lift(make_step, kind=config.parallel.lift)
    # Last, so that a start that failed does not bind the next one.
    workdirs.write_config(config, workdir)
    return Setup(
        config=config,
        workdir=workdir,
        split=split,
        prior=prior,
        labels=labels,
        lifted=lifted,
        evaluate=devices.lift_sums(
            train_step.make_eval_step(network, objective, colorize)
        ),
        statistics=devices.lift_sums(statistics),
        predict=predict,
        numbers=functools.partial(objectives.numbers, objective),
        ceiling=lambda: devices.matmul_rate(config.parallel.compute_dtype) / flops,
        is_quiet=is_quiet,
    )


def training_batches(
    built: Setup, step: int, *, is_whole: bool = False
) -> Iterator[dict[str, Any]]:
    """Yields this process's share of the batches after a step.

    Args:
        built: the training.
        step: the last one that was made.
        is_whole: all of each batch instead, the same in every process.
    """
    chain = built.config.pipeline
    local = pipeline.Share(jax.process_index(), jax.process_count())
    return pipeline.training_batches(
        built.split.training,
        pipeline.Crop(
            resize=chain.resize,
            squash=chain.squash,
            side=chain.crop,
            draft=chain.draft,
            scales=chain.scales,
            flip=chain.flip,
        ),
        seed=built.config.training.seed,
        step=step,
        batch_size=built.config.training.batch_size,
        share=pipeline.ALONE if is_whole else local,
        workers=pipeline.Workers(chain.threads, chain.prefetch),
        labels=None if built.labels is None else built.labels.training,
    )


def training_names(built: Setup, step: int) -> list[str]:
    """Lists the photographs of a step's batch."""
    return pipeline.training_names(
        built.split.training,
        seed=built.config.training.seed,
        step=step - 1,
        batch_size=built.config.training.batch_size,
    )


class Start(NamedTuple):
    """The state that a training starts or resumes from.

    Attributes:
        state: fresh or restored.
        interval: sums of its unfinished interval.
        standing: of its validations.
    """

    state: TrainState
    interval: Interval
    standing: Standing


def first_or_restored(built: Setup, manager: Any) -> Start:
    """Returns the state to start from: the newest checkpoint, or a fresh one."""
    config = built.config
    network = build.network(config, axis_name=None)
    optimizer = build.optimizer(config)
    crop = config.pipeline.crop
    key = jax.random.key(config.training.seed)
    lightness = jnp.zeros((1, crop, crop))
    variables = jax.jit(lambda k: network.init(k, lightness, train=False))(key)
    average = config.average.decay > 0
    empty = devices.replicate(
        jax.device_get(train_step.init_state(variables, optimizer, average=average))
    )
    restored = checkpoints.restore_latest(manager, empty)
    if restored is not None:
        state, record = restored
        LOGGER.info("resuming %s after step %d", built.workdir, int(state.step))
        # Checkpoints of earlier versions have no standing.
        standing = Standing(**record.get("standing", early_stopping.START._asdict()))
        return Start(state, Interval(**record["interval"]), standing)
    variables = _initialized(built, network, variables)
    state = train_step.init_state(variables, optimizer, average=average)
    return Start(state, Interval({}, 0), early_stopping.START)


def _initialized(built: Setup, network: Any, variables: PyTree) -> PyTree:
    def photographs(count: int) -> UInt8[np.ndarray, "b h w 3"]:
        # Those of the first batches: in every process all of them, since each makes
        # the whole state.
        per_batch = built.config.training.batch_size
        batches = itertools.islice(
            training_batches(built, 0, is_whole=True),
            -(-count // per_batch),
        )
        return np.concatenate([batch["rgb"] for batch in batches])[:count]

    prior = built.prior
    return initial_variables.variables(
        built.config,
        network,
        variables,
        prior=None if prior is None else priors.probabilities(prior),
        photographs=photographs,
    )
