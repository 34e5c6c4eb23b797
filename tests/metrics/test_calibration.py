"""Calibration: by hand, against a loop, and of forecasts that are calibrated."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from jaxcolor.metrics import calibration


def _sums(logits, bins, intervals=10):
    measure = jax.jit(lambda *x: calibration.calibration_sums(*x, intervals=intervals))
    return measure(jnp.float32(logits), jnp.asarray(bins))


def _random(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1, (4, 5, 6, 7)) * rng.uniform(0, 6, (4, 5, 6, 1))
    return logits.astype(np.float32), rng.integers(0, 7, (4, 5, 6))


def _loop(logits, bins, intervals):
    """Counts, sums of confidence and numbers correct, one pixel at a time."""
    sums = np.zeros((3, intervals))
    probs = special.softmax(np.float64(logits), axis=-1).reshape(-1, logits.shape[-1])
    for p, true in zip(probs, bins.ravel(), strict=True):
        for m in range(intervals):
            if m / intervals < p.max() <= (m + 1) / intervals:
                sums[:, m] += 1, p.max(), p.argmax() == true
    return sums


def test_sums_are_those_of_a_loop_over_pixels():
    logits, bins = _random(0)
    for intervals in (1, 10, 15):
        found = _sums(logits, bins, intervals)
        # float32 sums of up to 120 confidences.
        np.testing.assert_allclose(found, _loop(logits, bins, intervals), rtol=1e-5)


def test_sums_of_batches_add_up():
    logits, bins = _random(1)
    whole = _sums(logits, bins)
    parts = jax.tree.map(
        jnp.add, _sums(logits[:2], bins[:2]), _sums(logits[2:], bins[2:])
    )
    # float32 sums in another order.
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_error_and_reliability_by_hand():
    # Confidences of 0.75, twice, one of them right; of 0.5, right.
    logits = np.log([[0.75, 0.125, 0.125], [0.125, 0.75, 0.125], [0.25, 0.25, 0.5]])
    sums = _sums(logits, [0, 0, 2], intervals=4)
    # Roundings.
    np.testing.assert_allclose(
        calibration.expected_calibration_error(sums), (0.5 + 0.5) / 3, rtol=1e-6
    )
    found = calibration.reliability(sums)
    np.testing.assert_allclose(found.share, [0, 1 / 3, 2 / 3, 0], rtol=1e-6)
    np.testing.assert_allclose(found.confidence, [0, 0.5, 0.75, 0], rtol=1e-6)
    np.testing.assert_allclose(found.accuracy, [0, 1, 0.5, 0], rtol=1e-6)


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    logits = 100 * np.eye(5)
    right, wrong = _sums(logits, np.arange(5)), _sums(logits, np.arange(5)[::-1])
    assert calibration.expected_calibration_error(right) == 0
    # Of five, the one in the middle is right.
    error = calibration.expected_calibration_error(wrong)
    np.testing.assert_allclose(error, 0.8, rtol=1e-6)


def test_an_even_distribution_is_calibrated_over_even_truths():
    # Of ties the first bin counts, which is right once in five.
    error = calibration.expected_calibration_error(
        _sums(np.zeros((5, 5)), np.arange(5))
    )
    # A rounding of 1/5.
    np.testing.assert_allclose(error, 0, atol=1e-6)


def test_truths_drawn_from_the_distribution_are_calibrated():
    rng = np.random.default_rng(3)
    logits = (rng.normal(0, 1, (20_000, 7)) * rng.uniform(0, 4, (20_000, 1))).astype(
        np.float32
    )
    bins = (logits + rng.gumbel(size=logits.shape)).argmax(axis=-1)
    # Each interval's gap scatters by at most 0.5 / sqrt(its pixels): over ten intervals
    # 0.5 sqrt(10 / 20000) = 0.011. Half the confidence would err by 0.3.
    assert calibration.expected_calibration_error(_sums(logits, bins)) < 0.015
    assert calibration.expected_calibration_error(_sums(0.5 * logits, bins)) > 0.1
