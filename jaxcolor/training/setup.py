"""What a training is made of, from its config and its workdir, and its first state."""

import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, UInt8
from ml_collections import ConfigDict

from jaxcolor.color import cielab
from jaxcolor.data import pipeline, splits
from jaxcolor.models import layerwise
from jaxcolor.runtime import checkpoints, devices, processes
from jaxcolor.training import (
    degradation,
    early_stopping,
    initial_variables,
    priors,
    train_step,
    workdirs,
)
from jaxcolor.training.config import build, schema
from jaxcolor.training.early_stopping import Standing
from jaxcolor.training.priors import Prior
from jaxcolor.training.train_log import Interval
from jaxcolor.training.train_step import TrainState

LOGGER = logging.getLogger(__name__)

# Passes through the network, forwards, that a train step is worth: one, and the two
# gradients of each product.
TRAINED = 3


class Setting(NamedTuple):
    """What a training is made of; fixed from its start to its end.

    Attributes:
        config: as checked.
        workdir: where everything is written.
        training: the config's section.
        split: the photographs.
        prior: of the bins; None for a regression.
        lifted: the train step over all devices.
        evaluate: from variables and a batch to sums over it.
        statistics: from variables and photographs to a batch's statistics.
        predict: from variables and photographs to colorized ones, uint8.
        constant_loss: from mean terms to the constant predictor's loss.
        ceiling: measures how many images a second the devices could train on if they
            did nothing but the network's products.
        is_quiet: no progress bars.
    """

    config: ConfigDict
    workdir: Path
    training: schema.Training
    split: splits.Split
    prior: Prior | None
    lifted: devices.Lifted
    evaluate: Callable[..., PyTree]
    statistics: Callable[..., PyTree]
    predict: Callable[..., Any]
    constant_loss: Callable[..., float]
    ceiling: Callable[[], float]
    is_quiet: bool


def prepare(config: ConfigDict, workdir: Path, *, is_quiet: bool) -> Setting:
    """Settles what is not settled in the workdir yet, and builds the training.

    Raises:
        ValueError: the config is wrong, or differs from the workdir's.
    """
    build.check(config)
    training: schema.Training = build.section_of(config, "training")
    processes.first_then_all(lambda: workdirs.check_config(config, workdir))
    split = workdirs.settle_split(config, workdir)
    prior = workdirs.settle_prior(config, workdir, split.training, is_quiet=is_quiet)
    probabilities = None if prior is None else priors.probabilities(prior)
    objective = build.objective(config, probabilities)
    optimizer = build.optimizer(config)
    parallel: schema.Parallel = build.section_of(config, "parallel")
    average: schema.Average = build.section_of(config, "average")
    layers: schema.Layers = build.section_of(config, "layers")
    spoil = degradation.make_spoil(build.section_of(config, "wear"), seed=training.seed)

    def make_step(axis_name: str | None) -> train_step.TrainStep:
        return train_step.make_train_step(
            build.network(config, axis_name=axis_name),
            optimizer,
            objective,
            average_decay=average.decay,
            spoil=spoil,
            axis_name=axis_name,
            accumulation=parallel.accumulation,
            remat=parallel.remat,
            is_frozen=lambda name: layerwise.rate(name, layers.rates) == 0,
            fixed_statistics=layers.fixed_statistics,
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
    flops = TRAINED * network.flops(crop, crop)
    statistics = train_step.make_statistics_step(
        network, fixed_statistics=layers.fixed_statistics
    )
    lifted = devices.lift(make_step, kind=parallel.lift)
    # Last, so that a start that failed does not bind the next one.
    workdirs.write_config(config, workdir)
    return Setting(
        config=config,
        workdir=workdir,
        training=training,
        split=split,
        prior=prior,
        lifted=lifted,
        evaluate=devices.lift_sums(
            train_step.make_eval_step(network, objective, colorize)
        ),
        statistics=devices.lift_sums(statistics),
        predict=predict,
        # Means over many batches come from the host.
        constant_loss=lambda means: float(
            objective.constant_loss(jax.tree.map(jnp.float32, means))
        ),
        ceiling=lambda: devices.matmul_rate(parallel.compute_dtype) / flops,
        is_quiet=is_quiet,
    )


def training_batches(
    setting: Setting, step: int, *, is_whole: bool = False
) -> Iterator[dict[str, Any]]:
    """Yields this process's share of the batches after a step.

    Args:
        setting: of the training.
        step: the last one that was made.
        is_whole: all of the batches instead, the same in every process.
    """
    chain: schema.Pipeline = build.section_of(setting.config, "pipeline")
    local = pipeline.Share(jax.process_index(), jax.process_count())
    return pipeline.training_batches(
        setting.split.training,
        pipeline.Crop(
            resize=chain.resize,
            squash=chain.squash,
            side=chain.crop,
            draft=chain.draft,
            scales=chain.scales,
            flip=chain.flip,
        ),
        seed=setting.training.seed,
        step=step,
        batch_size=setting.training.batch_size,
        share=pipeline.ALONE if is_whole else local,
        workers=pipeline.Workers(chain.threads, chain.prefetch),
    )


def training_names(setting: Setting, step: int) -> list[str]:
    """Lists the photographs that a step learnt from."""
    return pipeline.training_names(
        setting.split.training,
        seed=setting.training.seed,
        step=step - 1,
        batch_size=setting.training.batch_size,
    )


class Start(NamedTuple):
    """What a training goes on from.

    Attributes:
        state: fresh or restored.
        interval: sums of its unfinished interval.
        standing: of its validations.
    """

    state: TrainState
    interval: Interval
    standing: Standing


def first_or_restored(setting: Setting, manager: Any) -> Start:
    """Returns what to go on from: the newest checkpoint, or a fresh state."""
    config = setting.config
    network = build.network(config, axis_name=None)
    optimizer = build.optimizer(config)
    crop = config.pipeline.crop
    key = jax.random.key(setting.training.seed)
    lightness = jnp.zeros((1, crop, crop))
    variables = jax.jit(lambda k: network.init(k, lightness, train=False))(key)
    average = config.average.decay > 0
    empty = devices.replicate(
        jax.device_get(train_step.init_state(variables, optimizer, average=average))
    )
    restored = checkpoints.restore_latest(manager, empty)
    if restored is not None:
        state, record = restored
        LOGGER.info("resuming %s after step %d", setting.workdir, int(state.step))
        # Checkpoints of earlier versions have no standing.
        standing = Standing(**record.get("standing", early_stopping.START._asdict()))
        return Start(state, Interval(**record["interval"]), standing)
    variables = _initialized(setting, network, variables)
    state = train_step.init_state(variables, optimizer, average=average)
    return Start(state, Interval({}, 0), early_stopping.START)


def _initialized(setting: Setting, network: Any, variables: PyTree) -> PyTree:
    def photographs(count: int) -> UInt8[np.ndarray, "b h w 3"]:
        # Those of the first batches: in every process all of them, since each makes
        # the whole state.
        per_batch = setting.training.batch_size
        batches = itertools.islice(
            training_batches(setting, 0, is_whole=True),
            -(-count // per_batch),
        )
        return np.concatenate([batch["rgb"] for batch in batches])[:count]

    prior = setting.prior
    return initial_variables.variables(
        setting.config,
        network,
        variables,
        prior=None if prior is None else priors.probabilities(prior),
        photographs=photographs,
    )
