"""From a distribution over bins to ab: the annealed mean and its relatives."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxcolor.color.array_types import Ab, BinWeights, Logits, PerPixel
from jaxcolor.color.gamut import Gamut

# Outputs of a regression network per CIELAB unit; the authors' release divides by it.
AB_SCALE = 110.0
_LARGEST = float(np.finfo(np.float32).max)


class Decoding(NamedTuple):
    """Settings that turn the outputs of a network into colors.

    Attributes:
        temperature: of the annealed mean: towards 0 the mode, 1 the mean. None for a
            head without a distribution.
        rebalancing_lambda: lambda that the posterior is moved to, whatever lambda the
            network was trained with; lower is more vivid, higher more muted. None for
            a head without a distribution, and for a posterior as it was trained, which
            is all that a model without a known prior allows.
        coherence: 0 leaves each cell by itself, 1 spreads colors over what looks like
            one object, see `jaxcolor.color.coherence`.
    """

    temperature: float | None
    rebalancing_lambda: float | None
    coherence: float


def check(decoding: Decoding) -> None:
    """Refuses settings that are out of range.

    Raises:
        ValueError: naming the setting, its value and the range.
    """
    temperature, rebalancing_lambda, coherence = decoding
    if temperature is not None and not 0 < temperature <= _LARGEST:
        raise ValueError(
            f"temperature is {temperature}; wanted above 0, and finite in float32"
        )
    if rebalancing_lambda is not None and not 0 <= rebalancing_lambda <= 1:
        raise ValueError(
            f"rebalancing_lambda is {rebalancing_lambda}; wanted from 0 to 1"
        )
    if not 0 <= coherence <= 1:
        raise ValueError(f"coherence is {coherence}; wanted from 0 to 1")


def check_single_colors(decoding: Decoding, *, predicted: str) -> None:
    """Refuses settings that only a distribution over bins of ab has.

    Args:
        decoding: to check.
        predicted: what the model predicts instead.

    Raises:
        ValueError: there is such a setting.
    """
    for name in ("temperature", "rebalancing_lambda"):
        if (value := getattr(decoding, name)) is not None:
            raise ValueError(
                f"{name} is {value}; wanted none, as the model predicts {predicted}"
            )


def replaced(
    decoding: Decoding,
    *,
    temperature: float | None,
    rebalancing_lambda: float | None,
    coherence: float | None,
) -> Decoding:
    """Returns a decoding with other settings; one that is None stays."""
    wanted = {
        "temperature": temperature,
        "rebalancing_lambda": rebalancing_lambda,
        "coherence": coherence,
    }
    return decoding._replace(**{k: x for k, x in wanted.items() if x is not None})


def annealed_mean(
    logits: Logits,
    gamut: Gamut,
    *,
    temperature: float | Float[Array, ""] | Float[Array, " t"],
) -> Float[Array, "*t_p 2"]:
    """Returns the mean of the distribution, sharpened by a temperature.

    Args:
        logits: unnormalized log probabilities of the bins.
        gamut: the bins.
        temperature: above 0. The paper's is 0.38; 1 is the mean, and towards 0 the
            result approaches the mode. A vector of temperatures adds a leading axis.

    Raises:
        ValueError: the temperature is a number that is not positive.

    Source:
        Zhang et al. 2016, section 2.3, equation 5.
    """
    if isinstance(temperature, int | float) and not temperature > 0:
        raise ValueError(f"temperature is {temperature}; wanted more than 0")
    # The largest logit is subtracted first, so that no temperature is too small; one
    # below float32's range would be 0 and lead to 0 / 0.
    smallest = jnp.finfo(jnp.float32).tiny
    temperature = jnp.maximum(jnp.asarray(temperature, jnp.float32), smallest)
    logits = logits.astype(jnp.float32)
    below = logits - jax.lax.stop_gradient(logits.max(axis=-1, keepdims=True))
    if temperature.ndim == 0:
        return _annealed_mean(below, gamut, temperature)
    # One temperature after the other: all at once would hold a copy of the logits for
    # each.
    return jax.lax.map(lambda t: _annealed_mean(below, gamut, t), temperature)


def mean(logits: Logits, gamut: Gamut) -> Ab:
    """Returns the mean of the distribution: smooth and, often, pale."""
    return annealed_mean(logits, gamut, temperature=1.0)


def mode(logits: Logits, gamut: Gamut) -> Ab:
    """Returns the center of the likeliest bin: vivid and, often, patchy."""
    return jnp.asarray(gamut.centers)[jnp.argmax(logits, axis=-1)]


def sample(key: Array, logits: Logits, gamut: Gamut) -> Ab:
    """Draws the center of a bin for each pixel, independently."""
    return jnp.asarray(gamut.centers)[jax.random.categorical(key, logits)]


def sample_coherently(
    key: Array, logits: Logits, gamut: Gamut, *, temperature: float
) -> Ab:
    """Draws ab with the same noise for all pixels: similar pixels get one color.

    Towards temperature 0 each pixel alone is a draw from its distribution, as in
    `sample`; at higher temperatures it is a blend of bins, mostly of the drawn one.

    Args:
        key: random key of the draw.
        logits: of one image, or of images that are to share the draw.
        gamut: the bins.
        temperature: above 0; of the annealed mean.

    Source:
        Jang et al. 2017, Categorical reparameterization with Gumbel-softmax, equations
        1 and 2; that pixels share the noise is of this code.
    """
    drawn = logits + shared_noise(key, logits)
    return annealed_mean(drawn, gamut, temperature=temperature)


def shared_noise(key: Array, logits: Logits) -> Float[Array, "*ones q"]:
    """Draws what `sample_coherently` adds to the logits of all pixels."""
    noise = jax.random.gumbel(key, logits.shape[-1:])
    return noise.reshape((1,) * (logits.ndim - 1) + (-1,))


class Modes(NamedTuple):
    """The likeliest colors of a distribution, the first one first.

    Attributes:
        ab: of each, CIELAB units.
        share: the probability of each.
    """

    ab: Float[Array, "m 2"]
    share: Float[Array, " m"]


def modes(
    logits: Float[Array, " q"],
    gamut: Gamut,
    *,
    temperature: float | Float[Array, ""],
    count: int,
    radius: float,
) -> Modes:
    """Returns distinct colors of the distribution, sharpened by a temperature.

    Each is the mean of the bins around the likeliest bin that is left; then they are
    taken out.

    Args:
        logits: of one pixel.
        gamut: the bins.
        temperature: above 0.
        count: number of modes. Once no bin is left they have a share of 0.
        radius: bins up to this distance from the likeliest one make one mode, CIELAB
            units.
    """
    centers = jnp.asarray(gamut.centers)

    def take(left: Float[Array, " q"], _: None) -> tuple[Array, Modes]:
        to_likeliest = centers - centers[jnp.argmax(left)][None]
        is_near = jnp.square(to_likeliest).sum(axis=-1) <= radius**2
        near = jnp.where(is_near, left, 0)
        share = near.sum()
        smallest = jnp.finfo(jnp.float32).tiny
        ab = jnp.matmul(near, centers, precision="highest") / (share + smallest)
        return jnp.where(is_near, 0, left), Modes(ab, share)

    probabilities = jax.nn.softmax(logits.astype(jnp.float32) / temperature)
    return jax.lax.scan(take, probabilities, None, length=count)[1]


def entropy(logits: Logits) -> PerPixel:
    """Returns the entropy of the distribution in nats."""
    logits = logits.astype(jnp.float32)
    log_probs = jax.nn.log_softmax(logits)
    # A bin that is ruled out (-inf) adds nothing, and 0 * -inf would be NaN, also in
    # the derivative.
    log_probs = jnp.where(log_probs > -jnp.inf, log_probs, 0.0)
    return -jnp.sum(jax.nn.softmax(logits) * log_probs, axis=-1)


def reweight(
    logits: Logits, *, from_weights: BinWeights, to_weights: BinWeights
) -> Logits:
    """Moves a posterior to the one that other class weights would have trained.

    Args:
        logits: of a network trained under `from_weights`.
        from_weights: class weights of the training.
        to_weights: class weights wanted.

    Source:
        Training with class weights w makes the network's posterior proportional to
        p w; Zhang et al. 2016, section 2.2.
    """
    change = jnp.log(jnp.asarray(to_weights)) - jnp.log(jnp.asarray(from_weights))
    return logits + change.reshape((1,) * (logits.ndim - 1) + (-1,))


def regression(outputs: Ab) -> Ab:
    """Returns the ab that a regression network's two outputs stand for."""
    return AB_SCALE * outputs


def _annealed_mean(below: Logits, gamut: Gamut, temperature: jax.Array) -> Ab:
    sharp = jnp.exp(below / temperature)
    total = jnp.matmul(sharp, jnp.asarray(gamut.centers), precision="highest")
    return total / sharp.sum(axis=-1, keepdims=True)
