"""UV through a sigmoid: against scikit-image's YUV and SciPy's filters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, optimize, special
from skimage import color, data

from jaxcolor.color import sigmoid_uv
from jaxcolor.color.decode import Decoding
from jaxcolor.color.sigmoid_uv import SigmoidUv

HEAD = SigmoidUv()
DECODING = Decoding(temperature=None, rebalancing_lambda=None, coherence=0.0)
# The largest U and V of analog YUV for colors in [0, 1]: pure blue and pure red.
LARGEST = color.rgb2yuv([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])[[0, 1], [1, 2]]
BINOMIAL_3, BINOMIAL_5 = np.array([1, 2, 1]) / 4, np.array([1, 4, 6, 4, 1]) / 16

uv_from_lab = jax.jit(sigmoid_uv.uv_from_lab)
terms_of = jax.jit(HEAD.make_terms(None, gray_threshold=None))
decoded = jax.jit(HEAD.decoder(DECODING, None).ab)


def _colors(*shape, seed=0):
    return np.random.default_rng(seed).random((*shape, 3))


def _uv(rgb):
    return color.rgb2yuv(rgb)[..., 1:] / (2 * LARGEST) + 0.5


def _blurred(uv, kernel):
    """Both channels of one map, by SciPy; the edge continued."""
    for axis in (0, 1):
        uv = ndimage.correlate1d(uv, kernel, axis=axis, mode="nearest")
    return uv


def _loss(predicted, true):
    """Mean of three halves of mean squared distances, in float64."""
    pairs = [(predicted, true)] + [
        (_blurred(predicted, kernel), _blurred(true, kernel))
        for kernel in (BINOMIAL_3, BINOMIAL_5)
    ]
    return np.mean([0.5 * ((p - t) ** 2).sum(-1).mean() for p, t in pairs])


def _terms(outputs, rgb):
    return terms_of(np.float32(outputs), np.float32(color.rgb2lab(rgb)))


def test_uv_is_that_of_scikit_image_scaled_to_fill_the_unit_square():
    rgb = _colors(50)
    found = uv_from_lab(np.float32(color.rgb2lab(rgb)))
    # scikit-image's matrix has eight digits; CIELAB there and back in float32.
    np.testing.assert_allclose(found, _uv(rgb), atol=2e-5)
    corners = np.stack(np.meshgrid(*[[0.0, 1.0]] * 3), -1).reshape(-1, 3)
    found = np.asarray(uv_from_lab(np.float32(color.rgb2lab(corners))))
    np.testing.assert_allclose(found.min(axis=0), 0, atol=2e-5)
    np.testing.assert_allclose(found.max(axis=0), 1, atol=2e-5)


def test_the_loss_is_that_of_scipys_blurs():
    rgb, outputs = _colors(6, 7), np.random.default_rng(1).normal(size=(6, 7, 2))
    found = _terms(outputs, rgb)["loss"]
    # float32, and scikit-image's digits.
    expected = _loss(special.expit(outputs), _uv(rgb))
    np.testing.assert_allclose(found, expected, rtol=2e-4)


def test_a_constant_error_counts_whole_at_every_sharpness():
    # Gray, of which U and V are one half, against sigmoids of 0.8 and 0.5.
    outputs = np.broadcast_to(special.logit([0.8, 0.5]), (6, 7, 2))
    found = _terms(outputs, np.full((6, 7, 3), 0.4))["loss"]
    np.testing.assert_allclose(found, 0.5 * 0.3**2, rtol=1e-4)


def test_a_blur_spreads_one_pixel_over_its_own_channel():
    point = np.zeros((7, 7, 2), np.float32)
    point[3, 3, 0] = 1
    _, small, large = np.asarray(jax.jit(sigmoid_uv.at_three_sharpnesses)(point))
    np.testing.assert_allclose(small[2:5, 2:5, 0], np.outer(BINOMIAL_3, BINOMIAL_3))
    np.testing.assert_allclose(large[1:6, 1:6, 0], np.outer(BINOMIAL_5, BINOMIAL_5))
    for blurred in (small, large):
        np.testing.assert_allclose(blurred[..., 0].sum(), 1)
        assert not np.any(blurred[..., 1])


def test_no_constant_prediction_has_a_lower_loss_than_the_best():
    images = [_colors(6, 7, seed=seed) ** (1 + seed) for seed in range(3)]
    each = [_terms(np.zeros((6, 7, 2)), rgb) for rgb in images]
    means = jax.tree.map(lambda *x: np.stack(x).mean(axis=0), *each)

    def loss(uv):
        return np.mean([_loss(np.broadcast_to(uv, (6, 7, 2)), _uv(x)) for x in images])

    best = optimize.minimize(loss, [0.5, 0.5], tol=1e-10)
    found = jax.jit(HEAD.constant_loss)(means)
    np.testing.assert_allclose(found, best.fun, rtol=2e-4)


def test_ab_is_that_of_scikit_images_yuv_under_the_gray_level():
    random = np.random.default_rng(0)
    gray, uv = random.uniform(0.2, 0.8, 40), random.uniform(0.1, 0.9, (40, 2))
    lightness = color.rgb2lab(np.repeat(gray[:, None], 3, axis=1))[:, 0]
    yuv = np.concatenate([gray[:, None], (uv - 0.5) * 2 * LARGEST], axis=1)
    rgb = color.yuv2rgb(yuv)
    # Some are colors that sRGB does not have.
    assert (rgb < 0).any()
    assert (rgb > 1).any()
    expected = color.rgb2lab(np.clip(rgb, 0, 1))[:, 1:]
    found = decoded(np.float32(special.logit(uv)), np.float32(lightness))
    # float32, and scikit-image's digits.
    np.testing.assert_allclose(found, expected, atol=2e-2)


def test_true_uv_of_a_photograph_gives_its_ab_back():
    rgb = data.coffee()[::8, ::8]
    lab = color.rgb2lab(rgb)
    outputs = np.float32(special.logit(_uv(rgb / 255)))
    found = decoded(outputs, np.float32(lab[..., 0]))
    # Of colors 40 units from gray; luma stands for lightness.
    assert np.linalg.norm(found - lab[..., 1:], axis=-1).mean() < 1


def test_the_bias_is_gray_at_every_lightness():
    outputs = np.tile(HEAD.bias(None), (11, 1))
    found = decoded(outputs, np.linspace(0, 100, 11, dtype=np.float32))
    # The constants for white agree to four digits.
    np.testing.assert_allclose(found, 0, atol=1e-2)


def test_uv_has_no_use_for_a_threshold_or_a_temperature():
    with pytest.raises(ValueError, match=r"^gray_threshold is 5\.0; wanted none"):
        HEAD.make_terms(None, gray_threshold=5.0)
    for name in ("temperature", "rebalancing_lambda"):
        decoding = DECODING._replace(**{name: 0.5})
        with pytest.raises(
            ValueError, match=rf"^{name} is 0\.5; .* predicts UV itself"
        ):
            HEAD.check_decoding(decoding)


def test_uv_without_a_lightness_is_refused():
    with pytest.raises(ValueError, match=r"^lightness is missing; wanted L\*"):
        HEAD.decoder(DECODING, None).ab(jnp.zeros((3, 2)))
