"""Convolutions of the networks, in forms that XLA runs fast.

Images are batch, height, width, channels; kernels are height, width, channels in,
channels out. On a CPU, the environment can replace those of many channels by
`fast_convolutions`.

`conv` pads both sides alike, as Caffe and PyTorch. `conv_same` and those of `depthwise`
pad as TensorFlow, for EfficientNet was trained so: the outputs are ceil(size / stride),
and the larger half of an odd padding lies at the bottom and on the right.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxcolor.models import fast_convolutions

DIMENSIONS = ("NHWC", "HWIO", "NHWC")

FEW_CHANNELS = 512
"""Below it a matrix product per tap is slower than XLA:CPU's own gradient."""

Residuals = tuple[Array, Array]
Pads = tuple[tuple[int, int], tuple[int, int]]


def conv(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "k k i o"],
    *,
    stride: int,
    dilation: int,
) -> Float[Array, "b H W o"]:
    """Correlates with a kernel, zeros around so that stride 1 keeps the size.

    The padding is the same on both sides also where the stride is 2, as in Caffe and
    PyTorch; XLA's "SAME" pads even sizes by (0, 1) there, half a pixel off. So the
    kernel's size is odd, or its dilation even.
    """
    margin = dilation * (kernel.shape[0] - 1) // 2
    if kernel.shape[0] % 2:
        return _correlate(x, kernel, margin, stride, dilation)

    def by_patches(x: Array, kernel: Array) -> Array:
        return _correlate_patches(x, kernel, margin, stride, dilation)

    def by_xla(x: Array, kernel: Array) -> Array:
        return _xla_correlate(x, kernel, margin, stride, dilation)

    return jax.lax.platform_dependent(x, kernel, cpu=by_patches, default=by_xla)


def conv_grouped(
    x: Float[Array, "b h w i"],
    kernel: Float[Array, "k k j o"],
    *,
    stride: int,
    dilation: int,
    groups: int,
) -> Float[Array, "b H W o"]:
    """Correlates each part of the channels with its part of a kernel, as `conv`.

    Equal to Caffe's and PyTorch's convolutions with groups. A convolution for each
    group: the gradient of XLA:CPU's own form takes ten times as long.

    Args:
        x: images of groups * j channels.
        kernel: the channels out of the first group come first.
        stride: pixels from one output to the next.
        dilation: pixels from one tap to the next.
        groups: how many there are.
    """
    parts = zip(
        jnp.split(x, groups, axis=-1), jnp.split(kernel, groups, axis=-1), strict=True
    )
    return jnp.concatenate(
        [conv(part, taps, stride=stride, dilation=dilation) for part, taps in parts],
        axis=-1,
    )


def conv1x1(
    x: Float[Array, "b h w i"], kernel: Float[Array, "1 1 i o"]
) -> Float[Array, "b h w o"]:
    """Multiplies every pixel by one matrix; the result is float32."""
    # One axis of pixels: XLA:CPU sums over three, as the gradient of the matrix
    # does, nine times as long.
    pixels = x.reshape(-1, x.shape[-1])
    y = jnp.matmul(pixels, kernel[0, 0], preferred_element_type=jnp.float32)
    return y.reshape(*x.shape[:-1], -1)


