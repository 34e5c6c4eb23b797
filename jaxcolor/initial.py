"""The variables that a training starts from: random, rescaled, or taken over."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Float, PyTree, UInt8
from ml_collections import ConfigDict

from jaxcolor import build, cielab, pretrained, sections
from jaxcolor.models import initialize


def variables(
    config: ConfigDict,
    network: nn.Module,
    fresh: PyTree,
    *,
    prior: Float[np.ndarray, " q"] | None,
    photographs: Callable[[int], UInt8[np.ndarray, "b h w 3"]],
) -> PyTree:
    """Returns the variables before the first step, as the config's section says.

    Args:
        config: its section `initialization`.
        network: of the training.
        fresh: its random variables, as from `network.init`.
        prior: share of each bin; None for a regression.
        photographs: from a number to so many photographs, as the training will see
            them. Called only where the method looks at photographs.
    """
    start: sections.Initialization = build.section_of(config, "initialization")
    if start.checkpoint is not None:
        return _taken_over(fresh, pretrained.load(start.checkpoint).variables)
    if start.method == "random":
        return fresh
    return initialize.within_channel(
        network,
        fresh,
        lightness=cielab.rgb8_to_lab(photographs(start.images))[..., 0],
        head_mean=jnp.asarray(build.head_mean(config, prior)),
        head_deviation=start.head_deviation,
    )


def _taken_over(new: PyTree, trained: PyTree) -> PyTree:
    """Returns the trained leaves wherever the new network has the same, by shape."""

    def choose(path: Any, fresh: jax.Array) -> jax.Array:
        found: Any = trained
        for key in path:
            found = found.get(key.key) if isinstance(found, dict) else None
        matches = found is not None and np.shape(found) == fresh.shape
        return jnp.asarray(found) if matches else fresh

    return jax.tree_util.tree_map_with_path(choose, new)
