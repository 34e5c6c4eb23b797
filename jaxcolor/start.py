"""The state that a training starts from: fresh, taken over, or restored."""

import itertools
import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from jaxcolor import (
    build,
    checkpoint,
    cielab,
    parallel,
    pretrained,
    sections,
    steps,
)
from jaxcolor import prior as priors
from jaxcolor import setting as settings
from jaxcolor.journal import Interval
from jaxcolor.models import initialize
from jaxcolor.setting import Setting
from jaxcolor.steps import TrainState

LOGGER = logging.getLogger(__name__)

# Names of arrays that do not fit, in a message.
TOLD = 3


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
    start: sections.Initialization = build.section_of(setting.config, "initialization")
    if start.checkpoint is not None:
        return _taken_over(
            variables,
            pretrained.load(start.checkpoint).variables,
            name=start.checkpoint,
            is_partial=start.partial,
        )
    if start.method == "random":
        return variables
    probabilities = (
        None if setting.prior is None else priors.probabilities(setting.prior)
    )
    # The photographs of the first batches, as the training will see them: in every
    # process all of them, since each makes the whole state.
    per_batch = setting.training.batch_size
    batches = itertools.islice(
        settings.training_batches(setting, 0, is_whole=True),
        -(-start.images // per_batch),
    )
    rgb = np.concatenate([batch["rgb"] for batch in batches])[: start.images]
    return initialize.within_channel(
        network,
        variables,
        lightness=cielab.rgb8_to_lab(rgb)[..., 0],
        head_mean=jnp.asarray(build.head_mean(setting.config, probabilities)),
        head_deviation=start.head_deviation,
    )


def _taken_over(new: PyTree, trained: PyTree, *, name: str, is_partial: bool) -> PyTree:
    """Returns the trained arrays wherever the new network has the same, by shape.

    Args:
        new: the network's variables.
        trained: those of a model.
        name: of the model, for messages.
        is_partial: whether some arrays may have to stay as they are in `new`.

    Raises:
        ValueError: some do not fit and `is_partial` is False, or none fits.
    """
    missing: list[str] = []
    differing: list[str] = []

    def choose(path: Any, fresh: jax.Array) -> jax.Array:
        keys = [key.key for key in path]
        found: Any = trained
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        if found is not None and np.shape(found) == fresh.shape:
            return jnp.asarray(found)
        # The first key tells parameters from statistics.
        (missing if found is None else differing).append("/".join(keys[1:]))
        return fresh

    chosen = jax.tree_util.tree_map_with_path(choose, new)
    unfit = missing + differing
    count = len(jax.tree.leaves(new))
    told = f"of the network's {count} arrays {count - len(unfit)} fit {name}"
    if unfit:
        told += (
            f", {len(missing)} {'is' if len(missing) == 1 else 'are'} not there and"
            f" {len(differing)} {'has' if len(differing) == 1 else 'have'} another"
            f" shape: {', '.join(unfit[:TOLD])}" + ", ..." * (len(unfit) > TOLD)
        )
    if len(unfit) == count:
        raise ValueError(f"{told}; wanted a model that has some of them")
    if unfit and not is_partial:
        raise ValueError(
            f"{told}; wanted all to fit, or config.initialization.partial = True"
        )
    LOGGER.info("%s", told)
    return chosen
