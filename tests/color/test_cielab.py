"""Lab: against scikit-image, its derivatives, and the way back into the gamut."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color
from skimage.color import colorconv

from jaxcolor.color import cielab

LEVELS = np.append(np.arange(0, 255, 5), 255).astype(np.uint8)
CUBE = np.stack(np.meshgrid(LEVELS, LEVELS, LEVELS, indexing="ij"), -1).reshape(-1, 3)
WHITE = colorconv.xyz_tristimulus_values(illuminant="D65", observer="2")
CORNERS = {
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "red": (1.0, 0.0, 0.0),
    "green": (0.0, 1.0, 0.0),
    "blue": (0.0, 0.0, 1.0),
    "cyan": (0.0, 1.0, 1.0),
    "magenta": (1.0, 0.0, 1.0),
    "yellow": (1.0, 1.0, 0.0),
    "gray": (0.5, 0.5, 0.5),
}

rgb_to_lab = jax.jit(cielab.rgb_to_lab)
rgb8_to_lab = jax.jit(cielab.rgb8_to_lab)
lab_to_rgb = jax.jit(cielab.lab_to_rgb)
clip_chroma = jax.jit(cielab.clip_chroma)
JACOBIANS = {
    f"{derive.__name__} of {function.__name__}": jax.jit(derive(function))
    for derive in (jax.jacfwd, jax.jacrev)
    for function in (cielab.rgb_to_lab, cielab.lab_to_rgb)
}


def _linear(lab):
    """Linear RGB of Lab in float64, not clipped as scikit-image's is."""
    lightness, a, b = np.moveaxis(np.asarray(lab, np.float64), -1, 0)
    fy = (lightness + 16) / 116
    f = np.stack([fy + a / 500, fy, fy - b / 200], axis=-1)
    # The inverse of f(t) = 7.787 t + 16/116, which holds up to t = 0.008856.
    xyz = np.where(f > 0.2068966, f**3, (f - 16 / 116) / 7.787)
    return (xyz * WHITE) @ colorconv.rgb_from_xyz.T


def _jacobian_of_skimage(rgb):
    step = 1e-6
    moves = step * np.eye(3)
    ahead, behind = color.rgb2lab(rgb + moves), color.rgb2lab(rgb - moves)
    return ((ahead - behind) / (2 * step)).T


def test_the_form_for_the_host_is_that_of_scikit_image():
    # float64 on both sides; their matrix and white are ours.
    np.testing.assert_allclose(
        cielab.rgb_to_lab_float64(CUBE / 255), color.rgb2lab(CUBE / 255), atol=1e-10
    )


def _largest_chroma(lab):
    """The chroma, by a search in float64 over 5000 of them, that sRGB still has."""
    factors = np.linspace(0, 1, 5001)
    best = np.zeros(len(lab))
    for i, (lightness, a, b) in enumerate(np.asarray(lab, np.float64)):
        ray = np.stack([np.full(5001, lightness), factors * a, factors * b], axis=-1)
        linear = _linear(ray)
        inside = ((linear >= -1e-5) & (linear <= 1 + 1e-5)).all(axis=-1)
        best[i] = factors[inside].max() * np.hypot(a, b)
    return best


def _colors(rng, count):
    """Colors of which about two thirds are outside sRGB."""
    lab = rng.uniform([0, -128, -128], [100, 128, 128], (count, 3))
    return lab.astype(np.float32)


def test_lab_agrees_with_scikit_image_over_the_8_bit_cube():
    expected = color.rgb2lab(CUBE)
    # The bound that numbers may be quoted to; float32 is good for a tenth of it.
    np.testing.assert_allclose(rgb_to_lab(CUBE / 255), expected, atol=1e-3)
    np.testing.assert_allclose(rgb8_to_lab(CUBE), expected, atol=1e-3)


def test_every_gray_level_agrees_with_scikit_image():
    # Here the power, the line below its knee and Lab's own knee all take part.
    grays = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    # As above.
    np.testing.assert_allclose(rgb8_to_lab(grays), color.rgb2lab(grays), atol=1e-3)


