"""The model that comes with the package, where it is there."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor import Colorizer
from jaxcolor.pretrained import release

# Of all its files: small enough for a package and for a repository.
LARGEST = 12e6

pytestmark = pytest.mark.skipif(
    not (release.BUNDLED / release.CONFIG).is_file(), reason="there is no bundled model"
)


def test_it_is_a_small_released_model():
    names = {path.name for path in release.BUNDLED.iterdir()}
    assert names == {release.CONFIG, release.WEIGHTS, release.CARD}
    assert sum(path.stat().st_size for path in release.BUNDLED.iterdir()) <= LARGEST
    card = (release.BUNDLED / release.CARD).read_text()
    assert "## Limits" in card


def test_the_bundled_model_colors_a_photograph(photographs):
    photo = photographs["coffee"].mean(axis=-1).astype(np.uint8)
    colorizer = Colorizer.load()
    colored = colorizer(photo)
    assert colored.shape == (*photo.shape, 3)
    lightness = jnp.linspace(0, 100, 64 * 64).reshape(1, 64, 64)
    assert np.isfinite(colorizer.ab(lightness)).all()
    # Gray's would be 0.
    assert np.ptp(colored.astype(int), axis=-1).mean() > 5
