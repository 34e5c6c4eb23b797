"""Arrays taken from the tensors of a file, with errors that name what is wrong."""

from collections.abc import Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import PyTree

from jaxcolor.pretrained import descriptions, records


def take(
    tensors: Mapping[str, np.ndarray],
    name: str,
    *,
    path: str | Path,
    axes: int,
    wanted: str,
) -> np.ndarray:
    """Returns a tensor in float32.

    Args:
        tensors: of a file.
        name: of the tensor.
        path: of the file, for errors.
        axes: that the tensor has.
        wanted: whose names they are, for errors.

    Raises:
        ValueError: it is missing, or has another number of axes.
    """
    if name not in tensors:
        raise ValueError(f"{path} lacks {name}; wanted {wanted}")
    if tensors[name].ndim != axes:
        raise ValueError(f"{path}: {name} has shape {tensors[name].shape}")
    return np.asarray(tensors[name], np.float32)


def check_shapes(
    network: nn.Module, params: PyTree, *, path: str | Path, side: int, channels: int
) -> None:
    """Refuses parameters that do not have a network's shapes.

    Args:
        network: of square photographs.
        params: read from a file.
        path: of the file, for errors.
        side: pixels of a photograph's side.
        channels: of a photograph.

    Raises:
        ValueError: names the parameters that do not fit.
    """
    photograph = jnp.zeros((1, side, side, channels))
    shapes = jax.eval_shape(network.init, jax.random.key(0), photograph)["params"]
    wanted = {name: x.shape for name, x in descriptions.flatten(shapes).items()}
    found = {name: x.shape for name, x in descriptions.flatten(params).items()}
    if wrong := sorted({name for name, _ in wanted.items() ^ found.items()}):
        raise ValueError(f"{path}: misshapen: {records.listed(wrong)}")
