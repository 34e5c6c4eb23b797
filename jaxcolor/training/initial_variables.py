"""Initial variables of a training: random, rescaled, or of a trained model."""

import logging
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, UInt8

from jaxcolor.color import cielab
from jaxcolor.models import initialization
from jaxcolor.models.interface import Encoder, Network
from jaxcolor.pretrained import release
from jaxcolor.pretrained.importers import efficientnet_lite_weights, vgg16_weights
from jaxcolor.training.config import build
from jaxcolor.training.config.schema import Config

LOGGER = logging.getLogger(__name__)

# Channels of the photographs that the network sees.
GRAY = 1
# Number of arrays that a message names.
NAMED = 3


def variables(
    config: Config,
    network: Network,
    fresh: PyTree,
    *,
    prior: Float[np.ndarray, " q"] | None,
    photographs: Callable[[int], UInt8[np.ndarray, "b h w 3"]],
) -> PyTree:
    """Returns the variables before the first step, as the config's section wants them.

    Args:
        config: its section `initialization`.
        network: of the training.
        fresh: its random variables, as from `network.init`.
        prior: share of each bin; None for a regression.
        photographs: from a number to that many photographs, cropped as in training.
            Called only where the method uses photographs.
    """
    start = config.initialization
    if start.checkpoint is not None:
        return transferred(
            fresh,
            release.load(start.checkpoint).variables,
            name=start.checkpoint,
            is_partial=start.partial,
        )
    if start.encoder is not None:
        fresh = _with_encoder(fresh, start.encoder, config=config, network=network)
    if start.method == "random":
        return fresh
    head_mean = jnp.asarray(build.head(config).bias(prior))
    kept = () if start.encoder is None else (_encoder_of(network).module,)

    # One program: by itself, each operation of the network would be compiled, too.
    @jax.jit
    def standardized(variables: PyTree, rgb: UInt8[Array, "b h w 3"]) -> PyTree:
        return initialization.within_channel(
            network,
            variables,
            lightness=cielab.rgb8_to_lab(rgb)[..., 0],
            head_mean=head_mean,
            head_deviation=start.head_deviation,
            kept=kept,
        )

    return standardized(fresh, photographs(start.images))


def _with_encoder(
    fresh: PyTree, path: str, *, config: Config, network: Network
) -> PyTree:
    """Returns variables with a published encoder's parameters.

    Raises:
        ValueError: the file has those of another encoder.
    """
    encoder = _encoder_of(network)
    if encoder.kind == "vgg16":
        params = vgg16_weights.read_trunk(
            path, wanted=fresh["params"][encoder.module], gray_mean=encoder.gray_mean
        )
    else:
        params = efficientnet_lite_weights.read_encoder(
            path,
            width=config.model.arguments["encoder_width"],
            depth=config.model.arguments["encoder_depth"],
            channels=GRAY,
        )
    params = jax.device_put(params)
    return {**fresh, "params": {**fresh["params"], encoder.module: params}}


def _encoder_of(network: Network) -> Encoder:
    # Configs with weights for a network without an encoder are refused earlier.
    assert network.encoder is not None
    return network.encoder


def transferred(new: PyTree, trained: PyTree, *, name: str, is_partial: bool) -> PyTree:
    """Returns the trained arrays wherever the new network has one of that shape.

    Args:
        new: the network's variables.
        trained: those of a model.
        name: of the model, for messages.
        is_partial: whether some arrays may stay as they are in `new`.

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
            return jax.device_put(found)
        # The first key only says whether it is a parameter or a statistic.
        (missing if found is None else differing).append("/".join(keys[1:]))
        return fresh

    chosen = jax.tree_util.tree_map_with_path(choose, new)
    unfit = missing + differing
    count = len(jax.tree.leaves(new))
    summary = f"of the network's {count} arrays {count - len(unfit)} fit {name}"
    if unfit:
        summary += (
            f", {len(missing)} {'is' if len(missing) == 1 else 'are'} not there and"
            f" {len(differing)} {'has' if len(differing) == 1 else 'have'} another"
            f" shape: {', '.join(unfit[:NAMED])}" + ", ..." * (len(unfit) > NAMED)
        )
    if len(unfit) == count:
        raise ValueError(f"{summary}; wanted a model that has some of them")
    if unfit and not is_partial:
        raise ValueError(
            f"{summary}; wanted all to fit, or config.initialization.partial = True"
        )
    LOGGER.info("%s", summary)
    return chosen
