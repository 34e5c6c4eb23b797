"""Hints of a user: colors at a few places, which a network takes besides lightness.

Hints of an image are an array (h w 3): a and b in CIELAB units, zero where there is no
hint, and a mask, 1 where there is one. Here they are simulated from a photograph's own
colors: points, each of which shows the mean ab of a square patch over all of it. Where
patches overlap, the later one counts.

Source:
    Zhang et al. 2017 (arXiv:1705.02999), section 3.2, and the authors' training code.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

# Probability that an image would have had more points than arrays have room for.
LOST = 1e-4


class Simulation(NamedTuple):
    """How hints are drawn for the photographs of a training.

    Attributes:
        stop: probability, before each point, that there are no more: their number is
            geometric with a mean of (1 - stop) / stop. In (0, 1]; at 1 no points.
        largest_side: sides of patches are whole numbers from 1 to this, equally likely.
        revealed_share: share of the images of which the ab of every pixel is a hint.
    """

    stop: float
    largest_side: int
    revealed_share: float


class Points(NamedTuple):
    """Square patches of an image.

    Attributes:
        top: first row of each.
        left: first column.
        side: height and width, pixels.
        exists: whether there is such a point; others are room that is not used.
    """

    top: Int[Array, " n"]
    left: Int[Array, " n"]
    side: Int[Array, " n"]
    exists: Bool[Array, " n"]


def simulated(
    key: PRNGKeyArray, ab: Float[Array, "h w 2"], simulation: Simulation
) -> Float[Array, "h w 3"]:
    """Draws hints for an image.

    Args:
        key: random key of the draw.
        ab: of the image, CIELAB units.
        simulation: how they are drawn.
    """
    of_points, of_share = jax.random.split(key)
    points = random_points(
        of_points,
        *ab.shape[:2],
        stop=simulation.stop,
        largest_side=simulation.largest_side,
    )
    is_revealed = jax.random.uniform(of_share, ()) < simulation.revealed_share
    few = shown(ab, points, largest_side=simulation.largest_side)
    return jnp.where(is_revealed, revealed(ab), few)


def in_squares(
    key: PRNGKeyArray, ab: Float[Array, "h w 2"], *, count: int, side: int
) -> Float[Array, "h w 3"]:
    """Draws a fixed number of hints of one size for an image.

    Args:
        key: random key of the places.
        ab: of the image, CIELAB units.
        count: number of points; patches may overlap.
        side: of the patches, pixels.
    """
    points = squares(key, *ab.shape[:2], count=count, side=side)
    return shown(ab, points, largest_side=side)


def squares(
    key: PRNGKeyArray, height: int, width: int, *, count: int, side: int
) -> Points:
    """Draws the points of `in_squares` for an image of a height and width."""
    sides = jnp.full(count, side)
    return _placed(key, height, width, sides=sides, count=jnp.asarray(count))


def revealed(ab: Float[Array, "h w 2"]) -> Float[Array, "h w 3"]:
    """Returns hints that show the color of every pixel."""
    return jnp.concatenate([ab, jnp.ones_like(ab[..., :1])], axis=-1)


def most_points(stop: float) -> int:
    """Returns the room for points: more are drawn with a probability below `LOST`.

    Args:
        stop: see `Simulation`. For 1/8 there is room for 68 points.
    """
    if stop >= 1:
        return 0
    # There are more than n points with probability (1 - stop)^(n + 1).
    return math.ceil(math.log(LOST) / math.log1p(-stop)) - 1


def random_points(
    key: PRNGKeyArray, height: int, width: int, *, stop: float, largest_side: int
) -> Points:
    """Draws points for an image of a height and width, see `Simulation`."""
    most = most_points(stop)
    of_count, of_sides, of_places = jax.random.split(key, 3)
    sides = jax.random.randint(of_sides, (most,), 1, largest_side + 1)
    # The distribution counts trials up to the first success, which is no point.
    count = jax.random.geometric(of_count, stop) - 1 if most else jnp.zeros((), int)
    return _placed(of_places, height, width, sides=sides, count=count)


def shown(
    ab: Float[Array, "h w 2"], points: Points, *, largest_side: int
) -> Float[Array, "h w 3"]:
    """Returns hints that show the mean ab of each point's patch.

    Args:
        ab: of the image, CIELAB units.
        points: within the image.
        largest_side: that any of them has, pixels.
    """
    height, width, _ = ab.shape
    if not len(points.top):
        return jnp.zeros((height, width, 3), ab.dtype)
    steps = jnp.arange(largest_side)[None]
    rows, columns = points.top[:, None] + steps, points.left[:, None] + steps
    is_near = (steps < points.side[:, None]) & points.exists[:, None]
    is_inside = is_near[:, :, None] & is_near[:, None]
    patches = ab.at[rows[:, :, None], columns[:, None]].get(mode="clip")
    sums = jnp.where(is_inside[..., None], patches, 0).sum(axis=(1, 2))
    means = sums / jnp.square(points.side)[:, None]
    # Value 0 is for pixels without a hint; of several points the last one counts.
    values = jnp.concatenate([means, jnp.ones_like(means[:, :1])], axis=-1)
    values = jnp.concatenate([jnp.zeros_like(values[:1]), values])
    # Pixels outside a patch are put outside the image, where they are dropped.
    down = jnp.where(is_inside, rows[:, :, None], height)
    number = jnp.arange(1, len(values)).reshape(-1, 1, 1)
    last = jnp.zeros((height, width), jnp.int32)
    return values[last.at[down, columns[:, None]].max(number, mode="drop")]


def _placed(
    key: PRNGKeyArray,
    height: int,
    width: int,
    *,
    sides: Int[Array, " n"],
    count: Int[Array, ""],
) -> Points:
    """Draws places: normal about the center of the image, and kept within it."""
    sides = jnp.minimum(sides, min(height, width))
    deviations = jax.random.normal(key, (2, len(sides)))

    def along(length: int, deviation: Float[Array, " n"]) -> Int[Array, " n"]:
        room = length - sides
        place = (room + 1) / 2 + deviation * (room + 1) / 4
        return jnp.clip(place, 0, room).astype(jnp.int32)

    return Points(
        top=along(height, deviations[0]),
        left=along(width, deviations[1]),
        side=sides,
        exists=jnp.arange(len(sides)) < count,
    )
