"""sRGB to CIELAB and back, for one pixel, lifted over images.

All colors are relative to the D65 white point and the constants are those of
scikit-image, which the authors of the paper used, so that numbers can be compared.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxcolor.color.array_types import Lab, PerPixel, Rgb, Rgb8

# IEC 61966-2-1:1999 primaries, to the digits that scikit-image has.
XYZ_FROM_RGB = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)
RGB_FROM_XYZ = np.linalg.inv(XYZ_FROM_RGB)
# D65, 2 degree observer, Y = 1.
WHITE = np.array([0.95047, 1.0, 1.08883])
# sRGB transfer function: IEC 61966-2-1:1999.
SRGB_KNEE = 0.04045
LINEAR_KNEE = 0.0031308
# CIELAB's cube root turns into a line below this; CIE 15:2004, section 8.2.1.
LAB_KNEE = 0.008856
LAB_SLOPE = 7.787
LAB_OFFSET = 16 / 116
# Linear RGB this far outside [0, 1] still counts as inside: float32 rounding of a
# white or a pure primary must not count as an out-of-gamut color.
GAMUT_TOLERANCE = 1e-5
# `clip_chroma` looks at this many chromas, then halves the interval between two this
# often: 2^-12 of a chroma of 150 is 0.04, below what an 8-bit image can show.
CHROMA_STEPS = 16
CHROMA_HALVINGS = 8


def rgb_to_lab_float64(rgb: Float[np.ndarray, "*p 3"]) -> Float[np.ndarray, "*p 3"]:
    """Converts as `rgb_to_lab`, on the host: for few colors, without compiling."""
    xyz = _linear_from_srgb_float64(rgb) @ (XYZ_FROM_RGB / WHITE[:, None]).T
    line = LAB_SLOPE * xyz + LAB_OFFSET
    fx, fy, fz = np.moveaxis(np.where(xyz > LAB_KNEE, np.cbrt(xyz), line), -1, 0)
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], axis=-1)


def _linear_from_srgb_float64(srgb: np.ndarray) -> np.ndarray:
    power = ((np.maximum(srgb, SRGB_KNEE) + 0.055) / 1.055) ** 2.4
    return np.where(srgb > SRGB_KNEE, power, srgb / 12.92)


LINEAR_FROM_SRGB8 = _linear_from_srgb_float64(np.arange(256) / 255).astype(np.float32)
_LAB_SCALE = (XYZ_FROM_RGB / WHITE[:, None]).astype(np.float32)
_RGB_SCALE = (RGB_FROM_XYZ * WHITE).astype(np.float32)


@partial(jnp.vectorize, signature="(c)->(c)")
def rgb_to_lab(rgb: Rgb) -> Lab:
    """Converts sRGB to CIELAB under D65.

    Args:
        rgb: gamma-encoded, in [0, 1].

    Returns:
        L* in [0, 100]; a* and b* within about 110 of zero.

    Source:
        IEC 61966-2-1:1999 and CIE 15:2004, section 8.2.1; constants of scikit-image.
    """
    return _lab_from_linear(_linear_from_srgb(rgb.astype(jnp.float32)))


@partial(jnp.vectorize, signature="(c)->(c)")
def rgb8_to_lab(rgb: Rgb8) -> Lab:
    """Converts 8-bit sRGB to CIELAB under D65, by a table of the 256 levels.

    The same numbers as `rgb_to_lab(rgb / 255)`, many times faster where powers are
    slow.

    Args:
        rgb: 8-bit levels.

    Returns:
        L* in [0, 100]; a* and b* within about 110 of zero.
    """
    return _lab_from_linear(jnp.asarray(LINEAR_FROM_SRGB8)[rgb])


@partial(jnp.vectorize, signature="(c)->(c)")
def lab_to_rgb(lab: Lab) -> Rgb:
    """Converts CIELAB under D65 to sRGB.

    Args:
        lab: L* in [0, 100]; a* and b* within about 110 of zero.

    Returns:
        Gamma-encoded. Not clipped: a channel outside [0, 1] says that sRGB has no
        such color (`clip_chroma` finds the nearest one of the same lightness and
        hue).

    Source:
        As `rgb_to_lab`, inverted.
    """
    return _srgb_from_linear(_linear_from_lab(lab.astype(jnp.float32)))


def gray_from_lightness(lightness: PerPixel) -> PerPixel:
    """Returns the sRGB level, in [0, 1], of grays of a lightness in [0, 100]."""
    f = (lightness.astype(jnp.float32) + 16) / 116
    return _srgb_from_linear(jnp.clip(_cube(f), 0, 1))


@partial(jnp.vectorize, signature="(c)->(c)")
def clip_chroma(lab: Lab) -> Lab:
    """Reduces chroma, at constant lightness and hue, until sRGB has the color.

    Colors inside the gamut come back unchanged. Bright yellows leave the gamut, come
    back and leave again as chroma grows: the largest chroma counts, as far as the
    chromas inside span a sixteenth of the one given. Derivatives treat the factor
    that reduces chroma as a constant.

    Args:
        lab: L* outside [0, 100] is clipped to it.

    Returns:
        A color whose linear RGB is within 1e-5 of [0, 1]; a gray of L* 100 within
        7.3e-5, as the constants for white do not agree better.
    """
    lightness = jnp.clip(lab[0].astype(jnp.float32), 0.0, 100.0)
    a, b = lab[1:].astype(jnp.float32)
    fy = (lightness + 16) / 116
    y = _cube(fy)

    # Written out: with matrix products XLA cannot make the search one pass over the
    # image, which is six times as fast.
    def is_inside(factor: jax.Array) -> jax.Array:
        x, z = _cube(fy + factor * (a / 500)), _cube(fy - factor * (b / 200))
        red, green, blue = (
            abs(r[0] * x + r[1] * y + r[2] * z - 0.5) for r in _RGB_SCALE
        )
        return jnp.maximum(jnp.maximum(red, green), blue) <= 0.5 + GAMUT_TOLERANCE

    def step(n: jax.Array, best: jax.Array) -> jax.Array:
        factor = n / CHROMA_STEPS
        return jnp.where(is_inside(factor), factor, best)

    def halve(n: jax.Array, best: jax.Array) -> jax.Array:
        factor = best + 0.5 ** (n + 1.0) / CHROMA_STEPS
        return jnp.where(is_inside(factor), factor, best)

    factor = jax.lax.fori_loop(1, CHROMA_STEPS, step, jnp.float32(0.0))
    factor = jax.lax.fori_loop(0, CHROMA_HALVINGS, halve, factor)
    factor = jnp.where(is_inside(jnp.float32(1.0)), 1.0, factor)
    factor = jax.lax.stop_gradient(factor)
    return jnp.stack([lightness, factor * a, factor * b])


def _linear_from_srgb(srgb: Rgb) -> Rgb:
    # The power sees no number below the knee: its branch must stay finite where the
    # other one is taken.
    power = ((jnp.maximum(srgb, SRGB_KNEE) + 0.055) / 1.055) ** 2.4
    return jnp.where(srgb > SRGB_KNEE, power, srgb / 12.92)


def _srgb_from_linear(linear: PerPixel) -> PerPixel:
    # x^(1 / 2.4) = r r^(1/4) with the cube root r: powers are slow on CPUs, roots fast.
    root = _cube_root(jnp.maximum(linear, LINEAR_KNEE))
    encoded = 1.055 * root * jnp.sqrt(jnp.sqrt(root)) - 0.055
    return jnp.where(linear > LINEAR_KNEE, encoded, 12.92 * linear)


def _lab_from_linear(linear: Rgb) -> Lab:
    # 'highest': accelerators otherwise multiply in bfloat16 or TF32.
    xyz = jnp.matmul(jnp.asarray(_LAB_SCALE), linear, precision="highest")
    line = LAB_SLOPE * xyz + LAB_OFFSET
    fx, fy, fz = jnp.where(xyz > LAB_KNEE, _cube_root(jnp.maximum(xyz, LAB_KNEE)), line)
    return jnp.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


def _linear_from_lab(lab: Lab) -> Rgb:
    fy = (lab[0] + 16) / 116
    xyz = _cube(jnp.stack([fy + lab[1] / 500, fy, fy - lab[2] / 200]))
    return jnp.matmul(jnp.asarray(_RGB_SCALE), xyz, precision="highest")


def _cube(f: PerPixel) -> PerPixel:
    """Returns X, Y or Z, relative to white, from its cube root or line."""
    knee = LAB_SLOPE * LAB_KNEE + LAB_OFFSET
    return jnp.where(f > knee, f * f * f, (f - LAB_OFFSET) / LAB_SLOPE)


@jax.custom_jvp
def _cube_root(positive: PerPixel) -> PerPixel:
    # XLA has no vectorized cube root on CPU: 17 times faster than jnp.cbrt there.
    # Dividing the exponent by three through the bits is within 4 %; each of the two
    # Halley steps cubes the error, down to float32's rounding.
    bits = jax.lax.bitcast_convert_type(positive, jnp.int32)
    root = jax.lax.bitcast_convert_type(bits // 3 + 709_921_077, jnp.float32)
    for _ in range(2):
        cube = root * root * root
        root = root * (cube + 2 * positive) / (2 * cube + positive)
    return root


@_cube_root.defjvp
def _cube_root_jvp(
    primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    root = _cube_root(*primals)
    return root, tangents[0] / (3 * root * root)
