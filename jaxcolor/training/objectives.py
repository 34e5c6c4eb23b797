"""Objectives: the loss terms of a head, over a batch."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxcolor.color import marginals
from jaxcolor.color.heads import Head, Prior, Terms
from jaxcolor.color.marginals import AbMarginals, HueChroma

# From a random key and the true Lab of a photograph (h w 3) to the extra inputs of the
# network, by name.
ExtraInputs = Callable[[PRNGKeyArray, Array], dict[str, Array]]

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
        extra_inputs: draws the network's inputs besides lightness in training; None
            to give none.
    """

    terms: Callable[[Array, Truth, Mapping[str, Array]], Terms]
    constant_loss: Callable[[Terms], Array]
    extra_outputs: tuple[str, ...] = ()
    extra_inputs: ExtraInputs | None = None


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


def of_samples(
    head: HueChroma | AbMarginals, *, samples: int, margin: int
) -> Objective:
    """Returns the objective of a head at random places of each photograph.

    In training, the network gets "locations", pixels of the lightness drawn uniformly,
    and gives outputs for the cells that have them: exactly those of its whole map, of
    which the rest is not computed. The targets are those of the same cells. Without
    locations, as in validation, the objective is that of the whole map.

    Args:
        head: of the network, which has the extra input "locations" and the extra
            output "cells".
        samples: number of locations in each photograph.
        margin: pixels between a location and the border, at least.

    Source:
        Larsson et al. 2016: 128 locations, 96 pixels from the border.
    """
    whole = of_head(head, None)

    def of_image(outputs: Array, lab: Array, cells: Array) -> Terms:
        targets = jax.tree.map(
            lambda x: x[cells[:, 0], cells[:, 1]][None], head.targets(lab)
        )
        return marginals.terms(outputs, targets)

    def terms(outputs: Array, truth: Truth, extra: Mapping[str, Array]) -> Terms:
        if "cells" not in extra:
            return whole.terms(outputs, truth, extra)
        return jax.vmap(of_image)(outputs, truth.lab, extra["cells"])

    def draw(key: PRNGKeyArray, lab: Array) -> dict[str, Array]:
        smallest = min(lab.shape[:2])
        if 2 * margin >= smallest:
            raise ValueError(
                f"margin is {margin}; wanted less than half the crop's {smallest}"
            )
        high = jnp.array([lab.shape[:2]]) - margin
        found = jax.random.randint(key, (samples, 2), margin, high)
        return {"locations": found}

    return Objective(terms, head.constant_loss, ("cells",), draw)
