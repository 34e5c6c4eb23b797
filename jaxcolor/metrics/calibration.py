"""Calibration: whether a distribution over bins is right as often as it predicts."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.color import rebalance
from jaxcolor.color.array_types import Bin, Logits, Scalar


class CalibrationSums(NamedTuple):
    """Sums over the pixels of each interval of confidence; add them over batches.

    Attributes:
        pixels: how many.
        confidence: sum of the probabilities of their most likely bins.
        correct: how many have the true color in that bin.
    """

    pixels: Float[Array, " n"]
    confidence: Float[Array, " n"]
    correct: Float[Array, " n"]


class Reliability(NamedTuple):
    """The points of a reliability diagram; calibrated ones lie on the diagonal.

    Attributes:
        confidence: mean of each interval; 0 where no pixel is.
        accuracy: share of correct pixels; 0 where no pixel is.
        share: of the pixels that are in the interval.
    """

    confidence: Float[Array, " n"]
    accuracy: Float[Array, " n"]
    share: Float[Array, " n"]


def calibration_sums(logits: Logits, bins: Bin, *, intervals: int) -> CalibrationSums:
    """Returns the sums that calibration is measured by.

    Args:
        logits: unnormalized log probabilities of the bins.
        bins: nearest bin of each pixel of the ground truth.
        intervals: into how many equal ones, closed above, the confidences from 0 to 1
            are divided; Guo et al. have 15.

    Source:
        Guo et al. 2017, section 2, equations before 3.
    """
    logits = logits.astype(jnp.float32)
    likeliest = logits.argmax(axis=-1)
    confidence = jnp.exp(logits.max(axis=-1) - jax.nn.logsumexp(logits, axis=-1))
    interval = jnp.ceil(confidence * intervals).astype(jnp.int32) - 1
    interval = jnp.clip(interval, 0, intervals - 1)
    correct = (likeliest == bins).astype(jnp.float32)
    return CalibrationSums(
        *(
            rebalance.sum_by_bin(values, interval, bins=intervals)
            for values in (jnp.ones_like(confidence), confidence, correct)
        )
    )


def reliability(sums: CalibrationSums) -> Reliability:
    """Returns the points of the reliability diagram.

    Source:
        Guo et al. 2017, section 2.
    """
    pixels = jnp.maximum(sums.pixels, 1.0)
    return Reliability(
        confidence=sums.confidence / pixels,
        accuracy=sums.correct / pixels,
        share=sums.pixels / sums.pixels.sum(),
    )


def expected_calibration_error(sums: CalibrationSums) -> Scalar:
    """Returns the mean gap of accuracy and confidence, in [0, 1]; 0 at best.

    Source:
        Guo et al. 2017, section 2, equation 3.
    """
    return jnp.abs(sums.correct - sums.confidence).sum() / sums.pixels.sum()
