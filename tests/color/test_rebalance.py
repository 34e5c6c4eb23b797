"""Priors, class weights, the gray mask, and the loss of a constant output."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, special, stats

from jaxcolor.color import encode, gamut, losses, rebalance
from jaxcolor.color.encode import SoftCode

PAPER = gamut.from_srgb(spacing=10.0)
BINS = len(PAPER.centers)
REFERENCE = Path(__file__).parents[3] / "shared" / "data" / "reference"
HAND_PRIOR = np.float32([0.5, 0.25, 0.25, 0.0])

accumulate = jax.jit(rebalance.accumulate, static_argnames="bins")
normalize = jax.jit(rebalance.normalize)
class_weights = jax.jit(rebalance.class_weights, static_argnames="rebalancing_lambda")
constant_predictor_loss = jax.jit(rebalance.constant_predictor_loss)


@jax.jit
def gray_mask(ab):
    return rebalance.gray_mask(ab, threshold=5.0)


@jax.jit
def soft_encode(ab):
    return encode.soft_encode(ab, PAPER, neighbors=10, sigma=5.0)


@pytest.fixture(scope="module")
def sparse_pixels():
    """Soft codes of 120 random pixels and, of them, the dense form in float64."""
    rng = np.random.default_rng(0)
    ab = rng.normal([5, 10], [15, 20], (10, 12, 2)).astype(np.float32)
    code = soft_encode(ab)
    dense = np.zeros((120, BINS))
    weights = np.asarray(code.weights, np.float64).reshape(120, 10)
    np.put_along_axis(dense, np.asarray(code.indices).reshape(120, 10), weights, axis=1)
    return ab, code, dense


def test_counts_of_a_small_code_by_hand():
    code = SoftCode(
        indices=np.int32([[[0, 1], [1, 2]]]),
        weights=np.float32([[[0.75, 0.25], [0.5, 0.5]]]),
    )
    counts = accumulate(code, bins=4)
    np.testing.assert_array_equal(counts, [0.75, 0.75, 0.5, 0])
    weighted = accumulate(code, bins=4, per_pixel=np.float32([[2.0, 0.0]]))
    np.testing.assert_array_equal(weighted, [1.5, 0.5, 0, 0])
    np.testing.assert_array_equal(normalize(counts), [0.375, 0.375, 0.25, 0])


def test_prior_is_the_mean_soft_code(sparse_pixels):
    _, code, dense = sparse_pixels
    prior = normalize(accumulate(code, bins=BINS))
    # float32 sums of 120 numbers.
    np.testing.assert_allclose(prior, dense.mean(axis=0), rtol=1e-5, atol=1e-9)


def test_counts_of_batches_add_up(sparse_pixels):
    _, code, _ = sparse_pixels
    halves = [jax.tree.map(lambda x, n=n: np.asarray(x)[n::2], code) for n in (0, 1)]
    parts = [accumulate(half, bins=BINS) for half in halves]
    # float32 sums of 120 numbers.
    np.testing.assert_allclose(np.add(*parts), accumulate(code, bins=BINS), rtol=1e-5)


def test_sums_over_millions_of_pixels_lose_nothing():
    rng = np.random.default_rng(1)
    values = rng.exponential(size=3_000_000).astype(np.float32)
    indices = rng.choice(3, p=[0.9, 0.09, 0.01], size=len(values))
    sums = jax.jit(lambda x, i: rebalance.sum_by_bin(x, i, bins=4))(values, indices)
    expected = np.bincount(indices, values.astype(np.float64), minlength=4)
    # Added one by one in float32 the first sum is 1e-4 off.
    np.testing.assert_allclose(sums, expected, rtol=2e-6)


def test_class_weights_by_hand():
    # Mixed with u = 1/3 on three bins: 5/12, 7/24, 7/24. Inverted, 12/5, 24/7, 24/7,
    # whose mean under the prior is 102/35.
    weights = class_weights(HAND_PRIOR, rebalancing_lambda=0.5)
    # A few float32 roundings.
    np.testing.assert_allclose(weights, [14 / 17, 20 / 17, 20 / 17, 20 / 17], rtol=1e-6)


def test_lambda_1_weighs_all_bins_the_same_even_empty_ones():
    weights = class_weights(HAND_PRIOR, rebalancing_lambda=1.0)
    # A few float32 roundings.
    np.testing.assert_allclose(weights, np.ones(4), rtol=1e-6)


def test_lambda_0_inverts_the_prior_and_stays_finite():
    weights = class_weights(HAND_PRIOR, rebalancing_lambda=0.0)
    # As above.
    np.testing.assert_allclose(weights, [2 / 3, 4 / 3, 4 / 3, 4 / 3], rtol=1e-6)


@pytest.mark.parametrize("rebalancing_lambda", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_mean_weight_under_the_prior_is_one(rebalancing_lambda):
    rng = np.random.default_rng(2)
    # From 1e-9 to 1, as published priors are.
    prior = np.exp(rng.uniform(np.log(1e-9), 0, BINS))
    prior[rng.permutation(BINS)[:40]] = 0
    prior /= prior.sum()
    weights = np.asarray(
        class_weights(prior.astype(np.float32), rebalancing_lambda=rebalancing_lambda),
        np.float64,
    )
    assert np.isfinite(weights).all()
    filled = prior.astype(np.float32) > 0
    # float32 sums of 313 terms.
    np.testing.assert_allclose((prior * weights).sum(), 1, rtol=1e-5)
    np.testing.assert_array_equal(weights[~filled], weights[filled].max())
    # Rarer colors never weigh less; equal up to rounding where lambda is 1.
    by_rarity = weights[filled][np.argsort(-prior[filled])]
    assert (np.diff(by_rarity) >= -1e-6).all()


@pytest.mark.parametrize("wrong", [-0.1, 1.5, float("nan")])
def test_lambda_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match=f"rebalancing_lambda is {wrong}; wanted"):
        rebalance.class_weights(jnp.asarray(HAND_PRIOR), rebalancing_lambda=wrong)


@pytest.mark.skipif(not REFERENCE.exists(), reason="the authors' files are not here")
def test_published_prior_gives_the_published_weights():
    prior = np.load(REFERENCE / "prior_probs.npy").astype(np.float32)
    weights = np.asarray(class_weights(prior, rebalancing_lambda=0.5))
    # The values are known to the digits given here.
    np.testing.assert_allclose(weights.min(), 0.096503, atol=5e-7)
    np.testing.assert_allclose(weights.max(), 6.174868, atol=2e-6)
    np.testing.assert_allclose(np.median(weights), 5.9987, atol=5e-5)
    assert weights.argmin() == gamut.index_of_gray(PAPER)


def test_pixel_weight_is_the_weight_of_the_likeliest_bin(sparse_pixels):
    ab, _, dense = sparse_pixels
    per_class = np.float32(np.random.default_rng(3).uniform(0.1, 6, BINS))
    weights = jax.jit(lambda x, y: rebalance.pixel_weights(x, PAPER, class_weights=y))(
        ab, per_class
    )
    expected = per_class[dense.argmax(axis=1)].reshape(10, 12)
    np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize(
    ("pixel", "mask"),
    [((0, 0), 0), ((5, -5), 0), ((5.01, 0), 1), ((0, -5.01), 1), ((4, 4), 0)],
)
def test_one_colored_pixel_makes_an_image_count(pixel, mask):
    ab = np.zeros((3, 4, 2), np.float32)
    ab[1, 2] = pixel
    result = gray_mask(ab)
    assert result.shape == ()
    assert result == mask


def test_gray_mask_judges_each_image_of_a_batch():
    ab = np.zeros((2, 3, 4, 5, 2), np.float32)
    ab[1, 0, 3, 4, 1] = -20
    expected = [[0, 0, 0], [1, 0, 0]]
    np.testing.assert_array_equal(gray_mask(ab), expected)
    np.testing.assert_array_equal(jax.vmap(gray_mask)(ab), expected)


def test_best_constant_output_reaches_the_constant_predictor_loss(sparse_pixels):
    _, code, dense = sparse_pixels
    weight = np.random.default_rng(4).uniform(0, 6, 120) ** 2
    weight[:20] = 0
    mean_code = weight @ dense / 120

    def loss(logits):
        per_pixel = special.logsumexp(logits) - (dense * logits).sum(axis=1)
        slope = weight.mean() * special.softmax(logits) - mean_code
        return np.mean(weight * per_pixel), slope

    # Bins that no pixel comes near to would be pushed to minus infinity.
    bounds = [(-30, 30)] * BINS
    best = optimize.minimize(loss, np.zeros(BINS), jac=True, bounds=bounds)
    assert best.success
    per_pixel = weight.reshape(10, 12).astype(np.float32)
    counts = accumulate(code, bins=BINS, per_pixel=per_pixel)
    constant = constant_predictor_loss(np.asarray(counts) / 120)
    # Where the optimizer stops; it cannot go below.
    np.testing.assert_allclose(constant, best.fun, rtol=1e-4)
    assert constant < best.fun + 1e-5

    logits = np.tile(best.x.astype(np.float32), (10, 12, 1))
    ours = jax.jit(losses.rebalanced_cross_entropy)(logits, code, per_pixel)
    # float32 sums.
    np.testing.assert_allclose(ours, best.fun, rtol=1e-5)


def test_unweighted_constant_predictor_loss_is_the_entropy_of_the_prior(sparse_pixels):
    _, code, dense = sparse_pixels
    prior = np.asarray(accumulate(code, bins=BINS)) / 120
    weights = np.asarray(class_weights(prior, rebalancing_lambda=1.0))
    nearest = np.asarray(code.indices)[..., 0]
    weighted = accumulate(code, bins=BINS, per_pixel=weights[nearest])
    # float32 sums.
    np.testing.assert_allclose(
        constant_predictor_loss(np.asarray(weighted) / 120),
        stats.entropy(dense.mean(axis=0)),
        rtol=1e-5,
    )


def test_constant_predictor_loss_by_hand():
    # Weights of 2 on one bin and 1 on another, over two pixels: m = 1, 1/2.
    expected = -(np.log(2 / 3) + 0.5 * np.log(1 / 3))
    result = constant_predictor_loss(np.float32([1.0, 0.5, 0.0]))
    # A few roundings.
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_constant_predictor_loss_of_gray_images_is_zero():
    assert constant_predictor_loss(np.zeros(4, np.float32)) == 0


def test_everything_compiles_and_has_finite_derivatives(sparse_pixels):
    _, code, _ = sparse_pixels

    @jax.jit
    @jax.grad
    def slope(weights):
        counts = rebalance.accumulate(code._replace(weights=weights), bins=BINS)
        prior = rebalance.normalize(counts)
        per_class = rebalance.class_weights(prior, rebalancing_lambda=0.5)
        return per_class.sum() + rebalance.constant_predictor_loss(prior)

    assert np.isfinite(slope(code.weights)).all()
