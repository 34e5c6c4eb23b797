"""Losses: cross entropy and KL divergence on sparse soft codes, L2 and L1 on ab."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxcolor.color.array_types import Ab, Logits, PerPixel, Scalar
from jaxcolor.color.encode import SoftCode


def soft_cross_entropy(logits: Logits, code: SoftCode) -> PerPixel:
    """Returns -sum(code log softmax(logits)), nats, for each pixel.

    Args:
        logits: unnormalized log probabilities of the bins.
        code: its bins are distinct, as `encode.soft_encode` makes them.

    Source:
        Zhang et al. 2016, section 2.1, equation 2, with v = 1.
    """
    return _soft_cross_entropy(logits.astype(jnp.float32), *code)


def soft_kl(logits: Logits, code: SoftCode) -> PerPixel:
    """Returns the divergence of the prediction from the code, nats, for each pixel.

    The cross entropy less the entropy of the code, so that a perfect prediction
    scores zero. What the authors' training printed, unweighted and summed.
    """
    own = jax.scipy.special.xlogy(code.weights, code.weights).sum(axis=-1)
    return soft_cross_entropy(logits, code) + own


def rebalanced_cross_entropy(
    logits: Logits, code: SoftCode, weight: PerPixel
) -> Scalar:
    """Returns the mean over all pixels of weight x cross entropy, nats.

    The mean is over all pixels, those of weight zero included; no gradient flows into
    the weights. So the gradient at a pixel is weight (softmax - code) / pixels.

    Source:
        Zhang et al. 2016, section 2.2, equations 2 and 3; the paper sums over an
        image's pixels where this averages.
    """
    return jnp.mean(jax.lax.stop_gradient(weight) * soft_cross_entropy(logits, code))


def l2(predicted: Ab, target: Ab) -> Scalar:
    """Returns the mean over pixels of half the squared ab distance.

    Source:
        Zhang et al. 2016, section 2.1, equation 1.
    """
    return 0.5 * jnp.mean(jnp.square(predicted - target).sum(axis=-1))


def l1(predicted: Ab, target: Ab) -> Scalar:
    """Returns the mean over pixels of the sum of the absolute differences of a and b.

    Source:
        The authors' training code for Zhang et al. 2017 (arXiv:1705.02999), whose text
        has a smooth L1.
    """
    return jnp.mean(jnp.abs(predicted - target).sum(axis=-1))


def check_unweighted(gray_threshold: float | None, *, what: str) -> None:
    """Refuses a threshold of gray images for a loss that weights all images equally.

    Args:
        gray_threshold: see `heads.Head.make_terms`.
        what: what the loss is of.

    Raises:
        ValueError: there is one.
    """
    if gray_threshold is not None:
        raise ValueError(f"gray_threshold is {gray_threshold}; wanted none for {what}")


@jax.custom_vjp
def _soft_cross_entropy(
    logits: Logits, indices: Int[Array, "*p k"], weights: Float[Array, "*p k"]
) -> PerPixel:
    return _forward(logits, indices, weights)[0]


def _forward(
    logits: Logits, indices: Int[Array, "*p k"], weights: Float[Array, "*p k"]
) -> tuple[PerPixel, tuple[Array, ...]]:
    # Half of the time goes into the exponentials, so they are taken once and kept:
    # the gradient is written over them.
    largest = logits.max(axis=-1, keepdims=True)
    powers = jnp.exp(logits - largest)
    total = powers.sum(axis=-1, keepdims=True)
    log_total = jnp.log(total) + largest
    surprise = log_total - jnp.take_along_axis(logits, indices, axis=-1)
    # A matrix product, because XLA would work a plain sum out again for every bin.
    mass = weights @ jnp.ones((weights.shape[-1], 1), weights.dtype)
    loss = (weights * surprise).sum(axis=-1)
    return loss, (powers, mass / total, indices, weights, surprise)


def _backward(
    saved: tuple[Array, ...], cotangent: PerPixel
) -> tuple[Logits, None, Float[Array, "*p k"]]:
    # Autodiff would scatter into zeros of the size of the logits, for which it lists
    # the place of every number. Comparing each bin with the k indices is one pass over
    # the powers, in place, that needs next to no memory and splits over devices.
    powers, share, indices, weights, surprise = saved
    scale = cotangent[..., None]
    bins = jax.lax.broadcasted_iota(jnp.int32, powers.shape, powers.ndim - 1)
    target = jnp.zeros_like(powers)
    for n in range(indices.shape[-1]):
        here = indices[..., n : n + 1] == bins
        target = jnp.where(here, scale * weights[..., n : n + 1], target)
    return scale * share * powers - target, None, surprise * scale


_soft_cross_entropy.defvjp(_forward, _backward)