def test_table_and_formula_agree():
    # Both are float32: some roundings of values up to 100, times the slope of 500.
    np.testing.assert_allclose(rgb8_to_lab(CUBE), rgb_to_lab(CUBE / 255), atol=2e-4)


def test_rgb_agrees_with_scikit_image_over_the_8_bit_cube():
    lab = color.rgb2lab(CUBE)
    # As for the round trip.
    np.testing.assert_allclose(lab_to_rgb(lab), color.lab2rgb(lab), atol=2e-5)


def test_round_trip_returns_the_color():
    # A two-hundredth of an 8-bit level; the roundings of Lab, float32 at 100, move
    # RGB by up to 1.5e-5.
    np.testing.assert_allclose(
        lab_to_rgb(rgb_to_lab(CUBE / 255)), CUBE / 255, atol=2e-5
    )


def test_colors_outside_srgb_are_not_clipped():
    lab = _colors(np.random.default_rng(0), 500)
    linear = _linear(lab)
    rgb = np.asarray(lab_to_rgb(lab), np.float64)
    power = ((np.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4
    back = np.where(rgb > 0.04045, power, rgb / 12.92)
    # Linear values reach 4 here; float32 keeps seven digits, the power loses one.
    np.testing.assert_allclose(back, linear, atol=1e-5)
    assert (rgb > 1).any()
    assert (rgb < 0).any()


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("derive", ["jacfwd", "jacrev"])
def test_jacobian_of_lab_agrees_with_finite_differences(name, derive):
    rgb = np.array(CORNERS[name])
    jacobian = JACOBIANS[f"{derive} of rgb_to_lab"](rgb)
    expected = _jacobian_of_skimage(rgb)
    # Entries reach 500. float32 against central differences good to 1e-8.
    np.testing.assert_allclose(jacobian, expected, rtol=2e-4, atol=1e-2)


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("derive", ["jacfwd", "jacrev"])
def test_jacobian_of_rgb_inverts_that_of_lab(name, derive):
    rgb = np.array(CORNERS[name])
    jacobian = JACOBIANS[f"{derive} of lab_to_rgb"](color.rgb2lab(rgb))
    expected = np.linalg.inv(_jacobian_of_skimage(rgb))
    # Entries reach 0.1. scikit-image's two matrices are each other's inverse to 1e-7
    # and the published slope 7.787 is good to 1e-5, where float32 adds as much.
    np.testing.assert_allclose(jacobian, expected, rtol=2e-4, atol=1e-5)


def test_derivatives_are_finite_on_the_faces_and_at_the_knees():
    steps = np.array([0, 1e-8, 0.04045, 0.0405, 0.5, 1], np.float32)
    rgb = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    there = jax.jit(jax.vmap(jax.jacrev(cielab.rgb_to_lab)))(rgb)
    back = jax.jit(jax.vmap(jax.jacrev(cielab.lab_to_rgb)))(rgb_to_lab(rgb))
    assert np.isfinite(there).all()
    assert np.isfinite(back).all()


@pytest.mark.parametrize(
    "function",
    [cielab.rgb_to_lab, cielab.lab_to_rgb, cielab.clip_chroma],
)
def test_one_pixel_and_images_give_the_same(function):
    pixels = np.random.default_rng(0).uniform(0, 1, (2, 5, 3)).astype(np.float32)
    compiled = jax.jit(function)
    one_by_one = np.array([[compiled(pixel) for pixel in row] for row in pixels])
    # Other shapes are other programs, whose roundings of values up to 100 differ.
    np.testing.assert_allclose(compiled(pixels), one_by_one, atol=1e-4)
    np.testing.assert_allclose(jax.vmap(compiled)(pixels), one_by_one, atol=1e-4)


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16, jnp.float32])
def test_results_are_float32_whatever_comes_in(dtype):
    pixel = jnp.array([0.25, 0.5, 0.75], dtype)
    for function in (rgb_to_lab, lab_to_rgb, clip_chroma):
        assert jax.eval_shape(function, pixel).dtype == jnp.float32


