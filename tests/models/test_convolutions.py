"""Convolutions against their definitions, written out, and against PyTorch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from jaxcolor.models import convolutions

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
# Odd and even sizes, and one that is smaller than the kernel.
SIZES = ((7, 10), (8, 3))
KINDS = [(size, stride) for size in (3, 5) for stride in (1, 2)]

conv = jax.jit(convolutions.conv, static_argnames=("stride", "dilation"))
conv_transpose = jax.jit(convolutions.conv_transpose)


def _random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@functools.partial(jax.jit, static_argnums=0)
def _with_gradients(convolve, x, kernel, by_y):
    """Returns a result, and the gradients of the arguments of that of the result."""
    y, pull = jax.vjp(convolve, x, kernel)
    return y, pull(by_y)


def _correlated_by_scipy(x, kernel, *, stride, dilation):
    """The definition: one channel pair at a time, padded equally on all sides."""
    size = dilation * (kernel.shape[0] - 1) + 1
    spread = np.zeros((size, size, *kernel.shape[2:]))
    spread[::dilation, ::dilation] = kernel
    return np.stack(
        [
            sum(
                signal.correlate2d(one, taps, mode="same")
                for one, taps in zip(
                    np.moveaxis(image, -1, 0),
                    np.moveaxis(spread[..., o], -1, 0),
                    strict=True,
                )
            )
            for image in np.asarray(x)
            for o in range(kernel.shape[-1])
        ]
    ).reshape(len(x), kernel.shape[-1], *x.shape[1:3])[..., ::stride, ::stride]


@pytest.mark.parametrize(
    ("size", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (3, 1, 2), (1, 1, 1)]
)
def test_conv_is_the_correlation_of_scipy(size, stride, dilation):
    x, kernel = _random(0, 2, 8, 12, 3), _random(1, size, size, 3, 5)
    expected = _correlated_by_scipy(x, kernel, stride=stride, dilation=dilation)
    found = conv(x, kernel, stride=stride, dilation=dilation)
    # Sums of 27 products of about 1 in float32.
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, atol=2e-5)


def _conv_of_xla(x, kernel, *, stride, dilation):
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((dilation, dilation), (dilation, dilation)),
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


# Few channels take XLA's own gradient, many take ours.
@pytest.mark.parametrize("channels", [2, convolutions.FEW_CHANNELS])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
@pytest.mark.parametrize("size", [(6, 8), (7, 8), (6, 9)])
def test_the_gradient_of_conv_is_that_of_xla(channels, stride, dilation, size):
    x, kernel = _random(0, 2, *size, channels), _random(1, 3, 3, channels, channels)
    form = {"stride": stride, "dilation": dilation}
    ours, xlas = (
        functools.partial(f, **form) for f in (convolutions.conv, _conv_of_xla)
    )
    by_y = _random(2, *jax.eval_shape(xlas, x, kernel).shape)
    _, slopes = _with_gradients(ours, x, kernel, by_y)
    _, slopes_of_xla = _with_gradients(xlas, x, kernel, by_y)
    for found, expected in zip(slopes, slopes_of_xla, strict=True):
        # Sums of up to 9 * 512 products of about 1 in float32, in another order.
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def test_conv1x1_multiplies_pixels_and_returns_float32():
    x, kernel = _random(0, 2, 3, 4, 5), _random(1, 1, 1, 5, 6)
    found = jax.jit(convolutions.conv1x1)(
        x.astype(jnp.bfloat16), kernel.astype(jnp.bfloat16)
    )
    assert found.dtype == jnp.float32
    # bfloat16 keeps 8 bits of each of five factors of about 1.
    np.testing.assert_allclose(found, x @ kernel[0, 0], atol=0.1)


def _transposed_by_definition(x, kernel):
    batch, height, width, _ = x.shape
    # Output row r of the definition is 2 n + k; padding 1 cuts the first and the last.
    y = np.zeros((batch, 2 * height + 2, 2 * width + 2, kernel.shape[-1]))
    for n in range(height):
        for m in range(width):
            for k in range(4):
                for j in range(4):
                    y[:, 2 * n + k, 2 * m + j] += x[:, n, m] @ kernel[k, j]
    return y[:, 1:-1, 1:-1]


def test_conv_transpose_is_its_definition_written_out():
    x, kernel = _random(0, 2, 3, 5, 3), _random(1, 4, 4, 3, 2)
    expected = _transposed_by_definition(x, kernel)
    # Sums of 12 products of about 1 in float32.
    np.testing.assert_allclose(conv_transpose(x, kernel), expected, atol=1e-5)


def test_one_pixel_is_transposed_to_the_middle_of_its_kernel():
    kernel = np.arange(16, dtype=np.float32).reshape(4, 4, 1, 1)
    y = conv_transpose(np.ones((1, 1, 1, 1), np.float32), kernel)
    np.testing.assert_array_equal(np.asarray(y)[0, :, :, 0], [[5, 6], [9, 10]])


def test_conv_transpose_is_that_of_pytorch():
    torch = pytest.importorskip("torch")
    x, kernel = _random(0, 2, 3, 5, 6), _random(1, 4, 4, 6, 4)
    layer = torch.nn.ConvTranspose2d(6, 4, kernel_size=4, stride=2, padding=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(np.transpose(kernel, (2, 3, 0, 1))))
        layer.bias.zero_()
        expected = layer(torch.tensor(np.transpose(x, (0, 3, 1, 2)))).numpy()
    found = np.moveaxis(conv_transpose(x, kernel), -1, 1)
    # Sums of 24 products of about 1 in float32.
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("channels", [2, convolutions.FEW_CHANNELS])
def test_the_gradient_of_conv_transpose_is_that_of_the_obvious_form(channels):
    def obvious(x, kernel):
        return jax.lax.conv_general_dilated(
            x,
            jnp.flip(kernel, (0, 1)),
            (1, 1),
            ((2, 2), (2, 2)),
            lhs_dilation=(2, 2),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )

    x, kernel = _random(0, 2, 3, 4, channels), _random(1, 4, 4, channels, channels)
    by_y = _random(2, 2, 6, 8, channels)
    y, slopes = _with_gradients(convolutions.conv_transpose, x, kernel, by_y)
    expected_y, slopes_of_obvious = _with_gradients(obvious, x, kernel, by_y)
    # Sums of up to 16 * 512 products of about 1 in float32, in another order.
    np.testing.assert_allclose(y, expected_y, atol=1e-3)
    for found, expected in zip(slopes, slopes_of_obvious, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-3)


def _arrays(height, width, *shape):
    random = np.random.default_rng(height + width)
    x = random.standard_normal((2, height, width, 4)).astype(np.float32)
    return x, random.standard_normal(shape).astype(np.float32)


@functools.partial(jax.jit, static_argnames="stride")
def _of_xla(x, kernel, *, stride):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=DIMENSIONS
    )


@pytest.mark.parametrize(("size", "stride"), KINDS)
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_conv_same_is_padded_as_xla_pads(height, width, size, stride):
    x, kernel = _arrays(height, width, size, size, 4, 3)
    convolve = jax.jit(functools.partial(convolutions.conv_same, stride=stride))
    found = convolve(x, kernel)
    expected = _of_xla(x, kernel, stride=stride)
    # Sums of up to 100 float32 products.
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5)


def test_the_larger_half_of_odd_padding_lies_after():
    # TensorFlow's rule, by hand: 7 pixels at stride 2 give 4, which see 9; 8 give 4.
    found = convolutions.same_pads(7, 8, size=3, stride=2)
    assert found == ((1, 1), (0, 1))
    # A kernel that skips pixels leaves some out, and takes none away.
    assert convolutions.same_pads(7, 6, size=1, stride=2) == ((0, 0), (0, 0))


def test_groups_are_separate_convolutions_of_scipy():
    x, kernel = _random(0, 2, 8, 9, 6), _random(1, 3, 3, 2, 9)
    form = {"stride": 1, "dilation": 1, "groups": 3}
    found = jax.jit(functools.partial(convolutions.conv_grouped, **form))(x, kernel)
    expected = np.concatenate(
        [
            _correlated_by_scipy(
                x[..., 2 * group : 2 * group + 2],
                kernel[..., 3 * group : 3 * group + 3],
                stride=1,
                dilation=1,
            )
            for group in range(3)
        ],
        axis=1,
    )
    # Sums of 18 products of about 1 in float32.
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, atol=2e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_an_even_kernel_that_skips_pixels_is_the_correlation_of_scipy(stride):
    x, kernel = _random(0, 1, 7, 10, 2), _random(1, 6, 6, 2, 3)
    found = conv(x, kernel, stride=stride, dilation=2)
    # Six taps two apart reach 11 pixels, five on either side.
    expected = _correlated_by_scipy(x, kernel, stride=stride, dilation=2)
    np.testing.assert_allclose(np.moveaxis(found, -1, 1), expected, atol=5e-5)


def test_the_gradient_of_an_even_kernel_is_that_of_xla():
    x, kernel = _random(0, 2, 5, 7, 3), _random(1, 6, 6, 3, 4)

    def of_xla(x, kernel):
        return jax.lax.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            ((5, 5), (5, 5)),
            rhs_dilation=(2, 2),
            dimension_numbers=DIMENSIONS,
        )

    ours = functools.partial(convolutions.conv, stride=1, dilation=2)
    by_y = _random(2, 2, 5, 7, 4)
    _, slopes = _with_gradients(ours, x, kernel, by_y)
    _, slopes_of_xla = _with_gradients(of_xla, x, kernel, by_y)
    for found, expected in zip(slopes, slopes_of_xla, strict=True):
        # Sums of up to 144 products of about 1 in float32, in another order.
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)
