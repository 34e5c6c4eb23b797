"""The network of Zhang et al. 2016 in PyTorch, to compare results and speed.

It is written from the paper's description, not from `jaxcolor.models.zhang2016`; the
layers have the same names, so that `copy_variables` finds them.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

# For each block: channels, number of convolutions, stride of the last, dilation.
BLOCKS = (
    (64, 2, 2, 1),
    (128, 2, 2, 1),
    (256, 3, 2, 1),
    (512, 3, 1, 1),
    (512, 3, 1, 2),
    (512, 3, 1, 2),
    (512, 3, 1, 1),
)
# Names of variables in Flax, and in PyTorch.
KEYS = {
    "kernel": "weight",
    "scale": "weight",
    "mean": "running_mean",
    "var": "running_var",
}


def zhang2016(*, outputs: int, affine: bool, width: float = 1.0) -> nn.Sequential:
    """Returns the network, from L* "b 1 h w" to logits "b outputs h/4 w/4".

    Args:
        outputs: the number of bins.
        affine: whether batch normalization learns a scale and a bias.
        width: factor of the channels, which are rounded to a multiple of 8.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(center=_Center())
    inputs = 1
    for i, (full, convs, stride, dilation) in enumerate(BLOCKS, start=1):
        channels = _scaled(full, width)
        for j in range(1, convs + 1):
            layers[f"conv{i}_{j}"] = nn.Conv2d(
                inputs,
                channels,
                kernel_size=3,
                stride=stride if j == convs else 1,
                padding=dilation,
                dilation=dilation,
            )
            layers[f"relu{i}_{j}"] = nn.ReLU(inplace=True)
            inputs = channels
        layers[f"conv{i}_{convs}norm"] = nn.BatchNorm2d(inputs, affine=affine)
    last = _scaled(256, width)
    layers["conv8_1"] = nn.ConvTranspose2d(inputs, last, 4, stride=2, padding=1)
    layers["relu8_1"] = nn.ReLU(inplace=True)
    for j in (2, 3):
        layers[f"conv8_{j}"] = nn.Conv2d(last, last, 3, padding=1)
        layers[f"relu8_{j}"] = nn.ReLU(inplace=True)
    layers["head"] = nn.Conv2d(last, outputs, 1)
    return nn.Sequential(layers)


def copy_variables(network: nn.Sequential, variables: Mapping[str, Any]) -> None:
    """Copies the variables of a jaxcolor network of the same shape.

    Args:
        network: network to copy into, made by `zhang2016`.
        variables: "params" and "batch_stats" of the network of `jaxcolor.models`.
    """
    for name, layer in network.named_children():
        if name.startswith(("relu", "center")):
            continue
        ours: dict[str, Any] = dict(variables["params"].get(name, {}))
        ours |= variables["batch_stats"].get(name, {})
        # Kernels have the axes (height, width, in, out) in Flax. In PyTorch they have
        # (out, in, height, width), or (in, out, height, width) if transposed.
        axes = (2, 3, 0, 1) if name == "conv8_1" else (3, 2, 0, 1)
        theirs = dict(layer.state_dict())
        for key, value in ours.items():
            array = np.asarray(value)
            array = array.transpose(axes) if key == "kernel" else array
            theirs[KEYS.get(key, key)] = torch.tensor(array)
        layer.load_state_dict(theirs)


def _scaled(full: int, width: float) -> int:
    return 8 * max(1, round(full * width / 8))


class _Center(nn.Module):
    def forward(self, lightness: torch.Tensor) -> torch.Tensor:
        return (lightness - 50) / 100
