"""The classifier two-sample test of true against colorized pictures."""

import numpy as np
import pytest
from skimage import color

from jaxcolor.recognition import two_sample

SIDE, COUNT = 32, 160
# A fifth of the steps that a test of real systems takes.
RECIPE = two_sample.RECIPE._replace(steps=100)


@pytest.fixture(scope="module")
def true(photographs):
    """Random cut-outs, which differ in lightness and color."""
    random = np.random.default_rng(0)
    found = []
    for picture in [*photographs.values()] * (COUNT // len(photographs) + 1):
        small = picture[::3, ::3]
        top, left = (random.integers(0, x - SIDE) for x in small.shape[:2])
        found.append(small[top : top + SIDE, left : left + SIDE])
    return np.stack(found[:COUNT])


def _noisy(rgb, seed):
    noise = np.random.default_rng(seed).integers(-6, 7, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def _percent(found, part):
    return 100 * getattr(found, part).sum() / found.is_tested.sum()


@pytest.mark.slow
def test_pictures_that_differ_by_chance_only_are_not_told_apart(true):
    # The noise of each picture is its own, and of one distribution.
    found = two_sample.errors(_noisy(true, 1), _noisy(true, 2), RECIPE, seed=0)
    # 80 guesses, of which those about one photograph depend on each other: three
    # standard deviations of 36 independent ones, 50 / sqrt(36).
    assert _percent(found, "single") == pytest.approx(50, abs=25)
    assert _percent(found, "pair") == pytest.approx(50, abs=25)


def test_identical_pictures_are_at_chance(true):
    found = two_sample.errors(true, true.copy(), RECIPE, seed=0)
    assert _percent(found, "single") == _percent(found, "pair") == 50
    np.testing.assert_array_equal(found.single, 0.5 * found.is_tested)


def test_gray_pictures_are_found(true):
    gray = np.repeat(
        np.round(255 * color.rgb2gray(true))[..., None].astype(np.uint8), 3, axis=-1
    )
    found = two_sample.errors(true, gray, RECIPE, seed=0)
    # Some cut-outs have hardly any color of their own: the rocket's sky.
    assert _percent(found, "single") < 15
    assert _percent(found, "pair") < 10


@pytest.mark.slow
def test_a_subtle_tint_is_found(true):
    lab = color.rgb2lab(true)
    lab[..., 1] += 4
    tinted = np.round(255 * color.lab2rgb(lab)).astype(np.uint8)
    found = two_sample.errors(true, tinted, RECIPE, seed=0)
    # The photographs differ from each other by much more than by the tint, so that
    # single pictures are hard to tell, and pairs are easy.
    assert _percent(found, "pair") < 10
    assert _percent(found, "pair") < _percent(found, "single") < 45


@pytest.mark.slow
def test_the_seed_decides_everything(true):
    few, short = slice(0, 40), RECIPE._replace(steps=5)
    noisy = _noisy(true, 1)

    def run(seed):
        return two_sample.errors(true[few], noisy[few], short, seed=seed)

    for one, other in zip(run(0), run(0), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (run(0).is_tested != run(1).is_tested).any()


def test_half_of_the_photographs_are_tested_and_the_others_count_nothing(true):
    found = two_sample.errors(
        true[:9], _noisy(true, 1)[:9], RECIPE._replace(steps=5), seed=3
    )
    assert sorted(found.is_tested) == [0] * 4 + [1] * 5
    assert set(found.single) <= {0, 0.5, 1}
    assert not found.single[found.is_tested == 0].any()
    assert not found.pair[found.is_tested == 0].any()


def test_too_few_photographs_are_refused(true):
    with pytest.raises(ValueError, match=r"got 7 photographs .*; wanted 8 or more"):
        two_sample.errors(true[:7], true[:7], RECIPE, seed=0)
