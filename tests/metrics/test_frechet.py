"""The Frechet distance: by hand in one dimension, and by scipy's matrix root."""

import numpy as np
import pytest
from scipy import linalg

from jaxcolor.metrics import frechet


def _features(seed, count, size):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(size=(count, size)) @ rng.normal(size=(size, size))
    return mixed + rng.normal(size=size)


def _by_scipy(features, others):
    covariances = [np.cov(x, rowvar=False) for x in (features, others)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    shift = np.square(features.mean(axis=0) - others.mean(axis=0)).sum()
    return shift + np.trace(covariances[0] + covariances[1] - 2 * root)


def _from_moments(features):
    return frechet.of_moments(features.mean(axis=0), np.cov(features, rowvar=False))


def test_one_dimension_by_hand():
    # Means of 1 and 4, standard deviations of sqrt(2) and 3 sqrt(2).
    features, others = np.array([[0.0], [2.0]]), np.array([[1.0], [7.0]])
    expected = 3**2 + (2 * np.sqrt(2)) ** 2
    # float64.
    found = frechet.frechet_distance(features, others)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("counts", [(200, 150), (500, 40)])
def test_distance_of_moments_is_that_of_scipys_matrix_root(counts):
    features, others = _features(0, counts[0], 16), _features(1, counts[1], 16)
    found = frechet.distance(*map(_from_moments, (features, others)))
    # float64 roots of eigenvalues that span some six decades.
    np.testing.assert_allclose(found, _by_scipy(features, others), rtol=1e-9)


@pytest.mark.parametrize("counts", [(20, 12), (200, 12)])
def test_moments_may_lack_rank(counts):
    features, others = _features(6, counts[0], 40), _features(7, counts[1], 40)
    # scipy's root needs a matrix of full rank: with F'F = S and G'G = T, that of ST
    # has the trace of the root of the small FG'GF'.
    centered = [x - x.mean(axis=0) for x in (others, features)]
    few, many = (x / np.sqrt(len(x) - 1) for x in centered)
    # One direction of the 12 is that of the mean, and zero.
    basis = linalg.null_space(np.ones((1, len(few)))).T
    inner = basis @ few @ many.T @ many @ few.T @ basis.T
    trace = np.trace(linalg.sqrtm(inner).real)
    shift = np.square(features.mean(axis=0) - others.mean(axis=0)).sum()
    expected = shift + np.square(few).sum() + np.square(many).sum() - 2 * trace
    # float64 roots, as above.
    for make in (frechet.of_features, _from_moments):
        found = frechet.distance(make(features), make(others))
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("counts", [(200, 150), (500, 40)])
def test_distance_is_that_of_scipys_matrix_root(counts):
    features, others = _features(0, counts[0], 16), _features(1, counts[1], 16)
    found = frechet.frechet_distance(features, others)
    # float64 roots of eigenvalues that span some six decades.
    np.testing.assert_allclose(found, _by_scipy(features, others), rtol=1e-9)


def test_symmetric():
    features, others = _features(2, 50, 8), _features(3, 60, 8)
    # float64, as above.
    np.testing.assert_allclose(
        frechet.frechet_distance(features, others),
        frechet.frechet_distance(others, features),
        rtol=1e-9,
    )


def test_equal_sets_are_at_zero_even_with_fewer_images_than_features():
    features = _features(4, 10, 32)
    found = frechet.frechet_distance(features, features[::-1])
    scale = np.trace(np.cov(features, rowvar=False))
    # float64.
    assert 0 <= found < 1e-12 * scale


def test_a_shift_of_the_whole_set_is_its_square():
    features = _features(5, 100, 8).astype(np.float32)
    found = frechet.frechet_distance(features, features + np.float32(2))
    # Sums in float32 rounded coordinates.
    np.testing.assert_allclose(found, 8 * 2**2, rtol=1e-5)


def test_single_images_are_refused():
    with pytest.raises(ValueError, match=r"a set of 1 image\(s\); wanted two"):
        frechet.frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))