@jax.custom_vjp
def conv_transpose(
    x: Float[Array, "b h w i"], kernel: Float[Array, "4 4 i o"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Doubles the size: the transpose of a 4x4 convolution of stride 2, padding 1.

    Equal to PyTorch's ConvTranspose2d(kernel_size=4, stride=2, padding=1) with the
    kernel's axes moved from (i, o, 4, 4).
    """
    if not fast_convolutions.suit_transposed(kernel.shape):
        return _spread(x, kernel)
    return jax.lax.platform_dependent(
        x, kernel, cpu=fast_convolutions.conv_transpose, default=_spread
    )


def _conv_transpose_forward(x: Array, kernel: Array) -> tuple[Array, Residuals]:
    return conv_transpose(x, kernel), (x, kernel)


def _conv_transpose_backward(saved: Residuals, by_y: Array) -> tuple[Array, Array]:
    """Returns the gradients: those of the strided convolution, roles exchanged."""

    def by_correlation(x: Array, kernel: Array, by_y: Array) -> tuple[Array, Array]:
        mirrored = jnp.swapaxes(kernel, 2, 3)
        by_kernel = _by_kernel(by_y, x, size=4, margin=1, stride=2, dilation=1)
        return _correlate(by_y, mirrored, 1, 2, 1), jnp.swapaxes(by_kernel, 2, 3)

    if not fast_convolutions.suit_transposed(saved[1].shape):
        return by_correlation(*saved, by_y)
    fast = _gradients_of(fast_convolutions.conv_transpose)
    return jax.lax.platform_dependent(*saved, by_y, cpu=fast, default=by_correlation)


conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


def _spread(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"]
) -> Float[Array, "b 2*h 2*w o"]:
    """Adds tap k of position n into position 2 n + k - 1, down and right.

    The transpose of a convolution of 3x3 or 4x4 taps, stride 2 and padding 1. Rows
    and columns of even and of odd number see different taps, so the output is four
    small convolutions, interleaved. The obvious form, one convolution with
    lhs_dilation, multiplies mostly zeros, and its gradient is 56 times slower on
    XLA:CPU.
    """
    last_odd = 2 * (kernel.shape[0] // 2) - 1
    taps = (slice(last_odd, None, -2), slice(2, None, -2))

    def phase(down: int, right: int) -> Float[Array, "b h w o"]:
        small = kernel[taps[down], taps[right]]
        # An even position takes tap 3 from the one before, an odd one tap 0 from the
        # one after.
        margins = [
            (0, more) if is_odd else (more, 0)
            for is_odd, more in ((down, len(small) - 1), (right, len(small[0]) - 1))
        ]
        return jax.lax.conv_general_dilated(
            x, small, (1, 1), margins, dimension_numbers=DIMENSIONS
        )

    rows = [jnp.stack([phase(down, 0), phase(down, 1)], axis=3) for down in (0, 1)]
    b, h, w, _ = x.shape
    return jnp.stack(rows, axis=2).reshape(b, 2 * h, 2 * w, -1)


def _xla_correlate(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> Array:
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(stride, stride),
        padding=((margin, margin), (margin, margin)),
        rhs_dilation=(dilation, dilation),
        dimension_numbers=DIMENSIONS,
    )


def _correlate_patches(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> Array:
    """Correlates by one matrix product, of what each output sees.

    For an even kernel XLA:CPU's own form, and its gradient, are 40 times as slow.
    """
    padded = jnp.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    size, channels = kernel.shape[0], kernel.shape[-1]
    reach = dilation * (size - 1)
    rows, columns = (n - reach for n in padded.shape[1:3])
    offsets = range(0, reach + 1, dilation)
    seen = jnp.concatenate(
        [
            padded[:, down : down + rows : stride, right : right + columns : stride]
            for down in offsets
            for right in offsets
        ],
        axis=-1,
    )
    y = seen.reshape(-1, seen.shape[-1]) @ kernel.reshape(-1, channels)
    return y.reshape(*seen.shape[:3], channels)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _correlate(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> Array:
    """Correlates, with gradients that are fast on CPU too."""

    def by_xla(x: Array, kernel: Array) -> Array:
        return _xla_correlate(x, kernel, margin, stride, dilation)

    if not fast_convolutions.suit(kernel.shape, stride=stride, dilation=dilation):
        return by_xla(x, kernel)
    fast = functools.partial(fast_convolutions.conv, dilation=dilation)
    return jax.lax.platform_dependent(x, kernel, cpu=fast, default=by_xla)


def _correlate_forward(
    x: Array, kernel: Array, margin: int, stride: int, dilation: int
) -> tuple[Array, Residuals]:
    return _correlate(x, kernel, margin, stride, dilation), (x, kernel)


def _correlate_backward(
    margin: int, stride: int, dilation: int, saved: Residuals, by_y: Array
) -> tuple[Array, Array]:
    def slow(x: Array, kernel: Array, by_y: Array) -> tuple[Array, Array]:
        return _gradients(x, kernel, by_y, margin, stride, dilation)

    if not fast_convolutions.suit(saved[1].shape, stride=stride, dilation=dilation):
        return slow(*saved, by_y)
    fast = _gradients_of(functools.partial(fast_convolutions.conv, dilation=dilation))
    return jax.lax.platform_dependent(*saved, by_y, cpu=fast, default=slow)


def _gradients_of(
    convolve: Callable[[Array, Array], Array],
) -> Callable[[Array, Array, Array], tuple[Array, Array]]:
    """Returns a function of input, kernel and slopes that returns both gradients."""

    def gradients(x: Array, kernel: Array, by_y: Array) -> tuple[Array, Array]:
        _, pull = jax.vjp(convolve, x, kernel)
        by_x, by_kernel = pull(by_y)
        return by_x, by_kernel

    return gradients


def _gradients(
    x: Array, kernel: Array, by_y: Array, margin: int, stride: int, dilation: int
) -> tuple[Array, Array]:
    """Returns the gradients of a correlation by input and kernel, without tiles."""

    def by_x_of_xla(by_y: Array) -> Array:
        _, pull = jax.vjp(
            lambda x: _xla_correlate(x, kernel, margin, stride, dilation), x
        )
        return pull(by_y)[0]

    def by_x_in_phases(by_y: Array) -> Array:
        return _spread(by_y, jnp.swapaxes(kernel, 2, 3))

    if _is_halving(x, kernel, margin, stride):
        by_x = jax.lax.platform_dependent(by_y, cpu=by_x_in_phases, default=by_x_of_xla)
    else:
        by_x = by_x_of_xla(by_y)
    by_kernel = _by_kernel(
        x,
        by_y,
        size=kernel.shape[0],
        margin=margin,
        stride=stride,
        dilation=dilation,
    )
    return by_x, by_kernel


def _is_halving(x: Array, kernel: Array, margin: int, stride: int) -> bool:
    """Whether `_spread` is the transpose of this convolution."""
    is_even = x.shape[1] % 2 == 0 and x.shape[2] % 2 == 0
    return stride == 2 and margin == 1 and kernel.shape[0] in (3, 4) and is_even


_correlate.defvjp(_correlate_forward, _correlate_backward)


def _by_kernel(
    x: Float[Array, "b h w i"],
    by_y: Float[Array, "b H W o"],
    *,
    size: int,
    margin: int,
    stride: int,
    dilation: int,
) -> Float[Array, "k k i o"]:
    """Returns the gradient of a correlation's kernel."""

    def by_autodiff(x: Array, by_y: Array) -> Array:
        kernel = jnp.zeros((size, size, x.shape[-1], by_y.shape[-1]), x.dtype)
        _, pull = jax.vjp(
            lambda kernel: _xla_correlate(x, kernel, margin, stride, dilation), kernel
        )
        return pull(by_y)[0]

    def by_products(x: Array, by_y: Array) -> Array:
        around = ((0, 0), (margin, margin), (margin, margin), (0, 0))
        # Without the barrier the padding is redone, slowly, in every slice.
        padded = jax.lax.optimization_barrier(jnp.pad(x, around))
        height, width = (stride * (n - 1) + 1 for n in by_y.shape[1:3])

        # Transposed once here, not in each product; the barrier keeps it so.
        channels = jnp.reshape(by_y, (-1, by_y.shape[-1])).T
        channels = jax.lax.optimization_barrier(channels)

        def by_tap(down: int, right: int) -> Float[Array, "o i"]:
            seen = padded[:, down : down + height, right : right + width]
            return channels @ seen[:, ::stride, ::stride].reshape(-1, x.shape[-1])

        offsets = [dilation * tap for tap in range(size)]
        taps = [[by_tap(down, right) for right in offsets] for down in offsets]
        return jnp.swapaxes(jnp.asarray(taps), 2, 3)

    if min(x.shape[-1], by_y.shape[-1]) < FEW_CHANNELS:
        return by_autodiff(x, by_y)
    return jax.lax.platform_dependent(x, by_y, cpu=by_products, default=by_autodiff)


def same_pads(height: int, width: int, *, size: int, stride: int) -> Pads:
    """Returns the rows and columns of zeros around a map, before and after.

    Args:
        height: of the map.
        width: of the map.
        size: of the kernel.
        stride: of the convolution.

    Source:
        TensorFlow's padding "SAME".
    """

    def along(length: int) -> tuple[int, int]:
        outputs = -(-length // stride)
        total = max((outputs - 1) * stride + size - length, 0)
        return total // 2, total - total // 2

    return along(height), along(width)


def conv_same(
    x: Float[Array, "b h w i"], kernel: Float[Array, "k k i o"], *, stride: int
) -> Float[Array, "b H W o"]:
    """Correlates with a kernel, padded as by `same_pads`."""
    around = same_pads(*x.shape[1:3], size=kernel.shape[0], stride=stride)
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), around, dimension_numbers=DIMENSIONS
    )
