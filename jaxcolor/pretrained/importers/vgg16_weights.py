"""VGG-16's parameters from torchvision's weights."""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import PyTree

from jaxcolor.models import vgg16
from jaxcolor.pretrained.importers import named_tensors, torch_pickle

# Where torchvision's Sequential has the convolutions, ReLUs and poolings between them.
CONVS = {
    "conv1_1": 0,
    "conv1_2": 2,
    "conv2_1": 5,
    "conv2_2": 7,
    "conv3_1": 10,
    "conv3_2": 12,
    "conv3_3": 14,
    "conv4_1": 17,
    "conv4_2": 19,
    "conv4_3": 21,
    "conv5_1": 24,
    "conv5_2": 26,
    "conv5_3": 28,
}
DENSE = {"fc6": 0, "fc7": 3, "fc8": 6}
# Side of the map that the first dense layer sees: five poolings of 224 pixels.
MAP = vgg16.SIZE // 2**5

MARK = f"features.{CONVS['conv1_1']}.weight"
"""A name that only weights of VGG-16 have."""


def classifier(
    tensors: Mapping[str, np.ndarray], path: str | Path
) -> tuple[vgg16.Vgg16, PyTree]:
    """Returns the whole network and its parameters; widths follow from the weights.

    Args:
        tensors: by torchvision's names.
        path: where they are from, for errors.

    Raises:
        ValueError: they are another network's.
    """
    params = {
        "features": features(tensors, path),
        **{name: _dense(tensors, path, name) for name in DENSE},
    }
    network = vgg16.Vgg16(
        widths=widths(params["features"]),
        hidden=len(params["fc6"]["bias"]),
        outputs=len(params["fc8"]["bias"]),
    )
    _check_shapes(network, params, path)
    return network, params


def read_features(path: str | Path) -> PyTree:
    """Reads the parameters of `vgg16.Features` from torchvision's weights of VGG-16.

    Args:
        path: see `torch_pickle.read`. Widths follow from the weights.

    Raises:
        ValueError: the file cannot be read or holds another network.
    """
    params = features(torch_pickle.read(path), path)
    _check_shapes(vgg16.Features(widths(params)), params, path)
    return params


def read_trunk(path: str | Path, *, wanted: PyTree, gray_mean: float) -> PyTree:
    """Reads the parameters of a network's trunk from torchvision's weights of VGG-16.

    Where the first convolution sees one channel, it gets the sum of the filters of the
    three colors, with torchvision's normalization folded in: for a gray photograph its
    outputs are those of three equal channels. At the edges they are so only if VGG-16
    pads with the same gray: it pads with torchvision's mean color, which has a mean of
    0.449, and the trunk with `gray_mean`.

    Args:
        path: see `torch_pickle.read`.
        wanted: the trunk's parameters by layer. Convolutions named as here are read,
            and fc6 and fc7, as convolutions; other layers stay as they are.
        gray_mean: of a trunk that sees one channel, what is subtracted from the gray
            level in [0, 1] before.

    Raises:
        ValueError: the file cannot be read, or has other shapes.
    """
    tensors = torch_pickle.read(path)
    found = dict(wanted)
    for layer, own in wanted.items():
        if layer not in CONVS and layer not in DENSE:
            continue
        shape = np.shape(own["kernel"])
        read = _dense if layer in DENSE else _convolution
        params = read(tensors, path, layer)
        if layer in DENSE and params["kernel"].size == math.prod(shape):
            # A dense layer is a convolution of as many taps as its map has pixels.
            params["kernel"] = params["kernel"].reshape(shape)
        if layer == next(iter(CONVS)) and shape[2] == 1:
            params = _of_gray(params, gray_mean)
        if params["kernel"].shape != shape:
            raise ValueError(
                f"{path}: the kernel of {layer} has shape {params['kernel'].shape};"
                f" wanted {shape}, which a network of width 1 has for VGG-16"
            )
        found[layer] = params
    return found


def features(tensors: Mapping[str, np.ndarray], path: str | Path) -> PyTree:
    """Returns the parameters of `vgg16.Features` from torchvision's.

    Raises:
        ValueError: one is missing, or is no convolution's.
    """
    return {name: _convolution(tensors, path, name) for name in CONVS}


def widths(params: PyTree) -> tuple[int, ...]:
    """Returns the channels of each block of `vgg16.Features`."""
    blocks = range(1, 1 + len(vgg16.CONVS))
    return tuple(len(params[f"conv{block}_1"]["bias"]) for block in blocks)


def _convolution(
    tensors: Mapping[str, np.ndarray], path: str | Path, name: str
) -> dict[str, np.ndarray]:
    position = CONVS[name]
    kernel = _taken(tensors, path, f"features.{position}.weight", axes=4)
    bias = _taken(tensors, path, f"features.{position}.bias", axes=1)
    return {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias}


def _of_gray(params: dict[str, np.ndarray], gray_mean: float) -> dict[str, np.ndarray]:
    """Returns a convolution of gray levels less a mean, from one of normalized RGB."""
    kernel = params["kernel"] / vgg16.DEVIATION[:, None]
    # What the normalization would have left of the gray that is subtracted.
    shift = np.einsum("hwio,i->o", kernel, gray_mean - vgg16.MEAN)
    return {
        "kernel": kernel.sum(axis=2, keepdims=True),
        "bias": params["bias"] + shift,
    }


def _dense(
    tensors: Mapping[str, np.ndarray], path: str | Path, name: str
) -> dict[str, np.ndarray]:
    weight = _taken(tensors, path, f"classifier.{DENSE[name]}.weight", axes=2)
    bias = _taken(tensors, path, f"classifier.{DENSE[name]}.bias", axes=1)
    if name == "fc6":
        if weight.shape[1] % MAP**2:
            raise ValueError(f"{path}: fc6 sees {weight.shape[1]} numbers")
        # PyTorch flattens channels, height, width; here channels come last.
        maps = weight.reshape(len(weight), -1, MAP, MAP)
        weight = maps.transpose(0, 2, 3, 1).reshape(weight.shape)
    return {"kernel": weight.T[None, None], "bias": bias}


def _taken(
    tensors: Mapping[str, np.ndarray], path: str | Path, name: str, *, axes: int
) -> np.ndarray:
    wanted = "torchvision's names of VGG-16"
    return named_tensors.take(tensors, name, path=path, axes=axes, wanted=wanted)


def _check_shapes(
    network: vgg16.Features | vgg16.Vgg16, params: PyTree, path: str | Path
) -> None:
    side = vgg16.SIZE
    named_tensors.check_shapes(network, params, path=path, side=side, channels=3)
