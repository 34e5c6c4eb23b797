"""Heads: what the outputs of a network mean.

A head turns true ab into a loss and outputs into ab; its fields are what a trained
model stores about it. Another meaning of outputs (a histogram of hue and chroma, a
sigmoid of ab) is one more record here, and one more line in `BY_NAME`.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcolor.color import (
    decode,
    encode,
    gamut,
    losses,
    marginals,
    rebalance,
    sigmoid_ab,
    sigmoid_uv,
)
from jaxcolor.color.array_types import Ab, BinWeights, Lightness, Scalar
from jaxcolor.color.decode import Decoding
from jaxcolor.color.gamut import Gamut

# Smallest share of a bin of which the logarithm is taken: no training photograph may
# have the bin.
PRIOR_FLOOR = 1e-8

Terms = dict[str, Array]
"""Means over the pixels of an image: "loss", and what is logged beside it."""

Prior = Float[np.ndarray, " q"] | BinWeights | None
"""Share of each bin in the training set; None for a head without bins, or unknown."""


@runtime_checkable
class Decoder(Protocol):
    """A head under one decoding: a tree of arrays, so that decodings share programs."""

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns outputs moved from the training's lambda to the decoding's."""

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns ab in CIELAB units of moved outputs.

        Args:
            outputs: as `move` returns them.
            lightness: L* of the same pixels; heads whose colors do not depend on it
                go without.

        Raises:
            ValueError: there is no lightness, and the head needs it.
        """


@runtime_checkable
class Head(Protocol):
    """The interface of heads, which are NamedTuples whose fields a model stores."""

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""

    @property
    def outputs(self) -> int:
        """Number of outputs for each pixel."""

    @property
    def gamut(self) -> Gamut | None:
        """Bins that the outputs are logits of; None without such a distribution.

        With bins goes a prior: it is counted before a training and stored with a model.
        """

    def check_decoding(self, decoding: Decoding) -> None:
        """Refuses a decoding that the head needs more of, or has no use for."""

    def make_terms(
        self, prior: Prior, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w n"], Float[Array, "h w 3"]], Terms]:
        """Returns the function from outputs and true Lab of an image to loss terms.

        Args:
            prior: of the training set.
            gray_threshold: images whose |a| and |b| stay below it have no weight; None
                to weight all images equally.
        """

    def constant_loss(self, means: Terms) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms."""

    def bias(self, prior: Prior) -> Float[np.ndarray, " n"]:
        """Returns the best constant outputs: the bias of the last layer."""

    def decoder(self, decoding: Decoding, prior: Prior) -> Decoder:
        """Returns the decoder of a decoding, its arrays on the device."""

    def _asdict(self) -> dict[str, Any]: ...


