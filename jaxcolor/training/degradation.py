"""Artificial aging of the lightness that a network is trained on.

Old photographs are faded, grainy, soft and scratched; those to train on are not. So the
network is shown aged lightness, and still has to predict the true ab.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key, PRNGKeyArray, UInt8

# From the step, photographs and their lightness to the lightness to train on.
Degrade = Callable[
    [Int[Array, ""], UInt8[Array, "b h w 3"], Float[Array, "b h w"]],
    Float[Array, "b h w"],
]

# Lightness is in [0, 100].
WHITE = 100.0
# The most scratches of a photograph; each is there or not at random.
SCRATCHES = 3
# Largest slant of a scratch from top to bottom, as a share of the width.
LEAN = 0.1


class Degradation(NamedTuple):
    """The section `degradation`: how aged photographs are at most, drawn at random.

    Attributes:
        share: of the photographs that are aged, the others stay as they are; in [0, 1].
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

    def check(self) -> None:
        """Refuses negative numbers, and those that would leave no photograph.

        Raises:
            ValueError: naming the first of them.
        """
        below = {"share": 1.0, "fading": 0.49, "softness": 1 / 3}
        for name, value in self._asdict().items():
            highest = below.get(name, math.inf)
            if not 0 <= value <= highest:
                wanted = f"from 0 to {highest:.2f}" if name in below else "0 or more"
                raise ValueError(f"{name} is {value}; wanted {wanted}")


def make_degrade(degradation: Degradation, *, seed: int) -> Degrade | None:
    """Returns the function that ages a batch of photographs; None to age none.

    What happens to a photograph follows from the seed, the step and its pixels.
    """
    if degradation.share == 0:
        return None

    def degrade(
        step: Int[Array, ""], rgb: UInt8[Array, "b h w 3"], lightness: Array
    ) -> Float[Array, "b h w"]:
        keys = keys_of(jax.random.fold_in(jax.random.key(seed), step), rgb)
        return jax.vmap(lambda key, x: aged(key, x, degradation))(keys, lightness)

    return degrade


def aged(
    key: PRNGKeyArray, lightness: Float[Array, "h w"], degradation: Degradation
) -> Float[Array, "h w"]:
    """Returns the lightness of a photograph as if it were old.

    Args:
        key: random seed.
        lightness: L* in [0, 100].
        degradation: how aged it is at most.

    Returns:
        L* in [0, 100].
    """
    keys = jax.random.split(key, 6)
    contrast = jax.random.uniform(keys[0], (), minval=-1.0) * degradation.contrast
    x = (jnp.clip(lightness, 0, WHITE) / WHITE) ** jnp.exp(contrast)
    black, white = jax.random.uniform(keys[1], (2,)) * degradation.fading
    x = WHITE * (black + (1 - white - black) * x)
    x = _softened(x, jax.random.uniform(keys[2], ()) * degradation.softness)
    x = x + _grain(keys[3], x.shape) * degradation.grain
    x = x + _scratches(keys[4], x.shape) * degradation.scratches
    is_aged = jax.random.uniform(keys[5], ()) < degradation.share
    return jnp.where(is_aged, jnp.clip(x, 0, WHITE), lightness)


def keys_of(key: PRNGKeyArray, rgb: UInt8[Array, "b h w 3"]) -> Key[Array, " b"]:
    """Returns a key for each photograph that depends on its pixels, not its position.

    So neither the number of devices nor the order of a batch changes what is learned.
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
