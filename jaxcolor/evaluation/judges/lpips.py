"""Perceptual distance of pictures by features of VGG-16: LPIPS, version 0.1.

LPIPS is comparable only if computed with torchvision's weights of VGG-16 and the linear
weights that its authors published; jaxcolor includes neither.

Source:
    Zhang et al. 2018 (arXiv:1801.03924), section 3 and equation 1; the linear weights
    and the small number of their own package.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from jaxcolor.evaluation import manifests, metric
from jaxcolor.evaluation.judges.judge import Judge, Judging, Setting, Shown
from jaxcolor.evaluation.metric import Metric
from jaxcolor.models import vgg16
from jaxcolor.pretrained.importers import torch_pickle, vgg16_weights

TITLE = "LPIPS"
REMEDY = (
    "give --lpips VGG16_FILE LINEAR_FILE, torchvision's weights of VGG-16 and the"
    " published linear ones"
)
METRIC = Metric(
    key="lpips",
    heading="LPIPS",
    format=".4f",
    meaning="perceptual distance by VGG-16, version 0.1",
    better="lower",
    table="Accuracy",
    statistic=metric.mean("lpips"),
    is_for_truth=False,
)

Distance = Callable[
    [Float[Array, "b h w 3"], Float[Array, "b h w 3"]], Float[Array, " b"]
]
"""Distance of pictures from others, RGB in [0, 1]."""

# Added to the length of the features of a pixel.
EPSILON = 1e-10
# Channels of the features; those of another network would not give LPIPS.
WIDTHS = vgg16.WIDTHS


class Network(NamedTuple):
    """The network that LPIPS is computed with.

    Attributes:
        params: of `vgg16.Features`.
        linear: for each of its maps, the weight of each channel.
    """

    params: PyTree
    linear: tuple[Float[Array | np.ndarray, " _"], ...]


def judge(features: str | Path, linear: str | Path) -> Judge:
    """Returns LPIPS as a judge.

    Args:
        features: as for `read`.
        linear: as for `read`.
    """

    def prepare(setting: Setting) -> Judging:
        network = read(features, linear)
        files = {"vgg16": features, "linear": linear}
        provenance = {
            name: {"path": str(path), "sha256": manifests.hash_of(path)}
            for name, path in files.items()
        }
        found = judging(lambda rgb, others: distance(network, rgb, others))
        return found._replace(provenance={"lpips": provenance})

    return Judge(prepare)


def judging(distance: Distance) -> Judging:
    """Returns a distance, ready to judge every system but the ground truth."""

    def of_pictures(shown: Shown) -> dict[str, Array]:
        if shown.is_truth:
            return {}
        return {METRIC.key: distance(shown.rgb, shown.true_rgb)}

    return Judging(TITLE, (METRIC,), of_pictures)


def read(features: str | Path, linear: str | Path) -> Network:
    """Reads a network from published files, see `torch_pickle`.

    Args:
        features: torchvision's weights of VGG-16, such as vgg16-397923af.pth.
        linear: weights/v0.1/vgg.pth of the package lpips.

    Raises:
        ValueError: a file cannot be read, or holds something else.
    """
    params = vgg16_weights.read_features(features)
    if (found := vgg16_weights.widths(params)) != WIDTHS:
        raise ValueError(f"{features}: blocks of {found} channels; wanted {WIDTHS}")
    tensors = torch_pickle.read(linear)
    taken = []
    for n, width in enumerate(WIDTHS):
        name, wanted = f"lin{n}.model.1.weight", (1, width, 1, 1)
        if name not in tensors:
            raise ValueError(
                f"{linear} lacks {name}; wanted the linear weights of LPIPS for VGG-16"
            )
        if tensors[name].shape != wanted:
            shape = tensors[name].shape
            raise ValueError(f"{linear}: {name} has shape {shape}; wanted {wanted}")
        taken.append(np.asarray(tensors[name], np.float32).ravel())
    network = Network(params, tuple(taken))
    on_device: Network = jax.device_put(network)
    return on_device


@jax.jit
def distance(
    network: Network, rgb: Float[Array, "b h w 3"], others: Float[Array, "b h w 3"]
) -> Float[Array, " b"]:
    """Returns the distance of each picture from its other; 0 at best.

    Args:
        network: see `read`.
        rgb: in [0, 1], 16 x 16 pixels or more.
        others: as `rgb`; the order of the two does not matter.
    """
    features = vgg16.Features(vgg16_weights.widths(network.params))

    def of_pair(pair: Float[Array, "2 h w 3"]) -> Float[Array, ""]:
        # Accelerators otherwise multiply in bfloat16 or TF32.
        with jax.default_matmul_precision("float32"):
            maps = features.apply({"params": network.params}, vgg16.normalize(pair))
        return jnp.stack(
            [
                (jnp.square(jnp.subtract(*_directed(x))) @ linear).mean()
                for x, linear in zip(maps, network.linear, strict=True)
            ]
        ).sum()

    # One pair after the other: the maps of a whole batch would take gigabytes.
    return jax.lax.map(of_pair, jnp.stack([rgb, others], axis=1))


def _directed(x: Float[Array, "*p c"]) -> Float[Array, "*p c"]:
    """Returns the features of each pixel, scaled to unit length."""
    length = jnp.sqrt(jnp.square(x).sum(axis=-1, keepdims=True))
    return x / (length + EPSILON)
