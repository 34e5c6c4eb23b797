"""Hue and chroma against Python's colorsys, and cases worked by hand."""

import colorsys

import jax
import numpy as np
import pytest
from skimage import color

from jaxcolor.color import hue_chroma

# Compiled as a whole, each takes a fraction of the time of its operations.
_from_lab, _to_ab = jax.jit(hue_chroma.from_lab), jax.jit(hue_chroma.to_ab)
_from_rgb, _median = jax.jit(hue_chroma.from_rgb), jax.jit(hue_chroma.median)
_circular_mean, _faded = jax.jit(hue_chroma.circular_mean), jax.jit(hue_chroma.faded)


def _colors(count=200):
    """Random sRGB colors, grays and pure colors among them."""
    random = np.random.default_rng(0).uniform(0, 1, (count, 3))
    corners = np.array([[r, g, b] for r in (0, 1) for g in (0, 1) for b in (0, 1)])
    grays = np.linspace(0, 1, 5)[:, None].repeat(3, axis=1)
    return np.concatenate([random, corners, grays])


def test_hue_and_chroma_are_those_of_hsv():
    rgb = _colors()
    hsv = np.array([colorsys.rgb_to_hsv(*x) for x in rgb])
    hue, chroma = np.asarray(_from_rgb(np.float32(rgb))).T
    # float32; a hue that rounds to 1 is 0.
    np.testing.assert_allclose(
        np.exp(2j * np.pi * hue), np.exp(2j * np.pi * hsv[:, 0]), atol=1e-5
    )
    np.testing.assert_allclose(chroma, hsv[:, 1] * hsv[:, 2], atol=1e-6)
    assert hue.min() >= 0
    assert hue.max() < 1


def test_hue_of_lab_is_that_of_the_color_it_stands_for():
    rgb = _colors()
    hsv = color.rgb2hsv(rgb)
    is_colored = hsv[:, 1] * hsv[:, 2] > 0.05
    found = _from_lab(np.float32(color.rgb2lab(rgb)))
    hue, chroma = np.asarray(found)[is_colored].T
    # CIELAB in float32 gives channels back within some 1e-5, at a chroma above 0.05.
    np.testing.assert_allclose(
        np.exp(2j * np.pi * hue), np.exp(2j * np.pi * hsv[is_colored, 0]), atol=5e-3
    )
    np.testing.assert_allclose(chroma, np.prod(hsv[is_colored, 1:], -1), atol=1e-4)


def test_grays_have_hue_0():
    lab = np.stack([np.linspace(0, 100, 50), np.zeros(50), np.zeros(50)], axis=-1)
    found = np.asarray(_from_lab(np.float32(lab)))
    assert (found[:, 0] == 0).all()
    assert found[:, 1].max() < 1e-3


def test_a_color_comes_back_from_its_hue_chroma_and_lightness():
    lab = color.rgb2lab(_colors())
    lab32 = np.float32(lab)
    found = _to_ab(_from_lab(lab32), lab32[:, 0])
    # The match ends within 2^-15 of a channel, and ab changes by up to 500 times as
    # much near black; skimage and float32 agree within 0.01.
    np.testing.assert_allclose(found, lab[:, 1:], atol=0.05)


def test_any_chroma_at_any_lightness_is_a_color_of_srgb():
    random = np.random.default_rng(0)
    wanted = random.uniform(0, 1, (300, 2))
    lightness = random.uniform(0, 100, 300)
    ab = _to_ab(np.float32(wanted), np.float32(lightness))
    rgb = color.xyz2rgb(color.lab2xyz(np.concatenate([lightness[:, None], ab], -1)))
    assert np.isfinite(rgb).all()
    back = color.rgb2lab(rgb)
    # Clipped to sRGB by `xyz2rgb`, the color would have moved.
    np.testing.assert_allclose(back[:, 1:], ab, atol=0.05)
    np.testing.assert_allclose(back[:, 0], lightness, atol=0.05)
    # Clipping reduces chroma, and does not turn the hue by more than a sixth.
    found = np.asarray(_from_rgb(np.float32(rgb)))
    assert (found[:, 1] <= wanted[:, 1] + 1e-3).all()


def test_the_circular_mean_of_two_hues_around_red_is_red():
    # Of four bins the first has its center at 1/8 and the last at 7/8.
    found = _circular_mean(np.float32([0.5, 0, 0, 0.5]))
    # Two unit vectors at 45 degrees on either side; hue 0 may round to just below 1.
    assert np.cos(2 * np.pi * float(found[0])) == pytest.approx(1)
    assert float(found[1]) == pytest.approx(np.sqrt(0.5))


@pytest.mark.parametrize("bins", [2, 8, 32])
def test_hues_that_point_everywhere_have_no_length(bins):
    length = float(_circular_mean(np.full(bins, 1 / bins, np.float32))[1])
    # A sum of float32 cosines.
    assert length == pytest.approx(0, abs=1e-6)


def test_one_bin_is_its_own_mean():
    for n in range(32):
        hue, length = _circular_mean(np.eye(32, dtype=np.float32)[n])
        assert float(hue) == pytest.approx((n + 0.5) / 32, abs=1e-6)
        assert float(length) == pytest.approx(1)


def test_the_median_is_the_center_of_the_bin_that_has_it():
    found = _median(
        np.float32(
            [
                [0.6, 0.2, 0.2, 0.0],
                [0.3, 0.3, 0.4, 0.0],
                [0.3, 0.1, 0.1, 0.5],
                [0.0, 0.0, 0.0, 1.0],
                [0.25, 0.25, 0.25, 0.25],
            ]
        )
    )
    # The third: the sums are 0.3, 0.4, 0.5 and 1, and 0.5 is not below a half.
    assert found.tolist() == [0.125, 0.375, 0.625, 0.875, 0.375]


@pytest.mark.parametrize(
    ("length", "fading", "wanted"),
    [
        (0.96, 0.96, 0.5),
        (1.0, 0.96, 0.5),
        (0.48, 0.96, 0.25),
        (0.0, 0.96, 0.0),
        (0.1, 0.2, 0.25),
        (0.0, 0.0, 0.5),
    ],
)
def test_chroma_fades_in_proportion_to_the_length(length, fading, wanted):
    given = np.float32(0.5), np.float32(length)
    found = _faded(*given, fading=np.float32(fading))
    assert float(found) == pytest.approx(wanted)
