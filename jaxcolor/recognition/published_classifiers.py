"""Loads published classifiers, which it recognizes by the content of their files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PyTree

from jaxcolor.models import efficientnet_lite, vgg16
from jaxcolor.pretrained.importers import (
    efficientnet_lite_weights,
    torch_pickle,
    vgg16_weights,
)
from jaxcolor.recognition.classifiers import FromFunction

NOTE = (
    "A relative of the bundled model's encoder, trained on the same photographs of"
    " ImageNet: it may favor colors from that encoder."
)
"""A caution about EfficientNet-Lite as a judge."""


class _Found(NamedTuple):
    network: nn.Module
    params: PyTree
    fit: Callable[[Float[Array, "b h w 3"]], Float[Array, "b s s 3"]]
    about: dict[str, str]


def published(path: str | Path, *, classes: Sequence[str] | None) -> FromFunction:
    """Returns VGG-16 or EfficientNet-Lite, whichever the file holds.

    Both take photographs of any size, see `fit_vgg16` and `fit_efficientnet_lite`.

    Args:
        path: of weights, see `torch_pickle.read`, or as in
            `efficientnet_lite_weights.locate`.
        classes: names of the classes, in order; None for "0", "1" ...

    Raises:
        ValueError: the file cannot be read or holds another network, or there are not
            as many names as classes.
    """
    path = efficientnet_lite_weights.locate(path)
    found = _found(torch_pickle.read(path), path)
    network, params = found.network, found.params
    outputs = len(params["fc8" if "fc8" in params else "head"]["bias"])
    if classes is None:
        classes = [str(number) for number in range(outputs)]
    if len(classes) != outputs:
        raise ValueError(f"got {len(classes)} names; {path} has {outputs}")

    @jax.jit
    def logits(params: PyTree, rgb: Float[Array, "b h w 3"]) -> Array:
        return jnp.asarray(network.apply({"params": params}, found.fit(rgb)))

    # An argument, not a constant of the compiled function: VGG-16 has half a gigabyte.
    on_device = jax.device_put(params)
    return FromFunction(tuple(classes), lambda rgb: logits(on_device, rgb), found.about)


def fit_vgg16(rgb: Float[Array, "b h w 3"]) -> Float[Array, "b 224 224 3"]:
    """Returns photographs in the size that the network expects.

    Where the shorter side has less than 224 pixels it is enlarged to them, bilinearly;
    then the central 224 x 224 are taken.
    """
    size = vgg16.SIZE
    batch, height, width, _ = rgb.shape
    if min(height, width) < size:
        scale = size / min(height, width)
        height, width = round(scale * height), round(scale * width)
        rgb = jax.image.resize(rgb, (batch, height, width, 3), "bilinear")
    top, left = (height - size) // 2, (width - size) // 2
    return rgb[:, top : top + size, left : left + size]


def fit_efficientnet_lite(
    rgb: Float[Array, "b h w 3"], *, pixels: int
) -> Float[Array, "b s s 3"]:
    """Returns the central squares, resized with Keys' cubic kernel.

    Args:
        rgb: in [0, 1].
        pixels: side of the result.
    """
    batch, height, width, _ = rgb.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[:, top : top + side, left : left + side]
    if side == pixels:
        return square
    resized = jax.image.resize(square, (batch, pixels, pixels, 3), "cubic")
    return jnp.clip(resized, 0, 1)


def _found(tensors: Mapping[str, np.ndarray], path: Path) -> _Found:
    if efficientnet_lite_weights.MARK in tensors:
        return _efficientnet_lite(tensors, path)
    if vgg16_weights.MARK in tensors:
        about = {
            "network": "VGG-16",
            "sees": "larger photographs are cropped to the central 224 x 224, smaller"
            " ones enlarged",
        }
        return _Found(*vgg16_weights.classifier(tensors, path), fit_vgg16, about)
    raise ValueError(
        f"{path} lacks {vgg16_weights.MARK} and {efficientnet_lite_weights.MARK};"
        " wanted torchvision's VGG-16 or EfficientNet-Lite of efficientnet_lite_pytorch"
    )


def _efficientnet_lite(tensors: Mapping[str, np.ndarray], path: Path) -> _Found:
    size = efficientnet_lite_weights.size_of(tensors, path)
    pixels = efficientnet_lite.SIZES[size][2]
    about = {
        "network": f"EfficientNet-{size.capitalize()}",
        "sees": f"the central square is resized to {pixels} x {pixels} (cubic)",
        "note": NOTE,
    }
    return _Found(
        *efficientnet_lite_weights.classifier(tensors, path),
        lambda rgb: fit_efficientnet_lite(rgb, pixels=pixels),
        about,
    )
