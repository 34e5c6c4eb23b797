import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.color import ab_grid


def test_the_nearest_bin_is_that_of_the_nearest_center():
    along = np.arange(-110, 111, 10)
    centers = np.array([(a, b) for a in along for b in along])
    ab = np.random.default_rng(0).uniform(-110, 110, (50, 2)).astype(np.float32)
    distances = np.linalg.norm(ab[:, None] - centers, axis=-1)
    np.testing.assert_array_equal(
        ab_grid.nearest(jnp.asarray(ab)), distances.argmin(axis=1)
    )
    assert ab_grid.BINS == len(centers) == 529


@pytest.mark.parametrize(
    ("ab", "index"),
    [((-110, -110), 0), ((-110, -100), 1), ((-100, -110), 23), ((0, 0), 264)],
)
def test_bins_are_sorted_by_a_and_then_by_b(ab, index):
    assert ab_grid.nearest(jnp.array(ab, jnp.float32)) == index


@pytest.mark.parametrize(("ab", "index"), [((200, 200), 528), ((-200, 0), 11)])
def test_colors_beyond_the_grid_have_a_bin_at_its_edge(ab, index):
    assert ab_grid.nearest(jnp.array(ab, jnp.float32)) == index
