"""Simulated hints: how many, where, how large, and which colors they show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxcolor.color import hints
from jaxcolor.color.hints import Points, Simulation

STOP = 1 / 8
MANY = 4000


def _ab(height, width, seed=0):
    random = np.random.default_rng(seed)
    return jnp.asarray(random.uniform(-90, 90, (height, width, 2)), jnp.float32)


@pytest.fixture(scope="module")
def drawn() -> Points:
    """Points of many images of 40 x 64 pixels."""
    keys = jax.random.split(jax.random.key(0), MANY)
    draw = jax.vmap(
        lambda key: hints.random_points(key, 40, 64, stop=STOP, largest_side=9)
    )
    return jax.tree.map(np.asarray, jax.jit(draw)(keys))


def test_the_number_of_points_is_geometric_from_zero_with_mean_seven(drawn):
    counts = drawn.exists.sum(axis=1)
    # The standard deviation is sqrt(7 / (1 / 8)), so that of the mean is 0.12.
    assert abs(counts.mean() - 7) < 0.5
    expected = stats.geom.pmf(np.arange(1, 11), STOP) * MANY
    observed = np.bincount(counts, minlength=10)[:10]
    # Ten shares, each within five standard deviations.
    np.testing.assert_array_less(np.abs(observed - expected), 5 * np.sqrt(expected))


def test_room_is_left_for_all_but_one_in_ten_thousand_images():
    most = hints.most_points(STOP)
    assert most == 68
    # Scipy's distribution counts the trial that ends as well.
    assert stats.geom.sf(most + 1, STOP) < 1e-4 <= stats.geom.sf(most, STOP)


def test_sides_are_uniform_from_one_to_nine(drawn):
    sides, counts = np.unique(drawn.side[drawn.exists], return_counts=True)
    np.testing.assert_array_equal(sides, np.arange(1, 10))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_places_are_normal_about_the_center_and_clipped(drawn):
    for first, length in ((drawn.top, 40), (drawn.left, 64)):
        few = first[drawn.exists & (drawn.side == 5)]
        room = length - 5
        center, deviation = (room + 1) / 2, (room + 1) / 4
        assert few.min() == 0
        assert few.max() == room
        # Whole pixels are rounded down: place k is a draw from k to k + 1, but for
        # both ends, where draws beyond are clipped.
        for share in (0.1, 0.3, 0.5, 0.7, 0.9):
            place = round(share * room)
            expected = stats.norm.cdf(place + 1, center, deviation)
            # Five standard deviations of a share of some 3,000 draws.
            assert abs(np.mean(few <= place) - expected) < 2.5 / np.sqrt(len(few))


def test_every_patch_is_within_the_image(drawn):
    for first, length in ((drawn.top, 40), (drawn.left, 64)):
        assert np.all(first >= 0)
        assert np.all(first + drawn.side <= length)


def test_a_hint_shows_the_mean_of_its_patch_and_the_later_one_counts():
    ab = _ab(12, 16)
    points = Points(
        top=jnp.array([0, 2, 3, 11]),
        left=jnp.array([1, 4, 5, 15]),
        side=jnp.array([2, 5, 3, 1]),
        exists=jnp.array([True, True, True, False]),
    )
    expected = np.zeros((12, 16, 3))
    for top, left, side in ((0, 1, 2), (2, 4, 5), (3, 5, 3)):
        patch = np.s_[top : top + side, left : left + side]
        expected[patch] = [*np.asarray(ab[patch], float).mean(axis=(0, 1)), 1]
    # Sums of 25 numbers of about a hundred in float32.
    found = jax.jit(lambda x, y: hints.shown(x, y, largest_side=5))(ab, points)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_fixed_number_of_squares_is_shown():
    ab = jnp.full((64, 64, 2), 20.0)
    draw = jax.vmap(lambda key: hints.in_squares(key, ab, count=2, side=6))
    found = np.asarray(jax.jit(draw)(jax.random.split(jax.random.key(4), 200)))
    sizes = found[..., 2].sum(axis=(1, 2))
    # Two squares of 36 pixels, now and then overlapping.
    assert sizes.max() == np.median(sizes) == 72
    assert 36 <= sizes.min() < 72
    shown = found[found[..., 2] == 1]
    np.testing.assert_allclose(shown, np.full_like(shown, 20) - [0, 0, 19], rtol=1e-6)
    assert not found[found[..., 2] == 0].any()


def test_no_square_leaves_no_hints():
    found = hints.in_squares(jax.random.key(0), _ab(16, 16), count=0, side=6)
    np.testing.assert_array_equal(found, np.zeros((16, 16, 3)))


def test_the_draw_follows_the_key():
    simulation = Simulation(stop=STOP, largest_side=9, revealed_share=0.0)
    ab = _ab(32, 32)
    draw = jax.jit(lambda key: hints.simulated(key, ab, simulation))
    first, again, other = (draw(jax.random.key(seed)) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_a_share_of_images_shows_the_color_of_every_pixel():
    simulation = Simulation(stop=1.0, largest_side=9, revealed_share=0.25)
    ab = _ab(8, 8)
    keys = jax.random.split(jax.random.key(1), 1000)
    draw = jax.jit(jax.vmap(lambda key: hints.simulated(key, ab, simulation)))
    found = np.asarray(draw(keys))
    is_revealed = found[..., 2].all(axis=(1, 2))
    # Five standard deviations of a share of a thousand.
    assert abs(is_revealed.mean() - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 1000)
    np.testing.assert_array_equal(found[is_revealed][0][..., :2], ab)
    # With a stop of 1 the other images have no points.
    assert not found[~is_revealed].any()


def test_patches_are_no_larger_than_the_image():
    simulation = Simulation(stop=0.05, largest_side=9, revealed_share=0.0)
    ab = jnp.full((4, 6, 2), -30.0)
    draw = jax.jit(lambda key: hints.simulated(key, ab, simulation))
    found = np.asarray(draw(jax.random.key(0)))
    np.testing.assert_allclose(found[found[..., 2] == 1][:, :2], -30, rtol=1e-5)
