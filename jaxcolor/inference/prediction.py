"""From lightness to ab on a map of cells, step by step and as one compiled program.

A cell is a pixel of the network's output, a quarter of its input.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, Int, PyTree, UInt8

from jaxcolor.color import cielab, coherence, decode, rebalance
from jaxcolor.color.array_types import Ab, BinWeights, Lightness, Scalar
from jaxcolor.color.gamut import Gamut
from jaxcolor.pretrained import descriptions


class Reading(NamedTuple):
    """How a distribution over bins is read.

    Attributes:
        gamut: the bins.
        temperature: of the annealed mean.
        from_weights: class weights of the training.
        to_weights: class weights that the posterior is moved to.
    """

    gamut: Gamut
    temperature: Scalar
    from_weights: BinWeights
    to_weights: BinWeights


class Prediction(NamedTuple):
    """What a network says of lightness, in cells.

    Attributes:
        outputs: logits of bins, or what `decode.regression` makes ab of.
        features: that the outputs were made of; None where nothing needs them.
    """

    outputs: Float[Array, "b H W n"]
    features: Float[Array, "b H W c"] | None


def reading(
    numbers: descriptions.Decoding, prior: Float[np.ndarray, " q"] | None
) -> Reading:
    """Returns how a model's outputs are read, its arrays on the device."""
    temperature, prior = jax.device_put((np.float32(numbers.temperature), prior))
    lambdas = (numbers.rebalancing_lambda, numbers.decoding_lambda)
    return Reading(numbers.bins, temperature, *_class_weights(lambdas, prior))


# The network is compared by value, so that all colorizers share what is compiled.
@partial(jax.jit, static_argnums=0, static_argnames="has_features")
def predict(
    network: nn.Module,
    variables: PyTree,
    reading: Reading | None,
    lightness: Float[Array, "b h w"],
    *,
    has_features: bool,
) -> Prediction:
    """Returns what the network says.

    Args:
        network: of the model.
        variables: of the network.
        reading: whose lambda the outputs are moved to; None to leave them.
        lightness: L* in [0, 100].
        has_features: whether the features are wanted, too.
    """
    if has_features:
        outputs, features = network.apply(
            variables, lightness, train=False, method="outputs_and_features"
        )
        assert isinstance(features, jax.Array)
        return Prediction(move(reading, outputs), features)
    outputs = network.apply(variables, lightness, train=False)
    # With `mutable`, Flax would return a tuple.
    assert isinstance(outputs, jax.Array)
    return Prediction(move(reading, outputs), None)


@jax.jit
def move(
    reading: Reading | None, outputs: Float[Array, "*p n"]
) -> Float[Array, "*p n"]:
    """Returns outputs moved to the reading's lambda; as they are without one."""
    if reading is None:
        return outputs
    return decode.reweight(
        outputs, from_weights=reading.from_weights, to_weights=reading.to_weights
    )


@jax.jit
def colors(reading: Reading | None, outputs: Float[Array, "*p n"]) -> Ab:
    """Returns ab of moved outputs."""
    if reading is None:
        return decode.regression(outputs)
    return decode.annealed_mean(outputs, reading.gamut, temperature=reading.temperature)


@jax.jit
def coherent(
    ab: Float[Array, "*t b H W 2"],
    features: Float[Array, "b H W c"],
    lightness: Float[Array, "b h w"],
    amount: Scalar,
    valid: Int[Array, "b 2"],
) -> Float[Array, "*t b H W 4"]:
    """Returns coherent colors as functions of lightness, see `coherence.colors`.

    Args:
        ab: in cells; leading axes share what is worked out of the features.
        features: of the network.
        lightness: that the network saw.
        amount: the coherence, above 0.
        valid: rows and columns of cells that are no padding.
    """
    height, width = ab.shape[-3:-1]
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]

    def of_photograph(
        ab: Float[Array, "t H W 2"],
        features: Float[Array, "H W c"],
        lightness: Float[Array, "h w"],
        valid: Int[Array, "2"],
    ) -> Float[Array, "t H W 4"]:
        found = partial(
            coherence.colors,
            features=features,
            lightness=_means(lightness, height, width),
            inside=(rows < valid[0]) & (columns < valid[1]),
            coherence=amount,
        )
        return jax.vmap(found)(ab)

    # One photograph after the other: smaller arrays stay in the processor's cache.
    each = jnp.moveaxis(ab.reshape(-1, *ab.shape[-4:]), 1, 0)
    parts = (each, features, lightness, valid)
    found = jax.lax.map(lambda part: of_photograph(*part), parts)
    return jnp.moveaxis(found, 0, 1).reshape(*ab.shape[:-1], 4)


@jax.jit
def ab_of_cells(
    colors: Float[Array, "b H W n"], lightness: Float[Array, "b h w"]
) -> Float[Array, "b H W 2"]:
    """Returns ab at the mean lightness of each cell, of what may be functions of it."""
    means = jax.vmap(lambda one: _means(one, *colors.shape[1:3]))(lightness)
    return coherence.at_lightness(colors, means)


@partial(jax.jit, static_argnums=0)
def ab_of_rgb(
    network: nn.Module,
    variables: PyTree,
    reading: Reading | None,
    amount: Scalar | None,
    rgb: UInt8[Array, "b h w 3"],
    valid: Int[Array, "b 2"],
) -> Float[Array, "b H W n"]:
    """Returns ab of views, in cells: all of the above as one program.

    Args:
        network: of the model.
        variables: of the network.
        reading: None for a regression.
        amount: the coherence; None for none.
        rgb: of which only the lightness counts.
        valid: as `coherent` takes it.
    """
    seen = lightness(rgb)
    outputs, features = predict(
        network, variables, reading, seen, has_features=amount is not None
    )
    ab = colors(reading, outputs)
    return ab if features is None else coherent(ab, features, seen, amount, valid)


@jax.jit
def lightness(rgb: UInt8[Array, "*p 3"]) -> Lightness:
    """Returns L* of views."""
    return cielab.rgb8_to_lab(rgb)[..., 0]


def _means(
    lightness: Float[Array, "h w"], height: int, width: int
) -> Float[Array, "H W"]:
    cells = lightness.reshape(height, len(lightness) // height, width, -1)
    return cells.mean(axis=(1, 3))


# Compiled as one: operation by operation it takes seconds to start.
@partial(jax.jit, static_argnums=0)
def _class_weights(
    lambdas: tuple[float, float], prior: BinWeights
) -> tuple[BinWeights, BinWeights]:
    first, second = (
        rebalance.class_weights(prior, rebalancing_lambda=each) for each in lambdas
    )
    return first, second
