"""How well classifiers recognize photographs: labels, hits, and shares of the gap."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxcolor import cielab
from jaxcolor.data import pipeline
from jaxcolor.data.sources import Source
from jaxcolor.recognize.classifiers import Classifier

THREADS, PREFETCH = 4, 4
# Of ImageNet's usual second measure.
TOP = 5
# The ends of an interval that holds 95 percent.
TAILS = (0.025, 0.975)

Recolor = Callable[[Float[Array, "b h w 3"]], Float[Array, "b h w 3"]]


class Share(NamedTuple):
    """A share with its 95 percent interval.

    Attributes:
        value: 0 where a system is recognized no better than gray, 1 where it is as
            well as the ground truth; either may be passed.
        low: lower end; -inf where the photographs are too few to tell.
        high: upper end; inf where the photographs are too few to tell.
    """

    value: float
    low: float
    high: float


def classes_of(names: Sequence[str]) -> tuple[str, ...]:
    """Lists the classes of a labelled folder's photographs, sorted.

    Args:
        names: of photographs; each lies in a folder that is called as its class.

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

    A tie counts against the classifier, as does a logit that is no number: one that
    answers everything alike recognizes nothing.
    """
    of_label = jnp.take_along_axis(logits, label[:, None], axis=1)
    is_below = logits < of_label
    others = jnp.arange(logits.shape[1])[None] != label[:, None]
    return jnp.sum(others & ~is_below, axis=1) < k


def gray(rgb: Float[Array, "b h w 3"]) -> Float[Array, "b h w 3"]:
    """Returns photographs without their color: the same lightness, a and b zero."""
    lab = cielab.rgb_to_lab(rgb)
    return jnp.clip(cielab.lab_to_rgb(lab.at[..., 1:].set(0)), 0, 1)


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
        source: the photographs; each lies in a folder that is called as its class.
        recolor: what is done to the photographs before: from true colors, of which a
            colorizer takes the lightness, to those that are classified.
        k: how many of the likeliest classes count, see `top`.
        size: of the photographs: the shorter side is resized to it, then the central
            square is taken.
        batch_size: photographs at once.
        on_done: called with the number of photographs that were done.

    Raises:
        ValueError: a photograph is of a class that the classifier does not know.
    """
    truth = labels(source.names, classifier.classes)
    batches = pipeline.validation_batches(
        source,
        batch_size=batch_size,
        resize=size,
        squash=False,
        crop=size,
        # The shortcut for large JPEGs would change pixels a little.
        draft=False,
        process_index=0,
        process_count=1,
        threads=THREADS,
        prefetch=PREFETCH,
    )
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


def gap_share(
    truth: Float[np.ndarray, " photographs"],
    gray: Float[np.ndarray, " photographs"],
    system: Float[np.ndarray, " photographs"],
    *,
    seed: int,
    resamples: int,
) -> Share:
    """Returns how much of what gray photographs lose a system brings back.

    The share is (system - gray) / (truth - gray) of accuracies. Its interval is a
    percentile bootstrap over photographs, each of which keeps its three outcomes.
    A resample in which gray is recognized as well as the truth has no share; it
    counts into both tails.

    Args:
        truth: of each photograph in its own colors, 1 where it was recognized and 0
            elsewhere, or the mean of that over several classifiers.
        gray: the same of the photographs without color.
        system: the same of the photographs as the system colors them.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        ValueError: gray photographs are recognized as well as the truth: no gap.
    """
    outcomes = np.stack([truth, gray, system], axis=1).astype(np.float64)
    value = _share_of_gap(outcomes)
    if np.isnan(value):
        true, without = outcomes.mean(axis=0)[:2]
        raise ValueError(
            f"accuracy is {true:.4f} on the truth and {without:.4f} on gray;"
            " wanted a gap to take a share of"
        )
    shares = _bootstrap(_share_of_gap, outcomes, seed=seed, resamples=resamples)
    lowest, highest = (np.where(np.isnan(shares), x, shares) for x in (-np.inf, np.inf))
    # No interpolation: between infinities there is none.
    low = np.quantile(lowest, TAILS[0], method="lower")
    high = np.quantile(highest, TAILS[1], method="higher")
    return Share(value, float(low), float(high))


def _share_of_gap(outcomes: Float[np.ndarray, "photographs 3"]) -> float:
    """Returns the share, or nan where there is no gap."""
    truth, gray, system = outcomes.mean(axis=0)
    return float((system - gray) / (truth - gray)) if truth > gray else np.nan


def _bootstrap(
    statistic: Callable[[np.ndarray], float],
    per_image: Float[np.ndarray, "photographs *each"],
    *,
    seed: int,
    resamples: int,
) -> Float[np.ndarray, " resamples"]:
    """Returns a statistic of photographs drawn with replacement, again and again."""
    random, count = np.random.default_rng(seed), len(per_image)
    drawn = (random.integers(count, size=count) for _ in range(resamples))
    return np.array([statistic(per_image[indices]) for indices in drawn])


def _class_of(name: str) -> str:
    folder = PurePosixPath(name).parent.name
    if not folder:
        raise ValueError(f"{name} lies in no folder that would name its class")
    return folder
