"""Losses: against SciPy and NumPy in float64, and the gradient that trains."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from jaxcolor.color import encode, gamut, losses, rebalance
from jaxcolor.color.encode import SoftCode

PAPER = gamut.from_srgb(spacing=10.0)
BINS = len(PAPER.centers)
SHAPE = (2, 3, 4)

soft_cross_entropy = jax.jit(losses.soft_cross_entropy)
soft_kl = jax.jit(losses.soft_kl)
rebalanced = jax.jit(losses.rebalanced_cross_entropy)
slope_of_rebalanced = jax.jit(jax.grad(losses.rebalanced_cross_entropy))


def _dense(code):
    """The code over all bins, in float64."""
    dense = np.zeros((*code.indices.shape[:-1], BINS))
    weights = np.asarray(code.weights, np.float64)
    np.put_along_axis(dense, np.asarray(code.indices), weights, axis=-1)
    return dense


def _log_probs(logits):
    return special.log_softmax(np.asarray(logits, np.float64), axis=-1)


@pytest.fixture(scope="module")
def batch():
    """Logits, codes and weights of two small images; the second is masked as gray."""
    rng = np.random.default_rng(0)
    logits = jnp.asarray(3 * rng.normal(size=(*SHAPE, BINS)), jnp.float32)
    ab = rng.uniform(-80, 80, (*SHAPE, 2)).astype(np.float32)
    ab[1] = rng.uniform(-5, 5, ab[1].shape)
    encoder = jax.jit(lambda x: encode.soft_encode(x, PAPER, neighbors=10, sigma=5.0))
    class_weights = rng.uniform(0.1, 6, BINS).astype(np.float32)
    code = encoder(ab)
    weights = class_weights[np.asarray(code.indices[..., 0])]
    mask = rebalance.gray_mask(jnp.asarray(ab), threshold=5.0)
    np.testing.assert_array_equal(mask, [1, 0])
    return logits, code, mask[:, None, None] * weights


def test_cross_entropy_of_a_small_case_by_hand():
    logits = jnp.log(jnp.array([0.5, 0.25, 0.25]))
    code = SoftCode(jnp.array([1, 0]), jnp.array([0.75, 0.25]))
    expected = 0.75 * np.log(4) + 0.25 * np.log(2)
    # A few roundings.
    np.testing.assert_allclose(soft_cross_entropy(logits, code), expected, rtol=1e-6)


def test_cross_entropy_equals_that_of_dense_targets(batch):
    logits, code, _ = batch
    expected = -(_dense(code) * _log_probs(logits)).sum(axis=-1)
    # float32 of logits up to 12.
    np.testing.assert_allclose(soft_cross_entropy(logits, code), expected, rtol=1e-5)


def test_kl_equals_scipy(batch):
    logits, code, _ = batch
    expected = special.rel_entr(_dense(code), np.exp(_log_probs(logits))).sum(axis=-1)
    # As above.
    np.testing.assert_allclose(soft_kl(logits, code), expected, rtol=1e-5)


def test_kl_is_the_cross_entropy_less_the_entropy_of_the_code(batch):
    logits, code, _ = batch
    difference = soft_cross_entropy(logits, code) - soft_kl(logits, code)
    # As above.
    np.testing.assert_allclose(
        difference, stats.entropy(_dense(code), axis=-1), atol=1e-5
    )


def test_kl_of_a_perfect_prediction_is_zero(batch):
    _, code, _ = batch
    logits = jnp.asarray(np.log(_dense(code) + 1e-30), jnp.float32)
    # Roundings of a cross entropy of about 2.
    np.testing.assert_allclose(soft_kl(logits, code), np.zeros(SHAPE), atol=1e-5)


def test_weights_that_underflow_add_nothing_to_the_kl():
    logits = jnp.array([0.0, 1.0, 2.0])
    code = SoftCode(jnp.array([2, 0]), jnp.array([1.0, 0.0]))
    expected = -special.log_softmax([0, 1, 2])[2]
    # A few roundings.
    np.testing.assert_allclose(soft_kl(logits, code), expected, rtol=1e-6)


def test_rebalanced_loss_is_the_mean_over_all_pixels_masked_ones_too(batch):
    logits, code, weight = batch
    per_pixel = -(_dense(code) * _log_probs(logits)).sum(axis=-1)
    expected = np.sum(np.asarray(weight) * per_pixel) / np.prod(SHAPE)
    # float32 sums.
    np.testing.assert_allclose(rebalanced(logits, code, weight), expected, rtol=1e-5)


def test_gradient_is_mask_times_weight_times_softmax_less_target(batch):
    logits, code, weight = batch
    slope = slope_of_rebalanced(logits, code, weight)
    error = np.exp(_log_probs(logits)) - _dense(code)
    expected = np.asarray(weight)[..., None] * error / np.prod(SHAPE)
    # Weights up to 6, over 24 pixels; float32.
    np.testing.assert_allclose(slope, expected, atol=2e-7)
    assert (slope[1] == 0).all()
    assert (slope[0] != 0).all()


def test_no_gradient_flows_into_the_weights(batch):
    logits, code, weight = batch
    slope = jax.jit(jax.grad(losses.rebalanced_cross_entropy, argnums=2))
    assert (slope(logits, code, weight) == 0).all()


def test_gradient_to_the_code_is_minus_the_log_probability(batch):
    logits, code, _ = batch

    @jax.jit
    @jax.grad
    def slope(weights):
        return losses.soft_cross_entropy(logits, code._replace(weights=weights)).sum()

    expected = -np.take_along_axis(
        _log_probs(logits), np.asarray(code.indices), axis=-1
    )
    # float32 of logits up to 12.
    np.testing.assert_allclose(slope(code.weights), expected, rtol=1e-5)


def test_gradient_equals_that_of_the_dense_form(batch):
    # The code's weights here sum to a half: the formula must not take one for granted.
    logits, code, weight = batch
    halved = code._replace(weights=code.weights / 2)
    dense = jnp.asarray(_dense(halved), jnp.float32)

    @jax.jit
    @jax.grad
    def slope(x):
        return -jnp.mean(weight[..., None] * dense * jax.nn.log_softmax(x)) * BINS

    # Weights up to 6, over 24 pixels; float32.
    np.testing.assert_allclose(
        slope_of_rebalanced(logits, halved, weight), slope(logits), atol=2e-7
    )


def test_second_derivative_is_that_of_the_softmax():
    logits = np.random.default_rng(1).normal(size=5).astype(np.float32)
    code = SoftCode(jnp.array([0, 3]), jnp.array([0.25, 0.75]))
    hessian = jax.jit(
        jax.jacrev(jax.grad(lambda x: losses.soft_cross_entropy(x, code)))
    )
    probs = special.softmax(logits.astype(np.float64))
    expected = np.diag(probs) - np.outer(probs, probs)
    # Numbers below 1 in float32.
    np.testing.assert_allclose(hessian(logits), expected, atol=1e-6)


@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_give_finite_losses_and_gradients(batch, size):
    _, code, weight = batch
    signs = np.random.default_rng(2).choice([-1, 1], (*SHAPE, BINS))
    logits = jnp.asarray(size * signs, jnp.float32)
    assert np.isfinite(soft_kl(logits, code)).all()
    assert np.isfinite(slope_of_rebalanced(logits, code, weight)).all()


def test_bins_that_are_ruled_out_have_no_gradient():
    logits = jnp.array([0.0, -jnp.inf, 1.0])
    code = SoftCode(jnp.array([2, 0]), jnp.array([0.5, 0.5]))
    value, slope = jax.jit(jax.value_and_grad(losses.soft_cross_entropy))(logits, code)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    assert slope[1] == 0


def test_half_precision_logits_are_compared_in_float32(batch):
    logits, code, weight = batch
    half = logits.astype(jnp.bfloat16)
    expected = -(_dense(code) * _log_probs(half)).sum(axis=-1)
    # As for float32: the logits are exact in float64.
    np.testing.assert_allclose(soft_cross_entropy(half, code), expected, rtol=1e-5)
    assert slope_of_rebalanced(half, code, weight).dtype == jnp.bfloat16


def test_one_pixel_and_images_give_the_same(batch):
    logits, code, weight = batch
    whole = soft_cross_entropy(logits, code)
    assert whole.shape == SHAPE
    # Other shapes are other programs: float32 roundings of 10.
    np.testing.assert_allclose(
        jax.vmap(soft_cross_entropy)(logits, code), whole, rtol=1e-6
    )
    pixel = jax.tree.map(lambda x: x[0, 1, 2], (logits, code))
    np.testing.assert_allclose(soft_cross_entropy(*pixel), whole[0, 1, 2], rtol=1e-6)
    # Each image's gradient by itself: the mean over half as many pixels.
    mapped = jax.vmap(slope_of_rebalanced)(logits, code, weight)
    slope = slope_of_rebalanced(logits, code, weight)
    np.testing.assert_allclose(mapped / 2, slope, atol=1e-7)


def test_l2_is_half_the_mean_squared_distance():
    predicted = jnp.array([[[3.0, 4.0], [1.0, 1.0]]])
    target = jnp.array([[[0.0, 0.0], [1.0, 1.0]]])
    # Distances 5 and 0.
    assert losses.l2(predicted, target) == 0.5 * 25 / 2
    slope = jax.jit(jax.grad(losses.l2))(predicted, target)
    np.testing.assert_array_equal(slope, [[[1.5, 2.0], [0, 0]]])


def test_l1_is_the_mean_sum_of_absolute_differences():
    predicted = jnp.array([[[3.0, -4.0], [1.0, 1.0]]])
    target = jnp.array([[[0.0, 0.0], [0.5, 2.0]]])
    assert losses.l1(predicted, target) == (7 + 1.5) / 2
    slope = jax.jit(jax.grad(losses.l1))(predicted, target)
    np.testing.assert_array_equal(slope, [[[0.5, -0.5], [0.5, -0.5]]])
