"""The state that a training starts from: fresh, taken over, or restored."""

import itertools
import logging
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, UInt8

from jaxcolor import build, initial, steps, stopping
from jaxcolor import prior as priors
from jaxcolor import setting as settings
from jaxcolor.journal import Interval
from jaxcolor.runtime import checkpoints, devices
from jaxcolor.setting import Setting
from jaxcolor.steps import TrainState
from jaxcolor.stopping import Standing

LOGGER = logging.getLogger(__name__)


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
        jax.device_get(steps.init_state(variables, optimizer, average=average))
    )
    restored = checkpoints.restore_latest(manager, empty)
    if restored is not None:
        state, record = restored
        LOGGER.info("resuming %s after step %d", setting.workdir, int(state.step))
        # Checkpoints of earlier versions have no standing.
        standing = Standing(**record.get("standing", stopping.START._asdict()))
        return Start(state, Interval(**record["interval"]), standing)
    variables = _initialized(setting, network, variables)
    state = steps.init_state(variables, optimizer, average=average)
    return Start(state, Interval({}, 0), stopping.START)


def _initialized(setting: Setting, network: Any, variables: PyTree) -> PyTree:
    def photographs(count: int) -> UInt8[np.ndarray, "b h w 3"]:
        # Those of the first batches: in every process all of them, since each makes
        # the whole state.
        per_batch = setting.training.batch_size
        batches = itertools.islice(
            settings.training_batches(setting, 0, is_whole=True),
            -(-count // per_batch),
        )
        return np.concatenate([batch["rgb"] for batch in batches])[:count]

    prior = setting.prior
    return initial.variables(
        setting.config,
        network,
        variables,
        prior=None if prior is None else priors.probabilities(prior),
        photographs=photographs,
    )
