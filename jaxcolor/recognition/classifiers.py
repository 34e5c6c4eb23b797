"""Classifiers: their interface, and the folders that store them."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Array, Float, PyTree

from jaxcolor.models.scene_classifier import SceneClassifier
from jaxcolor.pretrained import descriptions, records, release
from jaxcolor.pretrained.records import Field
from jaxcolor.runtime import atomic

FORMAT_VERSION = 1
"""Version of a classifier's folder; grows when an older jaxcolor would misread it."""

VERSION = "classifier_version"
FIELDS: dict[str, Field] = {
    "width": records.number(above=0, most=descriptions.LARGEST_SCALE),
    "momentum": records.number(least=0, most=1),
    "classes": records.several(records.text(), least=2),
    "size": records.whole(least=1, most=records.LARGEST_SIZE),
    "provenance": records.table(),
}
"""Fields of a classifier's config.json."""


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
        about: what readers of its numbers should know, by keyword: "network", its name;
            "sees", which part of a photograph; "note", a caution.
    """

    classes: tuple[str, ...]
    function: Callable[[Float[Array, "b h w 3"]], Float[Array, "b classes"]]
    about: Mapping[str, str] = MappingProxyType({})

    def __call__(self, rgb: Float[Array, "b h w 3"]) -> Float[Array, "b classes"]:
        """Returns the function's logits."""
        return self.function(rgb)


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A classifier that `classifier_training` trained.

    Attributes:
        classes: as in `Classifier`.
        network: applied as `network.apply(variables, rgb, train=False)`.
        variables: params and batch_stats, float32 NumPy arrays.
        size: side of the photographs that it was trained on; it can classify others.
        provenance: how it was made, as JSON values.
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
        VERSION: FORMAT_VERSION,
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
    try:
        descriptions.check_variables(
            tensors, wanted=descriptions.shapes_of(_shapes(network))
        )
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error
    return Trained(
        classes=classes,
        network=network,
        variables=descriptions.unflatten(tensors),
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
        fields = records.read(path)
    except FileNotFoundError as error:
        raise ValueError(f"no classifier at {path.parent}: no {path.name}") from error
    if VERSION not in fields:
        raise ValueError(f"{path} does not describe a classifier")
    records.check_version(fields, VERSION, wanted=FORMAT_VERSION, path=path)
    del fields[VERSION]
    try:
        records.check(fields, FIELDS)
        if len(set(fields["classes"])) < len(fields["classes"]):
            raise ValueError("classes has a name twice; wanted each once")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return fields


def _shapes(network: SceneClassifier) -> PyTree:
    smallest = jnp.zeros((1, 8, 8, 3))
    return jax.eval_shape(
        lambda key: network.init(key, smallest, train=False), jax.random.key(0)
    )
