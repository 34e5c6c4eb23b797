"""Ab through a sigmoid, as Iizuka et al. 2016 predict it: a head, see `heads.Head`."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcolor.color import decode, losses
from jaxcolor.color.array_types import Ab, Lightness, Scalar
from jaxcolor.color.decode import Decoding

LARGEST = 100.0
"""The ab that the ends of the unit interval stand for, less than some of sRGB's.

Source:
    The authors' released colorize.lua.
"""


class SigmoidAb(NamedTuple):
    """Logits of a and b: their sigmoid s stands for ab = 100 (2 s - 1).

    The loss is the mean of the squared error in the unit interval, over pixels and
    over a and b. The paper writes a squared norm and names the criterion a mean; the
    weight of its classes, 1/300, balances a mean, and would vanish beside a sum.

    Source:
        Iizuka et al. 2016, "Let there be Color!", equation of its color loss; the
        unit interval from the authors' released colorize.lua.
    """

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""
        return "ab itself, through a sigmoid"

    @property
    def outputs(self) -> int:
        """Two: a and b."""
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
        decode.check_single_colors(decoding, predicted="ab itself")

    def make_terms(
        self, prior: object, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w 2"], Float[Array, "h w 3"]], dict[str, Array]]:
        """Returns the function of the squared error, see `heads.Head.make_terms`.

        Raises:
            ValueError: there is a threshold; the loss weights all images equally.
        """
        losses.check_unweighted(gray_threshold, what="a regression")

        def terms(
            outputs: Float[Array, "h w 2"], lab: Float[Array, "h w 3"]
        ) -> dict[str, Array]:
            # As a difference from the middle of the interval, which float32 rounds
            # less. Colors outside of [-100, 100] lie outside of the interval.
            target = lab[..., 1:] / (2 * LARGEST)
            error = jax.nn.sigmoid(outputs) - 0.5 - target
            return {
                "loss": jnp.square(error).mean(),
                "target": target.mean(axis=(0, 1)),
                "target_square": jnp.square(target).mean(),
            }

        return terms

    def constant_loss(self, means: dict[str, Array]) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms."""
        return means["target_square"] - jnp.square(means["target"]).mean()

    def bias(self, prior: object) -> Float[np.ndarray, "2"]:
        """Returns gray."""
        return np.zeros(2, np.float32)

    def decoder(self, decoding: Decoding, prior: object) -> "SigmoidAbDecoder":
        """Returns the only decoder that there is."""
        return SigmoidAbDecoder()


class SigmoidAbDecoder(NamedTuple):
    """Decodes logits of a and b, see `heads.Decoder`."""

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns outputs as they are: there is no lambda."""
        return outputs

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns the ab that outputs stand for, whatever the lightness."""
        return LARGEST * (2 * jax.nn.sigmoid(outputs) - 1)
