"""Weights of `siggraph17`, from the authors' file for PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import PyTree

from jaxcolor.pretrained.importers import torch_layers, zhang2016_weights
from jaxcolor.pretrained.importers.torch_layers import Names

MARK = "model10up.0.weight"
"""A tensor that only this network has."""

TORCH = "the names of the authors' SIGGRAPHGenerator"

# Behind conv7: a Sequential begins with a ReLU here.
CONVS = {
    "conv3_3_short": "model3short8.0",
    "conv8_2": "model8.1",
    "conv8_3": "model8.3",
    "bins": "model_class.0",
    "conv2_2_short": "model2short9.0",
    "conv9_2": "model9.1",
    "conv1_2_short": "model1short10.0",
    "conv10_2": "model10.1",
    "head": "model_out.0",
}
TRANSPOSED = {f"conv{block}_1": f"model{block}up.0" for block in (8, 9, 10)}
NORMS = {"conv8_3norm": "model8.5", "conv9_2norm": "model9.3"}

MOMENTUM = 0.9


def of_torch(
    tensors: Mapping[str, np.ndarray], path: str | Path
) -> tuple[dict[str, Any], PyTree]:
    """Returns the arguments of `siggraph17.Siggraph17`, and its params and batch_stats.

    The mask is not centered: the authors' program for the released file gives 0 or 1.

    Args:
        tensors: of the file.
        path: of the file, for errors.

    Raises:
        ValueError: they are another network's.
    """
    found = torch_layers.variables(tensors, torch_names(), path=path, wanted=TORCH)
    params = found["params"]
    arguments = {
        "width": zhang2016_weights.width_of(params["conv1_1"]),
        "outputs": len(params["head"]["bias"]),
        "centers_mask": False,
        "momentum": MOMENTUM,
    }
    return arguments, found


def torch_names() -> Names:
    """Returns the authors' names in PyTorch of all layers."""
    trunk = zhang2016_weights.trunk_names()
    return Names({**trunk.convs, **CONVS}, TRANSPOSED, {**trunk.norms, **NORMS})
