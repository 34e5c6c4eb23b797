"""The objective of a network that colorizes by hints: ab, and classes of color."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from jaxcolor.color import ab_grid, decode, hints, losses, rebalance
from jaxcolor.color.array_types import Scalar
from jaxcolor.color.encode import SoftCode
from jaxcolor.color.heads import Terms
from jaxcolor.color.hints import Simulation
from jaxcolor.training.objectives import Objective, Truth

# Keeps the draw of hints apart from that of artificial aging, which may have its key.
HINTS = 17


def objective(
    simulation: Simulation,
    *,
    ab_weight: float,
    class_weight: float,
    detached: str,
) -> Objective:
    """Returns the objective of outputs that are ab, and logits of `ab_grid` ("bins").

    The loss is ab_weight times the mean L1 distance in ab, in units of
    `decode.AB_SCALE`, plus class_weight times the mean cross entropy of the bins.

    Args:
        simulation: how the hints of each photograph are drawn.
        ab_weight: of the distance.
        class_weight: of the cross entropy.
        detached: see `Objective`.

    Source:
        Zhang et al. 2017 (arXiv:1705.02999), section 3; distance and weights from the
        authors' training code.
    """

    def terms(outputs: Array, truth: Truth, extra: Mapping[str, Array]) -> Terms:
        found = jax.vmap(_terms)(outputs, extra["bins"], truth.lab)
        loss = ab_weight * found["l1"] + class_weight * found["cross_entropy"]
        return {"loss": loss, **found}

    def constant_loss(means: Terms) -> Scalar:
        # No sums of the terms give the best constant for the distance, the median. It
        # is close to gray, whose distance stands in for it.
        entropy = rebalance.constant_predictor_loss(means["classes"])
        return ab_weight * means["gray_l1"] + class_weight * entropy

    def draw(key: PRNGKeyArray, lab: Float[Array, "h w 3"]) -> dict[str, Array]:
        own = jax.random.fold_in(key, HINTS)
        return {"hints": hints.simulated(own, lab[..., 1:], simulation)}

    return Objective(
        terms,
        constant_loss,
        extra_outputs=("bins",),
        extra_inputs=draw,
        detached=detached,
    )


def _terms(
    outputs: Float[Array, "h w 2"],
    bins: Float[Array, "H W q"],
    lab: Float[Array, "h w 3"],
) -> Terms:
    """Returns means over the pixels of an image."""
    ab = lab[..., 1:]
    # Picked, as for the paper's bins.
    stride = len(ab) // len(bins)
    nearest = ab_grid.nearest(ab[::stride, ::stride])[..., None]
    code = SoftCode(nearest, jnp.ones(nearest.shape, jnp.float32))
    classes = rebalance.accumulate(code, bins=bins.shape[-1])
    return {
        "l1": losses.l1(decode.regression(outputs), ab) / decode.AB_SCALE,
        "cross_entropy": losses.soft_cross_entropy(bins, code).mean(),
        "gray_l1": losses.l1(jnp.zeros_like(ab), ab) / decode.AB_SCALE,
        "classes": classes / nearest.size,
    }
