"""Winograd convolutions against XLA and float64, gradients against differences."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor import models
from jaxcolor.models import convolutions, fast_convolutions, prepared, winograd
from tests import tiny

CHANNELS = fast_convolutions.FEWEST_CHANNELS
# Odd and even sizes, one smaller than a tile, and one of several strips of tiles.
SIZES = ((1, 3), (8, 8), (11, 14), (30, 141))


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setenv(fast_convolutions.VARIABLE, "fast")


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def exact(x, kernel, *, dilation):
    """Sums products in float64, tap by tap."""
    x, kernel = np.float64(x), np.float64(kernel)
    height, width = x.shape[1:3]
    x = np.pad(x, ((0, 0), (dilation, dilation), (dilation, dilation), (0, 0)))
    found = 0
    for i, j in np.ndindex(3, 3):
        rows = slice(i * dilation, i * dilation + height)
        columns = slice(j * dilation, j * dilation + width)
        found += x[:, rows, columns] @ kernel[i, j]
    return found


def gradients(convolve, x, kernel, by_y):
    """Returns the gradients of the arguments, of that of the result."""

    @jax.jit
    def pulled(x, kernel, by_y):
        _, pull = jax.vjp(convolve, x, kernel)
        return pull(by_y)

    return pulled(x, kernel, by_y)


@pytest.mark.parametrize("outputs", [2, 4])
def test_one_tile_is_the_filter_written_out(outputs):
    used = winograd.algorithm(outputs=outputs)
    draw = np.random.default_rng(0)
    tile, kernel = draw.normal(size=used.inputs), draw.normal(size=3)
    found = used.to_output @ ((used.of_kernel @ kernel) * (used.of_input @ tile))
    np.testing.assert_allclose(found, np.correlate(tile, kernel), atol=1e-12)


def test_the_matrices_of_few_points_are_those_of_lavin_and_gray():
    used = winograd.algorithm(outputs=2)
    # Equation 8 of the paper, up to the signs of a row, which cancel.
    of_kernel = [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]]
    np.testing.assert_allclose(np.abs(used.of_kernel), np.abs(of_kernel))
    of_input = [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]
    np.testing.assert_allclose(np.abs(used.of_input), np.abs(of_input))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_is_xlas(size, dilation):
    x, kernel = random(0, 3, *size, CHANNELS), random(1, 3, 3, CHANNELS, 40)
    form = {"stride": 1, "dilation": dilation}
    found = jax.jit(functools.partial(convolutions.conv, **form))(x, kernel)
    # Sums of 288 products of about 1.
    np.testing.assert_allclose(
        found, exact(x, kernel, dilation=dilation), rtol=0, atol=3e-4
    )


@pytest.mark.parametrize("size", SIZES[:3])
def test_a_transposed_convolution_is_xlas(size, monkeypatch):
    x, kernel = random(0, 2, *size, CHANNELS), random(1, 4, 4, CHANNELS, 40)
    # Each is a function of its own: the variable is read when one is traced.
    found = jax.jit(functools.partial(convolutions.conv_transpose))(x, kernel)
    monkeypatch.setenv(fast_convolutions.VARIABLE, "xla")
    expected = jax.jit(functools.partial(convolutions.conv_transpose))(x, kernel)
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-4)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(
    "size",
    [
        (11, 14),
        pytest.param((8, 8), marks=pytest.mark.slow),
        pytest.param((30, 141), marks=pytest.mark.slow),
    ],
)
def test_gradients_are_differences_in_float64(size, dilation):
    x, kernel = random(0, 2, *size, CHANNELS), random(1, 3, 3, CHANNELS, CHANNELS)
    by_y = random(2, 2, *size, CHANNELS)
    form = {"stride": 1, "dilation": dilation}
    slopes = gradients(functools.partial(convolutions.conv, **form), x, kernel, by_y)
    for number, (at, slope) in enumerate(zip((x, kernel), slopes, strict=True)):
        step = random(3 + number, *at.shape)
        # Linear in each argument: the difference is exact.
        moved = [x, kernel]
        moved[number] = step
        expected = np.sum(exact(*moved, dilation=dilation) * np.float64(by_y))
        found = np.sum(np.float64(slope) * np.float64(step))
        scale = np.linalg.norm(slope) * np.linalg.norm(step)
        assert abs(found - expected) < 1e-6 * scale


def test_a_gradient_of_a_transposed_convolution_is_that_of_xla(monkeypatch):
    x, kernel = random(0, 2, 6, 9, CHANNELS), random(1, 4, 4, CHANNELS, CHANNELS)
    by_y = random(2, 2, 12, 18, CHANNELS)
    slopes = gradients(convolutions.conv_transpose, x, kernel, by_y)
    monkeypatch.setenv(fast_convolutions.VARIABLE, "xla")
    slopes_of_xla = gradients(convolutions.conv_transpose, x, kernel, by_y)
    for found, expected in zip(slopes, slopes_of_xla, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_bfloat16_loses_no_more_than_a_convolution_in_bfloat16():
    x, kernel = random(0, 1, 16, 16, 64), random(1, 3, 3, 64, 64)
    x, kernel = x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    truth = exact(x, kernel, dilation=1)
    convolve = jax.jit(functools.partial(convolutions.conv, stride=1, dilation=1))
    found = convolve(x, kernel)
    assert found.dtype == jnp.bfloat16
    error = np.sqrt(np.mean(np.square(np.float64(found) - truth)))
    # A product in bfloat16, sums in float32 and a result in bfloat16 is off by 1.7e-3
    # of the deviation; the transforms may cost as much again, and twice.
    assert error < 6e-3 * truth.std()


# Wide enough for fast forms; siggraph17 and others have layers of all kinds.
@pytest.mark.parametrize(
    "name",
    [
        "zhang2016",
        "siggraph17",
        "lite_fpn",
    ],
)
@pytest.mark.slow
def test_prepared_variables_predict_the_same(name, monkeypatch):
    arguments = {
        "zhang2016": tiny.BINS.arguments | {"width": 0.5},
        "siggraph17": tiny.USER_GUIDED.arguments | {"width": 0.5},
        "lite_fpn": {
            "encoder_width": 1.0,
            "encoder_depth": 1.0,
            "width": 0.5,
            "outputs": 9,
            "momentum": 0.9,
        },
    }[name]
    network = models.BY_NAME[name](**arguments)
    side = network.input_multiple
    lightness = 50 + 20 * random(0, 1, 2 * side, side)
    shapes = jax.eval_shape(
        functools.partial(network.init, train=False), jax.random.key(0), lightness
    )
    draw = np.random.default_rng(0)

    def made(path, shape):
        if path[-1].key == "kernel":
            size = np.prod(shape.shape[:-1])
            return np.float32(draw.normal(size=shape.shape) * np.sqrt(2 / size))
        value = {"var": 1.0, "scale": 1.0}.get(path[-1].key, 0.0)
        return np.full(shape.shape, value, np.float32)

    variables = jax.tree_util.tree_map_with_path(made, shapes)
    monkeypatch.setattr(prepared, "FEWEST_WEIGHTS", 0)
    ready = prepared.for_inference(network, variables)
    assert "transformed" in ready
    found = jax.jit(functools.partial(network.apply, train=False))(ready, lightness)
    monkeypatch.setenv(fast_convolutions.VARIABLE, "xla")
    assert prepared.for_inference(network, variables) is variables
    expected = jax.jit(functools.partial(network.apply, train=False))(
        variables, lightness
    )
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=3e-5 * np.abs(expected).max()
    )


def test_one_device_that_is_a_cpu_has_them_unless_they_are_off(monkeypatch):
    monkeypatch.delenv(fast_convolutions.VARIABLE)
    assert not fast_convolutions.are_used()
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert fast_convolutions.are_used()
    with fast_convolutions.off():
        assert not fast_convolutions.are_used()
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert not fast_convolutions.are_used()


def test_an_unknown_choice_is_refused(monkeypatch):
    monkeypatch.setenv(fast_convolutions.VARIABLE, "mkl")
    with pytest.raises(ValueError, match=r"is 'mkl'; wanted \"fast\" or \"xla\""):
        fast_convolutions.are_used()
