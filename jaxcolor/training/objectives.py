"""Objectives: the loss terms of a head, over a batch."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
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


Means = Mapping[str, Any]
"""Means of terms over many images, by name; NumPy's arrays or JAX's."""


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
        logged: from the means of terms over many images to those that a log shows.
        detached: "outputs", or the extra output, whose gradient does not reach the
            layers that it shares with the others; None to let all of them reach these.
            The network has a field of this name.
    """

    terms: Callable[[Array, Truth, Mapping[str, Array]], Terms]
    constant_loss: Callable[[Terms], Array]
    extra_outputs: tuple[str, ...] = ()
    extra_inputs: ExtraInputs | None = None
    logged: Callable[[Means], Means] = lambda means: means
    detached: str | None = None


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


def with_classes(colors: Objective, *, alpha: float) -> Objective:
    """Returns an objective that also learns the classes of photographs.

    To the loss of the colors it adds alpha times the cross entropy of the network's
    extra output "classes", nats. A photograph of unknown class adds nothing. Both are
    means over all photographs, also those of unknown class, so that parts of a batch
    add up; the log has the cross entropy and the accuracy of the others alone.

    Args:
        colors: the objective of the outputs.
        alpha: weight of the cross entropy.

    Source:
        Iizuka et al. 2016, "Let there be Color!", the loss of the joint training.
    """

    def terms(outputs: Array, truth: Truth, extra: Mapping[str, Array]) -> Terms:
        found = colors.terms(outputs, truth, extra)
        logits = extra["classes"]
        # All zero where the class is unknown.
        counts = jax.nn.one_hot(truth.label, logits.shape[-1])
        surprise = -(counts * jax.nn.log_softmax(logits)).sum(axis=-1)
        is_hit = jnp.argmax(logits, axis=-1) == truth.label
        return {
            **found,
            "loss": found["loss"] + alpha * surprise,
            "color_loss": found["loss"],
            "class_loss": surprise,
            "class_accuracy": is_hit.astype(jnp.float32),
            "class_counts": counts,
        }

    def constant_loss(means: Terms) -> Array:
        counts = means["class_counts"]
        labeled = jnp.maximum(counts.sum(), jnp.finfo(counts.dtype).tiny)
        entropy = -jax.scipy.special.xlogy(counts, counts / labeled).sum()
        return colors.constant_loss(means) + alpha * entropy

    def logged(means: Means) -> Means:
        """Returns means in which those of classes are over labeled photographs."""
        shown = dict(colors.logged(means))
        # Missing where all steps were skipped.
        labeled = np.sum(shown.pop("class_counts", 0.0))
        for name in ("class_loss", "class_accuracy"):
            mean = shown.pop(name, 0.0)
            if labeled:
                shown[name] = mean / labeled
        return shown

    extra_outputs = (*colors.extra_outputs, "classes")
    return Objective(terms, constant_loss, extra_outputs, colors.extra_inputs, logged)


def numbers(objective: Objective, means: Means) -> dict[str, float]:
    """Returns the numbers of a log: means of terms, and the loss of a constant output.

    Args:
        objective: whose terms they are.
        means: over many images; without "loss" where no step was made.
    """
    shown = objective.logged(means)
    found = {name: float(x) for name, x in shown.items() if np.ndim(x) == 0}
    if "loss" in means:
        # Means over many batches come from the host, in float64.
        exact = jax.tree.map(jnp.float32, dict(means))
        found["constant_loss"] = float(objective.constant_loss(exact))
    return found
