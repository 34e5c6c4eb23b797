"""Metrics of a colorization: accuracy and histogram of ab, likelihood, color."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.color import encode, rebalance
from jaxcolor.color.array_types import (
    Ab,
    Bin,
    BinWeights,
    Logits,
    PerPixel,
    Rgb,
    Scalar,
)
from jaxcolor.color.gamut import Gamut

# The largest ab distance that the paper's accuracy curve sweeps to.
AUC_REACH = 150.0
# Floor of a bin's share of the pixels, so that a color seen a few times in a large
# set, or never in the other one, does not outweigh all others.
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
        weights: weights of the pixels; equal if None.

    Source:
        Zhang et al. 2016, section 3.1; Deshpande et al. 2015.
    """
    error = jnp.minimum(distance, AUC_REACH) / AUC_REACH
    return 100 * (1 - jnp.average(error, weights=weights))


def rebalanced_weights(bins: Bin, *, count: int) -> PerPixel:
    """Returns pixel weights that weight all colors that occur equally.

    Args:
        bins: nearest bin of each pixel of the ground truth, over the whole set.
        count: how many bins there are.

    Returns:
        1 / p, p the share of the pixel's bin among all pixels, at least 1e-6.

    Source:
        Zhang et al. 2016, section 3.1, with the evaluated set's own hard histogram.
    """
    pixels = rebalance.sum_by_bin(jnp.ones(bins.shape), bins, bins=count)
    return bin_weights(pixels)[bins]


def bin_weights(histogram: BinWeights) -> BinWeights:
    """Returns 1 / p, p the share of each bin but at least 1e-6.

    Args:
        histogram: number of pixels in each bin, over the evaluated set, to weight all
            colors that occur equally; or the prior of the training set. Its sum does
            not matter.

    Source:
        Zhang et al. 2016, section 3.1.
    """
    return 1 / jnp.maximum(histogram / histogram.sum(), SHARE_FLOOR)


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
    errors: BinWeights, pixels: BinWeights, *, weights: BinWeights | None = None
) -> Scalar:
    """Returns the AuC, in percent, from `error_sums`.

    Args:
        errors: sum of the clipped distances of each bin.
        pixels: their number.
        weights: of the bins: for the rebalanced AuC `bin_weights(pixels)`, over the
            whole set, or those of a prior; equal ones, for the raw AuC, if None.
    """
    if weights is None:
        weights = jnp.ones_like(pixels)
    mean_error = jnp.sum(weights * errors) / jnp.sum(weights * pixels)
    return 100 * (1 - mean_error / AUC_REACH)


def curve_counts(
    distance: PerPixel, bins: Bin, *, count: int, thresholds: Float[Array, " n"]
) -> Float[Array, "q n+1"]:
    """Returns, for each bin, how many pixels come first within each threshold.

    Summed over batches, in float64 for a large set, they give `accuracy_curve`; their
    sums over thresholds are the `pixels` of `error_sums`.

    Args:
        distance: ab distances of up to 2^24 pixels, which float32 counts exactly.
        bins: nearest bin of each pixel of the ground truth.
        count: how many bins there are.
        thresholds: ascending; the paper's are from 0 to 150.

    Returns:
        In the last column the pixels that are beyond all thresholds.
    """
    first = jnp.searchsorted(thresholds, distance.ravel(), side="left")
    counts = jnp.zeros((count, len(thresholds) + 1), jnp.float32)
    return counts.at[bins.ravel(), first].add(1.0)


def accuracy_curve(
    counts: Float[Array, "q n"], *, weights: BinWeights | None = None
) -> Float[Array, " n-1"]:
    """Returns the percentage of pixels within each threshold, from `curve_counts`.

    Its area, by the trapezoidal rule and over 150, is nearly that of `auc_from_sums`.

    Args:
        counts: summed over the set.
        weights: of the bins, as in `auc_from_sums`.

    Source:
        Zhang et al. 2016, section 3.1; Deshpande et al. 2015.
    """
    if weights is None:
        weights = jnp.ones(len(counts))
    within = jnp.cumsum(jnp.sum(weights[:, None] * counts, axis=0))
    return 100 * within[:-1] / within[-1]


def histogram_divergence(predicted: BinWeights, truth: BinWeights) -> Scalar:
    """Returns KL(truth || predicted) of two histograms of ab, in nats; 0 at best.

    To each share 1e-6 is added, so that a bin that is empty in one of them costs a
    finite amount.

    Args:
        predicted: pixels in each bin, or any multiple.
        truth: as `predicted`.
    """
    p, q = (_floored(histogram) for histogram in (truth, predicted))
    return jnp.sum(p * (jnp.log(p) - jnp.log(q)))


def psnr(predicted: Rgb, target: Rgb) -> Scalar:
    """Returns the peak signal-to-noise ratio in decibels, channels in [0, 1]."""
    return -10 * jnp.log10(jnp.mean(jnp.square(predicted - target)))


def nll(logits: Logits, ab: Ab, gamut: Gamut) -> PerPixel:
    """Returns -log p of the bin nearest to the true ab, in nats."""
    index = encode.nearest(ab, gamut)[..., None]
    log_probs = jax.nn.log_softmax(logits.astype(jnp.float32))
    return -jnp.take_along_axis(log_probs, index, axis=-1)[..., 0]


def colorfulness(rgb: Float[Array, "h w 3"]) -> Scalar:
    """Returns how colorful an image looks to people; 0 for a gray one.

    The definition, with signed opponent channels. Papers on colorization often report
    `absolute_colorfulness` under the same name: the two must not be compared.

    Args:
        rgb: gamma-encoded, in [0, 1].

    Returns:
        On the scale of 8-bit levels: about 15 is slight, 45 average, 110 extreme.

    Source:
        Hasler and Suesstrunk 2003, section 7.
    """
    return _colorfulness(*_opponents(rgb))


def absolute_colorfulness(rgb: Float[Array, "h w 3"]) -> Scalar:
    """Returns colorfulness of the absolute opponent channels; 0 for a gray image.

    A variant that widely copied code computes, for comparison with such numbers only.
    It does not distinguish red from green, so an image of opposite colors scores far
    below `colorfulness`, the definition; other images may score above it.

    Args:
        rgb: gamma-encoded, in [0, 1].

    Returns:
        On the scale of 8-bit levels.

    Source:
        The released code of DDColor (Kang et al. 2023).
    """
    red_green, yellow_blue = _opponents(rgb)
    return _colorfulness(jnp.abs(red_green), jnp.abs(yellow_blue))


def _opponents(
    rgb: Float[Array, "h w 3"],
) -> tuple[Float[Array, "h w"], Float[Array, "h w"]]:
    red, green, blue = jnp.moveaxis(255 * rgb, -1, 0)
    return red - green, 0.5 * (red + green) - blue


def _colorfulness(
    red_green: Float[Array, "h w"], yellow_blue: Float[Array, "h w"]
) -> Scalar:
    spread = _root(red_green.var() + yellow_blue.var())
    offset = _root(jnp.square(red_green.mean()) + jnp.square(yellow_blue.mean()))
    return spread + 0.3 * offset


def _floored(histogram: BinWeights) -> BinWeights:
    share = histogram / histogram.sum() + SHARE_FLOOR
    return share / share.sum()


def _root(square: PerPixel) -> PerPixel:
    # The derivative at zero, where the root has none, is zero. NaN stays NaN.
    is_zero = square <= 0
    return jnp.where(is_zero, 0.0, jnp.sqrt(jnp.where(is_zero, 1.0, square)))
