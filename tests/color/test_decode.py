"""From logits to ab: the annealed mean, its limits, and moving a posterior."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from jaxcolor.color import decode, gamut

PAPER = gamut.from_srgb(spacing=10.0)
BINS = len(PAPER.centers)
# Three bins, to work examples by hand.
SMALL = gamut.Gamut(np.array([[0, 0], [10, 0], [0, 20]], np.float32), 10.0)


@jax.jit
def annealed_mean(logits, temperature):
    return decode.annealed_mean(logits, PAPER, temperature=temperature)


@jax.jit
def small_mean(logits, temperature):
    return decode.annealed_mean(logits, SMALL, temperature=temperature)


entropy = jax.jit(decode.entropy)
reweight = jax.jit(decode.reweight)


@jax.jit
def sample(key, logits):
    return decode.sample(key, logits, SMALL)


def _logits(seed, *shape, scale=3.0):
    rng = np.random.default_rng(seed)
    return np.float32(scale * rng.normal(size=(*shape, BINS)))


def _annealed_in_float64(logits, temperature):
    """Equation 5 of the paper, to the letter: powers of probabilities."""
    probs = special.softmax(np.asarray(logits, np.float64), axis=-1)
    powers = np.exp(np.log(probs) / temperature)
    return (powers / powers.sum(axis=-1, keepdims=True)) @ PAPER.centers


@pytest.mark.parametrize("temperature", [0.1, 0.38, 1.0, 2.5])
def test_annealed_mean_is_equation_5(temperature):
    logits = _logits(0, 4, 5)
    # float32 of logits up to 12 over 0.1, in an exponent, times ab of about 100.
    np.testing.assert_allclose(
        annealed_mean(logits, np.float32(temperature)),
        _annealed_in_float64(logits, temperature),
        atol=2e-3,
    )


def test_annealed_mean_of_a_small_case_by_hand():
    # Probabilities 1/2, 1/4, 1/4; squared at temperature 1/2: 4/6, 1/6, 1/6.
    logits = np.log(np.float32([0.5, 0.25, 0.25]))
    result = small_mean(logits, np.float32(0.5))
    # A few float32 roundings.
    np.testing.assert_allclose(result, [10 / 6, 20 / 6], rtol=1e-6)


def test_mean_is_the_annealed_mean_at_temperature_1():
    logits = _logits(1, 3)
    expected = special.softmax(np.asarray(logits, np.float64), axis=-1) @ PAPER.centers
    # float32 sums of 313 terms of about 100.
    mean = jax.jit(lambda x: decode.mean(x, PAPER))
    np.testing.assert_allclose(mean(logits), expected, atol=1e-4)
    np.testing.assert_allclose(
        annealed_mean(logits, np.float32(1)), expected, atol=1e-4
    )


@pytest.mark.parametrize("temperature", [1e-2, 1e-4, 1e-30, 1e-40, 1e-50])
def test_annealed_mean_becomes_the_mode_as_temperature_falls(temperature):
    logits = _logits(2, 50)
    two = np.sort(logits, axis=-1)[:, -2:]
    # At 1e-2 a lead of 0.2 is a factor of e^20.
    logits = logits[two[:, 1] - two[:, 0] > 0.2]
    assert len(logits) > 25
    modes = PAPER.centers[np.argmax(logits, axis=-1)]
    mode = jax.jit(lambda x: decode.mode(x, PAPER))
    np.testing.assert_array_equal(mode(logits), modes)
    # What e^-20 times 100 leaves of the others, and a rounding.
    np.testing.assert_allclose(
        annealed_mean(logits, np.float32(temperature)), modes, atol=1e-5
    )


def test_annealed_mean_tends_to_the_center_of_all_bins_as_temperature_rises():
    expected = np.tile(PAPER.centers.mean(axis=0), (3, 1))
    # Logits up to 10 over 1e6, times ab of about 100.
    np.testing.assert_allclose(
        annealed_mean(_logits(3, 3), np.float32(1e6)), expected, atol=2e-3
    )


def test_many_temperatures_equal_them_one_by_one():
    logits = _logits(4, 2, 3)
    temperatures = np.float32([0.01, 0.2, 0.38, 1, 3])
    together = annealed_mean(logits, temperatures)
    assert together.shape == (5, 2, 3, 2)
    one_by_one = [annealed_mean(logits, t) for t in temperatures]
    # Two programs: float32 roundings of 100.
    np.testing.assert_allclose(together, np.stack(one_by_one), atol=1e-4)


@settings(deadline=None, derandomize=True, max_examples=50)
@given(hnp.arrays(np.float32, (BINS,), elements={"min_value": -50, "max_value": 50}))
def test_annealed_mean_lies_within_the_bins_and_ignores_a_shift(logits):
    plain = np.asarray(annealed_mean(logits, np.float32(0.38)))
    assert (plain >= PAPER.centers.min(axis=0) - 1e-3).all()
    assert (plain <= PAPER.centers.max(axis=0) + 1e-3).all()
    shifted = annealed_mean(logits + np.float32(100), np.float32(0.38))
    # The shift rounds logits to 8e-6: over 0.38, times 200 from end to end.
    np.testing.assert_allclose(shifted, plain, atol=5e-3)


def test_bins_of_probability_zero_are_ignored():
    logits = np.float32([0, -np.inf, 0])
    np.testing.assert_array_equal(small_mean(logits, np.float32(0.38)), [0, 10])
    mode = jax.jit(lambda x: decode.mode(x, SMALL))
    np.testing.assert_array_equal(mode(logits), [0, 0])
    # ln 2, with a rounding.
    np.testing.assert_allclose(entropy(logits), np.log(2), rtol=1e-6)
    assert np.isfinite(jax.jit(jax.grad(decode.entropy))(logits)).all()


def test_extreme_logits_give_finite_results_and_derivatives():
    logits = np.float32(np.where(np.arange(BINS) % 3 == 0, 1e4, -1e4)) + _logits(5)

    def total(x):
        ab = decode.annealed_mean(x, PAPER, temperature=0.01)
        return ab.sum() + decode.entropy(x)

    value, slope = jax.jit(jax.value_and_grad(total))(logits)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


def test_derivative_of_the_annealed_mean_agrees_with_finite_differences():
    logits = np.asarray(_logits(6), np.float64)
    direction = np.random.default_rng(7).normal(size=BINS)
    step = 1e-5
    ahead = _annealed_in_float64(logits + step * direction, 0.38)
    behind = _annealed_in_float64(logits - step * direction, 0.38)
    _, slope = jax.jvp(
        lambda x: annealed_mean(x, np.float32(0.38)),
        (np.float32(logits),),
        (np.float32(direction),),
    )
    # Slopes of about 50; float32 sums.
    np.testing.assert_allclose(
        slope, (ahead - behind) / (2 * step), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(ValueError, match=f"temperature is {temperature}; wanted"):
        decode.annealed_mean(jnp.asarray(_logits(0)), PAPER, temperature=temperature)


def test_samples_come_as_often_as_their_probabilities_say():
    probs = np.array([0.6, 0.3, 0.1])
    logits = np.broadcast_to(np.log(probs).astype(np.float32), (100, 60, 3))
    drawn = sample(jax.random.key(0), logits)
    assert drawn.shape == (100, 60, 2)
    bins = (np.asarray(drawn)[..., None, :] == SMALL.centers).all(axis=-1)
    counts = bins.reshape(-1, 3).sum(axis=0)
    assert counts.sum() == 6000
    # The key is fixed; another JAX may draw otherwise, wrongly refused one in 10^4.
    assert stats.chisquare(counts, 6000 * probs).pvalue > 1e-4


def test_pixels_are_sampled_independently():
    logits = np.zeros((4000, 3), np.float32)
    drawn = np.asarray(sample(jax.random.key(1), logits))[:, 0] > 0
    pairs = np.histogram2d(drawn[:-1], drawn[1:], bins=2)[0]
    # As above.
    assert stats.chi2_contingency(pairs).pvalue > 1e-4


def test_coherent_samples_come_as_often_as_their_probabilities_say():
    logits = jnp.asarray(np.log([0.5, 0.3, 0.2]), jnp.float32)
    keys = jax.random.split(jax.random.key(0), 20_000)
    draw = jax.vmap(
        lambda key: decode.sample_coherently(key, logits, SMALL, temperature=1e-3)
    )
    drawn = np.round(np.asarray(jax.jit(draw)(keys)))
    shares = [(drawn == center).all(axis=-1).mean() for center in SMALL.centers]
    # Four standard deviations of 20,000 draws, and near ties that blend.
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.015)


def test_pixels_of_one_distribution_are_sampled_alike():
    logits = jnp.asarray(np.tile([0.0, 0.1, 0.2], (4, 5, 1)), jnp.float32)
    draw = jax.jit(
        lambda key: decode.sample_coherently(key, logits, SMALL, temperature=0.3)
    )
    one, other = (np.asarray(draw(jax.random.key(seed))) for seed in (0, 1))
    np.testing.assert_array_equal(one, np.broadcast_to(one[0, 0], one.shape))
    assert np.abs(one - other).max() > 1


def test_entropy_agrees_with_scipy():
    logits = _logits(8, 3, 2)
    probs = special.softmax(np.asarray(logits, np.float64), axis=-1)
    # float32 of log probabilities up to 20.
    np.testing.assert_allclose(
        entropy(logits), stats.entropy(probs, axis=-1), rtol=1e-5
    )


def test_entropy_of_the_uniform_distribution_is_the_log_of_the_count():
    # A rounding or two.
    np.testing.assert_allclose(
        entropy(np.full((2, BINS), 7, np.float32)), np.log(BINS), rtol=1e-6
    )


def test_reweighting_by_hand():
    # Posterior 1/2, 1/4, 1/4 under weights 1, 2, 4 stands for p proportional to
    # 1/2, 1/8, 1/16; under weights 2, 8, 16 it becomes 1, 1, 1.
    logits = np.log(np.float32([[0.5, 0.25, 0.25]]))
    weights = np.float32([1, 2, 4]), np.float32([2, 8, 16])
    moved = reweight(logits, from_weights=weights[0], to_weights=weights[1])
    # A few roundings.
    found = special.softmax(moved, axis=-1)
    np.testing.assert_allclose(found, [[1 / 3] * 3], rtol=1e-6)


def test_reweighting_obeys_bayes():
    # A network trained under class weights w learns p(bin | pixel) w, normalized.
    rng = np.random.default_rng(9)
    posterior = rng.dirichlet(np.ones(BINS), size=(2, 3))
    old, new = rng.uniform(0.1, 6, (2, BINS))
    trained = posterior * old
    expected = posterior * new / (posterior * new).sum(axis=-1, keepdims=True)
    moved = reweight(
        np.float32(np.log(trained)),
        from_weights=np.float32(old),
        to_weights=np.float32(new),
    )
    # float32 of logs of about 10.
    found = special.softmax(moved, axis=-1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_reweighting_there_and_back_changes_nothing():
    logits = _logits(10, 2, 3)
    rng = np.random.default_rng(11)
    old, new = (np.float32(rng.uniform(0.1, 6, BINS)) for _ in "ab")
    there = reweight(logits, from_weights=old, to_weights=new)
    back = reweight(there, from_weights=new, to_weights=old)
    # Roundings of logits up to 14.
    np.testing.assert_allclose(back, logits, atol=4e-6)


def test_one_pixel_and_images_give_the_same():
    weights = jnp.asarray(np.linspace(0.5, 2, BINS), jnp.float32)

    @jax.jit
    def decoded(logits):
        moved = decode.reweight(
            logits, from_weights=weights, to_weights=jnp.ones_like(weights)
        )
        return (
            decode.annealed_mean(moved, PAPER, temperature=0.38),
            decode.mode(moved, PAPER),
            decode.entropy(moved),
        )

    logits = _logits(12, 2, 3)
    mapped = jax.jit(jax.vmap(jax.vmap(decoded)))(logits)
    whole = jax.device_get(decoded(logits))
    for together, one_by_one in zip(whole, mapped, strict=True):
        # Other shapes are other programs: float32 roundings of 100.
        np.testing.assert_allclose(together, one_by_one, atol=1e-4)
    for together, alone in zip(whole, decoded(logits[1, 2]), strict=True):
        np.testing.assert_allclose(together[1, 2], alone, atol=1e-4)


def test_half_precision_logits_are_decoded_in_float32():
    logits = _logits(13, 2).astype(jnp.bfloat16)
    decoded = annealed_mean(logits, np.float32(0.38))
    assert decoded.dtype == jnp.float32
    # As for equation 5: the logits themselves are exact in float64.
    np.testing.assert_allclose(decoded, _annealed_in_float64(logits, 0.38), atol=1e-3)


def test_regression_outputs_are_scaled_to_lab_units():
    np.testing.assert_array_equal(
        jax.jit(decode.regression)(np.float32([[0.5, -1]])), [[55, -110]]
    )
