"""Saves and reads the whole state of a training as one safetensors file."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import PyTree

from experiments.packed import recipe as recipes
from jaxcolor.runtime import atomic
from jaxcolor.training import priors
from jaxcolor.training.priors import Prior
from jaxcolor.training.train_step import TrainState

FORMAT_VERSION = 1


class Snapshot(NamedTuple):
    """All that a training needs to resume.

    Attributes:
        state: train state, on the host.
        prior: prior of the bins.
        crops: number of crops that were seen.
        config: config, as JSON types.
        recipe: recipe, as JSON types.
    """

    state: TrainState
    prior: Prior
    crops: int
    config: dict[str, Any]
    recipe: dict[str, Any]


def write(snapshot: Snapshot, path: Path) -> None:
    """Writes a snapshot, whole or not at all."""
    tensors = {
        name: np.asarray(x, order="C") for name, x in _named(snapshot.state).items()
    }
    metadata = {
        "format": FORMAT_VERSION,
        "prior": priors.to_json(snapshot.prior),
        "crops": snapshot.crops,
        "config": snapshot.config,
        "recipe": snapshot.recipe,
    }
    texts = {name: json.dumps(value) for name, value in metadata.items()}
    with atomic.file(path) as temporary:
        safetensors.numpy.save_file(tensors, temporary, metadata=texts)


def read(path: Path, like: TrainState) -> Snapshot:
    """Reads a snapshot.

    Args:
        path: path of the file.
        like: a state with the same arrays, or only their shapes.

    Raises:
        ValueError: it cannot be read, or belongs to another network or optimizer.
    """
    metadata, tensors = _contents(path)
    if int(metadata.get("format", 0)) != FORMAT_VERSION:
        raise ValueError(
            f"{path} has format {metadata.get('format')}; wanted a snapshot of format"
            f" {FORMAT_VERSION}"
        )
    wanted = _named(like)
    if wrong := sorted(set(wanted) ^ set(tensors)):
        raise ValueError(f"{path} lacks arrays or has unknown ones: {wrong[:3]}")
    for name, x in wanted.items():
        if tensors[name].shape != x.shape:
            got = tensors[name].shape
            raise ValueError(f"{path}: {name} has shape {got}; wanted {x.shape}")
    structure = jax.tree.structure(like)
    config, recipe = (json.loads(metadata[name]) for name in ("config", "recipe"))
    state = jax.tree.unflatten(structure, [tensors[name] for name in wanted])
    # Older snapshots do not store the number of crops; the derived number is right
    # unless the recipe was changed.
    derived = recipes.crops_until(
        recipes.from_json(recipe), int(state.step), steps=config["training"]["steps"]
    )
    return Snapshot(
        state=state,
        prior=priors.from_json(json.loads(metadata["prior"])),
        crops=int(metadata.get("crops", derived)),
        config=config,
        recipe=recipe,
    )


def _contents(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            names = file.keys()
            return file.metadata() or {}, {
                name: file.get_tensor(name) for name in names
            }
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"{path}: {error}") from error


def _named(state: PyTree) -> dict[str, Any]:
    """Returns the leaves by their paths, such as "params/head/bias", in order."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(state)
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): leaf
        for path, leaf in leaves
    }
