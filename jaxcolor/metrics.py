"""How good a colorization is: accuracy of ab, likelihood, and colorfulness."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor import encode, rebalance
from jaxcolor.array_types import Ab, Bin, BinWeights, Logits, PerPixel, Rgb, Scalar
from jaxcolor.gamut import Gamut

# The largest ab distance that the paper's accuracy curve sweeps to.
AUC_REACH = 150.0
# Floor of a bin's share of the pixels, so that a color seen a few times in a large
# set does not outweigh all others.
SHARE_FLOOR = 1e-6


def ab_distance(predicted: Ab, target: Ab) -> PerPixel:
    """Returns the Euclidean distance on the ab plane."""
    return _root(jnp.square(predicted - target).sum(axis=-1))


def auc(distance: PerPixel, *, weights: PerPixel | None = None) -> Scalar:
    """Returns the area under the cumulative accuracy curve, in percent.

    The curve gives the share of pixels within a distance, swept from 0 to 150; its
    normalized area is exactly 1 - E[min(distance, 150)] / 150.

    Args:
        distance: ab distances before any rounding to RGB.
        weights: of the pixels; equal ones if None.

    Source:
        Zhang et al. 2016, section 3.1; Deshpande et al. 2015.
    """
    error = jnp.minimum(distance, AUC_REACH) / AUC_REACH
    return 100 * (1 - jnp.average(error, weights=weights))


def rebalanced_weights(bins: Bin, *, count: int) -> PerPixel:
    """Returns pixel weights under which each color that occurs counts the same.

    Args:
        bins: nearest bin of each pixel of the ground truth, over the whole set.
        count: how many bins there are.

    Returns:
        1 / p, p the share of the pixel's bin among all pixels, at least 1e-6.

    Source:
        Zhang et al. 2016, section 3.1, with the evaluated set's own hard histogram.
    """
    pixels = rebalance.sum_by_bin(jnp.ones(bins.shape), bins, bins=count)
    return (1 / jnp.maximum(pixels / bins.size, SHARE_FLOOR))[bins]


def error_sums(
    distance: PerPixel, bins: Bin, *, count: int
) -> tuple[BinWeights, BinWeights]:
    """Returns, for each bin, the sum of clipped distances and the number of pixels.

    Summed over batches they give `auc_from_sums` of a set too large to hold.
    """
    clipped = jnp.minimum(distance, AUC_REACH)
    return (
        rebalance.sum_by_bin(clipped, bins, bins=count),
        rebalance.sum_by_bin(jnp.ones(bins.shape), bins, bins=count),
    )


def auc_from_sums(
    errors: BinWeights, pixels: BinWeights, *, rebalanced: bool
) -> Scalar:
    """Returns the raw or the rebalanced AuC, in percent, from `error_sums`.

    Rebalanced, each occupied bin counts the same but for those below the floor of
    1e-6: the value of `auc` under `rebalanced_weights`.
    """
    weights = jnp.ones_like(pixels)
    if rebalanced:
        weights = 1 / jnp.maximum(pixels / pixels.sum(), SHARE_FLOOR)
    mean_error = jnp.sum(weights * errors) / jnp.sum(weights * pixels)
    return 100 * (1 - mean_error / AUC_REACH)


def psnr(predicted: Rgb, target: Rgb) -> Scalar:
    """Returns the peak signal-to-noise ratio in decibels, channels in [0, 1]."""
    return -10 * jnp.log10(jnp.mean(jnp.square(predicted - target)))


def nll(logits: Logits, ab: Ab, gamut: Gamut) -> PerPixel:
    """Returns -log p of the bin nearest to the true ab, in nats."""
    index = encode.nearest(ab, gamut)[..., None]
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.take_along_axis(log_probs, index, axis=-1)[..., 0]


def colorfulness(rgb: Float[Array, "h w 3"]) -> Scalar:
    """Returns how colorful people would call an image; 0 for a gray one.

    Args:
        rgb: gamma-encoded, in [0, 1].

    Returns:
        On the scale of 8-bit levels: about 15 is slight, 45 average, 110 extreme.

    Source:
        Hasler and Suesstrunk 2003, section 7, with signed opponent channels.
    """
    red, green, blue = jnp.moveaxis(255 * rgb, -1, 0)
    red_green = red - green
    yellow_blue = 0.5 * (red + green) - blue
    spread = _root(red_green.var() + yellow_blue.var())
    offset = _root(jnp.square(red_green.mean()) + jnp.square(yellow_blue.mean()))
    return spread + 0.3 * offset


def _root(square: PerPixel) -> PerPixel:
    # A slope of zero at zero, where the root has none.
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
