"""CIEDE2000: the perceived difference of two colors."""

import math
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.color.array_types import Lab, PerPixel, Scalar

# The chroma at which the blue and the gray corrections begin: Sharma et al. 2005.
KNEE = 25.0
# The hue of the blue correction and its width, degrees.
BLUE, BLUE_WIDTH = 275.0, 25.0
# Hues within this many radians of opposite are opposite. There the mean hue jumps
# from one side to the other, and float32 leaves an angle some 4e-7 unsure; the
# published pairs that are nearly opposite are 2.7e-5 off.
OPPOSITE = 1e-6
# Below this product of chromas there is no hue; it could tell 2e-6 of a difference.
GRAY = 1e-12


class _Angle(NamedTuple):
    """An angle by its cosine and sine, which take no slow functions to add.

    Attributes:
        cos: its cosine.
        sin: its sine.
    """

    cos: Scalar
    sin: Scalar


@partial(jnp.vectorize, signature="(c),(c)->()")
def ciede2000(lab: Lab, other: Lab) -> PerPixel:
    """Returns the CIEDE2000 color difference; about 1 can just be seen.

    Symmetric, but no metric: three colors may break the triangle inequality. The
    derivative is zero at equal colors, where the formula has none.

    Args:
        lab: CIELAB under D65.
        other: as `lab`.

    Source:
        Sharma, Wu and Dalal 2005, equations 2 to 22, with k_L = k_C = k_H = 1.
    """
    (l1, *ab1), (l2, *ab2) = lab.astype(jnp.float32), other.astype(jnp.float32)
    stretch = 1.5 - 0.5 * _saturation((_norm(*ab1) + _norm(*ab2)) / 2)
    first = jnp.stack([stretch * ab1[0], ab1[1]])
    second = jnp.stack([stretch * ab2[0], ab2[1]])
    c1, c2 = _norm(*first), _norm(*second)
    half = _half_turn(first, second, product=c1 * c2)
    is_gray = c1 * c2 < GRAY
    hue = _add(_Angle(*(first / jnp.where(is_gray, 1.0, c1))), half)
    chroma, bright = (c1 + c2) / 2, jnp.square((l1 + l2) / 2 - 50)

    twice = _add(hue, hue)
    ripple = (
        1
        - 0.17 * _shifted_cos(hue, degrees=-30.0)
        + 0.24 * twice.cos
        + 0.32 * _shifted_cos(_add(twice, hue), degrees=6.0)
        - 0.20 * _shifted_cos(_add(twice, twice), degrees=-63.0)
    )
    rotation = -2 * _saturation(chroma) * jnp.sin(jnp.deg2rad(60) * _blueness(hue))
    by_lightness = (l2 - l1) / (1 + 0.015 * bright / jnp.sqrt(20 + bright))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * _root(c1 * c2) * half.sin / (1 + 0.015 * chroma * ripple)
    return _root(
        jnp.square(by_lightness)
        + jnp.square(by_chroma)
        + jnp.square(by_hue)
        + rotation * by_chroma * by_hue
    )


def _half_turn(
    ab: Float[Array, " 2"], other: Float[Array, " 2"], *, product: Scalar
) -> _Angle:
    """Returns half the turn from a hue to the other one, within a quarter turn."""
    # By the cross and the dot product: a difference of two angles would have to be
    # wrapped, and rounds to the wrong side.
    (a1, b1), (a2, b2) = ab, other
    cross = a1 * (b2 - b1) - b1 * (a2 - a1)
    dot = a1 * a2 + b1 * b2
    # Opposite hues, counted from 0 to 360 degrees, are not wrapped.
    is_late = (b1 < 0) | ((b1 == 0) & (a1 < 0))
    is_opposite = (dot < 0) & (jnp.abs(cross) <= OPPOSITE * product)
    is_left = jnp.where(is_opposite, ~is_late, cross >= 0)
    along = jnp.where(is_opposite, 0.0, jnp.abs(cross))
    # This form of the tangent of half an angle has no cancellation; the other one has.
    cos = jnp.where(dot < 0, along, product + dot)
    sin = jnp.where(dot < 0, product - dot, along)
    is_gray = product < GRAY
    cos, sin = jnp.where(is_gray, 1.0, cos), jnp.where(is_gray, 0.0, sin)
    length = jnp.sqrt(cos * cos + sin * sin)
    return _Angle(cos / length, jnp.where(is_left, sin, -sin) / length)


def _add(angle: _Angle, other: _Angle) -> _Angle:
    return _Angle(
        angle.cos * other.cos - angle.sin * other.sin,
        angle.sin * other.cos + angle.cos * other.sin,
    )


def _shifted_cos(angle: _Angle, *, degrees: float) -> Scalar:
    shift = math.radians(degrees)
    return math.cos(shift) * angle.cos - math.sin(shift) * angle.sin


def _blueness(hue: _Angle) -> Scalar:
    """Returns 1 for the blue that is corrected most, next to 0 for other hues."""
    blue = math.radians(BLUE)
    cos = math.cos(blue) * hue.cos + math.sin(blue) * hue.sin
    sin = math.cos(blue) * hue.sin - math.sin(blue) * hue.cos
    # Hues count from 0 to 360 degrees: those past red are as far from blue as can be.
    # Those up to 135 degrees would have 2e-14.
    is_near = hue.sin < jnp.maximum(0.0, -hue.cos)
    # The tangent of half the angle is finite where it is taken.
    angle = 2 * jnp.arctan(sin / jnp.where(is_near, 1 + cos, 1.0))
    blueness = jnp.exp(-jnp.square(jnp.rad2deg(angle) / BLUE_WIDTH))
    return jnp.where(is_near, blueness, 0.0)


def _saturation(chroma: Scalar) -> Scalar:
    """Returns 0 for gray, nearly 1 well beyond the knee."""
    power = (chroma / KNEE) ** 7
    return _root(power / (power + 1))


def _norm(a: Scalar, b: Scalar) -> Scalar:
    return _root(a * a + b * b)


def _root(square: Scalar) -> Scalar:
    # A slope of zero at zero, where the root has none.
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
