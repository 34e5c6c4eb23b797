"""Classifiers: what they are to the evaluation, and the folders they are kept in."""

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from flax import traverse_util
from jaxtyping import Array, Float, PyTree

from jaxcolor.models.scene_classifier import SceneClassifier
from jaxcolor.pretrained import descriptions, release
from jaxcolor.runtime import atomic

FORMAT_VERSION = 1
"""Of a classifier's folder; grows when an older jaxcolor could not read it rightly."""

FIELDS = {"width", "momentum", "classes", "size", "provenance"}


@runtime_checkable
class Classifier(Protocol):
    """Photographs, RGB in [0, 1], in; logits of the classes out."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the logits."""

    def __call__(self, rgb: Float[Array, "b h w 3"], /) -> Float[Array, "b classes"]:
        """Returns logits."""


class FromFunction(NamedTuple):
    """A function as a classifier.

    Attributes:
        classes: as in `Classifier`.
        function: from RGB in [0, 1] to logits.
        about: what a reader of its numbers should know, by keyword: "network", which
            it is; "sees", what of a photograph; "note", a caution.
    """

    classes: tuple[str, ...]
    function: Callable[[Float[Array, "b h w 3"]], Float[Array, "b classes"]]
    about: Mapping[str, str] = MappingProxyType({})

    def __call__(self, rgb: Float[Array, "b h w 3"]) -> Float[Array, "b classes"]:
        """Returns the function's logits."""
        return self.function(rgb)


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A classifier of ours.

    Attributes:
        classes: as in `Classifier`.
        network: applied as `network.apply(variables, rgb, train=False)`.
        variables: params and batch_stats, float32 NumPy arrays.
        size: side of the photographs it was trained on; others can be classified.
        provenance: where it comes from, as JSON has it.
    """

    classes: tuple[str, ...]
    network: SceneClassifier
    variables: PyTree
    size: int
    provenance: dict[str, Any]

    def __call__(self, rgb: Float[Array, "b h w 3"]) -> Float[Array, "b classes"]:
        """Returns logits, by the running statistics."""
        return _logits(self.network, self.variables, rgb)


def save(trained: Trained, folder: str | Path) -> None:
    """Writes a classifier: `config.json`, `model.safetensors`; both or nothing.

    Raises:
        ValueError: the folder exists.
    """
    folder = Path(folder)
    if folder.exists():
        raise ValueError(f"{folder} exists; not overwritten")
    fields = {
        "classifier_version": FORMAT_VERSION,
        "width": trained.network.width,
        "momentum": trained.network.momentum,
        "classes": trained.classes,
        "size": trained.size,
        "provenance": trained.provenance,
    }
    arrays = descriptions.flatten(trained.variables)
    # The file has the bytes as they lie in memory, whatever the strides say.
    tensors = {
        name: np.ascontiguousarray(x, np.float32) for name, x in sorted(arrays.items())
    }
    with atomic.folder(folder) as partial:
        atomic.write_json(partial / release.CONFIG, fields, indent=2)
        weights = safetensors.numpy.save(tensors)
        atomic.write_bytes(partial / release.WEIGHTS, weights)


def load(folder: str | Path) -> Trained:
    """Reads a classifier.

    Raises:
        ValueError: there is no classifier there, or it is damaged.
    """
    folder = Path(folder)
    fields = _read_config(folder / release.CONFIG)
    classes = tuple(fields["classes"])
    network = SceneClassifier(
        width=fields["width"], outputs=len(classes), momentum=fields["momentum"]
    )
    try:
        tensors = safetensors.numpy.load_file(folder / release.WEIGHTS)
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{folder / release.WEIGHTS}: {error}") from error
    wanted = {
        name: x.shape for name, x in descriptions.flatten(_shapes(network)).items()
    }
    found = {name: x.shape for name, x in tensors.items()}
    if wrong := sorted({name for name, _ in wanted.items() ^ found.items()}):
        raise ValueError(
            f"{folder}: missing, unknown or misshapen: {descriptions.listed(wrong)}"
        )
    return Trained(
        classes=classes,
        network=network,
        variables=traverse_util.unflatten_dict(tensors, sep="/"),
        size=fields["size"],
        provenance=fields["provenance"],
    )


# The network is hashable: classifiers of the same make share what is compiled.
@functools.partial(jax.jit, static_argnums=0)
def _logits(
    network: SceneClassifier, variables: PyTree, rgb: Float[Array, "b h w 3"]
) -> Float[Array, "b classes"]:
    return jnp.asarray(network.apply(variables, rgb, train=False))


def _read_config(path: Path) -> dict[str, Any]:
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ValueError(f"no classifier at {path.parent}: {error}") from error
    if not isinstance(fields, dict) or "classifier_version" not in fields:
        raise ValueError(f"{path} does not describe a classifier")
    version = fields.pop("classifier_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path} has format {version}; this jaxcolor reads {FORMAT_VERSION}"
        )
    if wrong := sorted(FIELDS ^ set(fields)):
        raise ValueError(
            f"{path}: missing or unknown field: {descriptions.listed(wrong)}"
        )
    return fields


def _shapes(network: SceneClassifier) -> PyTree:
    smallest = jnp.zeros((1, 8, 8, 3))
    return jax.eval_shape(
        lambda key: network.init(key, smallest, train=False), jax.random.key(0)
    )
