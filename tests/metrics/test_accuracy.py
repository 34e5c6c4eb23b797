"""Metrics: worked by hand, by numeric integration, and against scikit-image."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from skimage import metrics as skimage_metrics

from jaxcolor.color import encode, gamut
from jaxcolor.metrics import accuracy

PAPER = gamut.from_srgb(spacing=10.0)
BINS = len(PAPER.centers)

ab_distance = jax.jit(accuracy.ab_distance)
auc = jax.jit(accuracy.auc)
colorfulness = jax.jit(accuracy.colorfulness)
absolute_colorfulness = jax.jit(accuracy.absolute_colorfulness)
bin_weights = jax.jit(accuracy.bin_weights)
auc_from_sums = jax.jit(accuracy.auc_from_sums)
accuracy_curve = jax.jit(accuracy.accuracy_curve)
histogram_divergence = jax.jit(accuracy.histogram_divergence)
psnr = jax.jit(accuracy.psnr)


@jax.jit
def error_sums(distance, bins):
    return accuracy.error_sums(distance, bins, count=BINS)


@jax.jit
def rebalanced_weights(bins):
    return accuracy.rebalanced_weights(bins, count=BINS)


@jax.jit
def nll(logits, ab):
    return accuracy.nll(logits, ab, PAPER)


def _hasler_suesstrunk(rgb8, channel=lambda x: x):
    """The paper's formula on 8-bit levels, in float64, statistics of NumPy."""
    r, g, b = np.asarray(rgb8, np.float64).reshape(-1, 3).T
    rg, yb = channel(r - g), channel((r + g) / 2 - b)
    sigma = np.sqrt(np.std(rg) ** 2 + np.std(yb) ** 2)
    mu = np.sqrt(np.mean(rg) ** 2 + np.mean(yb) ** 2)
    return sigma + 0.3 * mu


