"""Weights as a state_dict of PyTorch, under the authors' names, without PyTorch."""

import io
import pickle
import struct
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np

from jaxcolor.color import decode
from jaxcolor.models import zhang2016
from jaxcolor.pretrained.release import Pretrained

NETWORKS = ("siggraph17", "zhang2016")
"""Networks that the authors released for PyTorch."""

TRANSPOSED = ("conv8_1", "conv9_1", "conv10_1")
"""Layers that double the size."""

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
    if name not in NETWORKS:
        raise ValueError(
            f"the network is {name}; wanted {' or '.join(NETWORKS)}, which the authors"
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
    for ours, theirs in names(name).items():
        # The paper's Caffe network has normalizations without parameters.
        layer = params.get(ours, {})
        if "kernel" in layer:
            order = (2, 3, 0, 1) if ours in TRANSPOSED else (3, 2, 0, 1)
            found[f"{theirs}.weight"] = layer["kernel"].transpose(order)
            found[f"{theirs}.bias"] = layer["bias"]
            continue
        mean, variance = (statistics[ours][each] for each in ("mean", "var"))
        found[f"{theirs}.weight"] = layer.get("scale", np.ones_like(mean))
        found[f"{theirs}.bias"] = layer.get("bias", np.zeros_like(mean))
        found[f"{theirs}.running_mean"] = mean
        found[f"{theirs}.running_var"] = variance
    if bins is not None:
        centers = np.asarray(bins.centers, np.float32).T / decode.AB_SCALE
        found["model_out.weight"] = centers[:, :, None, None]
    return found


def names(network: str) -> dict[str, str]:
    """Returns the authors' name of each layer by ours.

    Source:
        richzhang/colorization, colorizers/eccv16.py and siggraph17.py: each block is a
        Sequential, in which ReLUs count.
    """
    found = {}
    for i, block in enumerate(zhang2016.BLOCKS, start=1):
        for j in range(block.convs):
            found[f"conv{i}_{j + 1}"] = f"model{i}.{2 * j}"
        found[f"conv{i}_{block.convs}norm"] = f"model{i}.{2 * block.convs}"
    if network == "zhang2016":
        last = {"conv8_1": "0", "conv8_2": "2", "conv8_3": "4", "head": "6"}
        return found | {ours: f"model8.{place}" for ours, place in last.items()}
    # Behind conv7, a Sequential begins with a ReLU.
    return found | {
        "conv8_1": "model8up.0",
        "conv3_3_short": "model3short8.0",
        "conv8_2": "model8.1",
        "conv8_3": "model8.3",
        "conv8_3norm": "model8.5",
        "bins": "model_class.0",
        "conv9_1": "model9up.0",
        "conv2_2_short": "model2short9.0",
        "conv9_2": "model9.1",
        "conv9_2norm": "model9.3",
        "conv10_1": "model10up.0",
        "conv1_2_short": "model1short10.0",
        "conv10_2": "model10.1",
        "head": "model_out.0",
    }


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
