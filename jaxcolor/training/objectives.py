"""Objectives of trainings: losses on ab, and the numbers logged with them."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.color import decode, encode, losses, rebalance
from jaxcolor.color.array_types import BinWeights
from jaxcolor.color.gamut import Gamut

Terms = dict[str, Array]


class Objective(NamedTuple):
    """The loss of a training, and how its outputs become ab.

    Attributes:
        terms: from outputs (b h w n) and true ab (b h w 2) to per-image means, a
            dictionary with at least "loss", the leading axis b.
        constant_loss: from the means of terms over many images to the loss of the
            best constant output on them, weights and all.
        to_ab: from outputs to the predicted ab.
    """

    terms: Callable[[Array, Array], Terms]
    constant_loss: Callable[[Terms], Array]
    to_ab: Callable[[Array], Array]


def classification(
    gamut: Gamut,
    class_weights: BinWeights,
    *,
    neighbors: int,
    sigma: float,
    gray_threshold: float,
    temperature: float,
) -> Objective:
    """Returns the paper's objective: rebalanced cross entropy with soft codes.

    Args:
        gamut: the bins.
        class_weights: of the bins; all ones switch rebalancing off.
        neighbors: of the soft code.
        sigma: of the soft code.
        gray_threshold: images whose |a| and |b| stay below it have no weight;
            negative to keep all.
        temperature: of the annealed mean that `to_ab` takes.

    Source:
        Zhang et al. 2016, section 2, equations 2 to 5.
    """

    def of_image(outputs: Float[Array, "h w q"], ab: Float[Array, "h w 2"]) -> Terms:
        code = encode.soft_encode(ab, gamut, neighbors=neighbors, sigma=sigma)
        # The nearest bin leads the soft code, so it need not be looked up again.
        weight = jnp.asarray(class_weights)[code.indices[..., 0]]
        weight *= rebalance.gray_mask(ab, threshold=gray_threshold)
        weighted_code = rebalance.accumulate(
            code, bins=outputs.shape[-1], per_pixel=weight
        )
        return {
            "loss": losses.rebalanced_cross_entropy(outputs, code, weight),
            "kl": losses.soft_kl(outputs, code).mean(),
            "weighted_code": weighted_code / weight.size,
        }

    return Objective(
        terms=jax.vmap(of_image),
        constant_loss=lambda means: rebalance.constant_predictor_loss(
            means["weighted_code"]
        ),
        to_ab=lambda outputs: decode.annealed_mean(
            outputs, gamut, temperature=temperature
        ),
    )


def regression() -> Objective:
    """Returns the paper's L2 objective on ab.

    Source:
        Zhang et al. 2016, section 2.1, equation 1.
    """

    def of_image(outputs: Float[Array, "h w 2"], ab: Float[Array, "h w 2"]) -> Terms:
        return {
            "loss": losses.l2(decode.regression(outputs), ab),
            "ab": ab.mean(axis=(0, 1)),
            "ab_square": jnp.square(ab).sum(axis=-1).mean(),
        }

    return Objective(
        terms=jax.vmap(of_image),
        constant_loss=lambda means: (
            0.5 * (means["ab_square"] - jnp.square(means["ab"]).sum())
        ),
        to_ab=decode.regression,
    )
