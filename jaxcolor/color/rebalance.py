"""Class rebalancing: the prior over bins and the weights that make rare colors count.

Natural photographs are mostly gray. Weighting each pixel by the rarity of its color
keeps the network from predicting gray everywhere.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxcolor.color import encode
from jaxcolor.color.array_types import Ab, BinWeights, PerPixel, Scalar
from jaxcolor.color.encode import SoftCode
from jaxcolor.color.gamut import Gamut

# Number of values that `sum_by_bin` adds one by one.
RUN = 4096


def accumulate(
    code: SoftCode, *, bins: int, per_pixel: PerPixel | None = None
) -> BinWeights:
    """Returns the sum of soft codes over their pixels.

    Args:
        code: soft codes of any number of pixels.
        bins: how many bins there are.
        per_pixel: weights of the pixels; one each if None.
    """
    weights = code.weights
    if per_pixel is not None:
        weights = weights * per_pixel[..., None]
    return sum_by_bin(weights, code.indices, bins=bins)


def sum_by_bin(
    values: Float[Array, "*p"], indices: Int[Array, "*p"], *, bins: int
) -> BinWeights:
    """Returns, for each bin, the sum of the values that fall into it."""
    # In two stages: added one by one, the millionth value would be lost in the
    # rounding of the sum.
    run = jnp.arange(values.size) // RUN
    sums = jnp.zeros((-(-values.size // RUN), bins), jnp.float32)
    return sums.at[run, indices.ravel()].add(values.ravel()).sum(axis=0)


def normalize(counts: BinWeights) -> BinWeights:
    """Returns the prior: counts scaled to sum to one."""
    counts = jnp.asarray(counts)
    return counts / counts.sum()


def class_weights(
    prior: BinWeights, *, rebalancing_lambda: float | Scalar
) -> BinWeights:
    """Returns the weight of each bin; their mean under the prior is one.

    A bin that is empty in the prior gets the largest weight of a non-empty one.

    Args:
        prior: sums to one; may have empty bins.
        rebalancing_lambda: in [0, 1]; share of the uniform distribution that is mixed
            into the prior before it is inverted. The paper's is 0.5; at 1 there is no
            reweighting, at 0 all colors are weighted equally.

    Raises:
        ValueError: the lambda is outside [0, 1].

    Source:
        Zhang et al. 2016, section 2.2, equation 4; uniform over the non-empty bins
        as in the authors' released code.
    """
    # An export traces the lambda, too.
    is_known = not isinstance(rebalancing_lambda, jax.core.Tracer)
    if is_known and not 0 <= rebalancing_lambda <= 1:
        raise ValueError(
            f"rebalancing_lambda is {rebalancing_lambda}; wanted one in [0, 1]"
        )
    prior = jnp.asarray(prior, jnp.float32)
    is_filled = prior > 0
    uniform = is_filled / is_filled.sum()
    mixed = (1 - rebalancing_lambda) * prior + rebalancing_lambda * uniform
    inverse = jnp.where(is_filled, 1 / jnp.where(is_filled, mixed, 1.0), 0.0)
    inverse = jnp.where(is_filled, inverse, inverse.max())
    return inverse / jnp.sum(prior * inverse)


def pixel_weights(ab: Ab, gamut: Gamut, *, class_weights: BinWeights) -> PerPixel:
    """Returns the class weight of each pixel's nearest bin.

    Source:
        Zhang et al. 2016, section 2.2, equation 3.
    """
    return jnp.asarray(class_weights)[encode.nearest(ab, gamut)]


def gray_mask(ab: Float[Array, "*b h w 2"], *, threshold: float) -> Float[Array, "*b"]:
    """Returns 1 for an image with some color, 0 for a gray one.

    Args:
        ab: ab of whole images.
        threshold: CIELAB units; an image is gray if no |a| and no |b| exceeds it. The
            authors' code has 5.
    """
    largest = jnp.abs(ab).max(axis=(-3, -2, -1))
    return (largest > threshold).astype(jnp.float32)


def constant_predictor_loss(weighted_code: BinWeights) -> Scalar:
    """Returns the smallest weighted cross entropy that a constant output can reach.

    The loss of a training that has learned nothing from its images stays there.

    Args:
        weighted_code: m, the mean over pixels of (pixel weight) x (soft code).

    Returns:
        -sum(m log(m / sum m)), nats per pixel.
    """
    # A bin that no pixel comes near to adds nothing, also to the derivative.
    is_filled = weighted_code > 0
    share = jnp.where(is_filled, weighted_code, 1.0) / jnp.where(
        is_filled.any(), weighted_code.sum(), 1.0
    )
    return -jnp.sum(weighted_code * jnp.log(share))
