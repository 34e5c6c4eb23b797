"""One object, one color: spreads ab among cells that look alike to the network.

A cell is a pixel of the network's output: several pixels of its input along each axis.
First ab is diffused over the map of cells; then it is made a function of lightness, so
that colors at full size end where lightness does. That function has few numbers for
each cell, so a large photograph can be painted in parts.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from jaxcolor.color import affinity
from jaxcolor.color.affinity import Diffusion
from jaxcolor.color.array_types import Ab, Lightness, Scalar

# Distances double as those of Dammertz et al. 2010, here from the coarsest on, so that
# the last passes smooth what the first ones leave between far cells. The numbers were
# chosen on photographs set aside, with the bundled model's 96 features; 16 components
# of these are compared in a third of the time. experiments/README.md has the table.
DIFFUSION = Diffusion(
    distances=(16, 8, 4, 2, 1), weight=4.0, sharpness=5.0, deviation=6.0, components=16
)
# Radius of the guided filter, in cells: windows of 3 x 3.
RADIUS = 1
# Regularization of the guided filter, for lightness in [0, 1]: contrasts well below its
# root, 3 L*, guide nothing. Found by trial, too.
EPSILON = 1e-3
# Share of the guided filter in the enlargement, at coherence 1; the rest is bilinear.
GUIDED_SHARE = 0.5


def of_photographs(
    ab: Float[Array, "*t b H W 2"],
    features: Float[Array, "b H W c"],
    *,
    lightness: Float[Array, "b h w"],
    coherence: Scalar | float,
    valid: Int[Array, "b 2"],
) -> Float[Array, "*t b H W 4"]:
    """Returns coherent colors of a batch as functions of lightness, see `colors`.

    Args:
        ab: CIELAB units, in cells; leading axes share the features.
        features: of the network.
        lightness: L* that the network saw.
        coherence: in [0, 1].
        valid: rows and columns of cells that are no padding.
    """
    height, width = ab.shape[-3:-1]
    rows, columns = jnp.arange(height)[:, None], jnp.arange(width)[None]

    def of_photograph(
        ab: Float[Array, "t H W 2"],
        features: Float[Array, "H W c"],
        lightness: Float[Array, "h w"],
        valid: Int[Array, "2"],
    ) -> Float[Array, "t H W 4"]:
        found = partial(
            colors,
            features=features,
            lightness=cell_means(lightness, of=ab),
            inside=(rows < valid[0]) & (columns < valid[1]),
            coherence=coherence,
        )
        return jax.vmap(found)(ab)

    # One photograph after the other: smaller arrays stay in the processor's cache.
    each = jnp.moveaxis(ab.reshape(-1, *ab.shape[-4:]), 1, 0)
    parts = (each, features, lightness, valid)
    found = lax.map(lambda part: of_photograph(*part), parts)
    return jnp.moveaxis(found, 0, 1).reshape(*ab.shape[:-1], 4)


def cell_means(
    lightness: Float[Array, "*b h w"], *, of: Float[Array, "... H W n"]
) -> Float[Array, "*b H W"]:
    """Returns the mean lightness of each cell of a map."""
    *batch, height, width = lightness.shape
    rows, columns = of.shape[-3:-1]
    parts = (rows, height // rows, columns, width // columns)
    return lightness.reshape(*batch, *parts).mean(axis=(-3, -1))


def colors(
    ab: Float[Array, "h w 2"],
    features: Float[Array, "h w c"],
    *,
    lightness: Float[Array, "h w"],
    inside: Bool[Array, "h w"],
    coherence: Scalar | float,
) -> Float[Array, "h w 4"]:
    """Returns coherent colors as functions of lightness, see `at_lightness`.

    Args:
        ab: CIELAB units, in cells.
        features: of the network, of any scale.
        lightness: L*, the mean of each cell.
        inside: the cells of the photograph; the others are padding.
        coherence: in [0, 1]; scales the weight of neighbors and the guided share.
    """
    diffused = diffuse(
        ab,
        features,
        lightness=lightness,
        inside=inside,
        coherence=coherence,
        settings=DIFFUSION,
    )
    return guided(
        diffused,
        lightness,
        inside=inside,
        share=GUIDED_SHARE * coherence,
        radius=RADIUS,
        epsilon=EPSILON,
    )


def diffuse(
    ab: Float[Array, "h w 2"],
    features: Float[Array, "h w c"],
    *,
    lightness: Float[Array, "h w"],
    inside: Bool[Array, "h w"],
    coherence: Scalar | float,
    settings: Diffusion,
) -> Float[Array, "h w 2"]:
    """Returns ab averaged over cells that have like features and lightness.

    A cell has weight 1 and a neighbor coherence * weight * exp(sharpness (cosine - 1)
    - (difference of lightness)^2 / (2 deviation^2)), the cosine being that of the
    angle between their features, from which the photograph's mean is taken.

    Args:
        ab: CIELAB units, in cells.
        features: of the network, of any scale.
        lightness: L*, the mean of each cell.
        inside: the cells of the photograph; the others have no weight.
        coherence: scales the neighbors' weight; 0 returns ab unchanged.
        settings: the distances, and what the weights depend on.

    Source:
        Dammertz, Sewtz, Hanika and Lensch 2010, "Edge-avoiding a-trous wavelet
        transform for fast global illumination filtering"; here with eight neighbors in
        place of a B-spline, and the features of a network in place of normals.
    """
    graph = affinity.neighbors(features, lightness, inside=inside, settings=settings)
    scaled = graph._replace(weights=coherence * graph.weights)

    def average(spread: Array, step: tuple[Array, Array]) -> tuple[Array, None]:
        total, whole = affinity.sums(spread, scaled, *step)
        return scaled.put(total / whole[None], spread), None

    # A loop: written out, the distances would take XLA twice as long to compile.
    spread, _ = lax.scan(average, scaled.flat(ab), scaled.steps)
    return scaled.maps(spread)


def guided(
    ab: Float[Array, "h w 2"],
    lightness: Float[Array, "h w"],
    *,
    inside: Bool[Array, "h w"],
    share: Scalar | float,
    radius: int,
    epsilon: float,
) -> Float[Array, "h w 4"]:
    """Returns ab as functions of lightness, see `at_lightness`.

    Args:
        ab: CIELAB units, in cells.
        lightness: L*, the mean of each cell.
        inside: the cells of the photograph; the others do not count.
        share: weight of the part that follows lightness; the rest is ab itself.
        radius: radius, in cells, of the windows in which ab is fitted to lightness.
        epsilon: of the fit, for lightness in [0, 1]: a variance that guides by half.

    Source:
        He and Sun 2015, "Fast guided filter" (arXiv:1505.00996), algorithm 2, whose
        steps up to the enlargement these are.
    """
    # Around the middle of the range, where squares cancel less.
    guide = (lightness / 100 - 0.5)[..., None]

    def mean(x: Float[Array, "h w c"]) -> Float[Array, "h w c"]:
        total = _box(jnp.where(inside[..., None], x, 0.0), radius)
        return total / jnp.maximum(pixels, 1.0)

    pixels = _box(inside.astype(jnp.float32)[..., None], radius)
    means = mean(jnp.concatenate([guide, guide * guide, ab, guide * ab], axis=-1))
    mean_guide, squares, mean_ab, products = jnp.split(means, (1, 2, 4), axis=-1)
    variance = jnp.maximum(squares - mean_guide * mean_guide, 0.0)
    slope = (products - mean_guide * mean_ab) / (variance + epsilon)
    slope, offset = jnp.split(
        mean(jnp.concatenate([slope, mean_ab - slope * mean_guide], axis=-1)),
        2,
        axis=-1,
    )
    followed = jnp.concatenate([offset - 0.5 * slope, slope / 100], axis=-1)
    plain = jnp.concatenate([ab, jnp.zeros_like(ab)], axis=-1)
    return (1 - share) * plain + share * followed


def at_lightness(colors: Float[Array, "*p n"], lightness: Lightness) -> Ab:
    """Returns ab of colors that may be functions of lightness.

    Args:
        colors: ab; or its value at L* 0, and then its slope, per unit of L*.
        lightness: L*.
    """
    if colors.shape[-1] == 2:
        return colors
    return colors[..., :2] + lightness[..., None] * colors[..., 2:]


def _box(x: Float[Array, "h w c"], radius: int) -> Float[Array, "h w c"]:
    """Returns sums over square windows; outside is zero."""
    for axis in (0, 1):
        wide = [(radius, radius) if n == axis else (0, 0) for n in range(3)]
        padded, size = jnp.pad(x, wide), x.shape[axis]
        x = jnp.zeros_like(x)
        for n in range(2 * radius + 1):
            x += lax.slice_in_dim(padded, n, n + size, axis=axis)
    return x
