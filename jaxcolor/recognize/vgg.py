"""VGG-16 as a classifier, from torchvision's weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PyTree

from jaxcolor.models import vgg16 as networks
from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.importers import torch_pickle
from jaxcolor.recognize.classifiers import FromFunction

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
MAP = networks.SIZE // 2**5

FIT = "larger photographs are cropped to the central 224 x 224, smaller ones enlarged"
"""What `vgg16` does with photographs of any size."""

MARK = f"features.{CONVS['conv1_1']}.weight"
"""A name that only weights of VGG-16 have."""


def vgg16(path: str | Path, *, classes: Sequence[str] | None) -> FromFunction:
    """Returns VGG-16 as a classifier of photographs of any size.

    The network sees 224 x 224 pixels, see `fit`.

    Args:
        path: of weights by torchvision's names, see `torch_pickle.read`, such as
            vgg16-397923af.pth. Widths follow from them.
        classes: names of the classes, in order; None for "0", "1" ...

    Raises:
        ValueError: the file cannot be read or holds another network, or there are not
            as many names as classes.
    """
    return from_tensors(torch_pickle.read(path), path, classes=classes)


def from_tensors(
    tensors: Mapping[str, np.ndarray],
    path: str | Path,
    *,
    classes: Sequence[str] | None,
) -> FromFunction:
    """Returns VGG-16 as `vgg16` does.

    Args:
        tensors: by torchvision's names.
        path: where they are from, for errors.
        classes: as of `vgg16`.

    Raises:
        ValueError: as `vgg16` does.
    """
    params = {
        "features": features(tensors, path),
        **{name: _dense(tensors, path, name) for name in DENSE},
    }
    network = networks.Vgg16(
        widths=widths(params["features"]),
        hidden=len(params["fc6"]["bias"]),
        outputs=len(params["fc8"]["bias"]),
    )
    _check_shapes(network, params, path)
    if classes is None:
        classes = [str(number) for number in range(network.outputs)]
    if len(classes) != network.outputs:
        raise ValueError(f"got {len(classes)} names; {path} has {network.outputs}")

    @jax.jit
    def logits(params: PyTree, rgb: Float[Array, "b h w 3"]) -> Array:
        return jnp.asarray(network.apply({"params": params}, fit(rgb)))

    # An argument, not a constant of the compiled function: it has half a gigabyte.
    on_device = jax.device_put(params)
    return FromFunction(
        tuple(classes),
        lambda rgb: logits(on_device, rgb),
        {"network": "VGG-16", "sees": FIT},
    )


def fit(rgb: Float[Array, "b h w 3"]) -> Float[Array, "b 224 224 3"]:
    """Returns photographs in the size that the network was made for.

    Where the shorter side has less than 224 pixels it is enlarged to them, bilinearly;
    then the central 224 x 224 are taken.
    """
    size = networks.SIZE
    batch, height, width, _ = rgb.shape
    if min(height, width) < size:
        scale = size / min(height, width)
        height, width = round(scale * height), round(scale * width)
        rgb = jax.image.resize(rgb, (batch, height, width, 3), "bilinear")
    top, left = (height - size) // 2, (width - size) // 2
    return rgb[:, top : top + size, left : left + size]


def read_features(path: str | Path) -> PyTree:
    """Reads the parameters of `networks.Features` from torchvision's weights of VGG-16.

    Args:
        path: see `torch_pickle.read`. Widths follow from the weights.

    Raises:
        ValueError: the file cannot be read or holds another network.
    """
    params = features(torch_pickle.read(path), path)
    _check_shapes(networks.Features(widths(params)), params, path)
    return params


def features(tensors: Mapping[str, np.ndarray], path: str | Path) -> PyTree:
    """Returns the parameters of `networks.Features` from torchvision's.

    Raises:
        ValueError: one is missing, or is no convolution's.
    """
    params = {}
    for name, position in CONVS.items():
        kernel = _taken(tensors, path, f"features.{position}.weight", axes=4)
        bias = _taken(tensors, path, f"features.{position}.bias", axes=1)
        params[name] = {"kernel": kernel.transpose(2, 3, 1, 0), "bias": bias}
    return params


def widths(params: PyTree) -> tuple[int, ...]:
    """Returns the channels of each block of `networks.Features`."""
    blocks = range(1, 1 + len(networks.CONVS))
    return tuple(len(params[f"conv{block}_1"]["bias"]) for block in blocks)


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
    if name not in tensors:
        raise ValueError(f"{path} lacks {name}; wanted torchvision's names of VGG-16")
    if tensors[name].ndim != axes:
        raise ValueError(f"{path}: {name} has shape {tensors[name].shape}")
    return np.asarray(tensors[name], np.float32)


def _check_shapes(network: nn.Module, params: PyTree, path: str | Path) -> None:
    photograph = jnp.zeros((1, networks.SIZE, networks.SIZE, 3))
    shapes = jax.eval_shape(network.init, jax.random.key(0), photograph)["params"]
    wanted = {name: x.shape for name, x in descriptions.flatten(shapes).items()}
    found = {name: x.shape for name, x in descriptions.flatten(params).items()}
    if wrong := sorted({name for name, _ in wanted.items() ^ found.items()}):
        raise ValueError(f"{path}: misshapen: {descriptions.listed(wrong)}")
