"""CIEDE2000: the published pairs, and scikit-image's on random colors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import color

from jaxcolor.metrics import ciede2000

difference = jax.jit(ciede2000.ciede2000)
gradients = jax.jit(
    jax.grad(lambda *pair: ciede2000.ciede2000(*pair).sum(), argnums=(0, 1))
)

# Sharma, Wu and Dalal 2005, table 1: L* a* b* of two colors, and their difference.
PAIRS = np.array(
    [
        (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
        (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
        (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
        (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
        (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
        (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
        (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0010, -2.4900, 4.8045),
        (50.0000, -0.0010, 2.4900, 50.0000, 0.0011, -2.4900, 4.7461),
        (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
        (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
        (50.0000, 2.5000, 0.0000, 61.0000, -5.0000, 29.0000, 22.8977),
        (50.0000, 2.5000, 0.0000, 56.0000, -27.0000, -3.0000, 31.9030),
        (50.0000, 2.5000, 0.0000, 58.0000, 24.0000, 15.0000, 19.4535),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 1.8634, 0.5757, 1.0000),
        (50.0000, 2.5000, 0.0000, 50.0000, 3.2592, 0.3350, 1.0000),
        (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
        (63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630),
        (61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731),
        (35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645),
        (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
        (36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146),
        (90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441),
        (90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381),
        (6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377),
        (2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082),
    ]
)
FIRST, SECOND, PUBLISHED = PAIRS[:, :3], PAIRS[:, 3:6], PAIRS[:, 6]


# Of one size, so that each program compiles once.
def _random(seed):
    rng = np.random.default_rng(seed)
    return rng.uniform([0, -100, -100], [100, 100, 100], (500, 3)).astype(np.float32)


# Published to four digits, and coordinates near 80 and angles near 2 pi are rounded to
# float32: 5e-5 was seen. The wrong one of two opposite mean hues would cost 0.04.
TOLERANCE = 1e-3


def test_published_pairs():
    found = difference(jnp.float32(FIRST), jnp.float32(SECOND))
    np.testing.assert_allclose(found, PUBLISHED, atol=TOLERANCE)


def test_published_pairs_the_other_way_round():
    found = difference(jnp.float32(SECOND), jnp.float32(FIRST))
    np.testing.assert_allclose(found, PUBLISHED, atol=TOLERANCE)


def test_random_colors_are_as_in_scikit_image():
    lab, other = _random(0), _random(1)
    expected = color.deltaE_ciede2000(lab.astype(np.float64), other.astype(np.float64))
    # float32: 1.2e-6 was seen.
    np.testing.assert_allclose(difference(lab, other), expected, rtol=1e-5)


def test_near_colors_are_as_in_scikit_image():
    rng = np.random.default_rng(2)
    lab = _random(3)
    other = (lab + rng.normal(0, 0.3, lab.shape)).astype(np.float32)
    expected = color.deltaE_ciede2000(lab.astype(np.float64), other.astype(np.float64))
    # Differences of coordinates up to 140 are off by some 1e-5.
    np.testing.assert_allclose(difference(lab, other), expected, atol=1e-4)


@pytest.mark.parametrize("scale", [1, 0.3, 1.7])
def test_of_opposite_hues_the_difference_is_not_wrapped(scale):
    # Chromas below 3, where the two mean hues differ by a few percent of the result;
    # the scaled opposites are rounded to float32.
    lab = np.float32([1, 0.02, 0.02]) * _random(4)
    other = lab * np.float32([1, -scale, -scale])
    found = difference(lab, other)
    # Not wrapped is what hues a little less than 180 degrees apart are.
    sense = np.where(lab[:, 2] < 0, 1e-6, -1e-6)[:, None]
    turned = other + sense * other[:, [0, 2, 1]] * np.array([0.0, -1.0, 1.0])
    expected = color.deltaE_ciede2000(lab.astype(np.float64), turned)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_hues_past_red_are_far_from_blue():
    # Mean hues just before and just after red, 85 degrees from the blue correction,
    # which counts only before: 4e-6 of the difference.
    lab, other = (np.radians(hues) for hues in ([293, 292, 319, 320], [66, 69, 40, 42]))
    lab, other = (
        np.float32(np.stack([50 + 0 * hue, c * np.cos(hue), c * np.sin(hue)], axis=-1))
        for hue, c in ((lab, 100), (other, 12))
    )
    expected = color.deltaE_ciede2000(lab.astype(np.float64), other.astype(np.float64))
    # float32.
    np.testing.assert_allclose(difference(lab, other), expected, rtol=1e-6)


def test_symmetric():
    lab, other = _random(5), _random(6)
    # float32 roundings in another order, of differences up to 120.
    np.testing.assert_allclose(
        difference(lab, other), difference(other, lab), rtol=2e-5, atol=1e-4
    )


def test_equal_colors_differ_by_zero_with_zero_slope():
    lab = _random(7)
    lab[:2] = [[0, 0, 0], [50, 0, 0]]
    np.testing.assert_array_equal(difference(lab, lab), 0)
    for slope in gradients(lab, lab):
        np.testing.assert_array_equal(slope, 0)


def test_slopes_are_finite_at_gray_at_opposites_and_next_to_them():
    lab = _random(8)
    gray, opposite = lab * np.float32([1, 0, 0]), lab * np.float32([1, -1, -1])
    for tiny in (1e-30, 1e-20, 1e-10, 1e-6):
        nearly = lab * np.float32([1, tiny, tiny])
        for pair in [(lab, nearly), (gray, nearly), (nearly, nearly[::-1])]:
            assert np.isfinite(gradients(*pair)).all(), tiny
    for pair in [(lab, gray), (gray, gray[::-1]), (lab, opposite)]:
        assert np.isfinite(gradients(*pair)).all()


def test_slopes_are_those_of_scikit_image():
    lab, other = (_random(seed).astype(np.float64) for seed in (9, 10))
    slope, _ = gradients(jnp.float32(lab), jnp.float32(other))
    for channel, step in enumerate(1e-4 * np.eye(3)):
        ahead = color.deltaE_ciede2000(lab + step, other)
        behind = color.deltaE_ciede2000(lab - step, other)
        # float32 of slopes around 1.
        np.testing.assert_allclose(
            slope[:, channel], (ahead - behind) / 2e-4, atol=1e-3
        )


def test_lifts_over_images():
    lab, other = (_random(seed).reshape(2, 10, 25, 3) for seed in (11, 12))
    found = jax.jit(jax.vmap(ciede2000.ciede2000))(lab, other)
    # Another program: another order of roundings.
    np.testing.assert_allclose(
        found.ravel(), difference(_random(11), _random(12)), rtol=1e-5
    )
