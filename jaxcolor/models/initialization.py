"""Data-dependent initialization: every layer starts with activations of unit scale."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, PyTree

from jaxcolor.models import layers
from jaxcolor.models.interface import Network

SMALLEST_VARIANCE = 1e-5
"""A channel of lower variance on the batch counts as constant: no larger scale."""


def within_channel(
    model: Network,
    variables: PyTree,
    *,
    lightness: Float[Array, "b h w"],
    head_mean: Float[Array, " outputs"],
    head_deviation: float,
) -> PyTree:
    """Returns variables rescaled so that the batch's pre-activations are standard.

    One forward pass. Behind every convolution each channel gets mean 0 and variance 1
    over the batch, by scaling the kernel and setting the bias; running statistics
    become the batch's own. The head's outputs get the given mean and deviation
    instead: with the log of the prior and a small deviation, the network starts by
    predicting the prior for every photograph.

    Args:
        model: built from `layers`; its `axis_name` plays no role here.
        variables: as from `model.init`; the directions of the kernels are kept.
        lightness: L* in [0, 100], some tens of different photographs.
        head_mean: finite; floor a prior before its logarithm. Zeros for ab outputs.
        head_deviation: standard deviation of each output over the batch.

    Source:
        Kraehenbuehl et al. 2016 (arXiv:1511.06856), section 3.1.
    """

    def standardize(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        # Every method of every module passes here, also those that return no array.
        layer = context.module
        if isinstance(layer, layers.BatchNorm):
            return _adopt_statistics(layer, args[0], call=call)
        if "/".join(layer.path) == model.outer_layers.last:
            return _rescale(
                layer, call(*args), mean=head_mean, deviation=head_deviation
            )
        if isinstance(layer, layers.Conv | layers.ConvTranspose):
            return _rescale(layer, call(*args), mean=jnp.zeros(()), deviation=1.0)
        return call(*args, **kwargs)

    with nn.intercept_methods(standardize):
        _, changed = model.apply(
            variables, lightness, train=False, mutable=["params", "batch_stats"]
        )
    return {**variables, **changed}


def _rescale(
    layer: nn.Module,
    outputs: Float[Array, "b h w c"],
    *,
    mean: Float[Array, " *c"],
    deviation: float,
) -> Float[Array, "b h w c"]:
    """Changes kernel and bias of a layer so that its outputs have these moments."""
    exact = outputs.astype(jnp.float32)
    variance = jnp.var(exact, (0, 1, 2))
    scale = deviation * jax.lax.rsqrt(jnp.maximum(variance, SMALLEST_VARIANCE))
    shift = mean - scale * jnp.mean(exact, (0, 1, 2))
    old = layer.variables["params"]
    along = (1,) * 3 + scale.shape
    layer.put_variable("params", "kernel", old["kernel"] * scale.reshape(along))
    layer.put_variable("params", "bias", old["bias"] * scale + shift)
    return (exact * scale.reshape(along) + shift.reshape(along)).astype(outputs.dtype)


def _adopt_statistics(
    layer: layers.BatchNorm,
    inputs: Float[Array, "b h w c"],
    *,
    call: Callable[..., Array],
) -> Float[Array, "b h w c"]:
    """Makes the batch's moments the running ones, then normalizes by them."""
    mean, var = layers.moments(inputs, axis_name=None)
    layer.put_variable("batch_stats", "mean", mean)
    layer.put_variable("batch_stats", "var", var)
    return call(inputs, train=False)
