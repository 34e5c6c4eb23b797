"""Weights as a state_dict of PyTorch, under the authors' names, without PyTorch."""

import io
import pickle
import struct
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np

from jaxcolor.color import decode
from jaxcolor.pretrained.importers import (
    siggraph17_weights,
    torch_layers,
    zhang2016_weights,
)
from jaxcolor.pretrained.release import Pretrained

NAMES = {
    "siggraph17": siggraph17_weights.torch_names,
    "zhang2016": zhang2016_weights.torch_names,
}
"""Of the networks that the authors released for PyTorch, the names of their layers."""

# The name of the only folder in the file, as PyTorch gives to a file "archive.pth".
FOLDER = "archive"
# Version of the layout of these files.
VERSION = b"3\n"


def encode(model: Pretrained) -> bytes:
    """Returns the content of a .pth file that `torch.load` reads as a state_dict.

    Of `zhang2016` with the names of the authors' ECCVGenerator, of `siggraph17` with
    those of their SIGGRAPHGenerator.

    Raises:
        ValueError: the authors have no such network for PyTorch.
    """
    return written(tensors(model))


def tensors(model: Pretrained) -> dict[str, np.ndarray]:
    """Returns a model's arrays as the tensors of the authors' network.

    Raises:
        ValueError: the authors have no such network for PyTorch.
    """
    name, arguments = model.description.network, model.description.arguments
    if name not in NAMES:
        raise ValueError(
            f"the network is {name}; wanted {' or '.join(NAMES)}, which the authors"
            " have for PyTorch"
        )
    if arguments.get("centers_mask"):
        raise ValueError(
            "centers_mask is true; wanted false, as the authors' network takes the mask"
            " as it is"
        )
    bins = model.description.head.gamut
    if name == "zhang2016" and bins is None:
        raise ValueError(
            f"the model predicts {model.description.head.about}; wanted a distribution"
            " over bins, as the authors' network does"
        )
    params = model.variables["params"]
    statistics = model.variables["batch_stats"]
    found: dict[str, np.ndarray] = {}
    named = NAMES[name]()
    for group, order in (
        (named.convs, torch_layers.HWIO),
        (named.transposed, torch_layers.HWIO_TRANSPOSED),
    ):
        for ours, theirs in group.items():
            # The reverse of the importer's order of axes.
            found[f"{theirs}.weight"] = params[ours]["kernel"].transpose(
                np.argsort(order)
            )
            found[f"{theirs}.bias"] = params[ours]["bias"]
    for ours, theirs in named.norms.items():
        mean, variance = (statistics[ours][each] for each in ("mean", "var"))
        # The paper's Caffe network has normalizations without parameters.
        layer = params.get(ours, {})
        found[f"{theirs}.weight"] = layer.get("scale", np.ones_like(mean))
        found[f"{theirs}.bias"] = layer.get("bias", np.zeros_like(mean))
        found[f"{theirs}.running_mean"] = mean
        found[f"{theirs}.running_var"] = variance
    if bins is not None:
        centers = np.asarray(bins.centers, np.float32).T / decode.AB_SCALE
        found["model_out.weight"] = centers[:, :, None, None]
    return found


def written(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Returns the content of a .pth file of float32 arrays, as of PyTorch 1.6 on."""
    content = io.BytesIO()
    # Without compression, so that PyTorch may map the numbers into memory.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{FOLDER}/data.pkl", _pickled(arrays))
        archive.writestr(f"{FOLDER}/byteorder", b"little")
        for key, array in enumerate(arrays.values()):
            numbers = np.ascontiguousarray(array, "<f4")
            archive.writestr(f"{FOLDER}/data/{key}", numbers.tobytes())
        archive.writestr(f"{FOLDER}/version", VERSION)
    return content.getvalue()


def _pickled(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Returns the pickle of a dictionary of tensors, each with a storage of its own.

    Written operation by operation: `pickle` names only classes that can be imported.
    """
    content = pickle.PROTO + b"\2" + pickle.EMPTY_DICT + pickle.MARK
    for key, (name, array) in enumerate(arrays.items()):
        steps = np.cumprod((1, *array.shape[:0:-1]))[::-1]
        storage = (
            *(_text("storage"), pickle.GLOBAL + b"torch\nFloatStorage\n"),
            *(_text(str(key)), _text("cpu"), _number(array.size)),
        )
        no_hooks = pickle.GLOBAL + b"collections\nOrderedDict\n"
        no_hooks += pickle.EMPTY_TUPLE + pickle.REDUCE
        arguments = (
            _several(storage) + pickle.BINPERSID,
            _number(0),
            _several(map(_number, array.shape)),
            _several(map(_number, steps[: array.ndim].tolist())),
            pickle.NEWFALSE,
            no_hooks,
        )
        content += _text(name) + pickle.GLOBAL + b"torch._utils\n_rebuild_tensor_v2\n"
        content += _several(arguments) + pickle.REDUCE
    return content + pickle.SETITEMS + pickle.STOP


def _text(text: str) -> bytes:
    encoded = text.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


def _number(number: int) -> bytes:
    return pickle.BININT + struct.pack("<i", number)


def _several(parts: Iterable[bytes]) -> bytes:
    return pickle.MARK + b"".join(parts) + pickle.TUPLE
