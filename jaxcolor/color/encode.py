"""From ab to bins: the nearest bin, and the soft code of the paper's section 2.1.

A soft code is sparse: the k nearest bins and their weights, so that nothing of the
size of all bins is ever made for a target.

The nearest bins are found exactly and quickly: for every small cell of the ab plane
a table lists each bin that can be among the nearest of some point in that cell.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from jaxcolor.color.array_types import Ab, Bin, Probs
from jaxcolor.color.gamut import Gamut

# Side of a cell of the candidate table, and half the side of the table: sRGB's a and
# b stay within 108 of zero. Finer cells mean fewer candidates and a larger table.
CELL = 2.0
REACH = 128.0
CELLS = round(2 * REACH / CELL)


class SoftCode(NamedTuple):
    """A sparse distribution over the bins.

    Attributes:
        indices: the bins, nearest first.
        weights: their probabilities; they sum to one over k.
    """

    indices: Int[Array, "*p k"]
    weights: Float[Array, "*p k"]


def nearest(ab: Ab, gamut: Gamut) -> Bin:
    """Returns the index of the bin whose center is nearest; the lower one on a tie.

    Args:
        ab: CIELAB units; exact within 128 of zero, which holds all of sRGB.
        gamut: the bins.
    """
    candidates, squares = _candidates(ab, gamut, 1)
    nearest, smallest = candidates[0], squares[0]
    # Unrolled, as XLA's reductions are slow along this axis.
    for index, square in zip(candidates[1:], squares[1:], strict=True):
        nearest = jnp.where(square < smallest, index, nearest)
        smallest = jnp.minimum(square, smallest)
    return nearest.reshape(jnp.shape(ab)[:-1])


def soft_encode(ab: Ab, gamut: Gamut, *, neighbors: int, sigma: float) -> SoftCode:
    """Encodes ab as its nearest bins, weighted by a Gaussian of their distance.

    Bins at the same distance rank by index.

    Args:
        ab: CIELAB units; exact within 128 of zero, which holds all of sRGB.
        gamut: the bins.
        neighbors: how many bins; 10 in the paper's code, whose text says 5.
        sigma: width of the Gaussian, CIELAB units; the paper's is 5.

    Raises:
        ValueError: there are fewer bins than neighbors, or sigma is not positive.

    Source:
        Zhang et al. 2016, section 2.1; K = 10 by the authors' released code.
    """
    bins = len(gamut.centers)
    if not 1 <= neighbors <= bins:
        raise ValueError(f"neighbors is {neighbors}; wanted from 1 to {bins}, the bins")
    if not sigma > 0:
        raise ValueError(f"sigma is {sigma}; wanted more than 0")
    candidates, squares = _candidates(ab, gamut, neighbors)
    indices, squares = _smallest(candidates, squares, neighbors)
    # Relative to the nearest: far outside the gamut every plain weight underflows.
    weights = jnp.exp((squares[:1] - squares) / (2 * sigma**2))
    weights /= weights.sum(axis=0, keepdims=True)
    indices, weights = lax.optimization_barrier((indices, weights))
    shape = (*jnp.shape(ab)[:-1], neighbors)
    return SoftCode(indices.T.reshape(shape), weights.T.reshape(shape))


def densify(code: SoftCode, *, bins: int) -> Probs:
    """Returns a soft code as a distribution over all bins."""
    spread = jax.nn.one_hot(code.indices, bins)
    return jnp.sum(spread * code.weights[..., None], axis=-2)


def _candidates(
    ab: Ab, gamut: Gamut, neighbors: int
) -> tuple[Int[Array, "n pixels"], Float[Array, "n pixels"]]:
    """Returns bins, in the order of their index, and their squared distances."""
    if isinstance(gamut.centers, jax.core.Tracer):
        raise ValueError("the gamut is traced; wanted NumPy arrays, closed over")
    a, b = jnp.reshape(jnp.asarray(ab, jnp.float32), (-1, 2)).T[:, None]
    table, table_a, table_b = _tables(gamut.centers.tobytes(), neighbors)
    row, column = (
        jnp.clip(jnp.floor((x + REACH) / CELL).astype(jnp.int32), 0, CELLS - 1)
        for x in (a, b)
    )
    cell = (row * CELLS + column)[0]
    rows = [jnp.asarray(x)[cell] for x in (table, table_a, table_b)]
    # The pixels go last, where CPUs and accelerators compute side by side. Left to
    # itself XLA fuses the transposition into the look-up, which is then slow.
    rows = lax.optimization_barrier(rows)
    candidates, center_a, center_b = lax.optimization_barrier([x.T for x in rows])
    return candidates, jnp.square(center_a - a) + jnp.square(center_b - b)


def _smallest(
    candidates: Int[Array, "n pixels"], squares: Float[Array, "n pixels"], count: int
) -> tuple[Int[Array, "count pixels"], Float[Array, "count pixels"]]:
    """Returns the nearest candidates in order, the earlier one on a tie."""
    # Ranks by counting who is nearer: a sort (top_k) takes five times as long on CPU.
    # The sums are unrolled because XLA's reductions are slow along this axis.
    slots = jnp.arange(len(squares))[:, None]
    rank = jnp.zeros(squares.shape, jnp.int32)
    for n in range(len(squares)):
        other = squares[n : n + 1]
        rank += (other < squares) | ((other == squares) & (n < slots))
    rank = lax.optimization_barrier(rank)
    slots = slots[:count]
    indices = jnp.zeros((count, squares.shape[1]), jnp.int32)
    distances = jnp.zeros((count, squares.shape[1]), jnp.float32)
    for n in range(len(squares)):
        takes = rank[n : n + 1] == slots
        indices += jnp.where(takes, candidates[n : n + 1], 0)
        distances += jnp.where(takes, squares[n : n + 1], 0.0)
    return lax.optimization_barrier((indices, distances))


@lru_cache(maxsize=32)
def _tables(
    centers_bytes: bytes, neighbors: int
) -> tuple[
    Int[np.ndarray, "cells n"],
    Float[np.ndarray, "cells n"],
    Float[np.ndarray, "cells n"],
]:
    """Returns each cell's candidates with their centers' a and b."""
    centers = np.frombuffer(centers_bytes, np.float32).reshape(-1, 2)
    # The bin after the last one, which fills up short lists, is too far to rank.
    padded = np.concatenate([centers, np.full((1, 2), 1e6, np.float32)])
    table = _candidate_table(centers.astype(np.float64), neighbors)
    return table, padded[table, 0], padded[table, 1]


def _candidate_table(
    centers: Float[np.ndarray, "q 2"], neighbors: int
) -> Int[np.ndarray, "cells n"]:
    """Returns, for each cell, every bin that may be among the nearest in it."""
    middles = np.arange(-REACH, REACH, CELL) + CELL / 2
    found: list[np.ndarray] = []
    # One row of cells after the other: all at once would take gigabytes for a fine
    # spacing.
    for a in middles:
        distances = np.hypot(a - centers[:, 0], middles[:, None] - centers[:, 1])
        kth = np.partition(distances, neighbors - 1, axis=1)[:, neighbors - 1]
        # A point is at most half a diagonal from the middle of its cell, so a bin
        # that is among its nearest is at most a whole diagonal farther from the
        # middle than the middle's own last neighbor.
        may = distances <= kth[:, None] + np.sqrt(2) * CELL + 1e-3
        found.extend(np.flatnonzero(cell) for cell in may)
    table = np.full((len(found), max(map(len, found))), len(centers), np.int32)
    for cell, bins in zip(table, found, strict=True):
        cell[: len(bins)] = bins
    return table
