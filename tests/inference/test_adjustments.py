"""The look of colors: their strength, and variants."""

import jax
import numpy as np
import pytest
from skimage import color

from jaxcolor.color import decode
from jaxcolor.inference.adjustments import Look
from jaxcolor.inference.colorizer import Colorizer
from tests import tiny


@pytest.fixture(scope="module")
def colorizer():
    model = tiny.model()
    # Muted colors, none of which leaves sRGB.
    model.variables["params"]["head"]["kernel"] /= 50
    return Colorizer(model, temperature=1.0)


@pytest.fixture(scope="module")
def photo(photographs):
    return photographs["coffee"][:301:2, :405:2]


def _ab(rgb):
    return color.rgb2lab(rgb)[..., 1:]


def test_without_strength_there_is_gray(colorizer, photo):
    # The matrices of sRGB round gray by a level.
    assert np.ptp(colorizer(photo, look=Look(strength=0)), axis=-1).max() <= 1


def test_strength_scales_the_chroma(colorizer, photo):
    half, whole = (_ab(colorizer(photo, look=Look(s))) for s in (0.5, 1))
    # Rounding to 8 bits moves ab by up to about 1, more where it is dark.
    assert np.abs(half - whole / 2).mean() < 0.5
    assert np.abs(whole).mean() > 3


def test_a_variant_is_a_coherent_sample(colorizer, photo):
    logits = colorizer.logits_of(photo)
    temperature = colorizer.decoding.temperature
    sample = decode.sample_coherently(
        jax.random.key(5), logits, colorizer.gamut, temperature=temperature
    )
    expected = colorizer.paint(photo, sample).astype(int)
    # The padding of the view rounds otherwise.
    assert np.abs(colorizer(photo, look=Look(variant=5)) - expected).max() <= 1


@pytest.mark.parametrize("strength", [-0.1, 1.6, float("nan")])
def test_a_strength_out_of_range_is_refused(colorizer, photo, strength):
    with pytest.raises(ValueError, match=r"strength is .*; wanted from 0 to 1\.5"):
        colorizer(photo, look=Look(strength))


def test_variants_need_bins(photo):
    regression = Colorizer(tiny.model(tiny.REGRESSION))
    with pytest.raises(ValueError, match="got variants; wanted none"):
        regression(photo, look=Look(variant=0))