@pytest.fixture(scope="module")
def evaluated():
    """Distances and nearest bins of two images, mostly gray and partly far off."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, [12, 18], (2, 30, 40, 2)).astype(np.float32)
    guess = (0.5 * truth + rng.normal(0, 30, truth.shape)).astype(np.float32)
    guess[0, 0] += 200
    distance = ab_distance(guess, truth)
    bins = jax.jit(lambda ab: encode.nearest(ab, PAPER))(truth)
    return np.asarray(distance), np.asarray(bins)


def test_distance_is_euclidean_and_has_a_slope_at_zero():
    predicted, target = np.float32([[3, 4], [1, 1]]), np.float32([[0, 0], [1, 1]])
    np.testing.assert_array_equal(ab_distance(predicted, target), [5, 0])
    slope = jax.jit(jax.grad(lambda x: ab_distance(x, target).sum()))(predicted)
    # A rounding.
    np.testing.assert_allclose(slope, [[0.6, 0.8], [0, 0]], rtol=1e-6)


def test_what_is_no_number_has_no_distance():
    # It was taken for a hit.
    nothing = np.float32([np.nan, 0])
    assert np.isnan(ab_distance(nothing, np.zeros(2, np.float32)))


def test_auc_by_hand():
    # Errors of 0, 1/2, 1 and, beyond the sweep, 1.
    distance = np.float32([[0, 75], [150, 300]])
    weights = np.float32([[1, 1], [0, 0]])
    # Roundings of 100.
    np.testing.assert_allclose(auc(distance), 37.5, atol=1e-5)
    np.testing.assert_allclose(auc(distance, weights=weights), 75, atol=1e-5)


def test_perfect_and_hopeless_predictions_score_100_and_0():
    # Roundings of 100.
    np.testing.assert_allclose(auc(np.zeros((2, 2), np.float32)), 100, atol=1e-5)
    np.testing.assert_allclose(auc(np.full((2, 2), 200, np.float32)), 0, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_auc_is_the_area_under_the_cumulative_curve(evaluated, weighted):
    distance, bins = evaluated
    weights = rebalanced_weights(bins) if weighted else None
    thresholds = np.linspace(0, 150, 30_001)
    order = np.argsort(distance, axis=None)
    ranked = np.asarray(distance, np.float64).ravel()[order]
    share = np.ones(distance.size) if weights is None else np.asarray(weights).ravel()
    cumulative = np.append(0, np.cumsum(share[order], dtype=np.float64))
    curve = cumulative[np.searchsorted(ranked, thresholds, side="right")]
    area = np.trapezoid(curve / cumulative[-1], thresholds) / 150
    # The sum's step is 150/30000 = 0.005; the curve has steps, too.
    np.testing.assert_allclose(auc(distance, weights=weights), 100 * area, atol=4e-3)


def test_rebalanced_weights_by_hand():
    bins = np.int32([[0, 0, 0], [2, 2, 5]])
    weights = jax.jit(lambda x: accuracy.rebalanced_weights(x, count=7))(bins)
    # Roundings.
    np.testing.assert_allclose(weights, [[2, 2, 2], [3, 3, 6]], rtol=1e-6)


def test_weights_of_a_bin_rarer_than_the_floor_are_those_of_the_floor():
    # One pixel in four million: its share of 2.5e-7 counts as 1e-6.
    bins = np.zeros(4_000_000, np.int32)
    bins[0] = 1
    weights = jax.jit(lambda b: accuracy.rebalanced_weights(b, count=2))(bins)
    # A rounding.
    np.testing.assert_allclose(np.asarray(weights)[0], 1e6, rtol=1e-5)


def test_each_color_counts_the_same_in_the_rebalanced_auc():
    # Three gray pixels without error, one red pixel with the largest.
    distance, bins = np.float32([0, 0, 0, 150]), np.int32([120, 120, 120, 7])
    weights = rebalanced_weights(bins)
    # Roundings of 100.
    np.testing.assert_allclose(auc(distance, weights=weights), 50, atol=1e-5)
    np.testing.assert_allclose(auc(distance), 75, atol=1e-5)


def test_colors_rarer_than_the_floor_do_not_outweigh_the_rest():
    # One pixel in four million: its share of 2.5e-7 counts as 1e-6.
    count = 4_000_000
    pixels = np.float32([count - 1, 1])
    errors = np.float32([0, 150])
    expected = 100 * (1 - 1e6 / (1e6 + count))
    weights = bin_weights(pixels)
    # float32.
    np.testing.assert_allclose(
        auc_from_sums(errors, pixels, weights=weights), expected, rtol=1e-5
    )


def test_bin_weights_of_counts_are_those_of_shares():
    counts = np.float32([6, 3, 1, 0])
    expected = [1 / 0.6, 1 / 0.3, 10, 1e6]
    # Roundings.
    np.testing.assert_allclose(bin_weights(counts), expected, rtol=1e-6)
    np.testing.assert_allclose(bin_weights(counts / 10), expected, rtol=1e-6)


def test_auc_under_a_prior_weighs_each_pixel_by_its_rarity_in_the_prior(evaluated):
    distance, bins = evaluated
    # Floored, so that the paper's floor does not touch it.
    prior = np.random.default_rng(4).dirichlet(np.ones(BINS)) + 1e-5
    prior = np.float32(prior / prior.sum())
    errors, pixels = error_sums(distance, bins)
    found = auc_from_sums(errors, pixels, weights=bin_weights(prior))
    expected = 100 * (
        1 - np.average(distance.clip(max=150), weights=1 / prior[bins]) / 150
    )
    # float32 sums of 2400 numbers with weights that span four decades.
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("rebalanced", [False, True])
def test_auc_from_sums_over_batches_equals_auc_of_the_whole_set(evaluated, rebalanced):
    distance, bins = evaluated
    parts = [error_sums(distance[i], bins[i]) for i in (0, 1)]
    errors, pixels = np.sum(parts, axis=0)
    per_bin = bin_weights(pixels) if rebalanced else None
    per_pixel = rebalanced_weights(bins) if rebalanced else None
    # float32 sums of 2400 numbers.
    np.testing.assert_allclose(
        auc_from_sums(errors, pixels, weights=per_bin),
        auc(distance, weights=per_pixel),
        rtol=1e-5,
    )


THRESHOLDS = np.arange(151, dtype=np.float32)


@jax.jit
def curve_counts(distance, bins):
    return accuracy.curve_counts(
        distance, bins, count=BINS, thresholds=jnp.asarray(THRESHOLDS)
    )


def test_accuracy_curve_by_hand():
    # On a threshold is within it.
    distance, bins = np.float32([[0, 1], [1.5, 9]]), np.int32([[0, 0], [1, 1]])
    counts = jax.jit(accuracy.curve_counts, static_argnames="count")(
        distance, bins, count=3, thresholds=np.float32([0, 1, 2])
    )
    np.testing.assert_array_equal(counts, [[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]])
    # Roundings of 100.
    np.testing.assert_allclose(accuracy_curve(counts), [25, 50, 75], rtol=1e-6)
    weighted = accuracy_curve(counts, weights=np.float32([3, 1, 9]))
    np.testing.assert_allclose(weighted, [37.5, 75, 87.5], rtol=1e-6)


@pytest.mark.parametrize("rebalanced", [False, True])
def test_accuracy_curve_of_summed_batches_is_the_sets(evaluated, rebalanced):
    distance, bins = evaluated
    counts = np.sum([curve_counts(distance[i], bins[i]) for i in (0, 1)], axis=0)
    weights = bin_weights(counts.sum(axis=1)) if rebalanced else None
    found = accuracy_curve(counts, weights=weights)
    per_pixel = rebalanced_weights(bins) if rebalanced else np.ones(bins.shape)
    within = distance[..., None] <= THRESHOLDS
    weighted = np.asarray(per_pixel, np.float64)[..., None]
    expected = 100 * (weighted * within).sum(axis=(0, 1, 2)) / weighted.sum()
    # float32 sums of 2400 numbers.
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_accuracy_curve_lies_over_the_auc(evaluated):
    counts = np.asarray(jax.vmap(curve_counts)(*evaluated)).sum(axis=0)
    area = np.trapezoid(accuracy_curve(counts), THRESHOLDS) / 150
    # The curve is known each unit of 150, and bends by some percent in each.
    np.testing.assert_allclose(area, auc(evaluated[0]), atol=0.1)


def test_histogram_divergence_is_scipys_of_floored_shares():
    rng = np.random.default_rng(5)
    truth, predicted = rng.poisson(rng.gamma(0.3, 40, (2, BINS)))
    floored = [x / x.sum() + 1e-6 for x in (truth, predicted)]
    found = histogram_divergence(np.float32(predicted), np.float32(truth))
    # float32.
    np.testing.assert_allclose(found, stats.entropy(*floored), rtol=1e-5)


def test_histogram_divergence_by_hand():
    even, truth = np.float32([5, 5, 0]), np.float32([9, 3, 0])
    expected = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    # The floor of 1e-6.
    np.testing.assert_allclose(histogram_divergence(even, truth), expected, atol=1e-5)
    assert histogram_divergence(4 * truth, truth) == 0


def test_a_histogram_that_misses_all_colors_is_finitely_bad():
    first, second = np.float32([1, 0]), np.float32([0, 1])
    # log(1 / 1e-6), but for the floor itself.
    np.testing.assert_allclose(
        histogram_divergence(first, second), np.log(1e6), rtol=1e-4
    )


def test_rebalanced_auc_is_the_mean_over_the_bins_that_occur(evaluated):
    distance, bins = (x.ravel() for x in evaluated)
    errors = np.minimum(distance.astype(np.float64), 150) / 150
    expected = 100 * (1 - np.mean([errors[bins == q].mean() for q in np.unique(bins)]))
    weights = rebalanced_weights(evaluated[1])
    # float32 sums of 2400 numbers.
    np.testing.assert_allclose(auc(evaluated[0], weights=weights), expected, rtol=1e-5)


def test_psnr_equals_scikit_image():
    rng = np.random.default_rng(1)
    target = rng.uniform(0, 1, (20, 30, 3)).astype(np.float32)
    predicted = np.clip(target + rng.normal(0, 0.1, target.shape), 0, 1)
    predicted = predicted.astype(np.float32)
    expected = skimage_metrics.peak_signal_noise_ratio(target, predicted, data_range=1)
    # float32 of 20 dB.
    np.testing.assert_allclose(psnr(predicted, target), expected, rtol=1e-5)


def test_psnr_by_hand_and_of_equal_images():
    black = np.zeros((4, 5, 3), np.float32)
    # An error of 0.1 everywhere is 20 dB; float32 roundings.
    np.testing.assert_allclose(psnr(black + np.float32(0.1), black), 20, rtol=1e-6)
    assert psnr(black, black) == np.inf


def test_nll_is_that_of_the_nearest_bin():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (4, 5, BINS)).astype(np.float32)
    ab = rng.uniform(-90, 90, (4, 5, 2)).astype(np.float32)
    squares = ((ab[..., None, :].astype(np.float64) - PAPER.centers) ** 2).sum(axis=-1)
    log_probs = special.log_softmax(logits.astype(np.float64), axis=-1)
    index = squares.argmin(axis=-1)[..., None]
    expected = -np.take_along_axis(log_probs, index, axis=-1)[..., 0]
    # float32 of logits up to 12.
    np.testing.assert_allclose(nll(logits, ab), expected, rtol=1e-5)
    np.testing.assert_allclose(jax.vmap(nll)(logits, ab), expected, rtol=1e-5)


def test_nll_of_a_uniform_prediction_is_the_log_of_the_count():
    result = nll(np.zeros((4, 5, BINS), np.float32), np.zeros((4, 5, 2), np.float32))
    # A rounding or two.
    np.testing.assert_allclose(result, np.log(BINS), rtol=1e-6)


def test_gray_images_have_no_colorfulness():
    gray = np.random.default_rng(3).uniform(0, 1, (20, 30, 1)).astype(np.float32)
    # Roundings of 255.
    np.testing.assert_allclose(colorfulness(gray.repeat(3, axis=2)), 0, atol=1e-4)


def test_colorfulness_of_red_beside_green_by_hand():
    # rg = 255 or -255, yb = 127.5 throughout: a spread of 255, an offset of 127.5.
    image = np.zeros((4, 6, 3), np.float32)
    image[:, :3, 0] = image[:, 3:, 1] = 1
    # Roundings.
    np.testing.assert_allclose(colorfulness(image), 255 + 0.3 * 127.5, rtol=1e-6)


def test_colorfulness_of_one_flat_color_is_its_offset():
    # Blue: rg = 0, yb = -255.
    image = np.zeros((4, 6, 3), np.float32)
    image[..., 2] = 1
    # Roundings.
    np.testing.assert_allclose(colorfulness(image), 0.3 * 255, rtol=1e-6)


def test_colorfulness_of_photographs_is_hasler_and_suesstrunks(photographs):
    for photograph in photographs.values():
        # Every fourth pixel is photograph enough; one shape compiles once.
        part = photograph[:200:4, :400:4]
        # float32 sums over the image.
        rgb = part / np.float32(255)
        np.testing.assert_allclose(
            colorfulness(rgb), _hasler_suesstrunk(part), rtol=1e-4
        )
        np.testing.assert_allclose(
            absolute_colorfulness(rgb), _hasler_suesstrunk(part, np.abs), rtol=1e-4
        )


def test_absolute_colorfulness_takes_red_beside_green_for_one_color():
    # |rg| = 255 and |yb| = 127.5 throughout: no spread.
    image = np.zeros((4, 6, 3), np.float32)
    image[:, :3, 0] = image[:, 3:, 1] = 1
    expected = 0.3 * np.hypot(255, 127.5)
    # Roundings.
    np.testing.assert_allclose(absolute_colorfulness(image), expected, rtol=1e-6)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_derivatives_are_finite_at_gray(level):
    image = np.full((3, 4, 3), level, np.float32)
    for measure in (accuracy.colorfulness, accuracy.absolute_colorfulness):
        assert np.isfinite(jax.jit(jax.grad(measure))(image)).all()


def test_metrics_compile_and_lift_over_images(evaluated):
    distance, bins = evaluated

    @jax.jit
    def both(distance, bins):
        weights = rebalanced_weights(bins)
        return auc(distance), auc(distance, weights=weights)

    one_by_one = [both(distance[i], bins[i]) for i in (0, 1)]
    # Other shapes are other programs: float32 sums.
    np.testing.assert_allclose(
        np.transpose(jax.vmap(both)(distance, bins)), one_by_one, rtol=1e-5
    )
