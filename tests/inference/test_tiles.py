"""The network's view of a photograph, and its colors put under the photograph's L."""

import jax
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import color

from jaxcolor.color import compose
from jaxcolor.inference import tiles
from tests import tiny

ZHANG = tiny.model().network
enlarge = jax.jit(compose.enlarge)
SIZES = [(1, 1), (7, 3), (31, 257), (300, 20), (64, 64)]


def _noise(*shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, np.iinfo(dtype).max + 1, shape, dtype)


def _grid(view, *, seed=0):
    rows, columns = view.rgb.shape[0] // 4, view.rgb.shape[1] // 4
    ab = np.random.default_rng(seed).normal(size=(rows, columns, 2)) * 50
    return ab.astype(np.float32)


def _lightness(photo):
    rgb = photo if photo.ndim == 3 else np.repeat(photo[..., None], 3, axis=2)
    return color.rgb2lab(rgb / np.iinfo(photo.dtype).max)[..., 0]


@pytest.mark.parametrize("size", SIZES)
def test_the_view_keeps_the_aspect(size):
    view = tiles.view(_noise(*size, 3), size=64, network=ZHANG)
    assert max(view.height, view.width) == 64
    # Half a pixel of rounding, and never less than one.
    assert abs(view.height - 64 * size[0] / max(size)) <= 0.5 or view.height == 1
    assert abs(view.width - 64 * size[1] / max(size)) <= 0.5 or view.width == 1
    assert view.rgb.shape[:2] == tiles.view_shape(*size, size=64, network=ZHANG)
    assert view.rgb.shape[0] % 8 == view.rgb.shape[1] % 8 == 0


def test_the_view_is_resized_as_pillow_does():
    photo = _noise(90, 120, 3)
    view = tiles.view(photo, size=64, network=ZHANG)
    expected = Image.fromarray(photo).resize((64, 48), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(view.rgb[: view.height, : view.width], expected)


def test_the_padding_mirrors_the_photograph():
    view = tiles.view(_noise(64, 40, 3), size=64, network=ZHANG)
    assert (view.rgb.shape, view.width) == ((64, 64, 3), 40)
    np.testing.assert_array_equal(view.rgb[:, 40:], view.rgb[:, 39:15:-1])


def test_views_of_many_aspects_have_few_shapes():
    shapes = {
        tiles.view_shape(h, 1000, size=256, network=ZHANG) for h in range(1, 1001)
    }
    assert len(shapes) == 8


def test_the_view_is_the_same_for_8_and_16_bits_and_for_gray():
    gray = _noise(50, 60)
    views = [
        tiles.view(photo, size=64, network=ZHANG).rgb
        for photo in (
            gray,
            gray.astype(np.uint16) * 257,
            np.repeat(gray[..., None], 3, axis=2),
        )
    ]
    for view in views[1:]:
        np.testing.assert_array_equal(view, views[0])


def test_enlarging_is_pytorch_s_bilinear_interpolation():
    torch = pytest.importorskip("torch")
    ab = np.random.default_rng(0).normal(size=(2, 5, 7, 2)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.tensor(ab).permute(0, 3, 1, 2),
        size=(33, 21),
        mode="bilinear",
        align_corners=False,
    )
    found = enlarge(ab, np.zeros((2, 33, 21), np.float32))
    # float32: positions up to 33 carry errors of 33 * 6e-8.
    np.testing.assert_allclose(found, expected.permute(0, 2, 3, 1), atol=1e-5)


def test_enlarging_by_two_by_hand():
    ab = np.array([[[0, 0], [4, 8]]], np.float32)
    found = np.asarray(enlarge(ab, np.zeros((1, 4), np.float32)))
    # Centers of pixels at 1/4, 3/4, 5/4, 7/4; of cells at 1/2 and 3/2.
    assert found[0, :, 0].tolist() == [0, 1, 3, 4]
    assert found[0, :, 1].tolist() == [0, 2, 6, 8]


@pytest.mark.parametrize("size", [*SIZES, (600, 300)])
def test_colors_of_all_tiles_are_the_interpolated_ones(size):
    # Moderate lightness and little chroma, all inside sRGB.
    photo = (80 + _noise(*size) // 2).astype(np.uint8)
    view = tiles.view(photo, size=64, network=ZHANG)
    ab = _grid(view) / 10
    cells = ab[: -(-view.height // 4), : -(-view.width // 4)]
    places = np.meshgrid(
        (np.arange(size[0]) + 0.5) * view.height / 4 / size[0] - 0.5,
        (np.arange(size[1]) + 0.5) * view.width / 4 / size[1] - 0.5,
        indexing="ij",
    )
    wanted = [
        ndimage.map_coordinates(cells[..., c], places, order=1, mode="nearest")
        for c in range(2)
    ]
    lab = np.stack([_lightness(photo), *wanted], axis=-1)
    painted = tiles.paint(photo, ab, view)
    # Half a level of rounding, and float32.
    assert np.abs(painted - 255 * color.lab2rgb(lab)).max() <= 0.51


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [(), (3,)])
@pytest.mark.parametrize("brightest", [1.0, 0.1])
def test_lightness_is_kept_whatever_the_colors(dtype, channels, brightest):
    photo = (_noise(200, 150, *channels, dtype=dtype) * brightest).astype(dtype)
    view = tiles.view(photo, size=64, network=ZHANG)
    painted = tiles.paint(photo, _grid(view), view)
    assert (painted.shape, painted.dtype) == ((200, 150, 3), dtype)
    error = np.abs(_lightness(painted) - _lightness(photo)).max()
    # Rounding three channels by half of 255 levels: at most 0.25 in L, seen on noise.
    # With 16 bits only the gamut's tolerance of 1e-5 is left, 0.01 near black.
    assert error <= (0.3 if dtype == np.uint8 else 0.02)


def test_black_and_white_stay():
    photo = np.zeros((20, 20), np.uint8)
    photo[:, 10:] = 255
    view = tiles.view(photo, size=64, network=ZHANG)
    painted = tiles.paint(photo, _grid(view), view)
    # What the gamut's tolerance lets through near black, in blue: 255 * 12.92e-5 * 3.
    assert np.abs(painted - np.float32(photo)[..., None]).max() <= 1


def test_a_photograph_of_many_tiles_compiles_nothing_new():
    for size in ((10, 10), (300, 700), (31, 900)):
        photo = _noise(*size, 3)
        view = tiles.view(photo, size=64, network=ZHANG)
        tiles.paint(photo, _grid(view), view)
    before = tiles._paint._cache_size()
    photo = _noise(555, 444, 3)
    view = tiles.view(photo, size=64, network=ZHANG)
    tiles.paint(photo, _grid(view), view)
    assert tiles._paint._cache_size() == before
