"""What is measured on a batch of photographs for one system: on the device."""

from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt8

from jaxcolor.color import cielab, compose, encode, gamut
from jaxcolor.color.array_types import Ab, BinWeights, Lightness, Rgb8
from jaxcolor.metrics import accuracy, calibration, ciede2000, color_contrast, ssim
from jaxcolor.metrics.calibration import CalibrationSums
from jaxcolor.metrics.color_contrast import ContrastSums

# Of a photograph that differs by the rounding to 8 bits only: 10 log10(12 255^2). A
# few gray photographs, predicted without any error, would otherwise rule the mean.
LARGEST_PSNR = 58.92
# Equal parts into which the probabilities of the likeliest bin are divided, as in Guo
# et al. 2017.
CONFIDENCES = 15

# On the device, then on the host.
Both = Array | np.ndarray


class Truth(NamedTuple):
    """Photographs as they are.

    Attributes:
        rgb: their pixels.
        lab: the same in CIELAB.
        bins: the nearest bin of each pixel.
    """

    rgb: UInt8[Array, "b h w 3"]
    lab: Float[Array, "b h w 3"]
    bins: Int[Array, "b h w"]


class Predicted(NamedTuple):
    """The same photographs as a system colors them.

    Attributes:
        ab: as predicted.
        rgb: their pixels as a file of 8 bits would hold them.
        bins: the nearest bin of each pixel.
    """

    ab: Float[Array, "b h w 2"]
    rgb: UInt8[Array, "b h w 3"]
    bins: Int[Array, "b h w"]


class Weights(NamedTuple):
    """How much a pixel counts, by its true bin: see `accuracy.bin_weights`.

    Attributes:
        own: by the colors of the evaluated set.
        prior: by a prior that was given, or None.
    """

    own: BinWeights
    prior: BinWeights | None


class Measures(NamedTuple):
    """One system on some photographs, each by itself.

    Attributes:
        auc: percent.
        rebalanced_error: weighted sum of clipped ab distances.
        rebalanced_pixels: sum of the weights.
        prior_error: the first by the prior; None without one.
        prior_pixels: likewise.
        image_auc: rebalanced by the photograph's own colors, percent.
        psnr: decibels.
        ssim: structural similarity.
        ciede2000: mean over pixels.
        colorfulness: signed, Hasler and Suesstrunk's.
        absolute_colorfulness: of absolute opponent channels.
        histogram: share of the pixels predicted in each bin.
        contrast: sums of how color differs from place to place.
        curve: percent of the pixels within each distance of `thresholds`.
        rebalanced_curve: their weights, and last those of all.
    """

    auc: Float[Both, " b"]
    rebalanced_error: Float[Both, " b"]
    rebalanced_pixels: Float[Both, " b"]
    prior_error: Float[Both, " b"] | None
    prior_pixels: Float[Both, " b"] | None
    image_auc: Float[Both, " b"]
    psnr: Float[Both, " b"]
    ssim: Float[Both, " b"]
    ciede2000: Float[Both, " b"]
    colorfulness: Float[Both, " b"]
    absolute_colorfulness: Float[Both, " b"]
    histogram: Float[Both, "b q"]
    contrast: ContrastSums
    curve: Float[Both, "b t"]
    rebalanced_curve: Float[Both, "b t"]


class Likelihood(NamedTuple):
    """How likely a system holds the true bins, for each photograph.

    Attributes:
        nll: mean over pixels, nats.
        calibration: sums over its pixels.
    """

    nll: Float[Both, " b"]
    calibration: CalibrationSums


def thresholds() -> Float[np.ndarray, " t"]:
    """Returns the ab distances at which accuracy curves are sampled: 0 to 150."""
    return np.arange(accuracy.AUC_REACH + 1, dtype=np.float32)


def truth(rgb: UInt8[np.ndarray, "b h w 3"], *, spacing: float) -> Truth:
    """Returns photographs with what is compared with."""
    lab = _to_lab(rgb)
    return Truth(jnp.asarray(rgb), lab, _make_nearest(spacing)(lab[..., 1:]))


def colored(
    lightness: Float[Array, "b h w"], ab: Float[Array, "b h w 2"]
) -> UInt8[Array, "b h w 3"]:
    """Returns pictures as a file of 8 bits would hold them."""
    # A program of its own: within `_measure` XLA would work the colors out again for
    # every measure of them.
    return _colored(lightness, ab)


