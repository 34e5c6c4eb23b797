"""Weights of `zhang2016`, from the authors' files for PyTorch and for Caffe."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, PyTree

from jaxcolor.color import decode, gamut
from jaxcolor.color.gamut import Gamut
from jaxcolor.models import zhang2016
from jaxcolor.pretrained.importers import torch_layers
from jaxcolor.pretrained.importers.torch_layers import Names

SPACING = 10.0
"""Of the bins of the paper, CIELAB units."""

CENTERS = "model_out.weight"
"""The tensor of the bin centers: a layer of the authors' network."""

MARK = "model8.6.weight"
"""A tensor that only this network has."""

TORCH = "the names of the authors' ECCVGenerator"

# The authors' names of layers in Caffe, where they are not ours.
CAFFE_NAMES = {"conv1_1": "bw_conv1_1", "head": "conv8_313"}
CAFFE_MARK = CAFFE_NAMES["head"]
CAFFE_SCALE, CAFFE_CENTERS = "conv8_313_rh", "class8_ab"
# What logits are multiplied by before the softmax, where the file does not say: of the
# authors' colorization_deploy_v2.prototxt.
SCALE = 2.606
# Their Caffe network sees L* - 50; ours and that for PyTorch a hundredth of it.
LIGHTNESS_SCALE = 100.0

# Centers that differ by more than this are others; theirs are float32.
CENTERS_TOLERANCE = 0.5

TORCH_MOMENTUM, CAFFE_MOMENTUM = 0.9, 0.999


class Weights(NamedTuple):
    """A network with its arrays.

    Attributes:
        arguments: of `zhang2016.Zhang2016`.
        variables: params and batch_stats.
        temperature: of the annealed mean in the authors' network.
    """

    arguments: dict[str, Any]
    variables: PyTree
    temperature: float


def of_torch(tensors: Mapping[str, np.ndarray], path: str | Path) -> Weights:
    """Returns the weights of a state_dict.

    Args:
        tensors: of the file.
        path: of the file, for errors.

    Raises:
        ValueError: they are another network's.
    """
    network = {name: x for name, x in tensors.items() if name != CENTERS}
    found = torch_layers.variables(network, torch_names(), path=path, wanted=TORCH)
    bins = gamut.from_srgb(spacing=SPACING)
    if CENTERS in tensors:
        centers = decode.AB_SCALE * _centers(tensors[CENTERS], bins, path=path)
        order = _order(centers, bins)
        if order is None:
            raise ValueError(
                f"{path}: the centers of its bins, {CENTERS}, are not those of the"
                f" paper, at spacing {SPACING:g}"
            )
        _reorder(found["params"]["head"], order, path=path)
    arguments = _arguments(found["params"], path, affine=True, momentum=TORCH_MOMENTUM)
    return Weights(arguments, found, temperature=1.0)


def of_caffe(layers: Mapping[str, Sequence[np.ndarray]], path: str | Path) -> Weights:
    """Returns the weights of a Caffe network.

    Args:
        layers: of the file, see `caffe_model.read`. Unknown ones are ignored, as Caffe
            does.
        path: of the file, for errors.

    Raises:
        ValueError: they are another network's.
    """
    layer_names = torch_names()
    params, statistics = {}, {}
    for ours in (*layer_names.convs, *layer_names.transposed):
        kernel, bias = _blobs(layers, CAFFE_NAMES.get(ours, ours), 2, path=path)
        if kernel.ndim != 4:
            raise ValueError(f"{path}: {ours} has a kernel of shape {kernel.shape}")
        order = torch_layers.HWIO
        if ours in layer_names.transposed:
            order = torch_layers.HWIO_TRANSPOSED
        # Older files write vectors as arrays of four axes.
        params[ours] = {"kernel": kernel.transpose(order), "bias": bias.reshape(-1)}
    params["conv1_1"]["kernel"] = LIGHTNESS_SCALE * params["conv1_1"]["kernel"]
    for ours in layer_names.norms:
        mean, variance, factor = _blobs(layers, ours, 3, path=path)
        if factor.size != 1:
            raise ValueError(f"{path}: {ours} has a factor of shape {factor.shape}")
        # Both are sums, and the factor is the sum of their weights.
        total = float(factor.reshape(()))
        scale = np.float32(1 / total if total else 0)
        statistics[ours] = {
            "mean": scale * mean.reshape(-1),
            "var": scale * variance.reshape(-1),
        }
    bins = gamut.from_srgb(spacing=SPACING)
    if CAFFE_CENTERS in layers:
        _reorder_by_caffe(params["head"], layers[CAFFE_CENTERS][0], bins, path=path)
    arguments = _arguments(params, path, affine=False, momentum=CAFFE_MOMENTUM)
    found = {"params": params, "batch_stats": statistics}
    return Weights(arguments, found, temperature=1 / _caffe_scale(layers, path))


