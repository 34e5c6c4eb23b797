"""Heads that predict two distributions for each cell: of hue and chroma, or a and b.

The outputs are logits: first those of all bins of the one, then those of the other.
"""

from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxcolor.color import cielab, decode, hue_chroma, losses, rebalance
from jaxcolor.color.array_types import Ab, BinWeights, Lightness, Scalar
from jaxcolor.color.decode import Decoding

FEWEST_BINS, MOST_BINS = 2, 1000
MOST_CELLS = 99
"""The largest side of a window of targets."""

# As in `heads`, which imports this module.
Terms = dict[str, Array]
Prior = Float[np.ndarray, " q"] | BinWeights | None


class Targets(NamedTuple):
    """What two distributions are to be, and how much each divergence counts.

    Attributes:
        codes: the distributions, each over q bins.
        weights: of their divergences.
    """

    codes: Float[Array, "*p 2 q"]
    weights: Float[Array, "*p 2"]


class HueChroma(NamedTuple):
    """Logits of hue and of chroma, see `jaxcolor.color.hue_chroma`.

    Attributes:
        bins: of each, of equal width.
        window: side of the square of cells, odd, whose colors are a target; 1 for the
            cell's own color.
        hue_weight: of the divergence of hue, times the chroma of the cell.
        fading: resultant length of the hues below which colors fade; 0 for no fading.

    Source:
        Larsson et al. 2016; the weight of chroma, which falls to 0 at black and at
        white, is of their released training file.
    """

    bins: int
    window: int
    hue_weight: float
    fading: float

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""
        return "a distribution of hue and one of chroma for each cell"

    @property
    def outputs(self) -> int:
        """Two for each bin."""
        return 2 * self.bins

    @property
    def gamut(self) -> None:
        """None: there is no distribution over the ab plane."""
        return None

    def check_decoding(self, decoding: Decoding) -> None:
        """Refuses settings that only a distribution over the ab plane has.

        Raises:
            ValueError: there is one.
        """
        decode.check_single_colors(decoding, predicted="hue and chroma")

    def targets(self, lab: Float[Array, "h w 3"]) -> Targets:
        """Returns the targets of an image.

        Args:
            lab: CIELAB of a pixel for each cell.
        """
        found = hue_chroma.from_lab(lab)
        indices = jnp.floor(self.bins * found).astype(jnp.int32)
        indices = jnp.minimum(indices, self.bins - 1)
        gray = cielab.gray_from_lightness(lab[..., 0])
        of_chroma = jnp.minimum(jnp.minimum(3 * gray, 1), 3 - 3 * gray)
        weights = jnp.stack([self.hue_weight * found[..., 1], of_chroma], axis=-1)
        codes = histograms(indices, bins=self.bins, window=self.window)
        return Targets(codes, weights)

    def make_terms(
        self, prior: Prior, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w n"], Float[Array, "h w 3"]], Terms]:
        """Returns the function of the weighted divergences, see `heads.Head`.

        Raises:
            ValueError: there is a threshold; gray cells have no weight for hue anyway.
        """
        losses.check_unweighted(gray_threshold, what="two distributions")
        return lambda outputs, lab: terms(outputs, self.targets(lab))

    def constant_loss(self, means: Terms) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms."""
        return _constant_loss(means)

    def bias(self, prior: Prior) -> Float[np.ndarray, " n"]:
        """Returns zeros: all hues alike, which is gray where colors fade."""
        return np.zeros(self.outputs, np.float32)

    def decoder(self, decoding: Decoding, prior: Prior) -> "HueChromaDecoder":
        """Returns the only decoder that there is."""
        return HueChromaDecoder(jax.device_put(np.float32(self.fading)))


class HueChromaDecoder(NamedTuple):
    """Decodes distributions of hue and chroma, see `heads.Decoder`.

    Attributes:
        fading: see `HueChroma`.
    """

    fading: Scalar

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns outputs as they are: there is no lambda."""
        return outputs

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns ab of the mean hue and the median chroma, faded, at a lightness.

        Args:
            outputs: of the network.
            lightness: L* of the same cells.

        Raises:
            ValueError: there is no lightness.
        """
        if lightness is None:
            raise ValueError(
                "lightness is None; wanted L* of each cell, as ab of a hue and a chroma"
                " depends on it"
            )
        of_hue, of_chroma = jnp.moveaxis(_probabilities(outputs), -2, 0)
        hue, length = jnp.moveaxis(hue_chroma.circular_mean(of_hue), -1, 0)
        chroma = hue_chroma.faded(
            hue_chroma.median(of_chroma), length, fading=self.fading
        )
        return hue_chroma.to_ab(jnp.stack([hue, chroma], axis=-1), lightness)


class AbMarginals(NamedTuple):
    """Logits of a and of b, each by itself.

    Attributes:
        bins: of each; a Gaussian has equal mass in all of them.
        sigma: standard deviation of that Gaussian, whose mean is 0; CIELAB units.

    Source:
        Larsson et al. 2016, their variant of Lab with 32 bins for each and sigma 25.
    """

    bins: int
    sigma: float

    @property
    def about(self) -> str:
        """What the network predicts, for a model card."""
        return "a distribution of a and one of b for each cell"

    @property
    def outputs(self) -> int:
        """Two for each bin."""
        return 2 * self.bins

    @property
    def gamut(self) -> None:
        """None: the distributions are of a and b by themselves, not of pairs."""
        return None

    @property
    def edges(self) -> Float[np.ndarray, " q_less_1"]:
        """Where a bin ends and the next begins, CIELAB units."""
        return self._quantiles(np.arange(1, self.bins))

    @property
    def centers(self) -> Float[np.ndarray, " q"]:
        """The medians of the bins, CIELAB units."""
        return self._quantiles(np.arange(self.bins) + 0.5)

    def check_decoding(self, decoding: Decoding) -> None:
        """Refuses settings that only a distribution over the ab plane has.

        Raises:
            ValueError: there is one.
        """
        decode.check_single_colors(decoding, predicted="a and b by themselves")

    def targets(self, lab: Float[Array, "h w 3"]) -> Targets:
        """Returns the targets of an image, see `HueChroma.targets`."""
        ab = lab[..., 1:]
        is_above = ab[..., None] >= self.edges.reshape(1, 1, 1, -1)
        codes = histograms(is_above.sum(axis=-1), bins=self.bins, window=1)
        return Targets(codes, jnp.ones_like(ab))

    def make_terms(
        self, prior: Prior, *, gray_threshold: float | None
    ) -> Callable[[Float[Array, "h w n"], Float[Array, "h w 3"]], Terms]:
        """Returns the function of the two divergences, see `heads.Head`.

        Raises:
            ValueError: there is a threshold; the loss weights all images equally.
        """
        losses.check_unweighted(gray_threshold, what="two distributions")
        return lambda outputs, lab: terms(outputs, self.targets(lab))

    def constant_loss(self, means: Terms) -> Scalar:
        """Returns the loss of the best constant outputs, from mean terms."""
        return _constant_loss(means)

    def bias(self, prior: Prior) -> Float[np.ndarray, " n"]:
        """Returns zeros: the bins are of equal mass by their making."""
        return np.zeros(self.outputs, np.float32)

    def decoder(self, decoding: Decoding, prior: Prior) -> "AbMarginalsDecoder":
        """Returns the only decoder that there is."""
        return AbMarginalsDecoder(jax.device_put(self.centers))

    def _quantiles(self, bins: np.ndarray) -> Float[np.ndarray, " n"]:
        gaussian = NormalDist(0, self.sigma)
        shares = (bins / self.bins).tolist()
        return np.array([gaussian.inv_cdf(x) for x in shares], np.float32)


class AbMarginalsDecoder(NamedTuple):
    """Decodes distributions of a and of b, see `heads.Decoder`.

    Attributes:
        centers: of the bins.
    """

    centers: BinWeights

    def move(self, outputs: Float[Array, "*p n"]) -> Float[Array, "*p n"]:
        """Returns outputs as they are: there is no lambda."""
        return outputs

    def ab(
        self, outputs: Float[Array, "*p n"], lightness: Lightness | None = None
    ) -> Ab:
        """Returns the expectations of a and b, whatever the lightness."""
        return jnp.matmul(
            _probabilities(outputs), jnp.asarray(self.centers), precision="highest"
        )


def histograms(
    indices: Int[Array, "h w c"], *, bins: int, window: int
) -> Float[Array, "h w c {bins}"]:
    """Returns the shares of the bins in a square window around each cell.

    Args:
        indices: of the bins.
        bins: how many there are.
        window: side of the square, odd; cells outside the image do not count.
    """
    codes = jax.nn.one_hot(indices, bins)
    if window == 1:
        return codes
    around = window // 2
    sums = jax.lax.reduce_window(
        codes,
        0.0,
        jax.lax.add,
        (window, window, 1, 1),
        (1, 1, 1, 1),
        ((around, around), (around, around), (0, 0), (0, 0)),
    )
    return sums / sums.sum(axis=-1, keepdims=True)


def terms(outputs: Float[Array, "h w n"], targets: Targets) -> Terms:
    """Returns the weighted divergences of the targets from the prediction.

    Args:
        outputs: logits of both distributions.
        targets: of the same cells.

    Returns:
        Means over the cells: "loss"; "kl", the same without weights, nats; and
        "weighted_code" and "weighted_entropy", of which `constant_loss` is made.

    Source:
        Larsson et al. 2016; averaged over all cells, as in their training file.
    """
    codes, weights = targets
    log_probs = jax.nn.log_softmax(_by_distribution(outputs))
    entropy = -jax.scipy.special.xlogy(codes, codes).sum(axis=-1)
    divergence = -(codes * log_probs).sum(axis=-1) - entropy
    return {
        "loss": (weights * divergence).sum(axis=-1).mean(),
        "kl": divergence.sum(axis=-1).mean(),
        "weighted_code": (weights[..., None] * codes).mean(axis=(0, 1)),
        "weighted_entropy": (weights * entropy).mean(axis=(0, 1)),
    }


def _constant_loss(means: Terms) -> Scalar:
    # A divergence is a cross entropy less what no prediction can change.
    cross_entropies = jax.vmap(rebalance.constant_predictor_loss)(
        means["weighted_code"]
    )
    return (cross_entropies - means["weighted_entropy"]).sum()


def _by_distribution(outputs: Float[Array, "*p n"]) -> Float[Array, "*p 2 q"]:
    return outputs.astype(jnp.float32).reshape(*outputs.shape[:-1], 2, -1)


def _probabilities(outputs: Float[Array, "*p n"]) -> Float[Array, "*p 2 q"]:
    return jax.nn.softmax(_by_distribution(outputs))
