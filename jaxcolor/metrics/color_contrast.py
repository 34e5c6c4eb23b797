"""Differences of color within a photograph: those it should have, and those not.

These are sums over the pixels of a photograph; the metrics are ratios of such sums over
a set. A photograph without a strong edge, or without a contrast, then adds nothing.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from jaxcolor.color.array_types import Scalar

# Lightness is flat where it changes by less from a pixel to the next, L*.
FLAT = 2.0
# Lightness has a strong edge where it changes by more over two pixels, L*.
STRONG = 20.0
# Pixels to either side of an edge: within which a color step should lie, and within
# which all of it is counted.
NEAR, FAR = 2, 8
# Pixels between two that are compared, along the axes and the diagonals.
DISTANCES = (16, 32, 64)
# Pairs start at every fourth pixel along each axis: their neighbors have nearly the
# same contrast.
STRIDE = 4
# True differences of ab between which a pair is neither of one color nor of two.
SAME, OTHER = 4.0, 20.0

# From the first pixel of a pair to the second, as near to the distance as pixels are.
OFFSETS = [
    (round(d * math.sin(angle)), round(d * math.cos(angle)))
    for d in DISTANCES
    for angle in (0, math.pi / 4, math.pi / 2, 3 * math.pi / 4)
]


class ContrastSums(NamedTuple):
    """Sums over one photograph, in CIELAB units of ab unless they count.

    Attributes:
        flat_gradient: changes of color where lightness is flat.
        near_step: color steps across strong edges of lightness, from 2 pixels before
            to 2 after.
        far_step: the same from 8 pixels before to 8 after.
        false_contrast: differences of pairs of pixels that truly have one color.
        false_pairs: how many pairs these are.
        kept_contrast: differences of pairs of pixels that truly have two colors, along
            the true ones.
        true_contrast: the true differences of these pairs.
    """

    flat_gradient: Scalar
    near_step: Scalar
    far_step: Scalar
    false_contrast: Scalar
    false_pairs: Scalar
    kept_contrast: Scalar
    true_contrast: Scalar


def contrast_sums(
    predicted: Float[Array, "h w 2"], true: Float[Array, "h w 3"]
) -> ContrastSums:
    """Returns the sums of a photograph.

    Args:
        predicted: ab, CIELAB units.
        true: CIELAB.
    """
    lightness, ab = true[..., 0], true[..., 1:]
    flat = _flat_gradient(predicted, lightness)
    return ContrastSums(flat, *_steps(predicted, lightness), *_pairs(predicted, ab))


def _flat_gradient(ab: Float[Array, "h w 2"], lightness: Float[Array, "h w"]) -> Scalar:
    """Returns the sum of norms of gradients, which go to the next pixels."""
    right, below = (
        [x[rows, columns] - x[:-1, :-1] for x in (ab, lightness)]
        for rows, columns in (np.s_[:-1, 1:], np.s_[1:, :-1])
    )
    is_flat = jnp.square(right[1]) + jnp.square(below[1]) < FLAT**2
    change = _product(right[0], right[0]) + _product(below[0], below[0])
    return jnp.sum(is_flat * jnp.sqrt(change))


def _steps(
    ab: Float[Array, "h w 2"], lightness: Float[Array, "h w"]
) -> tuple[Scalar, Scalar]:
    """Returns the sums over strong edges of steps near them, and of whole steps."""
    near, far = jnp.zeros(()), jnp.zeros(())
    for axis in (0, 1):
        if lightness.shape[axis] <= 2 * FAR:
            continue
        is_edge = jnp.abs(_step(lightness, 1, axis=axis)) > STRONG
        near += jnp.sum(is_edge * _length(_step(ab, NEAR, axis=axis)))
        far += jnp.sum(is_edge * _length(_step(ab, FAR, axis=axis)))
    return near, far


def _step(x: Float[Array, "h w *c"], reach: int, *, axis: int) -> Array:
    """Returns differences from a number of pixels before to as many pixels after."""
    count = x.shape[axis] - 2 * FAR
    before, after = (
        lax.slice_in_dim(x, start, start + count, axis=axis)
        for start in (FAR - reach, FAR + reach)
    )
    return after - before


def _pairs(
    predicted: Float[Array, "h w 2"], true: Float[Array, "h w 2"]
) -> Float[Array, "4"]:
    """Returns the last four of the sums."""
    sums = jnp.zeros(4)
    for offset in OFFSETS:
        ours, real = _apart(predicted, *offset), _apart(true, *offset)
        length = _length(real)
        is_same, is_other = length < SAME, length > OTHER
        # Where it counts, the length is not that short.
        kept = _product(ours, real) / jnp.maximum(length, SAME)
        sums += jnp.stack(
            [
                jnp.sum(is_same * _length(ours)),
                jnp.sum(is_same, dtype=jnp.float32),
                jnp.sum(is_other * kept),
                jnp.sum(is_other * length),
            ]
        )
    return sums


def _apart(ab: Float[Array, "h w 2"], down: int, across: int) -> Float[Array, "n m 2"]:
    """Returns the differences of pixels at an offset; none in a smaller image."""
    height, width = (
        max(0, n - abs(m)) for n, m in zip(ab.shape[:2], (down, across), strict=True)
    )
    left, right = max(0, -across), max(0, across)
    first = ab[:height:STRIDE, left : left + width : STRIDE]
    return ab[down:, right:][:height:STRIDE, :width:STRIDE] - first


def _length(vectors: Float[Array, "*p 2"]) -> Float[Array, "*p"]:
    return jnp.sqrt(_product(vectors, vectors))


def _product(x: Float[Array, "*p 2"], y: Float[Array, "*p 2"]) -> Float[Array, "*p"]:
    # Written out: XLA's sum over two channels is slow.
    return x[..., 0] * y[..., 0] + x[..., 1] * y[..., 1]
