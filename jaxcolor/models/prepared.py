"""Variables of networks, prepared once for many predictions on CPUs.

A kernel that `fast_convolutions` uses is transformed before each use otherwise, which
for one photograph takes a fifth of the time.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from jaxtyping import PyTree

from jaxcolor.models import fast_convolutions
from jaxcolor.models.interface import Network
from jaxcolor.models.layers import TRANSFORMED, Conv, ConvTranspose

FEWEST_WEIGHTS = 2**22
"""Of all kernels of a network. In a smaller one, to find the layers takes longer than
their transforms for some photographs do."""


def for_inference(network: Network, variables: Mapping[str, Any]) -> PyTree:
    """Returns variables for `network.apply(variables, lightness, train=False)`.

    Kernels of fast convolutions, where these are used, are transformed, in place of the
    parameters: of four times their size. All else is as it was; on an accelerator, and
    of a small network, everything.

    Args:
        network: that the variables are of.
        variables: on the host; they are not changed.
    """
    if not fast_convolutions.are_used() or jax.default_backend() != "cpu":
        return variables
    params = traverse_util.flatten_dict(variables["params"])
    if sum(kernel.size for kernel in params.values() if kernel.ndim == 4) < (
        FEWEST_WEIGHTS
    ):
        return variables
    transformed = {}
    for path, layer in _convolutions(network, variables).items():
        kernel = np.asarray(params[*path, "kernel"])
        found = _transformed(layer, kernel)
        if found is not None:
            transformed[*path, "kernel"] = found
            del params[*path, "kernel"]
    if not transformed:
        return variables
    return {
        **variables,
        "params": traverse_util.unflatten_dict(params),
        TRANSFORMED: traverse_util.unflatten_dict(transformed),
    }


def _transformed(layer: Conv | ConvTranspose, kernel: np.ndarray) -> np.ndarray | None:
    """Returns the transformed kernel of a layer; None if it has no fast form."""
    if isinstance(layer, ConvTranspose):
        if not fast_convolutions.suit_transposed(kernel.shape):
            return None
        return fast_convolutions.transform_transposed(kernel, dtype=layer.dtype)
    is_fast = layer.groups == 1 and fast_convolutions.suit(
        kernel.shape, stride=layer.stride, dilation=layer.dilation
    )
    return fast_convolutions.transform(kernel, dtype=layer.dtype) if is_fast else None


def _convolutions(
    network: Network, variables: Mapping[str, Any]
) -> dict[tuple[str, ...], Conv | ConvTranspose]:
    """Returns the convolutions that a network applies, by path."""
    found = {}

    def note(
        call: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        layer = context.module
        if context.method_name == "__call__" and isinstance(
            layer, Conv | ConvTranspose
        ):
            found[layer.path] = layer
        return call(*args, **kwargs)

    side = network.input_multiple
    with nn.intercept_methods(note):
        jax.eval_shape(
            lambda variables: network.apply(
                variables, jnp.zeros((1, side, side)), train=False
            ),
            variables,
        )
    return found
