"""Measures how well classifiers recognize photographs: labels and hits."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcolor.color import cielab, compose
from jaxcolor.data import pipeline
from jaxcolor.data.sources import Source
from jaxcolor.recognition.classifiers import Classifier

# The k of the second metric that is usual for ImageNet.
TOP = 5

Recolor = Callable[[Float[Array, "b h w 3"]], Float[Array, "b h w 3"]]


def classes_of(names: Sequence[str]) -> tuple[str, ...]:
    """Lists the classes of a labelled folder's photographs, sorted.

    Args:
        names: of photographs; each lies in a folder named after its class.

    Raises:
        ValueError: a photograph lies in no folder, or there is but one class.
    """
    classes = tuple(sorted({_class_of(name) for name in names}))
    if len(classes) < 2:
        raise ValueError(
            f"got {len(classes)} class(es) {', '.join(classes)};"
            " wanted a folder for each of two or more"
        )
    return classes


def labels(
    names: Sequence[str], classes: Sequence[str]
) -> Int[np.ndarray, " photographs"]:
    """Returns the number of each photograph's class.

    Raises:
        ValueError: a photograph lies in no folder, or in one that is no class.
    """
    numbers = {name: number for number, name in enumerate(classes)}
    found = [_class_of(name) for name in names]
    for name, its in zip(names, found, strict=True):
        if its not in numbers:
            raise ValueError(f"{name} is of class {its!r}, unknown to the classifier")
    return np.array([numbers[its] for its in found], np.int64)


def top(classes: Sequence[str]) -> int:
    """Returns k of the top-k accuracy: 5, or one less than there are classes.

    A guess is right in k of n cases: of six classes the top five say next to nothing,
    and top-1 is the measure to look at.
    """
    return min(TOP, len(classes) - 1)


def is_among_top(
    logits: Float[Array, "b classes"], label: Int[Array, " b"], *, k: int
) -> Bool[Array, " b"]:
    """Tells whether fewer than k other classes reach the true one.

    A tie counts against the classifier, as does a logit that is not a number: a
    classifier that gives all classes the same logit recognizes nothing.
    """
    of_label = jnp.take_along_axis(logits, label[:, None], axis=1)
    is_below = logits < of_label
    others = jnp.arange(logits.shape[1])[None] != label[:, None]
    return jnp.sum(others & ~is_below, axis=1) < k


def gray(rgb: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Returns photographs without their color: the same lightness, a and b zero."""
    lab = cielab.rgb_to_lab(rgb)
    return compose.rgb(lab[..., 0], jnp.zeros_like(lab[..., 1:]))


def hits(
    classifier: Classifier,
    source: Source,
    *,
    recolor: Recolor,
    k: int,
    size: int,
    batch_size: int,
    on_done: Callable[[int], object],
) -> Bool[np.ndarray, " photographs"]:
    """Tells which photographs of a labelled folder are recognized, in its order.

    Args:
        classifier: what recognizes them.
        source: the photographs; each lies in a folder named after its class.
        recolor: from true colors, whose lightness a colorizer takes, to the colors
            that are classified.
        k: how many of the likeliest classes count, see `top`.
        size: of the photographs: the shorter side is resized to it, then the central
            square is taken.
        batch_size: photographs at once.
        on_done: called with the number of photographs that were done.

    Raises:
        ValueError: a photograph is of a class that the classifier does not know.
    """
    truth = labels(source.names, classifier.classes)
    batches = pipeline.center_squares(source, size=size, batch_size=batch_size)
    found = np.zeros(len(source), bool)
    for start, batch in zip(range(0, len(source), batch_size), batches, strict=True):
        rgb = batch["rgb"].astype(np.float32) / 255
        logits = classifier(recolor(jnp.asarray(rgb)))
        its = truth[start : start + batch_size]
        known = jnp.asarray(logits)[: len(its)]
        found[start : start + len(its)] = _is_among_top(known, its, k=k)
        on_done(len(its))
    return found


_is_among_top = jax.jit(is_among_top, static_argnames="k")


def _class_of(name: str) -> str:
    folder = PurePosixPath(name).parent.name
    if not folder:
        raise ValueError(f"{name} lies in no folder that would name its class")
    return folder
