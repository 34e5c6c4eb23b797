"""A head of U and V through a sigmoid, with a loss at three sharpnesses.

The head of Dahl, "Automatic Colorization", 2016 (tinyclouds.org/colorize). The post's
own matrix and kernels were not obtained; what stands for them is said at each.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcolor.color import cielab, decode, losses
from jaxcolor.color.array_types import Ab, Lab, Lightness, PerPixel, Rgb, Scalar
from jaxcolor.color.decode import Decoding

# Luma of gamma-encoded RGB. Source: ITU-R BT.601, section 2.5.1.
RED, GREEN, BLUE = 0.299, 0.587, 0.114
# The largest |B - Y| and |R - Y| of colors in [0, 1]: divided by twice these, U and V
# fill [0, 1] around 0.5. Analog YUV has the same differences in other units.
LARGEST_U, LARGEST_V = 1 - BLUE, 1 - RED

# The blurs of the loss: rows of Pascal's triangle, the usual kernels that stand for
# Gaussians of 3 and 5 pixels.
KERNELS = ((1 / 4, 2 / 4, 1 / 4), (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16))

Uv = Float[Array, "*p 2"]


class SigmoidUv(NamedTuple):
    """U and V of analog YUV, scaled to fill [0, 1], before a sigmoid.

    The loss is the mean of three distances between the predicted and the true UV of an
    image: as they are, both blurred over 3 pixels, both blurred over 5. A distance is
    half the squared Euclidean distance, as in Caffe's loss of that name, averaged over
    the pixels of the image.

    Source:
        Dahl 2016; the squared form as Zhang et al. 2016 describe it ("L2 loss"). The
        post's matrix from RGB was not obtained: two published reimplementations use
        this one.
    """

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""
        return "U and V of analog YUV through a sigmoid"

    @property
    def outputs(self) -> int:
        """Two: U and V."""
        return 2

    @property
    def gamut(self) -> None:
        """None: there is no distribution."""
        return None

    def check_decoding(self, decoding: Decoding) -> None:
        """Refuses settings that only a distribution has.

        Raises:
            ValueError: there is one.
        """
        decode.check_single_colors(decoding, predicted="UV itself")

    def make_terms(
        self, prior: Any, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w 2"], Float[Array, "h w 3"]], dict[str, Array]]:
        """Returns the function of the mean of three distances, see `Head.make_terms`.

        Raises:
            ValueError: there is a threshold; the loss weights all images equally.
        """
        losses.check_unweighted(gray_threshold, what="a regression")

        def terms(
            outputs: Float[Array, "h w 2"], lab: Float[Array, "h w 3"]
        ) -> dict[str, Array]:
            # From gray, 0.5: the variance of `constant_loss` is a difference then that
            # float32 holds.
            true = at_three_sharpnesses(uv_from_lab(lab) - 0.5)
            predicted = at_three_sharpnesses(jax.nn.sigmoid(outputs) - 0.5)
            return {
                "loss": losses.l2(predicted, true),
                "uv": true.mean(axis=(0, 1, 2)),
                "uv_square": jnp.square(true).sum(axis=-1).mean(),
            }

        return terms

    def constant_loss(self, means: dict[str, Array]) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms.

        A blur leaves a constant as it is, so the best one is the mean of the three
        sharpnesses of all images.
        """
        return 0.5 * (means["uv_square"] - jnp.square(means["uv"]).sum())

    def bias(self, prior: Any) -> Float[np.ndarray, "2"]:
        """Returns gray."""
        return np.zeros(2, np.float32)

    def decoder(self, decoding: Decoding, prior: Any) -> "SigmoidUvDecoder":
        """Returns the only decoder that there is."""
        return SigmoidUvDecoder()


class SigmoidUvDecoder(NamedTuple):
    """Decodes U and V, see `Decoder`."""

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns outputs as they are: there is no lambda."""
        return outputs

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns the ab of UV under the gray level of a lightness as luma.

        Luma and lightness agree for grays only, so the color that YUV gives is a
        little lighter or darker; its ab counts. On photographs, true UV comes back as
        ab within a CIELAB unit in the mean.

        Args:
            outputs: as of the network.
            lightness: L* of the same pixels.

        Raises:
            ValueError: there is no lightness.
        """
        if lightness is None:
            raise ValueError("lightness is missing; wanted L*, as UV alone has no ab")
        luma = cielab.gray_from_lightness(lightness)
        # Clipped as a picture of 8 bits is.
        rgb = jnp.clip(rgb_from_yuv(luma, jax.nn.sigmoid(outputs)), 0, 1)
        return cielab.rgb_to_lab(rgb)[..., 1:]


def uv_from_lab(lab: Lab) -> Uv:
    """Returns U and V in [0, 1] of colors of sRGB.

    Args:
        lab: L* in [0, 100]; outside sRGB, U and V may leave [0, 1].
    """
    rgb = cielab.lab_to_rgb(lab)
    red, blue = rgb[..., 0], rgb[..., 2]
    luma = RED * red + GREEN * rgb[..., 1] + BLUE * blue
    return jnp.stack(
        [(blue - luma) / (2 * LARGEST_U) + 0.5, (red - luma) / (2 * LARGEST_V) + 0.5],
        axis=-1,
    )


def rgb_from_yuv(luma: PerPixel, uv: Uv) -> Rgb:
    """Returns gamma-encoded RGB, not clipped.

    Args:
        luma: Y in [0, 1].
        uv: U and V in [0, 1], as from `uv_from_lab`.
    """
    blue = luma + 2 * LARGEST_U * (uv[..., 0] - 0.5)
    red = luma + 2 * LARGEST_V * (uv[..., 1] - 0.5)
    green = (luma - RED * red - BLUE * blue) / GREEN
    return jnp.stack([red, green, blue], axis=-1)


def at_three_sharpnesses(maps: Float[Array, "h w c"]) -> Float[Array, "3 h w c"]:
    """Returns maps as they are, blurred over 3 pixels, and blurred over 5.

    Each channel by itself. Pixels of the edge count as their own neighbors outside, so
    that a constant stays as it is.
    """
    return jnp.stack([maps, *(_blurred(maps, kernel) for kernel in KERNELS)])


def _blurred(
    maps: Float[Array, "h w c"], kernel: tuple[float, ...]
) -> Float[Array, "h w c"]:
    margin = len(kernel) // 2
    for axis in (0, 1):
        length = maps.shape[axis]
        edge = [(margin, margin) if a == axis else (0, 0) for a in range(maps.ndim)]
        padded = jnp.pad(maps, edge, mode="edge")
        maps = sum(
            (
                weight * jax.lax.slice_in_dim(padded, start, start + length, axis=axis)
                for start, weight in enumerate(kernel)
            ),
            start=jnp.zeros_like(maps),
        )
    return maps
