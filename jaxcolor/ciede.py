"""CIEDE2000: how different two colors look."""

from functools import partial

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.array_types import Lab, PerPixel, Scalar

# The chroma by which the blue and the gray corrections set in, in Sharma et al. 2005.
KNEE = 25.0
# Hues within this many radians of opposite are opposite. There the mean hue jumps
# from one side to the other, and float32 leaves an angle some 4e-7 unsure; the
# published pairs that are nearly opposite are 2.7e-5 off.
OPPOSITE = 1e-6
# Below this product of chromas there is no hue; it could tell 2e-6 of a difference.
GRAY = 1e-12


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
    (a1, b1), (a2, b2) = (stretch * ab1[0], ab1[1]), (stretch * ab2[0], ab2[1])
    c1, c2 = _norm(a1, b1), _norm(a2, b2)
    hue, turn = _hues(jnp.stack([a1, b1]), jnp.stack([a2, b2]), product=c1 * c2)
    chroma, bright = (c1 + c2) / 2, jnp.square((l1 + l2) / 2 - 50)

    ripple = (
        1
        - 0.17 * jnp.cos(hue - jnp.deg2rad(30))
        + 0.24 * jnp.cos(2 * hue)
        + 0.32 * jnp.cos(3 * hue + jnp.deg2rad(6))
        - 0.20 * jnp.cos(4 * hue - jnp.deg2rad(63))
    )
    blueness = jnp.exp(-jnp.square((jnp.rad2deg(hue) - 275) / 25))
    rotation = -2 * _saturation(chroma) * jnp.sin(jnp.deg2rad(60) * blueness)
    by_lightness = (l2 - l1) / (1 + 0.015 * bright / jnp.sqrt(20 + bright))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * _root(c1 * c2) * jnp.sin(turn / 2) / (1 + 0.015 * chroma * ripple)
    return _root(
        jnp.square(by_lightness)
        + jnp.square(by_chroma)
        + jnp.square(by_hue)
        + rotation * by_chroma * by_hue
    )


def _hues(
    ab: Float[Array, " 2"], other: Float[Array, " 2"], *, product: Scalar
) -> tuple[Scalar, Scalar]:
    """Returns the mean hue, in [0, 2 pi), and the turn to the other hue, radians."""
    # The turn comes from the cross and the dot product: a difference of two angles
    # would have to be wrapped, and rounds to the wrong side.
    is_gray = product < GRAY
    (a1, b1), (a2, b2) = ab, other
    cross = a1 * (b2 - b1) - b1 * (a2 - a1)
    dot = a1 * a2 + b1 * b2
    turn = jnp.arctan2(cross, jnp.where(is_gray, 1.0, dot))
    is_opposite = (dot < 0) & (jnp.abs(cross) <= OPPOSITE * product)
    # Opposite hues, counted from 0 to 360 degrees, are not wrapped.
    is_late = (b1 < 0) | ((b1 == 0) & (a1 < 0))
    turn = jnp.where(is_opposite, jnp.where(is_late, -jnp.pi, jnp.pi), turn)
    hue = jnp.arctan2(b1, jnp.where(is_gray, 1.0, a1))
    return jnp.mod(hue + turn / 2, 2 * jnp.pi), turn


def _saturation(chroma: Scalar) -> Scalar:
    """Returns 0 for gray, nearly 1 well beyond the knee."""
    power = (chroma / KNEE) ** 7
    return _root(power / (power + 1))


def _norm(a: Scalar, b: Scalar) -> Scalar:
    return _root(a * a + b * b)


def _root(square: Scalar) -> Scalar:
    # A slope of zero at zero, where the root has none.
    return jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
