"""Nearest bins and soft codes: exact, in order, against NumPy and scikit-learn."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from skimage import color
from sklearn.neighbors import NearestNeighbors

from jaxcolor.color import encode, gamut
from jaxcolor.color.encode import SoftCode

PAPER = gamut.from_srgb(spacing=10.0)
FINE = gamut.from_srgb(spacing=5.0)
CENTERS = PAPER.centers.astype(np.float64)


@jax.jit
def nearest(ab):
    return encode.nearest(ab, PAPER)


@jax.jit
def soft_encode(ab):
    return encode.soft_encode(ab, PAPER, neighbors=10, sigma=5.0)


@jax.jit
def densify(code):
    return encode.densify(code, bins=len(CENTERS))


def _ranked(ab, centers, count):
    """The nearest bins by squared distance, then index, and those squares: float64."""
    ab = np.asarray(ab, np.float64)
    squares = ((ab[:, None] - centers) ** 2).sum(axis=-1)
    order = np.argsort(squares, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(squares, order, axis=1)


def _by_scikit_learn(ab, *, neighbors, sigma):
    """Dense codes as the authors made them: nearest neighbors and a Gaussian."""
    search = NearestNeighbors(n_neighbors=neighbors, algorithm="ball_tree").fit(CENTERS)
    distances, indices = search.kneighbors(np.asarray(ab, np.float64))
    weights = np.exp(-(distances**2) / (2 * sigma**2))
    dense = np.zeros((len(ab), len(CENTERS)))
    np.put_along_axis(dense, indices, weights / weights.sum(1, keepdims=True), axis=1)
    return dense


def _random_ab(seed, count, reach=110):
    rng = np.random.default_rng(seed)
    return rng.uniform(-reach, reach, (count, 2)).astype(np.float32)


def _outline_of_srgb():
    """The ab of the saturated colors: there the nearest bins lie to one side."""
    level = np.linspace(0, 1, 400)
    zero, one = np.zeros(400), np.ones(400)
    faces = [(one, level, zero), (level, one, zero), (zero, one, level)]
    faces += [(zero, level, one), (level, zero, one), (one, zero, level)]
    rgb = np.stack([np.stack(face, -1) for face in faces]).reshape(-1, 3)
    return color.rgb2lab(rgb)[:, 1:].astype(np.float32)


def test_soft_code_equals_scikit_learn_with_a_gaussian():
    ab = _random_ab(0, 20_000)
    _, squares = _ranked(ab, CENTERS, 11)
    # Where the tenth and the eleventh are equally far, scikit-learn's choice is free.
    ab = ab[squares[:, 10] - squares[:, 9] > 1e-2]
    assert len(ab) > 19_000
    dense = densify(soft_encode(ab))
    # float32 squares up to 1e4 are good to 1e-3, divided by 2 sigma^2 = 50.
    np.testing.assert_allclose(
        dense, _by_scikit_learn(ab, neighbors=10, sigma=5.0), atol=2e-5
    )


@pytest.mark.parametrize(("neighbors", "sigma"), [(1, 5.0), (5, 5.0), (20, 8.0)])
def test_other_codes_equal_scikit_learn_as_well(neighbors, sigma):
    ab = _random_ab(1, 2000)
    _, squares = _ranked(ab, CENTERS, neighbors + 1)
    ab = ab[squares[:, -1] - squares[:, -2] > 1e-2]
    encoder = partial(encode.soft_encode, neighbors=neighbors, sigma=sigma)
    dense = densify(jax.jit(lambda x: encoder(x, PAPER))(ab))
    expected = _by_scikit_learn(ab, neighbors=neighbors, sigma=sigma)
    # As above.
    np.testing.assert_allclose(dense, expected, atol=2e-5)


def test_order_and_ties_are_exact_on_the_half_integers():
    # All squares are exact in float32 here; most of these points have ties, and
    # every second line of them is a border of the table's cells.
    axis = np.arange(-128, 128.5, 0.5, dtype=np.float32)
    ab = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    ab = ab[np.random.default_rng(0).permutation(len(ab))[:20_000]]
    expected, squares = _ranked(ab, CENTERS, 11)
    assert (squares[:, 9] == squares[:, 10]).mean() > 0.05
    assert (np.diff(squares[:, :10]) == 0).any(axis=1).mean() > 0.2
    np.testing.assert_array_equal(soft_encode(ab).indices, expected[:, :10])
    np.testing.assert_array_equal(nearest(ab), expected[:, 0])


def test_gray_ties_fall_to_the_lower_index():
    # (5, 5) is equally far from four centers.
    indices = soft_encode(np.array([[5.0, 5.0]], np.float32)).indices[0, :4]
    corners = [[0, 0], [0, 10], [10, 0], [10, 10]]
    np.testing.assert_array_equal(PAPER.centers[np.asarray(indices)], corners)


@pytest.mark.parametrize("gamut_", [PAPER, FINE], ids=["10", "5"])
def test_neighbors_are_exact_at_the_edge_of_the_gamut_and_beyond(gamut_):
    ab = np.concatenate([_outline_of_srgb(), _random_ab(2, 3000, reach=128)])
    centers = gamut_.centers.astype(np.float64)
    _, expected = _ranked(ab, centers, 10)
    encoder = partial(encode.soft_encode, neighbors=10, sigma=5.0)
    code = jax.jit(lambda x: encoder(x, gamut_))(ab)
    found = ((ab[:, None] - centers[np.asarray(code.indices)]) ** 2).sum(axis=-1)
    # Neighbors whose squares, up to 1e4, differ by float32's rounding may swap.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(hnp.arrays(np.float32, (64, 2), elements={"min_value": -128, "max_value": 128}))
def test_neighbors_are_exact_for_any_ab(ab):
    _, expected = _ranked(ab, CENTERS, 10)
    code = soft_encode(ab)
    found = ((ab[:, None] - CENTERS[np.asarray(code.indices)]) ** 2).sum(axis=-1)
    # As above.
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-4)
    assert all(len(set(row)) == 10 for row in np.asarray(code.indices))
    # Ten float32 roundings.
    np.testing.assert_allclose(code.weights.sum(axis=-1), 1, atol=1e-6)


def test_more_neighbors_than_any_cell_is_near_to_are_exact():
    ab = _random_ab(3, 200)
    expected, squares = _ranked(ab, CENTERS, 41)
    apart = (np.diff(squares) > 1e-2).all(axis=1)
    encoder = partial(encode.soft_encode, neighbors=40, sigma=5.0)
    code = jax.jit(lambda x: encoder(x, PAPER))(ab)
    np.testing.assert_array_equal(code.indices[apart], expected[apart, :40])


def test_weights_are_a_distribution_and_fall_with_distance():
    weights = np.asarray(soft_encode(_random_ab(4, 2000, reach=128)).weights)
    assert (weights >= 0).all()
    assert (np.diff(weights) <= 0).all()
    # Ten float32 roundings.
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)


def test_weights_stay_finite_far_outside_the_gamut():
    code = soft_encode(np.array([[-128, -128], [128, 128], [-300, 0]], np.float32))
    assert np.isfinite(code.weights).all()
    # Ten float32 roundings.
    np.testing.assert_allclose(code.weights.sum(axis=-1), 1, atol=1e-6)


def test_densify_puts_the_weights_at_their_bins():
    code = SoftCode(jnp.array([[2, 0], [3, 1]]), jnp.array([[0.75, 0.25], [1.0, 0.0]]))
    np.testing.assert_array_equal(
        encode.densify(code, bins=4), [[0.25, 0, 0.75, 0], [0, 0, 0, 1]]
    )


def test_densified_codes_sum_to_one():
    code = soft_encode(_random_ab(5, 500))
    dense = np.asarray(densify(code))
    # Ten float32 roundings.
    np.testing.assert_allclose(dense.sum(axis=-1), 1, atol=1e-6)
    assert ((dense > 0).sum(axis=-1) <= 10).all()


def test_leading_axes_are_kept():
    ab = _random_ab(6, 24)
    flat, image = soft_encode(ab), soft_encode(ab.reshape(2, 3, 4, 2))
    assert image.indices.shape == image.weights.shape == (2, 3, 4, 10)
    np.testing.assert_array_equal(image.indices.reshape(24, 10), flat.indices)
    np.testing.assert_array_equal(image.weights.reshape(24, 10), flat.weights)
    assert nearest(ab[0]).shape == ()
    assert nearest(ab.reshape(2, 3, 4, 2)).shape == (2, 3, 4)


def test_mapping_over_images_changes_nothing():
    images = _random_ab(7, 24).reshape(4, 6, 2)
    mapped, whole = jax.vmap(soft_encode)(images), soft_encode(images)
    np.testing.assert_array_equal(mapped.indices, whole.indices)
    # Other shapes are other programs: a rounding.
    np.testing.assert_allclose(mapped.weights, whole.weights, atol=1e-7)
    np.testing.assert_array_equal(jax.vmap(nearest)(images), nearest(images))


def test_derivative_of_the_weights_agrees_with_finite_differences():
    # Squares among the nearest differ by 1 or more: no rank changes in a step of 1e-4.
    ab = np.array([3.1, 4.2])

    def weights(point):
        _, squares = _ranked(point[None], CENTERS, 10)
        gauss = np.exp(-squares[0] / 50)
        return gauss / gauss.sum()

    step = 1e-4
    moves = step * np.eye(2)
    expected = [(weights(ab + m) - weights(ab - m)) / (2 * step) for m in moves]
    jacobian = jax.jit(jax.jacrev(lambda x: soft_encode(x).weights))(ab)
    # Entries are below 0.1; float32 distances are good to 1e-6 of theirs.
    np.testing.assert_allclose(jacobian, np.transpose(expected), atol=1e-6)


@pytest.mark.parametrize("neighbors", [0, -1, 314])
def test_neighbors_out_of_range_are_refused(neighbors):
    ab = jnp.zeros((1, 2))
    with pytest.raises(ValueError, match=f"neighbors is {neighbors}; wanted"):
        encode.soft_encode(ab, PAPER, neighbors=neighbors, sigma=5.0)


@pytest.mark.parametrize("sigma", [0.0, -5.0, float("nan")])
def test_sigma_that_is_not_positive_is_refused(sigma):
    with pytest.raises(ValueError, match=f"sigma is {sigma}; wanted more than 0"):
        encode.soft_encode(jnp.zeros((1, 2)), PAPER, neighbors=10, sigma=sigma)


def test_traced_gamut_is_refused_with_the_reason():
    @jax.jit
    def encoded(centers):
        return encode.nearest(jnp.zeros(2), PAPER._replace(centers=centers))

    with pytest.raises(ValueError, match="gamut is traced"):
        encoded(PAPER.centers)
