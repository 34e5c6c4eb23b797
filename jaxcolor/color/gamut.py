"""The quantized ab plane: the bins that the network chooses from.

The paper's 313 bins are derived here from the sRGB gamut itself, not copied, so
that any other spacing works as well.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxcolor.color import cielab

# Samples along each edge of the RGB cube; five already give the same bins.
EDGE_SAMPLES = 256
# Spacings outside this range give either a handful of bins or tens of thousands.
MIN_SPACING, MAX_SPACING = 2.0, 40.0


class Gamut(NamedTuple):
    """The quantized ab plane.

    Attributes:
        centers: bin centers, CIELAB units, sorted by a, then b. A NumPy array: the
            tables of `encode` are built from it on the host.
        spacing: distance of neighboring centers along a and b.
    """

    centers: Float[np.ndarray, "q 2"]
    spacing: float


@lru_cache(maxsize=16)
def from_srgb(*, spacing: float) -> Gamut:
    """Returns the bins of a lattice that cover the colors of sRGB.

    A lattice point is a bin if it lies strictly inside the convex hull of the
    gamut's projection on the ab plane, grown by a square of one spacing to each
    side; that is, the corners of every lattice cell that the hull touches. At
    spacing 10 these are the paper's 313 bins, in the order of its published file.

    Args:
        spacing: in CIELAB units; the paper's is 10. From 2 to 40.

    Raises:
        ValueError: the spacing is out of range.

    Source:
        Zhang et al. 2016, section 2.1 (Q = 313); the rule is inferred from the
        published `pts_in_hull.npy`, which it reproduces.
    """
    if not MIN_SPACING <= spacing <= MAX_SPACING:
        raise ValueError(
            f"spacing is {spacing}; wanted one from {MIN_SPACING} to {MAX_SPACING}"
        )
    square = spacing * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    grown = _hull((outline()[:, None] + square).reshape(-1, 2))
    reach = int(np.ceil(np.abs(grown).max() / spacing))
    axis = np.arange(-reach, reach + 1) * spacing
    lattice = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    centers = lattice[_is_inside(lattice, grown)].astype(np.float32)
    # The same array for every caller.
    centers.setflags(write=False)
    return Gamut(centers, spacing)


@lru_cache(maxsize=1)
def outline() -> Float[np.ndarray, "n 2"]:
    """Returns the corners of the convex hull of all colors of sRGB on the ab plane.

    Counterclockwise, CIELAB units.
    """
    corners = _hull(_ab_of_cube_edges())
    # The same array for every caller.
    corners.setflags(write=False)
    return corners


def index_of_gray(gamut: Gamut) -> int:
    """Returns the index of the bin that is nearest to (0, 0)."""
    return int(np.argmin(np.square(gamut.centers).sum(axis=1)))


def as_integers(gamut: Gamut) -> Int[np.ndarray, "q 2"]:
    """Returns the centers as int64, the type of the published file.

    Raises:
        ValueError: the centers of this spacing are not whole numbers.
    """
    rounded = np.rint(gamut.centers).astype(np.int64)
    if not np.array_equal(rounded, gamut.centers):
        raise ValueError(f"centers at spacing {gamut.spacing} are not whole numbers")
    return rounded


def _ab_of_cube_edges() -> Float[np.ndarray, "n 2"]:
    # The hull of the gamut's footprint is spanned by the twelve edges of the RGB cube.
    along = np.linspace(0, 1, EDGE_SAMPLES)
    edges = []
    for axis in range(3):
        for corner in np.ndindex(2, 2):
            edge = np.empty((EDGE_SAMPLES, 3))
            edge[:, axis] = along
            edge[:, [i for i in range(3) if i != axis]] = corner
            edges.append(edge)
    return cielab.rgb_to_lab_float64(np.concatenate(edges))[:, 1:]


def _hull(points: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "m 2"]:
    """Returns the convex hull's corners, counterclockwise (monotone chain)."""
    ordered = sorted(map(tuple, points.tolist()))

    def chain(sequence: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        corners: list[tuple[float, ...]] = []
        for point in sequence:
            while len(corners) > 1 and _turn(corners[-2], corners[-1], point) <= 0:
                corners.pop()
            corners.append(point)
        return corners[:-1]

    return np.array(chain(ordered) + chain(ordered[::-1]))


def _turn(o: tuple[float, ...], a: tuple[float, ...], b: tuple[float, ...]) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def _is_inside(
    points: Float[np.ndarray, "n 2"], hull: Float[np.ndarray, "m 2"]
) -> np.ndarray:
    edge = np.roll(hull, -1, axis=0) - hull
    offset = points[:, None] - hull
    cross = edge[:, 0] * offset[..., 1] - edge[:, 1] * offset[..., 0]
    return (cross > 0).all(axis=1)
