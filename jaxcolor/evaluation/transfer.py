"""Transfers color from one photograph to the lightness of another, without training.

Two ways: from the sampled pixel that looks most alike (Welsh et al. 2002), and from
the pixels of the same rank of lightness (a transfer of histograms). And a descriptor
of a photograph's lightness, to find the photograph to take colors from.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from jaxcolor.color.array_types import Scalar

# The largest L*.
WHITE = 100.0
# The descriptor: side of the small picture, and bars of the histogram.
THUMBNAIL = 16
BARS = 32
# Levels of lightness for ranking pixels: 16 for a step between dark 8-bit grays.
LEVELS = 4096
# Side of the neighborhood whose standard deviation counts, in Welsh et al. 2002.
NEIGHBORHOOD = 5
# A standard deviation of L* below this is that of a flat picture, and rounding.
FLAT = 1e-3


class Palette(NamedTuple):
    """Sampled pixels of a photograph, to color others by.

    Attributes:
        lightness: of the pixels.
        deviation: standard deviation of the lightness around each.
        ab: their colors.
        mean: of the lightness of the whole photograph.
        spread: standard deviation of the same.
    """

    lightness: Float[Array, "*n s"]
    deviation: Float[Array, "*n s"]
    ab: Float[Array, "*n s 2"]
    mean: Float[Array, "*n"]
    spread: Float[Array, "*n"]


def descriptor(lightness: Float[Array, "h w"]) -> Float[Array, " d"]:
    """Describes the layout and the tones of a photograph's lightness.

    Two parts of length one: the lightness as a picture of 16 x 16 without its mean
    (zero if it is flat), and the square roots of a histogram of 32 bars over L* of 0
    to 100. A squared distance between two descriptors is then twice one minus the
    correlation of the pictures, plus twice one minus the Bhattacharyya coefficient of
    the histograms: from 0 to 6.
    """
    small = jax.image.resize(lightness, (THUMBNAIL, THUMBNAIL), "linear").ravel()
    small = small - small.mean()
    small /= jnp.maximum(jnp.linalg.norm(small), FLAT * THUMBNAIL)
    tones = jnp.bincount(_cell(lightness.ravel(), cells=BARS), length=BARS)
    tones = tones / lightness.size
    return jnp.concatenate([small, jnp.sqrt(tones)])


def nearest(
    wanted: Float[Array, " d"], among: Float[Array, "n d"], *, neighbors: int
) -> Int[Array, " k"]:
    """Returns which descriptors are nearest, in order; the earlier one on a tie."""
    squares = jnp.square(among - wanted[None]).sum(axis=-1)
    return jax.lax.top_k(-squares, neighbors)[1]


def neighborhood_deviation(lightness: Float[Array, "h w"]) -> Float[Array, "h w"]:
    """Returns the standard deviation of the 5 x 5 pixels around each.

    Beyond the border the photograph is reflected, border pixels twice.
    """
    height, width = lightness.shape
    padded = jnp.pad(lightness, NEIGHBORHOOD // 2, mode="symmetric")
    shifts = [divmod(n, NEIGHBORHOOD) for n in range(NEIGHBORHOOD**2)]
    around = [padded[i : i + height, j : j + width] for i, j in shifts]
    mean = sum(around) / len(around)
    # In two passes: the mean of squares less the squared mean would be rounding where
    # the picture is smooth.
    return jnp.sqrt(sum(jnp.square(x - mean) for x in around) / len(around))


def sample(lab: Float[Array, "h w 3"], key: PRNGKeyArray, *, samples: int) -> Palette:
    """Samples about `samples` pixels, one at a random place in each cell of a grid.

    Args:
        lab: a photograph.
        key: of the random places.
        samples: the grid's cells are as square as its whole rows and columns let
            them; it has 14 x 14 cells for 200 samples of a square photograph.

    Source:
        Welsh et al. 2002: jittered sampling, about 200 samples.
    """
    height, width = lab.shape[:2]
    rows = min(max(round(np.sqrt(samples * height / width)), 1), height)
    columns = min(max(round(samples / rows), 1), width)
    place = jax.random.uniform(key, (2, rows, columns))
    row = (jnp.arange(rows)[:, None] + place[0]) * (height / rows)
    column = (jnp.arange(columns)[None] + place[1]) * (width / columns)
    # The sum may round up to the next cell, which the last cell does not have.
    i = jnp.minimum(row.astype(jnp.int32), height - 1).ravel()
    j = jnp.minimum(column.astype(jnp.int32), width - 1).ravel()
    lightness = lab[..., 0]
    # Fused into the picking of samples it takes seconds to compile.
    deviation = jax.lax.optimization_barrier(neighborhood_deviation(lightness))
    return Palette(
        lightness=lightness[i, j],
        deviation=deviation[i, j],
        ab=lab[i, j, 1:],
        mean=lightness.mean(),
        spread=lightness.std(),
    )


def remap(palette: Palette, *, mean: Scalar, spread: Scalar) -> Palette:
    """Returns a palette of the same colors whose photograph has another lightness.

    Lightness is shifted and scaled so that the mean and the standard deviation of the
    whole photograph become those given; that of a flat one is shifted only.

    Source:
        Welsh et al. 2002, after Hertzmann et al. 2001, "Image analogies".
    """
    scale = jnp.where(
        palette.spread > FLAT, spread / jnp.maximum(palette.spread, FLAT), 1.0
    )
    return palette._replace(
        lightness=(palette.lightness - palette.mean) * scale + mean,
        deviation=palette.deviation * scale,
        mean=mean,
        spread=palette.spread * scale,
    )


def by_sample(
    lightness: Float[Array, "h w"], palette: Palette
) -> Float[Array, "h w 2"]:
    """Colors each pixel as the sample that is most like it.

    The difference is half that of lightness plus half that of the standard deviation
    of the lightness around, both absolute; the paper gives the two halves, but no
    norm. The earlier sample on a tie.

    Args:
        lightness: to color.
        palette: of the other photograph, remapped to this one's lightness.

    Source:
        Welsh et al. 2002, global matching.
    """
    deviation = neighborhood_deviation(lightness)

    # One sample after the other, so that nothing is larger than the photograph.
    def compare(n: jax.Array, best: tuple[jax.Array, jax.Array]) -> tuple:
        difference = 0.5 * abs(lightness - palette.lightness[n])
        difference += 0.5 * abs(deviation - palette.deviation[n])
        is_less = difference < best[0]
        return jnp.where(is_less, difference, best[0]), jnp.where(is_less, n, best[1])

    start = jnp.full(lightness.shape, jnp.inf), jnp.zeros(lightness.shape, jnp.int32)
    _, chosen = jax.lax.fori_loop(0, len(palette.lightness), compare, start)
    return palette.ab[chosen]


def quantile_means(
    lightness: Float[Array, "h w"], values: Float[Array, "h w c"], *, quantiles: int
) -> Float[Array, "n c"]:
    """Returns the mean value of the pixels of each quantile of lightness.

    Args:
        lightness: of the pixels, which are ranked by it; equal ones by place.
        values: of the pixels: their ab, for one.
        quantiles: how many; at most as many as pixels. Where they do not divide
            these, some have one pixel more.
    """
    quantile = np.arange(lightness.size) * quantiles // lightness.size
    ranked = values.reshape(-1, values.shape[-1])[jnp.argsort(lightness.ravel())]
    sums = jax.ops.segment_sum(
        ranked, jnp.asarray(quantile), quantiles, indices_are_sorted=True
    )
    return sums / np.bincount(quantile)[:, None].astype(np.float32)


def by_quantile(
    lightness: Float[Array, "h w"], means: Float[Array, "n c"]
) -> Float[Array, "h w c"]:
    """Returns for each pixel the value that goes with its rank of lightness.

    That is histogram matching, and then a look-up: a pixel darker than a share u of
    its photograph gets the mean value of the pixels that have the rank u in the other
    one. In between quantiles it is linear, and pixels of the same lightness, to a
    fortieth, share the middle of their ranks.

    Args:
        lightness: whose ranks count.
        means: as `quantile_means` of the other photograph.
    """
    # Counted in levels: sorting takes twenty times as long on CPU.
    level = _cell(lightness.ravel(), cells=LEVELS)
    count = jnp.bincount(level, length=LEVELS)
    middle = (jnp.cumsum(count) - 0.5 * count)[level]
    # Means are at the middles of their quantiles.
    place = middle * (len(means) / lightness.size) - 0.5
    place = jnp.clip(place, 0, len(means) - 1)
    lower = place.astype(jnp.int32)
    upper = jnp.minimum(lower + 1, len(means) - 1)
    share = (place - lower)[:, None]
    between = means[lower] * (1 - share) + means[upper] * share
    return between.reshape(*lightness.shape, -1)


def _cell(lightness: Float[Array, "*p"], *, cells: int) -> Int[Array, "*p"]:
    """Returns in which of the equal parts of 0 to 100 a lightness is."""
    return jnp.clip(lightness * (cells / WHITE), 0, cells - 1).astype(jnp.int32)
