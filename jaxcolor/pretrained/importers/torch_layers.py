"""Layers of a PyTorch network, from the tensors of its state_dict."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import PyTree

from jaxcolor.pretrained import records
from jaxcolor.pretrained.importers import named_tensors

# Axes of kernels: out, in, height, width; of transposed ones: in, out, height, width.
HWIO, HWIO_TRANSPOSED = (2, 3, 1, 0), (2, 3, 0, 1)

NORM = {"scale": "weight", "bias": "bias"}
STATISTICS = {"mean": "running_mean", "var": "running_var"}
# How many batches the statistics have seen.
COUNTER = "num_batches_tracked"


class Names(NamedTuple):
    """Prefixes of the tensors of a network's layers, by our names of the layers.

    Attributes:
        convs: convolutions.
        transposed: transposed convolutions.
        norms: batch normalizations, with scale and shift.
    """

    convs: Mapping[str, str]
    transposed: Mapping[str, str]
    norms: Mapping[str, str]


def variables(
    tensors: Mapping[str, np.ndarray], names: Names, *, path: str | Path, wanted: str
) -> PyTree:
    """Returns the params and batch_stats of our network.

    Args:
        tensors: by their names in PyTorch.
        names: of the layers.
        path: where the tensors are from, for errors.
        wanted: whose names they are, for errors.

    Raises:
        ValueError: a tensor is missing, unknown, or has another number of axes.
    """
    used: set[str] = set()

    def taken(name: str, axes: int) -> np.ndarray:
        used.add(name)
        return named_tensors.take(tensors, name, path=path, axes=axes, wanted=wanted)

    params: dict[str, dict[str, np.ndarray]] = {}
    for group, order in ((names.convs, HWIO), (names.transposed, HWIO_TRANSPOSED)):
        for ours, theirs in group.items():
            kernel = taken(f"{theirs}.weight", 4).transpose(order)
            params[ours] = {"kernel": kernel, "bias": taken(f"{theirs}.bias", 1)}
    statistics = {}
    for ours, theirs in names.norms.items():
        params[ours] = {k: taken(f"{theirs}.{name}", 1) for k, name in NORM.items()}
        statistics[ours] = {
            k: taken(f"{theirs}.{name}", 1) for k, name in STATISTICS.items()
        }
        used.add(f"{theirs}.{COUNTER}")
    if unknown := sorted(set(tensors) - used):
        raise ValueError(f"{path} holds {records.listed(unknown)}; wanted {wanted}")
    return {"params": params, "batch_stats": statistics}
