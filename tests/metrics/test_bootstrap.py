"""Bootstrap intervals: scipy's, and statistics of sums over bins."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxcolor.metrics import accuracy, bootstrap


def _mean(sums):
    return sums[:, 0] / sums[:, 1]


def _columns(values):
    return np.stack([values, np.ones_like(values)], axis=1)


VALUES = np.random.default_rng(0).gamma(2, 3, 80)


def test_interval_of_a_mean_is_scipys():
    found = bootstrap.bootstrap(_mean, _columns(VALUES), seed=1, resamples=10_000)
    expected = stats.bootstrap(
        (VALUES,), np.mean, n_resamples=10_000, method="percentile", rng=2
    ).confidence_interval
    # A 2.5 percent quantile of 10000 normal draws scatters by 0.027 of their standard
    # deviation, a difference of two by 0.038: four times that.
    atol = 0.15 * VALUES.std() / np.sqrt(len(VALUES))
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


def test_interval_of_a_ratio_is_scipys():
    # Photographs with few and with many pixels: a ratio of sums, no mean of ratios.
    pixels = np.random.default_rng(3).uniform(1, 20, len(VALUES))
    per_image = np.stack([VALUES * pixels, pixels], axis=1)
    found = bootstrap.bootstrap(_mean, per_image, seed=1, resamples=10_000)
    expected = stats.bootstrap(
        tuple(per_image.T),
        lambda e, n, axis: e.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        n_resamples=10_000,
        method="percentile",
        rng=2,
    )
    # As for the mean.
    np.testing.assert_allclose(
        found,
        expected.confidence_interval,
        rtol=0,
        atol=0.15 * expected.standard_error,
    )


def test_the_same_seed_gives_the_same_interval():
    same, again, other = (
        bootstrap.bootstrap(_mean, _columns(VALUES), seed=seed, resamples=100)
        for seed in (1, 1, 2)
    )
    assert same == again != other


def test_equal_photographs_leave_no_doubt():
    found = bootstrap.bootstrap(_mean, _columns(np.full(9, 3.0)), seed=0, resamples=50)
    assert found == (3, 3)


def test_photographs_in_parts_are_the_whole(monkeypatch):
    whole = bootstrap.bootstrap(_mean, _columns(VALUES), seed=1, resamples=1000)
    monkeypatch.setattr(bootstrap, "DRAWS", 7 * len(VALUES))
    parts = bootstrap.bootstrap(_mean, _columns(VALUES), seed=1, resamples=1000)
    # Another shape of the matrix product: float64.
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_rebalanced_auc_is_recounted_in_each_resample():
    # Gray photographs without error, two red ones without and with the largest.
    gray, right, wrong = ((0, 0, 1, 0), (0, 0, 0, 1), (0, 150, 0, 1))
    per_image = np.float64([gray] * 6 + [right, wrong])

    def auc(sums):
        errors, pixels = np.float32(sums).reshape(-1, 2, 2).swapaxes(0, 1)
        weights = jax.vmap(accuracy.bin_weights)(pixels)
        return jax.vmap(lambda e, n, w: accuracy.auc_from_sums(e, n, weights=w))(
            errors, pixels, weights
        )

    low, high = bootstrap.bootstrap(auc, per_image, seed=0, resamples=500)
    # Red wrong throughout counts one half of two colors; with no red, or red that is
    # right, there is no error. Roundings of 100.
    np.testing.assert_allclose((low, high), (50, 100), atol=1e-3)


@pytest.mark.parametrize(("photographs", "resamples"), [(0, 10), (3, 0)])
def test_nothing_to_draw_from_is_refused(photographs, resamples):
    with pytest.raises(ValueError, match=f"^{photographs} photographs, {resamples}"):
        bootstrap.bootstrap(
            _mean, np.zeros((photographs, 2)), seed=0, resamples=resamples
        )
