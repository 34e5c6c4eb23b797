"""Aged lightness: each effect beside its definition in NumPy and SciPy."""

import functools

import jax
import numpy as np
import pytest
from scipy import ndimage

from jaxcolor.training import degradation
from jaxcolor.training.degradation import Degradation

NONE = Degradation(
    share=1.0, contrast=0.0, fading=0.0, softness=0.0, grain=0.0, scratches=0.0
)
SIZE = (48, 40)
SEEDS = range(8)


@pytest.fixture(scope="module")
def lightness() -> np.ndarray:
    random = np.random.default_rng(0)
    return random.uniform(0, 100, SIZE).astype(np.float32)


@functools.partial(jax.jit, static_argnames="most")
def _compiled(seed, lightness, most):
    return degradation.aged(jax.random.key(seed), lightness, most)


def _aged(lightness, seed, **most):
    return np.asarray(_compiled(seed, lightness, NONE._replace(**most)))


def test_no_degradation_leaves_lightness_alone(lightness):
    # float32 there and back.
    np.testing.assert_allclose(_aged(lightness, 0), lightness, atol=1e-4)
    kept = _aged(lightness, 0, share=0.0, contrast=1.0, grain=9.0)
    np.testing.assert_array_equal(kept, lightness)


def test_about_the_share_is_aged(lightness):
    most = NONE._replace(share=0.3, fading=0.4)

    @jax.jit
    def many(lightness):
        keys = jax.random.split(jax.random.key(0), 400)
        return jax.vmap(lambda key: degradation.aged(key, lightness, most))(keys)

    found = many(lightness)
    is_aged = (np.asarray(found) != lightness).any(axis=(1, 2))
    # Four standard deviations of a binomial distribution: sqrt(0.3 * 0.7 / 400).
    assert abs(is_aged.mean() - 0.3) < 4 * 0.023


def test_contrast_is_a_power_within_its_range(lightness):
    exponents = []
    inner = np.clip(lightness, 1, 99)
    for seed in SEEDS:
        found = _aged(inner, seed, contrast=0.5)
        powers = np.log(found / 100) / np.log(inner / 100)
        assert np.ptp(powers) < 1e-3
        exponents.append(np.log(powers.mean()))
    assert max(np.abs(exponents)) <= 0.5
    # Both ways, over eight seeds.
    assert min(exponents) < 0 < max(exponents)


def test_fading_is_linear_and_takes_black_and_white_away(lightness):
    ends = []
    for seed in SEEDS:
        found = _aged(lightness, seed, fading=0.2)
        slope, black = np.polyfit(lightness.ravel(), found.ravel(), 1)
        np.testing.assert_allclose(found, slope * lightness + black, atol=1e-3)
        ends.append((black, 100 - black - 100 * slope))
    assert np.min(ends) >= 0
    assert np.max(ends) <= 20
    assert np.mean(ends) == pytest.approx(10, abs=6)


def test_softness_is_a_convolution_along_both_axes(lightness):
    strengths = []
    for seed in SEEDS:
        found = _aged(lightness, seed, softness=0.3)

        def softened(share):
            kernel = [share, 1 - 2 * share, share]
            down = ndimage.convolve1d(lightness, kernel, axis=0, mode="nearest")
            return ndimage.convolve1d(down, kernel, axis=1, mode="nearest")

        shares = np.linspace(0, 0.3, 301)
        errors = [np.abs(softened(share) - found).max() for share in shares]
        # Between two of the shares that are tried.
        assert min(errors) < 0.3
        strengths.append(shares[np.argmin(errors)])
    assert np.ptp(strengths) > 0.1


def test_grain_is_noise_up_to_its_strength():
    middle = np.full(SIZE, 50, np.float32)
    deviations = [np.std(_aged(middle, seed, grain=5.0)) for seed in SEEDS]
    # A standard deviation over 1920 pixels is right to a few percent.
    assert max(deviations) < 5.4
    assert np.ptp(deviations) > 1
    noise = _aged(middle, 0, grain=5.0) - 50
    assert abs(np.corrcoef(noise[:, 1:].ravel(), noise[:, :-1].ravel())[0, 1]) < 0.1


def test_scratches_are_thin_lines_from_top_to_bottom():
    middle = np.full(SIZE, 50, np.float32)
    changed = [_aged(middle, seed, scratches=30.0) - 50 for seed in SEEDS]
    for change in changed:
        assert np.abs(change).max() <= 30.001 * degradation.SCRATCHES
        # Two columns for each of the lines, in every row.
        assert ((np.abs(change) > 1e-4).sum(axis=1) <= 2 * degradation.SCRATCHES).all()
    scratched = [change for change in changed if change.any()]
    assert len(scratched) >= 5


def test_degraded_lightness_stays_in_range(lightness):
    for seed in SEEDS:
        found = _aged(lightness, seed, grain=60.0, scratches=200.0, contrast=2.0)
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert found.max() <= 100


def test_keys_follow_the_pixels_not_the_place():
    random = np.random.default_rng(0)
    rgb = random.integers(0, 256, (4, 8, 8, 3), np.uint8)
    # A photograph and its mirror image have the same pixels in other places.
    rgb[3] = rgb[0, :, ::-1]

    @jax.jit
    def keys_of(rgb):
        return jax.random.key_data(degradation.keys_of(jax.random.key(0), rgb))

    found = np.asarray(keys_of(rgb))
    assert len(np.unique(found, axis=0)) == 4
    order = [2, 0, 3, 1]
    np.testing.assert_array_equal(keys_of(rgb[order]), found[order])


def test_degradation_changes_with_the_step_and_the_seed(lightness):
    most = NONE._replace(grain=5.0)
    rgb = np.zeros((1, *SIZE, 3), np.uint8)

    def aged_batch(seed, step):
        degrade = jax.jit(degradation.make_degrade(most, seed=seed))
        return np.asarray(degrade(np.int32(step), rgb, lightness[None]))

    first = aged_batch(0, 0)
    np.testing.assert_array_equal(aged_batch(0, 0), first)
    assert (aged_batch(0, 1) != first).any()
    assert (aged_batch(1, 0) != first).any()


def test_nothing_is_aged_where_no_share_is():
    assert degradation.make_degrade(NONE._replace(share=0.0), seed=0) is None
