"""Colorization networks from the files that their authors released.

The format and the network are recognized by the content of a file, not by its name.
"""

import warnings
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import PyTree

from jaxcolor.color.decode import Decoding
from jaxcolor.color.heads import Bins, Regression
from jaxcolor.pretrained.descriptions import Description
from jaxcolor.pretrained.importers import (
    caffe_model,
    released_files,
    siggraph17_weights,
    torch_pickle,
    zhang2016_weights,
)
from jaxcolor.pretrained.importers.released_files import ReleasedFile
from jaxcolor.pretrained.importers.zhang2016_weights import Weights

# First bytes of a zip archive and of a pickle: the formats of PyTorch. No message of
# protocol buffers that holds a network begins so.
TORCH_STARTS = (b"PK\x03\x04", b"\x80")

# Long side that the networks see in the authors' programs, pixels.
TORCH_SIZE, CAFFE_SIZE = 256, 224

# Of the soft code in the authors' training. The text of the paper says 5 neighbors.
NEIGHBORS, SIGMA = 10, 5.0
# The lambda of a file that is not known.
TRAINING_LAMBDA = 0.5


class Imported(NamedTuple):
    """A model from a released file.

    Attributes:
        description: of the model; with bins its prior is unknown.
        variables: of the network.
        provenance: as JSON values: "imported", the file and what is known of it.
    """

    description: Description
    variables: PyTree
    provenance: dict[str, Any]


def read(path: str | Path) -> Imported:
    """Reads a network and recognizes it; a file that is not known brings a warning.

    Args:
        path: of a state_dict of PyTorch with the network `zhang2016` (the authors'
            "eccv16") or `siggraph17`, or of a .caffemodel with `zhang2016`.

    Raises:
        ValueError: it is none of them, or damaged.
    """
    path = Path(path)
    sha256 = released_files.sha256_of(path)
    known = released_files.BY_SHA256.get(sha256)
    with path.open("rb") as file:
        is_torch = file.read(4).startswith(TORCH_STARTS)
    found = _of_torch(path, known) if is_torch else _of_caffe(path, known)
    if known is None:
        warnings.warn(
            f"{path} is not a released file whose SHA-256 is known; read as"
            f" {found.description.network}, whose layers it has",
            stacklevel=2,
        )
    record = {
        "file": path.name,
        "sha256": sha256,
        "format": "PyTorch" if is_torch else "Caffe",
    }
    return found._replace(provenance={"imported": record})


def _of_torch(path: Path, known: ReleasedFile | None) -> Imported:
    tensors = torch_pickle.read_state(path)
    if siggraph17_weights.MARK in tensors:
        arguments, variables = siggraph17_weights.of_torch(tensors, path)
        description = Description(
            network="siggraph17",
            arguments=arguments,
            head=Regression(),
            size=TORCH_SIZE,
            decoding=Decoding(None, None, 0.0),
        )
        return Imported(description, variables, {})
    if zhang2016_weights.MARK in tensors:
        found = zhang2016_weights.of_torch(tensors, path)
        return _with_bins(found, known, size=TORCH_SIZE)
    raise ValueError(
        f"{path} has neither {zhang2016_weights.MARK} nor {siggraph17_weights.MARK};"
        " wanted weights of the authors' eccv16 or siggraph17"
    )


def _of_caffe(path: Path, known: ReleasedFile | None) -> Imported:
    try:
        layers = caffe_model.read(path)
    except ValueError as error:
        raise ValueError(f"{error}; nor is it a .pth of PyTorch") from error
    if zhang2016_weights.CAFFE_MARK not in layers:
        raise ValueError(
            f"{path} has no layer {zhang2016_weights.CAFFE_MARK}; wanted weights of the"
            " authors' colorization network"
        )
    found = zhang2016_weights.of_caffe(layers, path)
    return _with_bins(found, known, size=CAFFE_SIZE)


def _with_bins(found: Weights, known: ReleasedFile | None, *, size: int) -> Imported:
    mixed = None if known is None else known.training_lambda
    description = Description(
        network="zhang2016",
        arguments=found.arguments,
        head=Bins(
            spacing=zhang2016_weights.SPACING,
            neighbors=NEIGHBORS,
            sigma=SIGMA,
            training_lambda=TRAINING_LAMBDA if mixed is None else mixed,
        ),
        size=size,
        decoding=Decoding(found.temperature, None, 0.0),
    )
    return Imported(description, found.variables, {})
