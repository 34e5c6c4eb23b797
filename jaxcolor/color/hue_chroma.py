"""Hue and chroma of sRGB colors, and colors of a hue and a chroma at a lightness.

The space of Larsson et al. 2016: hue is that of HSV, chroma is the largest of R, G and
B less the smallest. Both belong to gamma-encoded sRGB and are in [0, 1]; hue is a
circle.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.color import cielab
from jaxcolor.color.array_types import Ab, Lab, Lightness, PerPixel, Probs, Rgb

# Below this chroma, a quarter of a level of 8 bits, the hue is rounding.
GRAY_CHROMA = 1e-3
# The interval of 2 in which the lightness match searches is halved this often: the
# channels are then right to 2^-15, below what an 8-bit image can show.
MATCH_HALVINGS = 16


def from_lab(lab: Lab) -> Float[Array, "*p 2"]:
    """Returns hue and chroma of CIELAB colors; colors outside sRGB are clipped."""
    return from_rgb(jnp.clip(cielab.lab_to_rgb(lab), 0, 1))


def from_rgb(rgb: Rgb) -> Float[Array, "*p 2"]:
    """Returns hue and chroma of sRGB colors.

    Args:
        rgb: gamma-encoded, in [0, 1].

    Returns:
        Hue in [0, 1): 0 for red, 1/3 for green, 2/3 for blue, and for grays. Chroma in
        [0, 1].

    Source:
        Larsson et al. 2016; hue as in Smith 1978, "Color gamut transform pairs".
    """
    red, green, blue = jnp.moveaxis(rgb, -1, 0)
    largest, smallest = rgb.max(axis=-1), rgb.min(axis=-1)
    chroma = largest - smallest
    is_gray = chroma < GRAY_CHROMA
    safe = jnp.where(is_gray, 1.0, chroma)
    # Not which one equals the largest: XLA may compute it twice, and round otherwise.
    sixths = jnp.where(
        (red >= green) & (red >= blue),
        (green - blue) / safe,
        jnp.where(green >= blue, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    # Twice: a tiny negative number modulo 6 rounds to 6.
    hue = jnp.mod(jnp.mod(sixths, 6) / 6, 1)
    return jnp.stack([jnp.where(is_gray, 0.0, hue), chroma], axis=-1)


def to_ab(hue_chroma: Float[Array, "*p 2"], lightness: Lightness) -> Ab:
    """Returns ab of the sRGB color of a hue and a chroma at a lightness.

    The three channels are moved together until the color, clipped to sRGB, has the
    lightness. So a true color comes back from its own hue, chroma and L*; where sRGB
    has no color of that chroma, the clipping reduces it. (The authors' lightness is
    the mean of R, G and B, to which they move the channels.)

    Args:
        hue_chroma: hue, a circle of circumference 1, and chroma in [0, 1].
        lightness: L* in [0, 100].

    Source:
        Larsson et al. 2016: V = L + C / 2 and S = C / V of HSV, then the match of
        lightness. V only moves the three channels alike, so that the match undoes it.
    """
    hue, chroma = jnp.moveaxis(hue_chroma, -1, 0)
    sixths = 6 * jnp.mod(hue, 1)
    # Of the pure color: its largest channel is 1 and its smallest 0.
    pure = [abs(sixths - 3) - 1, 2 - abs(sixths - 2), 2 - abs(sixths - 4)]
    channels = chroma[..., None] * jnp.clip(jnp.stack(pure, axis=-1), 0, 1)

    def moved(shift: PerPixel) -> Lab:
        return cielab.rgb_to_lab(jnp.clip(channels + shift[..., None], 0, 1))

    def halve(n: Array, low: PerPixel) -> PerPixel:
        middle = low + 0.5**n
        return jnp.where(moved(middle)[..., 0] <= lightness, middle, low)

    # At -1 the color is black, at 1 it is white; and L* grows between.
    low = jax.lax.fori_loop(0, MATCH_HALVINGS, halve, jnp.full_like(chroma, -1))
    return moved(low)[..., 1:]


def circular_mean(probs: Probs) -> Float[Array, "*p 2"]:
    """Returns the mean hue of a distribution over bins, and its resultant length.

    Args:
        probs: of bins that divide the circle equally, the first one beginning at 0.

    Returns:
        The hue in [0, 1), and the length in [0, 1]: 1 where all hues agree, 0 where
        they point everywhere alike, and the mean hue has no meaning.

    Source:
        Larsson et al. 2016: z, whose |z| is that length divided by the number of bins.
    """
    bins = probs.shape[-1]
    angles = 2 * jnp.pi * (jnp.arange(bins) + 0.5) / bins
    directions = jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    mean = jnp.matmul(probs, directions, precision="highest")
    turn = jnp.arctan2(mean[..., 1], mean[..., 0]) / (2 * jnp.pi)
    length = jnp.minimum(jnp.hypot(mean[..., 0], mean[..., 1]), 1)
    return jnp.stack([jnp.mod(jnp.mod(turn, 1), 1), length], axis=-1)


def median(probs: Probs) -> PerPixel:
    """Returns the center of the bin that has the median of a distribution.

    Args:
        probs: of bins that divide [0, 1] equally.

    Source:
        Larsson et al. 2016; like their released code, without interpolation in the
        bin.
    """
    bins = probs.shape[-1]
    below = (jnp.cumsum(probs, axis=-1) < 0.5).sum(axis=-1)
    return (jnp.minimum(below, bins - 1) + 0.5) / bins


def faded(chroma: PerPixel, length: PerPixel, *, fading: float | Array) -> PerPixel:
    """Returns chroma reduced where the hues of a distribution disagree.

    Args:
        chroma: in [0, 1].
        length: resultant length of the distribution of hue, as of `circular_mean`.
        fading: length below which chroma is reduced, in proportion; 0 for never.

    Source:
        Larsson et al. 2016, "chromatic fading": chroma times
        min(|z| / eta, 1), where |z| is length / 32 and eta = 0.03, so that fading is
        0.96. (The paper writes max; its code has min.)
    """
    return jnp.where(length < fading, chroma * length / fading, chroma)