class Bins(NamedTuple):
    """Logits of the bins of the ab plane.

    Attributes:
        spacing: of the bins, CIELAB units.
        neighbors: number of bins in the soft code of a target.
        sigma: of the soft code, CIELAB units.
        training_lambda: lambda of the class weights that the network is trained with.

    Source:
        Zhang et al. 2016, section 2, equations 2 to 5.
    """

    spacing: float
    neighbors: int
    sigma: float
    training_lambda: float

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""
        return "a distribution over the bins of the ab plane for each cell"

    @property
    def outputs(self) -> int:
        """Number of bins."""
        return len(self.gamut.centers)

    @property
    def gamut(self) -> Gamut:
        """The bins."""
        return gamut.from_srgb(spacing=self.spacing)

    def check_decoding(self, decoding: Decoding) -> None:
        """Refuses a decoding that lacks a temperature.

        Without a lambda the posterior is decoded as it was trained.

        Raises:
            ValueError: there is none.
        """
        if decoding.temperature is None:
            raise ValueError(
                "temperature is missing; wanted one, as the model has bins"
            )

    def make_terms(
        self, prior: Prior, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w q"], Float[Array, "h w 3"]], Terms]:
        """Returns the function of rebalanced cross entropy, see `Head.make_terms`."""
        bins, weights = self.gamut, self.class_weights(prior)

        def terms(outputs: Float[Array, "h w q"], lab: Float[Array, "h w 3"]) -> Terms:
            ab = lab[..., 1:]
            code = encode.soft_encode(
                ab, bins, neighbors=self.neighbors, sigma=self.sigma
            )
            # The nearest bin leads the soft code, so it need not be looked up again.
            weight = jnp.asarray(weights)[code.indices[..., 0]]
            if gray_threshold is not None:
                weight *= rebalance.gray_mask(ab, threshold=gray_threshold)
            weighted_code = rebalance.accumulate(
                code, bins=outputs.shape[-1], per_pixel=weight
            )
            return {
                "loss": losses.rebalanced_cross_entropy(outputs, code, weight),
                "kl": losses.soft_kl(outputs, code).mean(),
                "weighted_code": weighted_code / weight.size,
            }

        return terms

    def constant_loss(self, means: Terms) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms."""
        return rebalance.constant_predictor_loss(means["weighted_code"])

    def bias(self, prior: Prior) -> Float[np.ndarray, " q"]:
        """Returns the logits of the best constant prediction, up to a constant.

        Under class weights w that is log(prior w): for lambda = 1 the log prior.
        """
        weights = np.asarray(self.class_weights(prior))
        weighted = np.maximum(np.asarray(prior), PRIOR_FLOOR) * weights
        return np.log(weighted / weighted.sum()).astype(np.float32)

    def decoder(self, decoding: Decoding, prior: Prior) -> "BinsDecoder":
        """Returns the decoder of a decoding, its arrays on the device.

        Args:
            decoding: with a lambda only if there is a prior.
            prior: of the training set; None if it is unknown.
        """
        temperature, shares = jax.device_put((np.float32(decoding.temperature), prior))
        if decoding.rebalancing_lambda is None:
            ones = jnp.ones(self.outputs)
            return BinsDecoder(self.gamut, temperature, ones, ones)
        lambdas = (self.training_lambda, decoding.rebalancing_lambda)
        trained, wanted = _class_weights(lambdas, shares)
        return BinsDecoder(self.gamut, temperature, trained, wanted)

    def class_weights(self, prior: Prior) -> BinWeights:
        """Returns the class weights of the training."""
        (weights,) = _class_weights((self.training_lambda,), jnp.asarray(prior))
        return weights


class BinsDecoder(NamedTuple):
    """Decodes a distribution over bins, see `Decoder`.

    Attributes:
        gamut: the bins.
        temperature: of the annealed mean.
        from_weights: class weights of the training.
        to_weights: class weights that the posterior is moved to.
    """

    gamut: Gamut
    temperature: Scalar
    from_weights: BinWeights
    to_weights: BinWeights

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns logits moved from the training's lambda to the decoding's."""
        return decode.reweight(
            outputs, from_weights=self.from_weights, to_weights=self.to_weights
        )

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns the annealed mean of moved logits, whatever the lightness."""
        return decode.annealed_mean(outputs, self.gamut, temperature=self.temperature)


class Regression(NamedTuple):
    """Ab itself, in units of `decode.AB_SCALE`.

    Source:
        Zhang et al. 2016, section 2.1, equation 1.
    """

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""
        return "ab itself"

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
        self, prior: Prior, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w 2"], Float[Array, "h w 3"]], Terms]:
        """Returns the function of the L2 loss, see `Head.make_terms`.

        Raises:
            ValueError: there is a threshold; the loss weights all images equally.
        """
        losses.check_unweighted(gray_threshold, what="a regression")

        def terms(outputs: Float[Array, "h w 2"], lab: Float[Array, "h w 3"]) -> Terms:
            ab = lab[..., 1:]
            return {
                "loss": losses.l2(decode.regression(outputs), ab),
                "ab": ab.mean(axis=(0, 1)),
                "ab_square": jnp.square(ab).sum(axis=-1).mean(),
            }

        return terms

    def constant_loss(self, means: Terms) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms."""
        return 0.5 * (means["ab_square"] - jnp.square(means["ab"]).sum())

    def bias(self, prior: Prior) -> Float[np.ndarray, "2"]:
        """Returns gray."""
        return np.zeros(2, np.float32)

    def decoder(self, decoding: Decoding, prior: Prior) -> "RegressionDecoder":
        """Returns the only decoder that there is."""
        return RegressionDecoder()


class RegressionDecoder(NamedTuple):
    """Decodes a regression, see `Decoder`."""

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns outputs as they are: there is no lambda."""
        return outputs

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns the ab that outputs stand for, whatever the lightness."""
        return decode.regression(outputs)


BY_NAME: dict[str, Callable[..., Head]] = {
    "bins": Bins,
    "ab": Regression,
    "ab_marginals": marginals.AbMarginals,
    "hue_chroma": marginals.HueChroma,
    "sigmoid_ab": sigmoid_ab.SigmoidAb,
    "sigmoid_uv": sigmoid_uv.SigmoidUv,
}
"""Heads by their names in released models."""


def name_of(head: Head) -> str:
    """Returns the name of a head in released models."""
    return next(name for name, kind in BY_NAME.items() if kind is type(head))


# Compiled as one: operation by operation it takes seconds to start.
@partial(jax.jit, static_argnums=0)
def _class_weights(
    lambdas: tuple[float, ...], prior: BinWeights
) -> tuple[BinWeights, ...]:
    return tuple(
        rebalance.class_weights(prior, rebalancing_lambda=each) for each in lambdas
    )
