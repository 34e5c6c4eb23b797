"""The bins: the published facts about the paper's 313, and other spacings."""

import hashlib
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.spatial import ConvexHull
from skimage import color

from jaxcolor.color import gamut

REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "reference"
# Of the authors' file, as others pin it too.
PUBLISHED_SHA256 = "b5dec01315c34f43f1c8c089e84c45ae35d1838d8e77ed0e7ca930f79ffa450e"
# For each a, the smallest and the largest b and how many there are.
ROWS = {
    -90: (50, 90, 5),
    -80: (20, 90, 8),
    -70: (0, 90, 10),
    -60: (-20, 90, 12),
    -50: (-30, 100, 14),
    -40: (-40, 100, 15),
    -30: (-50, 100, 16),
    -20: (-50, 100, 16),
    -10: (-60, 100, 17),
    0: (-70, 100, 18),
    10: (-80, 90, 18),
    20: (-80, 90, 18),
    30: (-90, 90, 19),
    40: (-100, 90, 20),
    50: (-100, 80, 19),
    60: (-110, 80, 20),
    70: (-110, 80, 20),
    80: (-110, 70, 19),
    90: (-110, 70, 19),
    100: (-90, 0, 10),
}


@pytest.fixture(scope="module")
def paper():
    return gamut.from_srgb(spacing=10.0)


def _bins_by_scipy(spacing):
    """The rule, with scikit-image's Lab and SciPy's hull, over the cube's surface."""
    levels = np.linspace(0, 1, 33)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    surface = cube[((cube == 0) | (cube == 1)).any(axis=1)]
    ab = color.rgb2lab(surface)[:, 1:]
    corners = ab[ConvexHull(ab).vertices]
    square = spacing * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    grown = ConvexHull((corners[:, None] + square).reshape(-1, 2)).equations
    axis = spacing * np.arange(-100, 101)
    lattice = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    distance = lattice @ grown[:, :2].T + grown[:, 2]
    return lattice[(distance < 0).all(axis=1)], np.abs(distance.max(axis=1)).min()


def test_the_paper_has_313_bins(paper):
    assert paper.centers.shape == (313, 2)
    assert paper.centers.dtype == np.float32
    assert paper.spacing == 10


def test_bins_are_sorted_by_a_then_b_and_unique(paper):
    pairs = [tuple(center) for center in paper.centers]
    assert pairs == sorted(set(pairs))


def test_each_row_spans_the_published_range_without_gaps(paper):
    integers = gamut.as_integers(paper)
    assert sorted(set(integers[:, 0])) == list(ROWS)
    for a, (lowest, highest, count) in ROWS.items():
        row = integers[integers[:, 0] == a, 1]
        np.testing.assert_array_equal(row, np.arange(lowest, highest + 1, 10))
        assert len(row) == count


def test_gray_is_bin_120(paper):
    assert gamut.index_of_gray(paper) == 120
    np.testing.assert_array_equal(paper.centers[120], [0, 0])


def test_file_of_the_bins_has_the_published_checksum(paper):
    # As NumPy wrote files in 2016: the header filled up to 80 bytes, now it is 128.
    what = b"{'descr': '<i8', 'fortran_order': False, 'shape': (313, 2), }"
    header = b"\x93NUMPY\x01\x00" + (70).to_bytes(2, "little") + what.ljust(69) + b"\n"
    file = header + gamut.as_integers(paper).tobytes()
    assert hashlib.sha256(file).hexdigest() == PUBLISHED_SHA256


@pytest.mark.skipif(not REFERENCE.exists(), reason="the authors' files are not here")
def test_bins_equal_the_published_file(paper):
    published = np.load(REFERENCE / "pts_in_hull.npy")
    np.testing.assert_array_equal(gamut.as_integers(paper), published)


@pytest.mark.parametrize("spacing", [2.5, 5.0, 10.0, 12.0, 20.0])
def test_bins_follow_the_rule_at_other_spacings(spacing):
    expected, margin = _bins_by_scipy(spacing)
    # The hulls differ by less than this, so no lattice point may come closer to one.
    assert margin > 1e-3
    centers = gamut.from_srgb(spacing=spacing).centers
    np.testing.assert_array_equal(centers, expected.astype(np.float32))


def test_finer_bins_are_many_more():
    # Four times 313, less the margin around the gamut, which grows finer as well.
    assert len(gamut.from_srgb(spacing=5.0).centers) == 1083


def test_bins_surround_every_color_of_srgb(paper):
    levels = np.linspace(0, 1, 18)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    cell = np.floor(color.rgb2lab(cube)[:, 1:] / 10) * 10
    known = {tuple(center) for center in paper.centers}
    for corner in ([0, 0], [0, 10], [10, 0], [10, 10]):
        assert {tuple(point) for point in cell + corner} <= known


def test_bins_can_be_made_inside_a_compiled_function():
    @jax.jit
    def count(x):
        return x + len(gamut.from_srgb(spacing=10.0).centers)

    assert count(0) == 313


@pytest.mark.parametrize("spacing", [0.0, -10.0, 1.0, 50.0, float("nan")])
def test_spacing_out_of_range_is_refused(spacing):
    with pytest.raises(ValueError, match=f"spacing is {spacing}; wanted"):
        gamut.from_srgb(spacing=spacing)


def test_broken_centers_are_no_integers():
    with pytest.raises(ValueError, match=r"2\.5 are not whole numbers"):
        gamut.as_integers(gamut.from_srgb(spacing=2.5))


def test_all_colors_lie_within_the_outline():
    levels = np.linspace(0, 1, 9)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)
    ab = color.rgb2lab(cube)[:, 1:]
    corners = gamut.outline()
    edges = np.roll(corners, -1, axis=0) - corners
    offset = ab[:, None] - corners
    left = edges[:, 0] * offset[..., 1] - edges[:, 1] * offset[..., 0]
    distances = left / np.hypot(*edges.T)
    # Between its corners, a 255th of an edge of the cube apart, the outline is curved.
    assert distances.min() > -0.01
    # The outermost are the primary blue, in b, and green, in a.
    np.testing.assert_allclose(corners.min(axis=0), [-86.18, -107.86], atol=0.01)
