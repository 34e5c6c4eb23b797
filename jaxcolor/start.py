"""The state that a training starts from: fresh, taken over, or restored."""

import itertools
import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree, UInt8

from jaxcolor import build, checkpoint, initial, parallel, steps
from jaxcolor import prior as priors
from jaxcolor import setting as settings
from jaxcolor.journal import Interval
from jaxcolor.setting import Setting
from jaxcolor.steps import TrainState

LOGGER = logging.getLogger(__name__)


def first_or_restored(setting: Setting, manager: Any) -> tuple[TrainState, Interval]:
    """Returns the state to go on from, and the sums of its unfinished interval."""
    config = setting.config
    network = build.network(config, axis_name=None)
    optimizer = build.optimizer(config)
    crop = config.pipeline.crop
    key = jax.random.key(setting.training.seed)
    lightness = jnp.zeros((1, crop, crop))
    variables = jax.jit(lambda k: network.init(k, lightness, train=False))(key)
    average = config.average.decay > 0
    empty = parallel.replicate(
        jax.device_get(steps.init_state(variables, optimizer, average=average))
    )
    restored = checkpoint.restore_latest(manager, empty)
    if restored is not None:
        state, record = restored
        LOGGER.info("resuming %s after step %d", setting.workdir, int(state.step))
        return state, Interval(**record["interval"])
    variables = _initialized(setting, network, variables)
    return steps.init_state(variables, optimizer, average=average), Interval({}, 0)


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
