"""Baselines: against scikit-image, NumPy and Pillow, and photographs of themselves."""

import io

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import stats
from skimage import color, transform

from jaxcolor.data import sources
from jaxcolor.evaluation import baselines

SIZE = 48


@pytest.fixture(scope="module")
def references_rgb(photographs):
    """The photographs of the tests as squares."""
    squares = [Image.fromarray(x).resize((SIZE, SIZE)) for x in photographs.values()]
    return np.stack([np.asarray(square) for square in squares])


@pytest.fixture(scope="module")
def labs(references_rgb):
    """CIELAB of the same."""
    return np.stack([color.rgb2lab(rgb) for rgb in references_rgb]).astype(np.float32)


@pytest.fixture(scope="module")
def systems(references_rgb):
    """All baselines of the same references."""
    return {name: make(references_rgb, 0) for name, make in baselines.BY_NAME.items()}


def _error(ab, truth):
    return np.linalg.norm(ab - truth, axis=-1).mean(axis=(1, 2))


def test_gray_is_gray():
    ab = baselines.gray()(jnp.ones((2, 8, 16)), jnp.arange(2))
    np.testing.assert_array_equal(ab, np.zeros((2, 8, 16, 2)))


def test_random_photograph_is_one_of_the_references(references_rgb, labs):
    color_by = baselines.random_photograph(references_rgb, seed=0)
    index = jnp.arange(60)
    found = np.asarray(color_by(jnp.zeros((60, SIZE, SIZE)), index))
    distance = abs(found[:, None] - labs[None, ..., 1:]).max(axis=(2, 3, 4))
    # scikit-image computes in float64; ab is below 128.
    assert distance.min(axis=1).max() < 1e-3
    # Of seven photographs, 60 draws leave one out with a chance of 7 e-4.
    assert set(distance.argmin(axis=1)) == set(range(len(references_rgb)))


