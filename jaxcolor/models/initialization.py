"""Data-dependent initialization: every layer starts with activations of unit scale."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jaxtyping import Array, Float, PyTree

from jaxcolor.models import layers, layerwise
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
    kept: Sequence[str] = (),
) -> PyTree:
    """Returns variables rescaled so that the batch's pre-activations are standard.

    One forward pass. Behind every convolution each channel gets mean 0 and variance 1
    over the batch, by scaling the kernel and setting the bias; without a bias, only
    variance 1. Running statistics become the batch's own. The head's outputs get the
    given mean and deviation instead: with the log of the prior and a small deviation,
    the network starts by predicting the prior for every photograph.

    Args:
        model: built from `layers`; its `axis_name` plays no role here.
        variables: as from `model.init`; the directions of the kernels are kept.
        lightness: L* in [0, 100], some tens of different photographs.
        head_mean: finite; floor a prior before its logarithm. Zeros for ab outputs.
        head_deviation: standard deviation of each output over the batch.
        kept: prefixes of the layers that stay as they are, such as those of an encoder
            with trained weights; running statistics become the batch's there too.

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
        name = "/".join(layer.path)
        is_last = name == model.outer_layers.last
        if isinstance(layer, layers.BatchNorm):
            if is_last:
                size = layer.variables["params"]["bias"].shape
                _set(layer, scale=jnp.full(size, head_deviation), bias=head_mean)
            return _adopt_statistics(layer, args[0], call=call)
        if is_last:
            return _rescale(
                layer, call(*args), mean=head_mean, deviation=head_deviation
            )
        if layerwise.match(name, kept) is not None:
            return call(*args, **kwargs)
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
    """Changes kernel and bias of a layer so that its outputs have these moments.

    The outputs of a layer without a bias keep the mean that its scaled kernel gives.
    """
    exact = outputs.astype(jnp.float32)
    variance = jnp.var(exact, (0, 1, 2))
    scale = deviation * jax.lax.rsqrt(jnp.maximum(variance, SMALLEST_VARIANCE))
    shift = mean - scale * jnp.mean(exact, (0, 1, 2))
    old = layer.variables["params"]
    along = (1,) * 3 + scale.shape
    _set(layer, kernel=old["kernel"] * scale.reshape(along))
    if "bias" not in old:
        return (exact * scale.reshape(along)).astype(outputs.dtype)
    _set(layer, bias=old["bias"] * scale + shift)
    return (exact * scale.reshape(along) + shift.reshape(along)).astype(outputs.dtype)


def _set(layer: nn.Module, **params: Float[Array, "..."]) -> None:
    """Gives parameters of a layer other values."""
    for name, value in params.items():
        layer.put_variable("params", name, value)


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
