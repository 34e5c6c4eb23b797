"""Structural similarity: scikit-image's, equal images, and a case by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from skimage import metrics as skimage_metrics

from jaxcolor.metrics import ssim

structural_similarity = jax.jit(ssim.ssim)


def _scikit_images(predicted, target):
    return skimage_metrics.structural_similarity(
        predicted.astype(np.float64),
        target.astype(np.float64),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=-1,
    )


def _changed(image, seed=0):
    noise = np.random.default_rng(seed).normal(0, 0.1, image.shape)
    gray = 0.5 * image + 0.5 * image.mean(axis=-1, keepdims=True)
    return np.clip(gray + noise, 0, 1).astype(np.float32)


def test_photographs_score_as_in_scikit_image(photographs):
    for photograph in photographs.values():
        image = photograph[:240:4, :320:4] / np.float32(255)
        for predicted in (_changed(image), image[::-1], 0.9 * image):
            expected = _scikit_images(predicted, image)
            # float32 of means that variances of 1e-3 are left of.
            np.testing.assert_allclose(
                structural_similarity(predicted, image), expected, atol=1e-5
            )


def test_smooth_bright_images_score_as_in_scikit_image():
    # Where variances are far below the squares that they are differences of.
    ramp = np.linspace(0.9, 1, 60 * 80 * 3, dtype=np.float32).reshape(60, 80, 3)
    predicted = ramp[:, ::-1]
    expected = _scikit_images(predicted, ramp)
    # 1e-7 of an error in a variance, beside the constant of 9e-4.
    np.testing.assert_allclose(
        structural_similarity(predicted, ramp), expected, atol=1e-4
    )


def test_equal_images_score_1(photographs):
    image = photographs["chelsea"][:240:4, :320:4] / np.float32(255)
    # A mean of float32.
    np.testing.assert_allclose(structural_similarity(image, image), 1, rtol=1e-5)


def test_flat_images_compare_by_their_lightness():
    # Of constants x and y the score is (2 x y + C1) / (x^2 + y^2 + C1).
    black, gray = jnp.zeros((60, 80, 3)), jnp.full((60, 80, 3), 0.5)
    # Roundings, in a variance of 0 as well, beside a constant of 9e-4.
    np.testing.assert_allclose(
        structural_similarity(black, gray), 1e-4 / 0.2501, atol=1e-6
    )


def test_the_smallest_image_is_one_window():
    rng = np.random.default_rng(1)
    image = rng.uniform(0, 1, (11, 11, 3)).astype(np.float32)
    predicted = _changed(image)
    # float32.
    np.testing.assert_allclose(
        structural_similarity(predicted, image),
        _scikit_images(predicted, image),
        atol=1e-5,
    )


@pytest.mark.parametrize("shape", [(10, 20, 3), (20, 10, 3)])
def test_images_smaller_than_the_window_are_refused(shape):
    with pytest.raises(ValueError, match="wanted at least 11 pixels"):
        ssim.ssim(jnp.zeros(shape), jnp.zeros(shape))


def test_lifts_over_images_and_has_finite_slopes():
    images = np.random.default_rng(2).uniform(0, 1, (2, 60, 80, 3)).astype(np.float32)
    images[1] = 0.5
    predicted = np.stack([_changed(images[0]), images[1]])
    lifted = jax.jit(jax.vmap(jax.value_and_grad(ssim.ssim)))
    scores, slopes = lifted(predicted, images)
    one_by_one = [
        structural_similarity(*pair) for pair in zip(predicted, images, strict=True)
    ]
    # Another program: another order of roundings.
    np.testing.assert_allclose(scores, one_by_one, rtol=1e-5)
    assert np.isfinite(slopes).all()
