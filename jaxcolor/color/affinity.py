"""Weights between cells that look alike, and sums over neighbors by these weights.

A cell is a pixel of the network's output: several pixels of its input along each axis.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

# Half of the neighbors; the weight towards each is that of the opposite one back.
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))
# Shorter feature vectors count as having no direction.
SHORTEST = 1e-6
# Iterations of the search for principal axes; more of them change no metric.
ITERATIONS = 4


class Diffusion(NamedTuple):
    """Settings of a diffusion: how far it goes, and between which cells.

    Attributes:
        distances: in cells, from a cell to its eight neighbors; one pass for each.
        weight: weight of a neighbor with equal features; the cell itself has 1.
        sharpness: the weight falls as exp(sharpness (cosine of the features - 1)).
        deviation: standard deviation, L*, of the normal density of the difference in
            lightness, which scales the weight.
        components: number of principal components of the features to compare.
    """

    distances: tuple[int, ...]
    weight: float
    sharpness: float
    deviation: float
    components: int


class Graph(NamedTuple):
    """Cells and the weights between neighbors, for maps that lie flat.

    Flat arrays have a margin of zeros: a neighbor then is a slice, which XLA
    vectorizes.

    Attributes:
        weights: of the steps from each place, by distance and `DIRECTIONS`.
        distances: of neighbors, in cells.
        height: of the map, cells.
        width: of the map, cells.
    """

    weights: Float[Array, "d k m"]
    distances: tuple[int, ...]
    height: int
    width: int

    @property
    def margin(self) -> int:
        """Cells of zeros around the map."""
        return max(self.distances)

    @property
    def row(self) -> int:
        """Length of a row, with its margin."""
        return self.width + self.margin

    @property
    def first(self) -> int:
        """Place of the first cell."""
        return (self.margin + 1) * self.row

    @property
    def places(self) -> int:
        """Places from the first cell to the end of the last row."""
        return self.height * self.row

    @property
    def steps(self) -> tuple[Float[Array, "d k m"], Int[Array, " d"]]:
        """The weights and the distance of each pass."""
        return self.weights, jnp.array(self.distances)

    def flat(self, maps: Float[Array, "h w c"]) -> Float[Array, "c n"]:
        """Returns maps as flat arrays."""
        return _flat(maps, self.margin)

    def maps(self, spread: Float[Array, "c n"]) -> Float[Array, "h w c"]:
        """Returns the maps of flat arrays."""
        inner = self.inner(spread).reshape(-1, self.height, self.row)
        return jnp.moveaxis(inner[..., : self.width], 0, -1)

    def inner(self, spread: Float[Array, "c n"]) -> Float[Array, "c s"]:
        """Returns what flat arrays have from the first cell on."""
        return spread[:, self.first : self.first + self.places]

    def put(
        self, values: Float[Array, "c _"], spread: Float[Array, "c n"]
    ) -> Float[Array, "c n"]:
        """Returns flat arrays with other values from the first cell on."""
        return spread.at[:, self.first : self.first + self.places].set(values)


def neighbors(
    features: Float[Array, "h w c"],
    lightness: Float[Array, "h w"],
    *,
    inside: Bool[Array, "h w"],
    settings: Diffusion,
) -> Graph:
    """Returns the weights between cells, see `diffuse`, at a coherence of 1."""
    height, width = lightness.shape
    margin = max(settings.distances)
    shown = jnp.stack([lightness, inside.astype(jnp.float32)], axis=-1)
    maps = jnp.concatenate(
        [shown, _unit(features, inside, components=settings.components)], axis=-1
    )
    weights = _weights(_flat(maps, margin), width + margin, settings)
    return Graph(weights, settings.distances, height, width)


def sums(
    spread: Float[Array, "c n"],
    graph: Graph,
    weights: Float[Array, "k m"],
    distance: Int[Array, ""],
) -> tuple[Float[Array, "c s"], Float[Array, " s"]]:
    """Returns sums over each cell, of weight 1, and its neighbors at one distance.

    Args:
        spread: flat maps.
        graph: of the cells.
        weights: of the graph, at this distance.
        distance: in cells.

    Returns:
        The weighted sum of each map, and that of the weights.
    """
    first, count = graph.first, graph.places
    total, whole = spread[:, first : first + count], jnp.ones(count)
    for each, (down, across) in zip(weights, DIRECTIONS, strict=True):
        step = distance * (down * graph.row + across)
        for towards, begin in ((step, first), (-step, first - step)):
            # The weight of a step back is that of the step that led here.
            part = lax.dynamic_slice_in_dim(each, begin, count)
            there = lax.dynamic_slice_in_dim(spread, first + towards, count, axis=1)
            total += part[None] * there
            whole += part
    return total, whole


def _unit(
    features: Float[Array, "h w c"], inside: Bool[Array, "h w"], *, components: int
) -> Float[Array, "h w k"]:
    """Returns principal components of features as vectors of length 1."""
    height, width, channels = features.shape
    counts = inside.reshape(-1, 1)
    flat = features.astype(jnp.float32).reshape(-1, channels)
    mean = jnp.where(counts, flat, 0.0).sum(axis=0) / jnp.maximum(counts.sum(), 1)
    flat = jnp.where(counts, flat - mean[None], 0.0)
    if channels > components:
        product = jnp.matmul(flat.T, flat, precision="highest")
        axes = principal_axes(product, count=components)
        flat = jnp.matmul(flat, axes, precision="highest")
    length = jnp.sqrt(jnp.maximum(jnp.square(flat).sum(axis=-1), SHORTEST**2))
    return (flat / length[:, None]).reshape(height, width, -1)


def principal_axes(product: Float[Array, "c c"], *, count: int) -> Float[Array, "c k"]:
    """Returns orthonormal axes that nearly span the principal subspace.

    Cosines need the subspace and not its axes, and these only roughly. `jnp.linalg`
    would load SciPy at the start, a third of a second, and its LAPACK takes longer.

    Args:
        product: symmetric, with no negative eigenvalue.
        count: of the axes.

    Source:
        Golub and Van Loan 2013, "Matrix computations", sections 5.2.8 (modified
        Gram-Schmidt, here twice) and 8.2.4 (orthogonal iteration).
    """
    scaled = product / jnp.maximum(jnp.trace(product), SHORTEST)

    # Sums of products: XLA takes longer to compile products of small matrices.
    def iterate(_: Array, axes: Array) -> Array:
        grown = (scaled[:, :, None] * axes[None]).sum(axis=1)

        def append(n: Array, found: Array) -> Array:
            axis = grown[:, n]
            for _ in range(2):
                along = (found * axis[:, None]).sum(axis=0)
                axis -= (found * along[None]).sum(axis=1)
            square = jnp.maximum(jnp.square(axis).sum(), SHORTEST**4)
            return found.at[:, n].set(axis * lax.rsqrt(square))

        return lax.fori_loop(0, count, append, jnp.zeros_like(axes))

    start = np.random.default_rng(0).normal(size=(len(product), count))
    return lax.fori_loop(0, ITERATIONS, iterate, jnp.asarray(start, jnp.float32))


def _weights(
    maps: Float[Array, "c n"], row: int, settings: Diffusion
) -> Float[Array, "d k m"]:
    """Returns the weight of the steps from each place.

    Args:
        maps: flat lightness, what is inside, and components of the features.
        row: length of a row.
        settings: of the diffusion.
    """
    reach = max(settings.distances) * (row + 1)
    count = maps.shape[1] - reach

    def weight(step: Array) -> Float[Array, " m"]:
        there = lax.dynamic_slice_in_dim(maps, step, count, axis=1)
        # One by one: XLA does not vectorize a sum over the axis.
        cosine = jnp.zeros(count)
        for one, other in zip(maps[2:, :count], there[2:], strict=True):
            cosine += one * other
        contrast = (maps[0, :count] - there[0]) / settings.deviation
        alike = jnp.exp(settings.sharpness * (cosine - 1) - jnp.square(contrast) / 2)
        return settings.weight * alike * maps[1, :count] * there[1]

    steps = [
        [distance * (down * row + across) for down, across in DIRECTIONS]
        for distance in settings.distances
    ]
    found = lax.map(weight, jnp.array(steps).ravel())
    return found.reshape(len(steps), len(DIRECTIONS), count)


def _flat(maps: Float[Array, "h w c"], margin: int) -> Float[Array, "c n"]:
    """Returns maps with zeros around them, each as one row after the other."""
    wide = ((0, 0), (margin + 1, margin + 1), (0, margin))
    padded = jnp.pad(jnp.moveaxis(maps, -1, 0), wide)
    return padded.reshape(len(padded), -1)
