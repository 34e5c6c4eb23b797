"""Transfer of color: against scipy, scikit-image and NumPy, and worked by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, spatial, stats
from skimage import color, exposure

from jaxcolor.evaluation import transfer

descriptor = jax.jit(transfer.descriptor)
nearest = jax.jit(transfer.nearest, static_argnames="neighbors")
neighborhood_deviation = jax.jit(transfer.neighborhood_deviation)
sample = jax.jit(transfer.sample, static_argnames="samples")
remap = jax.jit(transfer.remap)
by_sample = jax.jit(transfer.by_sample)
quantile_means = jax.jit(transfer.quantile_means, static_argnames="quantiles")
by_quantile = jax.jit(transfer.by_quantile)


@pytest.fixture(scope="module")
def labs(photographs):
    """CIELAB of two photographs, 64 x 80."""
    parts = [photographs[name][:256:4, :320:4] for name in ("chelsea", "coffee")]
    return [color.rgb2lab(part).astype(np.float32) for part in parts]


def _every_pixel(lab):
    """A palette of all pixels: the grid has a cell for each."""
    height, width, _ = lab.shape
    return sample(lab, jax.random.key(0), samples=height * width)


def test_descriptor_distance_is_of_correlation_and_of_histograms(labs):
    # 16 x 16, so that the small picture is the photograph.
    first, second = (lab[::4, ::5, 0] for lab in labs)
    correlation = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    p, q = (np.histogram(x, 32, (0, 100))[0] / x.size for x in (first, second))
    wanted = 2 * (1 - correlation) + 2 * (1 - np.sqrt(p * q).sum())
    distance = np.square(descriptor(first) - descriptor(second)).sum()
    # Roundings of sums of 288 float32 terms of order one.
    np.testing.assert_allclose(distance, wanted, rtol=1e-4)


def test_flat_photograph_has_a_descriptor_without_layout():
    found = np.asarray(descriptor(jnp.full((20, 30), 55.5)))
    # Rounding of the resized picture, over the least norm.
    np.testing.assert_allclose(found[:256], 0, atol=5e-2)
    np.testing.assert_array_equal(found[256:], np.arange(32) == int(55.5 * 0.32))


def test_nearest_are_those_of_a_kd_tree():
    rng = np.random.default_rng(0)
    among = rng.normal(size=(50, 6)).astype(np.float32)
    wanted = rng.normal(size=6).astype(np.float32)
    _, indices = spatial.KDTree(among).query(wanted, k=5)
    np.testing.assert_array_equal(nearest(wanted, among, neighbors=5), indices)


def test_neighborhood_deviation_is_that_of_scipy(labs):
    lightness = labs[0][..., 0]
    wanted = ndimage.generic_filter(
        lightness.astype(np.float64), np.std, size=5, mode="reflect"
    )
    # Float32 lightness near 100, of which deviations are differences.
    np.testing.assert_allclose(neighborhood_deviation(lightness), wanted, atol=2e-5)


def test_samples_are_one_of_each_cell_and_at_random_places():
    rows, columns = np.mgrid[:42, :70].astype(np.float32)
    lab = np.stack([rows + columns, rows, columns], axis=-1)
    found = sample(lab, jax.random.key(3), samples=200)
    # sqrt(200 42 / 70) = 10.95 and 200 / 11 = 18.2.
    i, j = np.asarray(found.ab).reshape(11, 18, 2).transpose(2, 0, 1)
    cell_row, cell_column = np.mgrid[:11, :18]
    for place, cell, size in ((i, cell_row, 42 / 11), (j, cell_column, 70 / 18)):
        offset = place - cell * size
        # A pixel reaches a little over the cell that its random place is in.
        assert offset.min() > -1
        assert offset.max() < size
        assert offset.std() > size / 5
    np.testing.assert_array_equal(found.lightness, (i + j).ravel())


def test_sampled_statistics_are_of_the_whole_photograph(labs):
    lab = labs[0]
    found = sample(lab, jax.random.key(0), samples=30)
    # Roundings of float32 sums of 5120 numbers.
    np.testing.assert_allclose(found.mean, lab[..., 0].mean(dtype=float), rtol=1e-5)
    np.testing.assert_allclose(found.spread, lab[..., 0].std(dtype=float), rtol=1e-5)


def test_remapped_lightness_has_the_mean_and_deviation_given(labs):
    palette = remap(_every_pixel(labs[0]), mean=jnp.array(40.0), spread=jnp.array(7.0))
    # Float32 sums of 5120 numbers.
    np.testing.assert_allclose(np.mean(palette.lightness), 40, rtol=1e-5)
    np.testing.assert_allclose(np.std(palette.lightness), 7, rtol=1e-5)
    picture = np.asarray(palette.lightness, np.float64).reshape(labs[0].shape[:2])
    around = ndimage.generic_filter(picture, np.std, size=5, mode="reflect")
    # As of the deviations themselves.
    np.testing.assert_allclose(palette.deviation, around.ravel(), atol=2e-5)


def test_flat_photograph_is_shifted_only():
    flat = _every_pixel(jnp.full((5, 6, 3), 20.0))
    palette = remap(flat, mean=jnp.array(70.0), spread=jnp.array(12.0))
    np.testing.assert_array_equal(palette.lightness, 70)
    np.testing.assert_array_equal(palette.deviation, 0)


def test_pixels_take_the_sample_that_a_kd_tree_finds(labs):
    source, target = labs[0], labs[1][..., 0]
    palette = sample(source, jax.random.key(1), samples=200)
    # Both halves weigh the same, and so does twice their sum.
    samples = np.stack([palette.lightness, palette.deviation], axis=-1)
    pixels = np.stack([target, neighborhood_deviation(target)], axis=-1)
    distance, index = spatial.KDTree(samples).query(pixels, k=2, p=1)
    wanted = np.asarray(palette.ab)[index[..., 0]]
    # Where two are as near, to rounding, either may be taken.
    is_clear = distance[..., 1] - distance[..., 0] > 1e-4
    assert is_clear.mean() > 0.95
    found = np.asarray(by_sample(target, palette))
    np.testing.assert_array_equal(found[is_clear], wanted[is_clear])


def test_quantile_means_are_those_of_scipy(labs):
    lightness, ab = labs[0][..., 0], labs[0][..., 1:]
    rank = np.argsort(np.argsort(lightness.ravel(), stable=True), stable=True)
    # 5120 pixels in 50 quantiles of 102 or 103.
    wanted = stats.binned_statistic(
        rank, ab.reshape(-1, 2).T, bins=50, range=(0, lightness.size)
    ).statistic
    found = quantile_means(lightness, ab, quantiles=50)
    # Float32 sums of 103 numbers.
    np.testing.assert_allclose(found, wanted.T, atol=1e-4)


def test_lightness_by_its_own_quantiles_is_histogram_matching():
    rng = np.random.default_rng(0)
    # 4096 different numbers each, so that all ranks are whole: in the target one at
    # the middle of each level, in the other one anything.
    target = (rng.permutation(4096).reshape(64, 64) + 0.5).astype(np.float32) / 40.96
    source = (rng.permutation(4096).reshape(32, 128) / 4096) ** 2 * 90 + 3
    source = source.astype(np.float32)
    wanted = exposure.match_histograms(target, source)
    means = quantile_means(source, source[..., None], quantiles=4096)
    # Float32 of numbers below 100.
    np.testing.assert_allclose(
        by_quantile(target, means)[..., 0], wanted, rtol=1e-5, atol=1e-4
    )


def test_photograph_is_matched_to_another_as_scikit_image_does(labs):
    source, target = labs[0][..., 0], labs[1][..., 0]
    means = quantile_means(source, source[..., None], quantiles=512)
    found = by_quantile(target, means)[..., 0]
    difference = abs(found - exposure.match_histograms(target, source))
    # A quantile of ten pixels is averaged here, which at the ends are far apart, and
    # equal pixels take the first of their ranks there.
    assert difference.mean() < 0.1
    assert np.quantile(difference, 0.99) < 1


def test_equal_pixels_share_the_middle_of_their_ranks():
    means = jnp.array([[0.0], [10.0], [20.0], [30.0]])
    # A rounding.
    found = by_quantile(jnp.full((3, 5), 42.0), means)
    np.testing.assert_allclose(found, np.full((3, 5, 1), 15), rtol=1e-6)
    # Of ranks 0 to 1, 1 to 3 and 3 to 4 in quarters, the middles are at 0.5, 2 and 3.5
    # quarters; means are at 0.5, 1.5, 2.5 and 3.5.
    found = by_quantile(jnp.array([[9.0, 50.0], [50.0, 80.0]]), means)[..., 0]
    np.testing.assert_array_equal(found, [[0, 15], [15, 30]])