def measure(
    whole: Truth,
    ab: Float[Array, "b h w 2"],
    rgb: UInt8[Array, "b h w 3"],
    weights: Weights,
    *,
    spacing: float,
) -> Measures:
    """Returns the measures of predicted ab, and of the pictures made of it."""
    return _measure(whole, Predicted(ab, rgb, _make_nearest(spacing)(ab)), weights)


def likelihood(
    logits: Float[Array, "b g k q"], ab: Float[Array, "b h w 2"], *, spacing: float
) -> Likelihood:
    """Returns the likelihood of the true ab under logits of bins.

    Targets are picked, not averaged, as in training.

    Args:
        logits: at a fraction of the resolution.
        ab: true.
        spacing: of the bins that the logits are of.
    """
    return _make_likelihood(spacing)(logits, ab)


_to_lab = jax.jit(cielab.rgb8_to_lab)


# Here and below one photograph after the other: smaller arrays stay in the processor's
# cache.
@jax.jit
def _colored(
    lightness: Float[Array, "b h w"], ab: Float[Array, "b h w 2"]
) -> UInt8[Array, "b h w 3"]:
    def of_photograph(lightness: Lightness, ab: Ab) -> Rgb8:
        return compose.levels(compose.rgb(lightness, ab), dtype=jnp.uint8)

    return jax.lax.map(lambda pair: of_photograph(*pair), (lightness, ab))


@cache
def _make_nearest(spacing: float):  # type: ignore[no-untyped-def]  # of jax.jit
    bins = gamut.from_srgb(spacing=spacing)
    return jax.jit(lambda ab: jax.lax.map(lambda one: encode.nearest(one, bins), ab))


@cache
def _make_likelihood(spacing: float):  # type: ignore[no-untyped-def]  # of jax.jit
    bins = gamut.from_srgb(spacing=spacing)

    @jax.jit
    @jax.vmap
    def likelihood(
        logits: Float[Array, "g k q"], ab: Float[Array, "h w 2"]
    ) -> Likelihood:
        step = ab.shape[0] // logits.shape[0]
        picked = ab[::step, ::step]
        return Likelihood(
            accuracy.nll(logits, picked, bins).mean(),
            calibration.calibration_sums(
                logits, encode.nearest(picked, bins), intervals=CONFIDENCES
            ),
        )

    return likelihood


@jax.jit
def _measure(whole: Truth, predicted: Predicted, weights: Weights) -> Measures:
    each = partial(_of_photograph, weights=weights)
    return jax.lax.map(lambda pair: each(*pair), (whole, predicted))


def _of_photograph(whole: Truth, predicted: Predicted, *, weights: Weights) -> Measures:
    distance = accuracy.ab_distance(predicted.ab, whole.lab[..., 1:])
    count = len(weights.own)
    errors, pixels = accuracy.error_sums(distance, whole.bins, count=count)
    counts = accuracy.curve_counts(
        distance, whole.bins, count=count, thresholds=jnp.asarray(thresholds())
    )
    rgb, shown = predicted.rgb / 255, whole.rgb / 255
    by_prior = weights.prior
    return Measures(
        auc=accuracy.auc_from_sums(errors, pixels),
        rebalanced_error=(weights.own * errors).sum(),
        rebalanced_pixels=(weights.own * pixels).sum(),
        prior_error=None if by_prior is None else (by_prior * errors).sum(),
        prior_pixels=None if by_prior is None else (by_prior * pixels).sum(),
        image_auc=accuracy.auc_from_sums(
            errors, pixels, weights=accuracy.bin_weights(pixels)
        ),
        psnr=jnp.minimum(accuracy.psnr(rgb, shown), LARGEST_PSNR),
        ssim=ssim.ssim(rgb, shown),
        ciede2000=ciede2000.ciede2000(
            cielab.rgb8_to_lab(predicted.rgb), whole.lab
        ).mean(),
        colorfulness=accuracy.colorfulness(rgb),
        absolute_colorfulness=accuracy.absolute_colorfulness(rgb),
        histogram=jnp.zeros(count).at[predicted.bins.ravel()].add(1.0) / distance.size,
        contrast=color_contrast.contrast_sums(predicted.ab, whole.lab),
        curve=accuracy.accuracy_curve(counts),
        rebalanced_curve=jnp.cumsum((weights.own[:, None] * counts).sum(axis=0)),
    )