def trunk_names() -> Names:
    """Returns the authors' names in PyTorch of the layers from conv1 to conv7.

    Each block is a Sequential, in which ReLUs count.
    """
    convs, norms = {}, {}
    for i, block in enumerate(zhang2016.BLOCKS, start=1):
        for j in range(block.convs):
            convs[f"conv{i}_{j + 1}"] = f"model{i}.{2 * j}"
        norms[f"conv{i}_{block.convs}norm"] = f"model{i}.{2 * block.convs}"
    return Names(convs, {}, norms)


def torch_names() -> Names:
    """Returns the authors' names in PyTorch of all layers."""
    trunk = trunk_names()
    last = {"conv8_2": "model8.2", "conv8_3": "model8.4", "head": "model8.6"}
    return Names({**trunk.convs, **last}, {"conv8_1": "model8.0"}, trunk.norms)


def width_of(conv1_1: Mapping[str, np.ndarray]) -> float:
    """Returns the width of a network by the number of channels of its first layer."""
    return len(conv1_1["bias"]) / zhang2016.BLOCKS[0].channels


def _arguments(
    params: Mapping[str, Any], path: str | Path, *, affine: bool, momentum: float
) -> dict[str, Any]:
    outputs = len(params["head"]["bias"])
    bins = len(gamut.from_srgb(spacing=SPACING).centers)
    if outputs != bins:
        raise ValueError(f"{path} has {outputs} outputs; wanted the {bins} bins")
    return {
        "width": width_of(params["conv1_1"]),
        "outputs": outputs,
        "affine": affine,
        "momentum": momentum,
    }


def _blobs(
    layers: Mapping[str, Sequence[np.ndarray]],
    name: str,
    count: int,
    *,
    path: str | Path,
) -> Sequence[np.ndarray]:
    if name not in layers:
        raise ValueError(f"{path} lacks {name}; wanted the authors' names of layers")
    if len(layers[name]) != count:
        raise ValueError(
            f"{path}: {name} has {len(layers[name])} arrays; wanted {count}"
        )
    return layers[name]


def _caffe_scale(layers: Mapping[str, Sequence[np.ndarray]], path: str | Path) -> float:
    if CAFFE_SCALE not in layers:
        return SCALE
    scales = layers[CAFFE_SCALE][0].reshape(-1)
    if not (scales.size and scales[0] > 0 and np.all(scales == scales[0])):
        raise ValueError(f"{path}: {CAFFE_SCALE} does not scale by one positive number")
    # The number that was written, 2.606, without the digits that float32 adds.
    return float(str(scales[0]))


def _centers(
    centers: np.ndarray, bins: Gamut, *, path: str | Path
) -> Float[np.ndarray, "q 2"]:
    """Returns centers as rows, from the kernel of a 1x1 convolution."""
    wanted = (2, len(bins.centers), 1, 1)
    if centers.shape != wanted:
        raise ValueError(
            f"{path}: the centers of its bins have shape {centers.shape}; wanted"
            f" {wanted}"
        )
    return centers[:, :, 0, 0].T


def _order(centers: Float[np.ndarray, "q 2"], bins: Gamut) -> np.ndarray | None:
    """Returns where the center of each of our bins stands; None for other centers."""
    apart = np.abs(centers[:, None] - bins.centers).max(axis=-1)
    order: np.ndarray = apart.argmin(axis=0)
    # A NaN is not below the tolerance either.
    is_same = np.all(apart.min(axis=0) <= CENTERS_TOLERANCE)
    return order if is_same and len(set(order.tolist())) == len(order) else None


def _reorder(
    head: dict[str, np.ndarray], order: np.ndarray, *, path: str | Path
) -> None:
    if len(head["bias"]) != len(order) or head["kernel"].shape[-1] != len(order):
        raise ValueError(
            f"{path} has {len(head['bias'])} outputs; wanted the {len(order)} bins"
        )
    head["kernel"], head["bias"] = head["kernel"][..., order], head["bias"][order]


def _reorder_by_caffe(
    head: dict[str, np.ndarray], kernel: np.ndarray, bins: Gamut, *, path: str | Path
) -> None:
    # The authors' programs fill the layer in, so that files may hold zeros.
    if not kernel.any():
        return
    order = _order(_centers(kernel, bins, path=path), bins)
    if order is not None:
        _reorder(head, order, path=path)
        return
    warnings.warn(
        f"{path}: {CAFFE_CENTERS} does not hold the centers of the bins; their order is"
        " taken to be that of the authors' pts_in_hull.npy",
        stacklevel=2,
    )