def test_random_photograph_depends_on_the_seed(references_rgb):
    lightness, index = jnp.zeros((20, SIZE, SIZE)), jnp.arange(20)
    first, again, other = (
        np.asarray(
            baselines.random_photograph(references_rgb, seed=n)(lightness, index)
        )
        for n in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_random_photograph_is_enlarged_bilinearly(references_rgb, labs):
    color_by = baselines.random_photograph(references_rgb[:1], seed=0)
    found = color_by(jnp.zeros((1, 2 * SIZE, 3 * SIZE)), jnp.arange(1))[0]
    wanted = transform.resize(
        labs[0, ..., 1:],
        (2 * SIZE, 3 * SIZE),
        order=1,
        mode="edge",
        anti_aliasing=False,
    )
    # scikit-image's Lab and resizing in float64.
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_mean_color_is_the_mean_of_all_pixels(references_rgb, labs):
    ab = baselines.mean_color(references_rgb)(jnp.zeros((2, 4, 6)), jnp.arange(2))
    wanted = labs[..., 1:].mean(axis=(0, 1, 2), dtype=np.float64)
    # Float32 sums of 2304 numbers below 128.
    np.testing.assert_allclose(ab, np.broadcast_to(wanted, (2, 4, 6, 2)), atol=1e-3)


@pytest.mark.parametrize("name", ["Welsh et al. 2002", "histogram transfer"])
def test_photograph_among_the_references_is_colored_well(systems, labs, name):
    lightness, index = jnp.asarray(labs[..., 0]), jnp.arange(len(labs))
    truth = labs[..., 1:]
    error = {
        system: _error(color_by(lightness, index), truth)
        for system, color_by in systems.items()
    }
    # A photograph of few colors is near its mean; few are.
    for other in ("gray", "mean color"):
        assert error[name].mean() < 0.6 * error[other].mean()
        assert (error[name] < error[other]).sum() >= len(labs) - 1


def test_welsh_with_every_pixel_as_a_sample_is_exact(references_rgb, labs):
    color_by = baselines.welsh(references_rgb, samples=SIZE * SIZE, seed=0)
    found = np.asarray(color_by(jnp.asarray(labs[..., 0]), jnp.arange(len(labs))))
    is_exact = abs(found - labs[..., 1:]).max(axis=-1) < 1e-3
    # Not where two pixels are alike in lightness and deviation, to rounding.
    assert is_exact.mean() > 0.95


def test_sepia_photograph_gives_its_tones(labs):
    # Lightness from 0 to 100 over all columns; its ab follows from it.
    level = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))
    sepia = np.stack([level, (level * 0.8).astype(np.uint8), level // 2], axis=-1)
    tones = color.rgb2lab(sepia)[0]
    color_by = baselines.histogram_transfer(sepia[None], neighbors=1, quantiles=64)
    lightness = labs[0, ..., 0]
    found = np.asarray(color_by(jnp.asarray(lightness)[None], jnp.arange(1)))[0]
    # Each pixel as the sepia column of its rank; equal ones share their ranks' mean.
    rank = (stats.rankdata(lightness) - 0.5) / lightness.size
    columns = np.arange(64) + 0.5
    wanted = np.stack(
        [np.interp(64 * rank, columns, tones[:, c]) for c in (1, 2)], axis=-1
    )
    # Pixels that differ by less than a 4096th of 100 count as equal: they are at most
    # some thousandths of all, and the tones differ by up to 3 from column to column.
    np.testing.assert_allclose(found.reshape(-1, 2), wanted, atol=0.3)


def test_pooled_histograms_are_the_mean_over_references(references_rgb, labs):
    lightness, index = jnp.asarray(labs[:2, ..., 0]), jnp.arange(2)
    three = references_rgb[:3]
    pooled = baselines.histogram_transfer(three, neighbors=3, quantiles=16)
    each = [
        baselines.histogram_transfer(one[None], neighbors=1, quantiles=16)
        for one in three
    ]
    wanted = np.mean([color_by(lightness, index) for color_by in each], axis=0)
    # Float32 sums of three numbers below 128.
    np.testing.assert_allclose(pooled(lightness, index), wanted, atol=1e-4)


@pytest.mark.parametrize("name", baselines.BY_NAME)
def test_result_depends_on_nothing_else_in_the_batch(systems, labs, name):
    lightness, index = jnp.asarray(labs[..., 0]), jnp.arange(len(labs))
    whole = systems[name](lightness, index)
    assert whole.shape == (*lightness.shape, 2)
    assert whole.dtype == jnp.float32
    order = np.array([5, 2, 6])
    # Compiled for another batch, sums round differently: ab is 500 times a
    # difference of numbers near one.
    np.testing.assert_allclose(
        systems[name](lightness[order], index[order]), whole[order], atol=1e-3
    )


def test_baselines_compile_within_a_larger_function(systems, labs):
    lightness, index = jnp.asarray(labs[..., 0]), jnp.arange(len(labs))
    found = jax.jit(lambda *x: {name: f(*x) for name, f in systems.items()})(
        lightness, index
    )
    for name, color_by in systems.items():
        # As above.
        np.testing.assert_allclose(
            found[name], color_by(lightness, index), atol=1e-3, err_msg=name
        )


@pytest.mark.parametrize("name", baselines.BY_NAME)
def test_flat_photographs_get_finite_colors(name):
    black = np.zeros((2, 16, 16, 3), np.uint8)
    ab = baselines.BY_NAME[name](black, 0)(jnp.full((1, 16, 16), 50.0), jnp.arange(1))
    # Black is gray, but for the roundings of the white point.
    np.testing.assert_allclose(ab, 0, atol=1e-2)


def test_wrong_arguments_are_named(references_rgb):
    with pytest.raises(ValueError, match="got no references"):
        baselines.mean_color(references_rgb[:0])
    with pytest.raises(ValueError, match="samples is 0; wanted at least 1"):
        baselines.welsh(references_rgb, samples=0, seed=0)
    with pytest.raises(ValueError, match="neighbors is 8; wanted from 1 to 7"):
        baselines.histogram_transfer(references_rgb, neighbors=8, quantiles=4)
    with pytest.raises(ValueError, match="quantiles is 2305; wanted from 1 to 2304"):
        baselines.histogram_transfer(references_rgb, neighbors=1, quantiles=2305)


def test_references_are_center_crops_of_some_photographs(photo_folder):
    source = sources.folder(photo_folder)
    found = baselines.references(source, count=3, size=32, seed=0)
    crops = []
    for n in range(len(source)):
        image = Image.open(io.BytesIO(source[n].image))
        scale = 32 / min(image.size)
        width, height = (round(side * scale) for side in image.size)
        left, top = (width - 32) // 2, (height - 32) // 2
        small = image.resize((width, height), Image.Resampling.BICUBIC)
        crops.append(np.asarray(small.crop((left, top, left + 32, top + 32)), float))
    distance = abs(found[:, None] - np.stack(crops)[None]).mean(axis=(2, 3, 4))
    # JPEGs of more than twice the size are decoded at a fraction of it.
    assert distance.min(axis=1).max() < 2
    # Different ones, in the order of the source.
    assert (np.diff(distance.argmin(axis=1)) > 0).all()


def test_choice_of_references_depends_on_the_seed(photo_folder):
    source = sources.folder(photo_folder)
    first, again, other = (
        baselines.references(source, count=3, size=16, seed=n) for n in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_more_references_than_photographs_are_refused(photo_folder):
    source = sources.folder(photo_folder)
    with pytest.raises(ValueError, match="count is 8; wanted from 1 to 7"):
        baselines.references(source, count=8, size=16, seed=0)
