"""Depthwise convolutions and their gradients against XLA's and in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcolor.models import depthwise

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
# Images, height, width: odd and even sizes, one smaller than the kernel, more rows than
# are added at once and not a multiple of them, rows of several images at once.
SHAPES = ((2, 7, 10), (2, 8, 3), (1, 61, 3), (12, 3, 4))
KINDS = [(size, stride) for size in (3, 5) for stride in (1, 2)]


def _arrays(shape, size):
    random = np.random.default_rng(sum(shape))
    x = random.standard_normal((*shape, 4)).astype(np.float32)
    return x, random.standard_normal((size, size, 4)).astype(np.float32)


def _of_xla(x, kernel, stride):
    return jax.lax.conv_general_dilated(
        x,
        kernel[:, :, None],
        (stride, stride),
        "SAME",
        dimension_numbers=DIMENSIONS,
        feature_group_count=x.shape[-1],
    )


@pytest.mark.parametrize(("size", "stride"), KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_depthwise_convolution_and_its_gradients_are_those_of_xla(
    shape, size, stride
):
    x, kernel = _arrays(shape, size)

    @functools.partial(jax.jit, static_argnums=0)
    def run(function, x, kernel):
        y, pull = jax.vjp(lambda x, kernel: function(x, kernel, stride), x, kernel)
        return y, pull(jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape))

    found = run(depthwise.convolve, x, kernel)
    expected = run(_of_xla, x, kernel)
    # Sums of up to 183 float32 products, in another order.
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=0, atol=3e-5),
        found,
        expected,
    )


def _exact(x, kernel, stride):
    """A depthwise convolution in float64; pads are worked by hand for 5 x 6 pixels."""
    # Kernel 3, stride 2: 5 pixels need 1 + 1 zeros, 6 need 0 + 1.
    padded = np.pad(np.float64(x), ((0, 0), (1, 1), (0, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.einsum("bhwcij,ijc->bhwc", windows[:, ::stride, ::stride], kernel)


def test_gradients_are_finite_differences_of_float64():
    random = np.random.default_rng(0)
    x, kernel = random.standard_normal((1, 5, 6, 2)), random.standard_normal((3, 3, 2))
    by_y = random.standard_normal((1, 3, 3, 2))

    @jax.jit
    def with_gradients(x, kernel, by_y):
        y, pull = jax.vjp(lambda x, kernel: depthwise.convolve(x, kernel, 2), x, kernel)
        return y, pull(by_y)

    given = (x, kernel)
    y, slopes = with_gradients(*map(np.float32, (x, kernel, by_y)))
    np.testing.assert_allclose(y, _exact(x, kernel, 2), rtol=0, atol=1e-5)
    for number, found in enumerate(slopes):
        expected = np.zeros(found.shape)
        for at in np.ndindex(found.shape):
            sides = []
            for change in (0.5, -0.5):
                moved = [each.copy() for each in given]
                moved[number][at] += change
                sides.append(np.sum(by_y * _exact(*moved, 2)))
            # The function is linear in either: any step is exact.
            expected[at] = sides[0] - sides[1]
        # Sums of up to 9 float32 products.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
