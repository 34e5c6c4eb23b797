"""Objectives: the loss terms of a head, over a batch."""

from collections.abc import Callable
from typing import NamedTuple

import jax
from jaxtyping import Array

from jaxcolor.color.heads import Head, Prior, Terms


class Objective(NamedTuple):
    """The loss of a training, and how its outputs become ab.

    Attributes:
        terms: from outputs (b h w n) and true ab (b h w 2) to per-image means, a
            dictionary with at least "loss", the leading axis b.
        constant_loss: from the means of terms over many images to the loss of the
            best constant output on them, weights included.
    """

    terms: Callable[[Array, Array], Terms]
    constant_loss: Callable[[Terms], Array]


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
    terms = head.make_terms(prior, gray_threshold=gray_threshold)
    return Objective(jax.vmap(terms), head.constant_loss)
