"""Objectives: the loss terms of a head, over a batch."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
from jaxtyping import Array, Float, Int

from jaxcolor.color.heads import Head, Prior, Terms

UNKNOWN = -1
"""The label of a photograph of no class, or of none that counts."""


class Truth(NamedTuple):
    """What is true of the photographs of a batch.

    Attributes:
        lab: CIELAB of one pixel for each cell of the output.
        label: number of the class, or `UNKNOWN`.
    """

    lab: Float[Array, "b H W 3"]
    label: Int[Array, " b"]


class Objective(NamedTuple):
    """The loss of a training, and how its outputs become ab.

    Attributes:
        terms: from outputs (b h w n), truth, and the extra outputs by name, to
            per-image means, a dictionary with at least "loss", the leading axis b.
        constant_loss: from the means of terms over many images to the loss of the
            best constant output on them, weights included.
        extra_outputs: names of the extra outputs of the network that it wants.
    """

    terms: Callable[[Array, Truth, Mapping[str, Array]], Terms]
    constant_loss: Callable[[Terms], Array]
    extra_outputs: tuple[str, ...] = ()


def of_head(
    head: Head, prior: Prior, *, gray_threshold: float | None = None
) -> Objective:
    """Returns the objective of a head.

    Args:
        head: of the network.
        prior: of the training set; None for a head without bins.
        gray_threshold: images whose |a| and |b| stay below it have no weight; None to
            weight all images equally, which some heads require.
    """
    of_image = jax.vmap(head.make_terms(prior, gray_threshold=gray_threshold))

    def terms(outputs: Array, truth: Truth, _: Mapping[str, Array]) -> Terms:
        return of_image(outputs, truth.lab)

    return Objective(terms, head.constant_loss)
