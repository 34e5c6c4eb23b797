"""What time does to photographs, done to the lightness that a network learns from.

Old photographs are faded, grainy, soft and scratched; those to learn from are not. So
the network is shown worn lightness, and still has to find the true ab.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, UInt8

# From the step, photographs and their lightness to the lightness that is learnt from.
Spoil = Callable[
    [Int[Array, ""], UInt8[Array, "b h w 3"], Float[Array, "b h w"]],
    Float[Array, "b h w"],
]

# Lightness is in [0, 100].
WHITE = 100.0
# Scratches that a photograph can have; each is there or not by a coin.
SCRATCHES = 3
# Columns by which a scratch leans from top to bottom, at most, over the width.
LEAN = 0.1


class Wear(NamedTuple):
    """How worn photographs are at most; each is between 0 and that, by chance.

    Attributes:
        share: of the photographs are worn, the others stay as they are; in [0, 1].
        contrast: lightness is raised to a power from exp(-contrast) to exp(contrast),
            white being 1.
        fading: black rises and white falls by this share of the range; below 0.5.
        softness: share of a pixel that goes to its neighbors on each side, along both
            axes; at most 1/3, the mean of three.
        grain: standard deviation of the noise, in units of L*.
        scratches: by how much a scratch changes L*, up or down.
    """

    share: float
    contrast: float
    fading: float
    softness: float
    grain: float
    scratches: float


def make_spoil(wear: Wear, *, seed: int) -> Spoil | None:
    """Returns what wears a batch of photographs; None for no wear at all.

    What happens to a photograph follows from the seed, the step and its pixels.
    """
    if wear.share == 0:
        return None

    def spoil(
        step: Int[Array, ""], rgb: UInt8[Array, "b h w 3"], lightness: Array
    ) -> Float[Array, "b h w"]:
        keys = keys_of(jax.random.fold_in(jax.random.key(seed), step), rgb)
        return jax.vmap(lambda key, x: worn(key, x, wear))(keys, lightness)

    return spoil


def worn(
    key: PRNGKeyArray, lightness: Float[Array, "h w"], wear: Wear
) -> Float[Array, "h w"]:
    """Returns the lightness of a photograph as if it were old.

    Args:
        key: of all chances.
        lightness: L* in [0, 100].
        wear: how much.

    Returns:
        L* in [0, 100].
    """
    keys = jax.random.split(key, 6)
    contrast = jax.random.uniform(keys[0], (), minval=-1.0) * wear.contrast
    x = (jnp.clip(lightness, 0, WHITE) / WHITE) ** jnp.exp(contrast)
    black, white = jax.random.uniform(keys[1], (2,)) * wear.fading
    x = WHITE * (black + (1 - white - black) * x)
    x = _softened(x, jax.random.uniform(keys[2], ()) * wear.softness)
    x = x + _grain(keys[3], x.shape) * wear.grain
    x = x + _scratches(keys[4], x.shape) * wear.scratches
    is_worn = jax.random.uniform(keys[5], ()) < wear.share
    return jnp.where(is_worn, jnp.clip(x, 0, WHITE), lightness)


def keys_of(key: PRNGKeyArray, rgb: UInt8[Array, "b h w 3"]) -> Key[Array, " b"]:
    """Returns a key for each photograph that depends on its pixels, not on its place.

    So neither the number of devices nor the order of a batch changes what is learnt.
    """

    def of_photograph(pixels: UInt8[Array, "h w 3"]) -> PRNGKeyArray:
        flat = pixels.reshape(-1).astype(jnp.uint32)
        # Odd factors: a sum modulo 2^32 that depends on where a pixel is.
        factors = 2 * jnp.arange(flat.size, dtype=jnp.uint32) * 2_654_435 + 1
        return jax.random.fold_in(key, (flat * factors).sum(dtype=jnp.uint32))

    return jax.vmap(of_photograph)(rgb)


def _softened(x: Float[Array, "h w"], share: Float[Array, ""]) -> Float[Array, "h w"]:
    for axis in (0, 1):
        around = [(1, 1) if a == axis else (0, 0) for a in (0, 1)]
        padded = jnp.pad(x, around, mode="edge")
        before, after = (
            jax.lax.slice_in_dim(padded, start, start + x.shape[axis], axis=axis)
            for start in (0, 2)
        )
        x = x + share * (before + after - 2 * x)
    return x


def _grain(key: PRNGKeyArray, size: tuple[int, ...]) -> Float[Array, "h w"]:
    """Returns noise of unit variance, times a random strength."""
    noise, strength = jax.random.split(key)
    return jax.random.normal(noise, size) * jax.random.uniform(strength, ())


def _scratches(key: PRNGKeyArray, size: tuple[int, ...]) -> Float[Array, "h w"]:
    """Returns thin lines from top to bottom, in [-1, 1]."""
    down = jnp.arange(size[0])[:, None] / size[0]
    across = jnp.arange(size[1])[None]

    def one(key: PRNGKeyArray) -> Float[Array, "h w"]:
        place, lean, depth, coin = jax.random.uniform(key, (4,))
        column = size[1] * (place + LEAN * (2 * lean - 1) * down)
        nearness = jnp.clip(1 - jnp.abs(across - column), 0, 1)
        return jnp.where(coin < 0.5, nearness * (2 * depth - 1), 0)

    return jax.vmap(one)(jax.random.split(key, SCRATCHES)).sum(axis=0)