def test_clipped_chroma_is_in_the_gamut():
    clipped = clip_chroma(_colors(np.random.default_rng(0), 20_000))
    linear = _linear(clipped)
    # The promised 1e-5 of linear RGB, and float32's rounding; the white point and the
    # matrix, as scikit-image has them, disagree by 7.3e-5 at an L* of 100.
    assert linear.min() > -1.3e-5
    assert linear.max() < 1 + 7.5e-5


@settings(deadline=None, derandomize=True)
@given(
    lightness=st.floats(0, 100, width=32),
    a=st.floats(-1000, 1000, width=32),
    b=st.floats(-1000, 1000, width=32),
)
def test_clipping_chroma_keeps_lightness_and_hue(lightness, a, b):
    clipped = np.asarray(clip_chroma(np.array([lightness, a, b], np.float32)), float)
    assert clipped[0] == np.float32(lightness)
    # The same direction: the cross product vanishes and the dot product does not turn
    # negative; float32 rounds to 6e-8 of the product.
    assert abs(clipped[1] * b - clipped[2] * a) <= 2e-7 * abs(a * clipped[2]) + 1e-30
    assert clipped[1] * a + clipped[2] * b >= 0
    assert np.hypot(*clipped[1:]) <= np.hypot(a, b)


def test_colors_in_the_gamut_are_not_touched():
    lab = np.asarray(rgb_to_lab(CUBE / 255))
    clipped = np.asarray(clip_chroma(lab))
    np.testing.assert_array_equal(clipped[:, 1:], lab[:, 1:])
    # Black's lightness comes out as -6e-8, white's as 100 + 8e-6: one rounding.
    np.testing.assert_allclose(clipped[:, 0], lab[:, 0], atol=1e-5)


def test_lightness_outside_its_range_is_clipped():
    lab = np.array([[-3, 10, 5], [104, 10, 5], [100, 30, -8]], np.float32)
    expected = np.array([[0, 0, 0], [100, 0, 0], [100, 0, 0]])
    # The tolerance of 1e-5 of linear RGB leaves black a chroma of 0.03.
    np.testing.assert_allclose(clip_chroma(lab), expected, atol=0.04)


def test_clipped_chroma_is_the_largest_of_the_gamut():
    lab = _colors(np.random.default_rng(1), 1000)
    clipped = np.asarray(clip_chroma(lab), np.float64)
    chroma = np.hypot(clipped[:, 1], clipped[:, 2])
    # 2^-12 of the largest chroma, 181, and the step of the search, 1/5000 of it.
    np.testing.assert_allclose(chroma, _largest_chroma(lab), atol=0.09)


def test_clipped_chroma_is_the_largest_where_the_gamut_bulges_in():
    # Along this ray sRGB is left at a chroma of 35, entered again, and left at 71: a
    # search that halves from the start finds 35.
    hue = np.deg2rad(105)
    lab = np.array([[97.5, 95 * np.cos(hue), 95 * np.sin(hue)]], np.float32)
    clipped = np.asarray(clip_chroma(lab), np.float64)[0]
    # As above.
    np.testing.assert_allclose(np.hypot(*clipped[1:]), _largest_chroma(lab), atol=0.09)
    assert np.hypot(*clipped[1:]) > 70


def test_derivative_of_clipping_is_the_factor():
    lab = jnp.array([50.0, 120.0, -60.0])
    clipped = clip_chroma(lab)
    factor = float(clipped[1] / lab[1])
    jacobian = jax.jit(jax.jacrev(cielab.clip_chroma))(lab)
    # One float32 rounding.
    np.testing.assert_allclose(jacobian, np.diag([1, factor, factor]), rtol=1e-6)
    assert factor < 1


def test_grays_of_a_lightness_are_those_of_scikit_image():
    lightness = np.linspace(0, 100, 501)
    lab = np.stack([lightness, 0 * lightness, 0 * lightness], axis=-1)
    found = cielab.gray_from_lightness(jnp.float32(lightness))
    # scikit-image's grays are tinted by up to 3e-5, as its constants for white do not
    # agree better.
    expected = color.lab2rgb(lab).mean(axis=-1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-5)
